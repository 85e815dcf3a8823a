/** A network inside this process: listeners by port number, streams between them, and no port of the machine. */
import {
  type Clock,
  type Connection,
  type DialOptions,
  type Listener,
  type ListenOptions,
  type Net,
  RuntimeError,
} from "../runtime.ts";
import { MemoryStream } from "../base/memory_stream.ts";

/** The name under which connect strings reach this network: nobody takes it for a host on a wire. */
export const MEMORY_HOST = "memory";
const LOOPBACK = "127.0.0.1";
const EVERY: readonly (string | undefined)[] = [undefined, "::", "0.0.0.0"];
const OWN: readonly string[] = [MEMORY_HOST, LOOPBACK, "localhost"];
const FREE_PORT_FIRST = 32_768;
const FREE_PORTS = 32_768;

type Accept = (connection: Connection) => void;

export class MemoryNet implements Net {
  /** Deliveries that are due and did not happen yet. */
  pending = 0;
  readonly #turns: Pick<Clock, "soon">;
  readonly #listeners = new Map<number, Accept>();
  #portsGiven = 0;

  /** @param turns when deliveries happen: other work of the process goes on between them */
  constructor(turns: Pick<Clock, "soon">) {
    this.#turns = turns;
  }

  listen(options: ListenOptions, onConnection: Accept): Promise<Listener> {
    const { host } = options;
    const refuse = (code: "ADDRESS_NOT_AVAILABLE" | "ADDRESS_IN_USE", why: string) =>
      Promise.reject(
        new RuntimeError(code, `Cannot listen on ${host ?? "*"}:${options.port}: ${why}`),
      );
    const isEvery = EVERY.includes(host);
    if (!isEvery && !OWN.includes(host as string)) {
      return refuse("ADDRESS_NOT_AVAILABLE", `in memory there is ${MEMORY_HOST} alone`);
    }
    const port = options.port === 0 ? this.#freePort() : options.port;
    if (this.#listeners.has(port)) return refuse("ADDRESS_IN_USE", "the port is in use");
    this.#listeners.set(port, onConnection);
    return Promise.resolve({
      address: isEvery
        ? { host: "::", port, family: 6 as const }
        : { host: LOOPBACK, port, family: 4 as const },
      close: () => {
        if (this.#listeners.get(port) === onConnection) this.#listeners.delete(port);
        return Promise.resolve();
      },
    });
  }

  connect({ host, port, onPending }: DialOptions): Promise<Connection> {
    const what = `connect to ${host}:${port}`;
    return new Promise((resolve, reject) => {
      let isOver = false;
      onPending?.(() => {
        isOver = true;
        reject(new RuntimeError("CLOSED", `Cannot ${what}: it was given up`));
      });
      this.#later(() => {
        if (isOver) return;
        if (!OWN.includes(host)) {
          const why = `in memory there is ${MEMORY_HOST} alone`;
          return reject(new RuntimeError("NAME_NOT_FOUND", `Cannot ${what}: ${why}`));
        }
        const accept = this.#listeners.get(port);
        if (accept === undefined) {
          return reject(new RuntimeError("REFUSED", `Cannot ${what}: nothing listens there`));
        }
        resolve(this.#pair(port, accept));
      });
    });
  }

  #pair(port: number, accept: Accept): Connection {
    const near = { host: LOOPBACK, port: this.#freePort(), family: 4 as const };
    const far = { host: LOOPBACK, port, family: 4 as const };
    const client = new MemoryStream(near, far, this.#later);
    const server = new MemoryStream(far, near, this.#later);
    client.join(server);
    accept(server);
    return client;
  }

  #freePort(): number {
    for (;;) {
      const port = FREE_PORT_FIRST + this.#portsGiven++ % FREE_PORTS;
      if (!this.#listeners.has(port)) return port;
    }
  }

  readonly #later = (task: () => void): void => {
    this.pending++;
    this.#turns.soon(() => {
      this.pending--;
      task();
    });
  };
}
