/** HTTP on Node: node:http under Hono's adapter, which makes the web's Request and Response of it; ws for WebSockets. */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createAdaptorServer } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type WebSocket, WebSocketServer } from "ws";
import type {
  Address,
  Connection,
  HttpHandler,
  HttpHost,
  HttpListener,
  HttpListenOptions,
  HttpPeer,
  UpgradeOptions,
  WebResponse,
  WholeAnswer,
} from "../../src/runtime.ts";
import { GONE, isHandshake, WebSocketConnection } from "../web_socket.ts";
import { addressOf } from "./connection.ts";
import { mapError } from "./errors.ts";
import { withoutOffer } from "./upgrade_offer.ts";

/** One message of a client: a request of the protocol, which jute.maxbuffer bounds further. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** Subprotocols of requests that become WebSockets. */
type Agreed = WeakMap<IncomingMessage, string>;

export function nodeHttp(): HttpHost {
  return { listen };
}

function listen(options: HttpListenOptions, handler: HttpHandler): Promise<HttpListener> {
  const server = createAdaptorServer({
    overrideGlobalObjects: false,
    hostname: options.host.includes(":") ? `[${options.host}]` : options.host,
    fetch: (request, { incoming, outgoing }) => {
      const peer: HttpPeer = {
        remote: addressOf(
          incoming.socket.remoteAddress ?? "",
          incoming.socket.remotePort ?? 0,
        ),
        upgrade: () => undefined, // those come by the event below
        answerWhole: (answer) => {
          sendWhole(outgoing as ServerResponse, answer);
          return RESPONSE_ALREADY_SENT;
        },
      };
      return handler.fetch(request, peer);
    },
  }) as Server;
  server.keepAliveTimeout = options.idleTimeoutMs;
  const agreed: Agreed = new WeakMap();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (_offered, incoming) => agreed.get(incoming) ?? false,
  });
  /** No longer the server's, and not yet among the clients of `sockets`. */
  const underWay = new Set<Duplex>();
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    const isForSocket = incoming.method === "GET" &&
      incoming.headers.upgrade?.toLowerCase() === "websocket";
    if (!isForSocket) return withoutOffer(server, incoming, socket, head);
    underWay.add(socket);
    void upgrade(handler, sockets, agreed, incoming, socket as Socket, head)
      .finally(() => underWay.delete(socket));
  });
  return new Promise((resolve, reject) => {
    const what = `listen on ${options.host}:${options.port}`;
    const failed = (error: Error): void => reject(mapError(error, what));
    server.once("error", failed);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off("error", failed);
      const bound = server.address() as { address: string; port: number };
      resolve({
        address: addressOf(bound.address, bound.port),
        close: () => {
          for (const socket of underWay) socket.destroy();
          for (const client of sockets.clients) client.terminate();
          return new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          });
        },
      });
    });
  });
}

/** Past the adapter, which would read the body of a response as a stream. A text leaves in one piece with its head. */
function sendWhole(outgoing: ServerResponse, { status, headers, body }: WholeAnswer): void {
  outgoing.writeHead(status, { ...Object.fromEntries(headers), "content-length": lengthOf(body) });
  outgoing.end(body);
}

function lengthOf(body: string | Uint8Array): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.length;
}

/** The request goes through the handler like any other; only then is it known whether it becomes a WebSocket. */
async function upgrade(
  handler: HttpHandler,
  sockets: WebSocketServer,
  agreed: Agreed,
  incoming: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  const [remote, local] = endsOf(socket);
  let asked: { onOpen: (connection: Connection) => void } & UpgradeOptions | undefined;
  let whole: WholeAnswer | undefined;
  socket.on("error", () => socket.destroy());
  try {
    const response = await handler.fetch(requestOf(incoming), {
      remote,
      answerWhole: (answer) => {
        whole = answer;
        return new Response(null, { status: answer.status });
      },
      upgrade: (onOpen, options = {}) => {
        if (!isHandshake((name) => incoming.headers[name] as string | undefined)) return undefined;
        asked = { onOpen, ...options };
        if (options.protocol !== undefined) agreed.set(incoming, options.protocol);
        return new Response(null, { status: 200 });
      },
    });
    if (asked === undefined) return answerPlainly(socket, whole ?? await withoutBody(response));
  } catch {
    return answerPlainly(socket, { status: 500, headers: new Map(), body: "" });
  }
  const { onOpen, isText = false } = asked;
  let isOpen = false;
  sockets.handleUpgrade(incoming, socket, head, (client) => {
    isOpen = true;
    onOpen(connectionOf(client, remote, local, isText));
  });
  if (isOpen) return;
  const gone = new WebSocketConnection(remote, local, GONE);
  onOpen(gone);
  gone.gone();
}

/** To a request that becomes no WebSocket, because it is refused one or because its path has none. */
function answerPlainly(socket: Socket, { status, headers, body }: WholeAnswer): void {
  // No server of Node's looks after the socket any more: a peer that stays would keep it, and the door from closing.
  socket.once("finish", () => socket.destroy());
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...[...headers].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${lengthOf(body)}`,
    "connection: close",
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  socket.end(body);
}

/** A stream, which nobody is to wait for here. */
async function withoutBody(response: WebResponse): Promise<WholeAnswer> {
  const { status, headers, body } = response as Response;
  await body?.cancel();
  const kept = new Map(headers);
  kept.delete("content-length");
  return { status, headers: kept, body: "" };
}

function requestOf(incoming: IncomingMessage): Request {
  const headers = new Headers();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    headers.append(incoming.rawHeaders[at] as string, incoming.rawHeaders[at + 1] as string);
  }
  const host = incoming.headers.host ?? "localhost";
  return new Request(`http://${host}${incoming.url ?? "/"}`, { method: "GET", headers });
}

function endsOf(socket: Socket): readonly [remote: Address, local: Address] {
  return [
    addressOf(socket.remoteAddress ?? "", socket.remotePort ?? 0),
    addressOf(socket.localAddress ?? "", socket.localPort ?? 0),
  ];
}

function connectionOf(
  client: WebSocket,
  remote: Address,
  local: Address,
  isText: boolean,
): Connection {
  const connection = new WebSocketConnection(remote, local, {
    send: (bytes) => client.send(bytes.slice(), { binary: !isText }), // ws keeps what the system did not take
    buffered: () => client.bufferedAmount,
    close: () => client.close(),
    terminate: () => client.terminate(),
  });
  client.on("message", (data) => connection.received(data as Buffer));
  client.on("error", () => client.terminate());
  client.on("close", () => connection.gone());
  return connection;
}
