/** TCP by Bun.listen and Bun.connect: twice the throughput of node:net there (docs/internals/performance.md). */
import type { Socket, SocketHandler } from "bun";
import type { Connection, DialOptions, Listener, ListenOptions, Net } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { addressOf } from "../node/connection.ts";
import { BunConnection } from "./connection.ts";
import { hostCode, mapError } from "./errors.ts";

/** Bun keeps one object of handlers for all sockets of a listener; `data` holds what belongs to one. */
function handlers(opened: (connection: BunConnection) => void): SocketHandler<BunConnection> {
  return {
    binaryType: "uint8array",
    open(socket: Socket<BunConnection>): void {
      socket.data = new BunConnection(socket);
      opened(socket.data);
    },
    data: (socket, chunk) => socket.data.hostData(chunk),
    drain: (socket) => socket.data.hostDrain(),
    end: (socket) => socket.data.hostEnd(),
    close: (socket, error) => socket.data.hostClose(error),
    // What a handler threw; Bun would swallow it here. Elsewhere it is an uncaught exception, so here too.
    error(_socket, error): void {
      setImmediate(() => {
        throw error;
      });
    },
  };
}

function listen(
  options: ListenOptions,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const keepAlive = options.keepAlive === true;
  const socket = handlers((connection) => {
    if (keepAlive) connection.keepAlive();
    onConnection(connection);
  });
  const bind = (hostname: string) =>
    Bun.listen<BunConnection>({ hostname, port: options.port, allowHalfOpen: true, socket });
  const bindAll = () => {
    try {
      return bind("::");
    } catch (error) {
      // Bun says EADDRINUSE or the like for what is real; a machine without IPv6 has no address "::".
      const code = hostCode(error);
      if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL" && code !== "EINVAL") throw error;
      return bind("0.0.0.0");
    }
  };
  return new Promise((resolve, reject) => {
    try {
      const server = options.host === undefined ? bindAll() : bind(options.host);
      let closed: Promise<void> | undefined;
      resolve({
        address: addressOf(server.hostname, server.port),
        close: () => closed ??= Promise.resolve(server.stop(false)),
      });
    } catch (error) {
      reject(mapError(error, `listen on ${options.host ?? "*"}:${options.port}`));
    }
  });
}

/** An attempt that was given up goes on in the background: Bun can end it no sooner. */
function connect(options: DialOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const what = `connect to ${options.host}:${options.port}`;
    let late = false;
    const abandon = (code: "TIMED_OUT" | "CLOSED", why: string): void => {
      clearTimeout(timer);
      late = true;
      reject(new RuntimeError(code, `Cannot ${what}: ${why}`));
    };
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
      abandon("TIMED_OUT", `no answer in ${options.timeoutMs} ms`);
    }, options.timeoutMs);
    options.onPending?.(() => abandon("CLOSED", "it was given up"));
    const socket = handlers((connection) => {
      clearTimeout(timer);
      if (late) return connection.close();
      connection.holdUntilHandled();
      resolve(connection);
    });
    socket.connectError = () => {}; // the promise below says the same
    Bun.connect<BunConnection>({
      hostname: options.host,
      port: options.port,
      allowHalfOpen: true,
      socket,
    }).catch((error: unknown) => {
      clearTimeout(timer);
      reject(mapError(error, what));
    });
  });
}

export function bunNet(): Net {
  return { listen, connect };
}
