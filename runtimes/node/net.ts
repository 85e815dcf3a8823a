/** TCP by node:net: listeners and outgoing connections. Deno's node:net too (see runtimes/deno/net.ts). */
import net from "node:net";
import type { Connection, DialOptions, Listener, ListenOptions, Net } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { addressOf, NodeConnection } from "./connection.ts";
import { mapError } from "./errors.ts";
import { sharedReads, withSharedReads } from "./reading.ts";

function listen(
  options: ListenOptions,
  onConnection: (connection: Connection) => void,
  sharesReads: boolean,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: options.keepAlive === true,
      pauseOnConnect: sharesReads,
    }, (accepted) => {
      if (!sharesReads) return onConnection(new NodeConnection(accepted, false));
      const { socket, isShared } = withSharedReads(accepted);
      onConnection(new NodeConnection(socket, isShared));
    });
    server.once("error", (error) => {
      reject(mapError(error, `listen on ${options.host ?? "*"}:${options.port}`));
    });
    server.listen({ host: options.host, port: options.port, backlog: options.backlog }, () => {
      // A failed accept (no file descriptors left) is told to nobody: the client tries again.
      server.on("error", () => {});
      resolve(new NodeListener(server));
    });
  });
}

class NodeListener implements Listener {
  readonly address;
  readonly #server: net.Server;
  #closed: Promise<void> | undefined;

  constructor(server: net.Server) {
    this.#server = server;
    const address = server.address() as net.AddressInfo;
    this.address = addressOf(address.address, address.port);
  }

  /** The port is free as soon as the handle is closed; `close`'s callback would wait for every connection. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close();
      setTimeout(resolve, 1);
    });
    return this.#closed;
  }
}

function connect(options: DialOptions, sharesReads: boolean): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const what = `connect to ${options.host}:${options.port}`;
    const socket = net.connect({
      host: options.host,
      port: options.port,
      allowHalfOpen: true,
      noDelay: true,
      ...(sharesReads ? { onread: sharedReads() } : {}),
    });
    if (sharesReads) socket.pause(); // until somebody takes the data
    const abandon = (code: "TIMED_OUT" | "CLOSED", why: string): void => {
      clearTimeout(timer);
      reject(new RuntimeError(code, `Cannot ${what}: ${why}`));
      socket.destroy();
    };
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
      abandon("TIMED_OUT", `no answer in ${options.timeoutMs} ms`);
    }, options.timeoutMs);
    let isOpen = false;
    options.onPending?.(() => {
      if (!isOpen) abandon("CLOSED", "it was given up");
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(mapError(error, what));
    };
    socket.on("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      isOpen = true;
      const connection = new NodeConnection(socket, sharesReads);
      socket.off("error", fail);
      resolve(connection);
    });
  });
}

/** @param sharesReads whether sockets read into one buffer (reading.ts) */
export function nodeNet(sharesReads: boolean): Net {
  return {
    listen: (options, onConnection) => listen(options, onConnection, sharesReads),
    connect: (options) => connect(options, sharesReads),
  };
}
