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
import { GONE, isHandshake, type SocketEnd, WebSocketConnection } from "../web_socket.ts";
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

/**
 * From the upgrade to the socket's opening, for which the peer does nothing. Deno (2.9) tells nothing at all, neither on the
 * socket nor on the request, of a peer that left before.
 */
const HANDSHAKE_MS = 10_000;

/** Deno.serve (2.9) ends, and the process with it unless that is caught, when it cannot accept for want of descriptors. */
const SERVE_AGAIN_MS = 100;

export function denoHttp(handshakeMs = HANDSHAKE_MS): HttpHost {
  const deno = (globalThis as unknown as { Deno: DenoHttp }).Deno;
  return {
    listen: (options, handler) =>
      new Promise((resolve, reject) => {
        try {
          resolve(listen(deno, options, handler, handshakeMs));
        } catch (error) {
          reject(mapError(error, `listen on ${options.host}:${options.port}`));
        }
      }),
  };
}

function listen(
  deno: DenoHttp,
  options: HttpListenOptions,
  handler: HttpHandler,
  handshakeMs: number,
): HttpListener {
  const stop = new AbortController();
  /** What ends each of them. */
  const sockets = new Set<() => void>();
  let local: Address = addressOf(options.host, options.port);
  const serve = () =>
    deno.serve(
      {
        hostname: options.host,
        port: local.port,
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
          const onGone = (): void => void sockets.delete(end);
          const end = open(socket, { remote, local, onOpen, onGone, isText, handshakeMs });
          sockets.add(end);
          return response;
        };
        return await handler.fetch(request, { remote, upgrade }) as Response;
      },
    );
  let server = serve();
  local = addressOf(server.addr.hostname, server.addr.port);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const serveAgain = (): void => {
    timer = undefined;
    try {
      server = serve();
    } catch {
      return onEnded();
    }
    server.finished.catch(onEnded);
  };
  const onEnded = (): void => {
    if (!stop.signal.aborted) timer = setTimeout(serveAgain, SERVE_AGAIN_MS);
  };
  server.finished.catch(onEnded);
  return {
    address: local,
    close: () => {
      for (const end of [...sockets]) end();
      stop.abort();
      clearTimeout(timer);
      return server.finished.catch(() => {}); // it has ended, that is what was asked for
    },
  };
}

interface Opening {
  readonly remote: Address;
  readonly local: Address;
  readonly onOpen: (connection: Connection) => void;
  readonly onGone: () => void;
  readonly isText: boolean;
  readonly handshakeMs: number;
}

/** @returns what ends it, whether it has opened or not */
function open(socket: WebSocket, opening: Opening): () => void {
  socket.binaryType = "arraybuffer";
  let connection: WebSocketConnection | undefined;
  const opened = (end: SocketEnd): WebSocketConnection => {
    clearTimeout(timer);
    connection = new WebSocketConnection(opening.remote, opening.local, end);
    opening.onOpen(connection);
    return connection;
  };
  const gone = (): void => {
    (connection ?? opened(GONE)).gone();
    opening.onGone();
  };
  const timer = setTimeout(gone, opening.handshakeMs);
  socket.addEventListener("open", () => {
    if (connection === undefined) opened(endOf(socket, opening.isText));
    else socket.close(); // nobody waits for it any more
  });
  socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data as ArrayBuffer;
    connection?.received(new Uint8Array(bytes));
  });
  socket.addEventListener("error", gone);
  socket.addEventListener("close", gone);
  return () => connection === undefined ? gone() : socket.close();
}

function endOf(socket: WebSocket, isText: boolean): SocketEnd {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    send: (bytes) => socket.send(isText ? decoder.decode(bytes) : bytes.slice()),
    buffered: () => socket.bufferedAmount,
    close: () => socket.close(),
    terminate: () => socket.close(),
  };
}
