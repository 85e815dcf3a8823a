/** HTTP on Bun: Bun.serve, whose WebSockets are events of the server with the connection in their `data`. */
import type { Server, ServerWebSocket } from "bun";
import type {
  Address,
  Connection,
  HttpHandler,
  HttpHost,
  HttpListener,
  HttpListenOptions,
} from "../../src/runtime.ts";
import { addressOf } from "../node/connection.ts";
import { WebSocketConnection } from "../web_socket.ts";
import { mapError } from "./errors.ts";

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** Bun takes no more, in seconds. */
const IDLE_SECONDS_MAX = 255;

interface Upgraded {
  readonly remote: Address;
  readonly onOpen: (connection: Connection) => void;
  readonly isText: boolean;
  connection: WebSocketConnection | undefined;
}

export function bunHttp(): HttpHost {
  return {
    listen: (options, handler) =>
      new Promise((resolve, reject) => {
        try {
          resolve(listen(options, handler));
        } catch (error) {
          reject(mapError(error, `listen on ${options.host}:${options.port}`));
        }
      }),
  };
}

function listen(options: HttpListenOptions, handler: HttpHandler): HttpListener {
  let local: Address = { host: options.host, port: options.port, family: 4 };
  const server = Bun.serve<Upgraded>({
    hostname: options.host,
    port: options.port,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER, // a snapshot to restore; REST bounds its bodies itself
    idleTimeout: Math.min(IDLE_SECONDS_MAX, Math.ceil(options.idleTimeoutMs / 1000)),
    fetch: (request, server) => serve(request, server, handler),
    websocket: {
      maxPayloadLength: MESSAGE_BYTES_MAX,
      idleTimeout: 0, // sessions have timeouts of their own
      sendPings: false,
      open(socket) {
        const { data } = socket;
        data.connection = connectionOf(socket, data.remote, local);
        data.onOpen(data.connection);
      },
      message(socket, message) {
        const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
        socket.data.connection?.received(bytes);
      },
      close: (socket) => socket.data.connection?.gone(),
    },
  });
  local = addressOf(server.hostname ?? options.host, server.port ?? 0);
  return { address: local, close: () => server.stop(true) };
}

async function serve(
  request: Request,
  server: Server<Upgraded>,
  handler: HttpHandler,
): Promise<Response | undefined> {
  const from = server.requestIP(request);
  const remote = addressOf(from?.address ?? "", from?.port ?? 0);
  let isUpgraded = false;
  const response = await handler.fetch(request, {
    remote,
    upgrade: (onOpen, { protocol, isText = false } = {}) => {
      isUpgraded = server.upgrade(request, {
        data: { remote, onOpen, isText, connection: undefined },
        ...protocol === undefined ? {} : { headers: { "sec-websocket-protocol": protocol } },
      });
      return isUpgraded ? new Response(null) : undefined;
    },
  });
  if (isUpgraded) return undefined;
  if ((response as Response).headers.get("content-type")?.startsWith("text/event-stream")) {
    server.timeout(request, 0); // a stream may be silent for long
  }
  return response as Response;
}

function connectionOf(
  socket: ServerWebSocket<Upgraded>,
  remote: Address,
  local: Address,
): WebSocketConnection {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const { isText } = socket.data;
  return new WebSocketConnection(remote, local, {
    send: (bytes) =>
      void (isText ? socket.sendText(decoder.decode(bytes)) : socket.sendBinary(bytes)),
    buffered: () => socket.getBufferedAmount(),
    close: () => socket.close(),
    terminate: () => socket.terminate(),
  });
}
