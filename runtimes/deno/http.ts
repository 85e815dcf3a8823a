/** HTTP on Deno: Deno.serve and its own WebSockets. */
import type {
  Address,
  Connection,
  HttpHandler,
  HttpHost,
  HttpListener,
  HttpListenOptions,
  UpgradeOptions,
} from "../../src/runtime.ts";
import { addressOf } from "../node/connection.ts";
import { isHandshake, WebSocketConnection } from "../web_socket.ts";
import { mapError } from "./errors.ts";

/** The part of Deno's namespace that is used here; its types are not among those of the project. */
interface NetAddr {
  readonly hostname: string;
  readonly port: number;
}
interface DenoHttp {
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly signal: AbortSignal;
      readonly onListen: () => void;
    },
    handler: (request: Request, info: { readonly remoteAddr: NetAddr }) => Promise<Response>,
  ): { readonly addr: NetAddr; readonly finished: Promise<void> };
  upgradeWebSocket(
    request: Request,
    options: { readonly idleTimeout: number },
  ): { readonly socket: WebSocket; readonly response: Response };
}

export function denoHttp(): HttpHost {
  const deno = (globalThis as unknown as { Deno: DenoHttp }).Deno;
  return {
    listen: (options, handler) =>
      new Promise((resolve, reject) => {
        try {
          resolve(listen(deno, options, handler));
        } catch (error) {
          reject(mapError(error, `listen on ${options.host}:${options.port}`));
        }
      }),
  };
}

function listen(deno: DenoHttp, options: HttpListenOptions, handler: HttpHandler): HttpListener {
  const stop = new AbortController();
  const sockets = new Set<WebSocket>();
  let local: Address = addressOf(options.host, options.port);
  const server = deno.serve(
    {
      hostname: options.host,
      port: options.port,
      signal: stop.signal,
      onListen: () => {}, // Deno would print a line
    },
    async (request, { remoteAddr }) => {
      const remote = addressOf(remoteAddr.hostname, remoteAddr.port);
      const upgrade = (
        onOpen: (connection: Connection) => void,
        { protocol, isText = false }: UpgradeOptions = {},
      ): Response | undefined => {
        if (!isHandshake((name) => request.headers.get(name))) return undefined;
        const { socket, response } = deno.upgradeWebSocket(request, { idleTimeout: 0 });
        // Its own option finds a protocol in the request only where a blank follows each comma.
        if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol);
        sockets.add(socket);
        socket.addEventListener("close", () => sockets.delete(socket));
        open(socket, remote, local, onOpen, isText);
        return response;
      };
      return await handler.fetch(request, { remote, upgrade }) as Response;
    },
  );
  local = addressOf(server.addr.hostname, server.addr.port);
  return {
    address: local,
    close: () => {
      for (const socket of sockets) socket.close();
      stop.abort();
      return server.finished;
    },
  };
}

function open(
  socket: WebSocket,
  remote: Address,
  local: Address,
  onOpen: (connection: Connection) => void,
  isText: boolean,
): void {
  socket.binaryType = "arraybuffer";
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let isOpen = false;
  const connection = new WebSocketConnection(remote, local, {
    send: (bytes) => socket.send(isText ? decoder.decode(bytes) : bytes.slice()),
    buffered: () => socket.bufferedAmount,
    close: () => socket.close(),
    terminate: () => socket.close(),
  });
  const opened = (): void => {
    if (!isOpen) onOpen(connection);
    isOpen = true;
  };
  socket.addEventListener("open", opened);
  socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data as ArrayBuffer;
    connection.received(new Uint8Array(bytes));
  });
  socket.addEventListener("close", () => {
    opened();
    connection.gone();
  });
}
