/**
 * The part of the door that menagerie/client needs, in a browser or wherever there is WebSocket and no TCP: its connections
 * go to one URL, /ws of an HTTP door, whatever host the connect string names.
 */
import {
  type Address,
  type Connection,
  type MonotonicMs,
  type Net,
  type Runtime,
  RuntimeError,
} from "../../src/runtime.ts";
import { WebSocketConnection } from "../web_socket.ts";

/** What is used of the web's WebSocket. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: Uint8Array): void;
  close(): void;
  addEventListener(
    type: "open" | "message" | "close" | "error",
    listener: (event: { readonly data?: unknown }) => void,
  ): void;
}
export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike;

export interface WebRuntimeOptions {
  /** `ws://host:8080/ws`, or `wss:` behind a proxy with TLS. */
  readonly url: string;
  /** A bearer token of the door. */
  readonly token?: string;
  /** Default: the host's own. */
  readonly WebSocket?: WebSocketClass;
}

const NOWHERE: Address = { host: "0.0.0.0", port: 0, family: 4 };

/** For `connect(anything, { runtime: webRuntime({ url }) })`. Files, hashes and processes are not there. */
export function webRuntime(options: WebRuntimeOptions): Runtime {
  const parts: Pick<Runtime, "name" | "version" | "net" | "clock" | "random"> = {
    name: "node", // the names are those of servers; a client shows none
    version: "web",
    net: webNet(options),
    clock: {
      monotonicMs: () => performance.now() as MonotonicMs,
      wallMs: () => Date.now(),
      wakeAt: (at, wake) => {
        const timer = setTimeout(wake, Math.max(0, Math.ceil(at - performance.now())));
        return () => clearTimeout(timer);
      },
      soon: (task) => void setTimeout(task, 0),
    },
    random: {
      fill: (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
      uint32: () => crypto.getRandomValues(new Uint32Array(1))[0] as number,
    },
  };
  return parts as Runtime;
}

function webNet({ url, token, WebSocket = ownClass() }: WebRuntimeOptions): Net {
  return {
    listen: () => Promise.reject(new RuntimeError("ACCESS", "Cannot listen in a browser")),
    connect: ({ timeoutMs }) =>
      new Promise((resolve, reject) => {
        const protocols = token === undefined ? ["menagerie"] : ["menagerie", `bearer.${token}`];
        const socket = new WebSocket(url, protocols);
        socket.binaryType = "arraybuffer";
        let connection: WebSocketConnection | undefined;
        const fail = (code: "REFUSED" | "TIMED_OUT"): void => {
          reject(new RuntimeError(code, `Cannot connect to ${url}`));
          socket.close();
        };
        const timer = timeoutMs === undefined
          ? undefined
          : setTimeout(() => fail("TIMED_OUT"), timeoutMs);
        socket.addEventListener("open", () => {
          clearTimeout(timer);
          connection = connectionOf(socket);
          resolve(connection as Connection);
        });
        socket.addEventListener("message", ({ data }) => {
          if (typeof data !== "string") connection?.received(new Uint8Array(data as ArrayBuffer));
        });
        socket.addEventListener("error", () => {
          clearTimeout(timer);
          if (connection === undefined) fail("REFUSED");
        });
        socket.addEventListener("close", () => connection?.gone());
      }),
  };
}

function connectionOf(socket: WebSocketLike): WebSocketConnection {
  return new WebSocketConnection(NOWHERE, NOWHERE, {
    send: (bytes) => socket.send(bytes.slice()),
    buffered: () => socket.bufferedAmount,
    close: () => socket.close(),
    terminate: () => socket.close(),
  });
}

function ownClass(): WebSocketClass {
  const own = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (own === undefined) throw new Error("There is no WebSocket here: give one as an option");
  return own as WebSocketClass;
}
