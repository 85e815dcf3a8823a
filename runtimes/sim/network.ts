/**
 * The simulated network: names, listeners and connecting. Streams are in connection.ts. Latencies come from tables and the
 * seed; cuts, clogs and delays between chosen machines will be decided in `Network.latencyUs` and `Network.connect`.
 */
import type { Address, Connection, Listener, ListenOptions, Net } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { SimConnection } from "./connection.ts";
import type { Life } from "./life.ts";
import type { Host } from "./world.ts";

/** Microseconds one way. */
const LATENCY_US: readonly number[] = [20, 25, 30, 40, 60, 100, 300, 2000];
const EPHEMERAL_PORT_FIRST = 32_768;
const EPHEMERAL_PORTS = 28_000;
const LOOPBACK = "127.0.0.1";
const EVERY: readonly (string | undefined)[] = [undefined, "::", "0.0.0.0"];

interface Bound {
  readonly host: Host;
  readonly life: Life;
  /** Undefined: every address. */
  readonly ip: string | undefined;
  readonly port: number;
  readonly onConnection: (connection: Connection) => void;
}

export class Network {
  readonly #hosts: Host[] = [];
  readonly #bound = new Set<Bound>();
  readonly #ports = new Map<Host, number>();

  join(host: Host): void {
    if (!this.#hosts.includes(host)) this.#hosts.push(host);
  }

  /** One way, drawn anew for each packet; a stream keeps its order all the same. */
  latencyUs(from: Host): number {
    return LATENCY_US[from.random.below(LATENCY_US.length)] ?? 0;
  }

  listen(
    host: Host,
    life: Life,
    options: ListenOptions,
    onConnection: (connection: Connection) => void,
  ): Listener {
    const what = `listen on ${options.host ?? "*"}:${options.port}`;
    const ip = EVERY.includes(options.host) ? undefined : this.#resolve(host, options.host ?? "");
    if (ip !== undefined && ip !== LOOPBACK && ip !== host.address) {
      throw new RuntimeError("ADDRESS_NOT_AVAILABLE", `Cannot ${what}: it is not an own address`);
    }
    const port = options.port === 0 ? this.#freePort(host) : options.port;
    if (this.#find(host, ip, port, true) !== undefined) {
      throw new RuntimeError("ADDRESS_IN_USE", `Cannot ${what}: the port is in use`);
    }
    const bound: Bound = { host, life, ip, port, onConnection };
    this.#bound.add(bound);
    const forget = life.onEnd(() => this.#bound.delete(bound));
    return {
      address: { host: ip ?? "::", port, family: ip === undefined ? 6 : 4 },
      close: () => {
        forget();
        return life.later(1, "listener closed", () => void this.#bound.delete(bound));
      },
    };
  }

  connect(
    host: Host,
    life: Life,
    options: { readonly host: string; readonly port: number; readonly timeoutMs?: number },
  ): Promise<Connection> {
    const what = `connect to ${options.host}:${options.port}`;
    return new Promise((resolve, reject) => {
      let settled = false;
      let stopWaiting = (): void => {};
      const fail = (code: "REFUSED" | "TIMED_OUT" | "NAME_NOT_FOUND", words: string): void => {
        if (!settled) reject(new RuntimeError(code, `Cannot ${what}: ${words}`));
        settled = true;
        stopWaiting();
      };
      const { timeoutMs } = options;
      if (timeoutMs !== undefined) {
        const words = `no answer in ${timeoutMs} ms`;
        stopWaiting = life.after(timeoutMs * 1000, what, () => fail("TIMED_OUT", words));
      }
      const ip = this.#resolve(host, options.host);
      const target = ip === LOOPBACK ? host : this.#hosts.find((one) => one.address === ip);
      if (ip === undefined) {
        life.after(100, what, () => fail("NAME_NOT_FOUND", "unknown name"));
        return;
      }
      if (target === undefined) return; // an address where nothing answers
      host.world.after(this.latencyUs(host), `${host.name} syn ${ip}:${options.port}`, () => {
        const bound = this.#find(target, ip, options.port, false);
        const back = this.latencyUs(target);
        if (bound === undefined) {
          life.after(back, "refused", () => fail("REFUSED", "connection refused"));
          return;
        }
        const client = this.#pair(host, life, bound, ip, back);
        life.after(back, "connected", () => {
          if (settled) return client.close();
          settled = true;
          stopWaiting();
          resolve(client);
        });
      });
    });
  }

  /** Makes both ends; the server's is told now, the client's is used when the answer arrives. */
  #pair(host: Host, life: Life, bound: Bound, ip: string, backUs: number): SimConnection {
    const own = ip === LOOPBACK ? LOOPBACK : host.address;
    const near: Address = { host: own, port: this.#freePort(host), family: 4 };
    const far: Address = { host: ip, port: bound.port, family: 4 };
    const client = new SimConnection(host, life, near, far, () => this.latencyUs(host));
    const server = new SimConnection(
      bound.host,
      bound.life,
      far,
      near,
      () => this.latencyUs(bound.host),
    );
    client.join(server, 0);
    server.join(client, backUs);
    if (!life.alive) client.lose();
    bound.onConnection(server);
    return client;
  }

  #find(host: Host, ip: string | undefined, port: number, any: boolean): Bound | undefined {
    for (const bound of this.#bound) {
      if (bound.host !== host || bound.port !== port) continue;
      if (bound.ip === undefined || bound.ip === ip || (any && ip === undefined)) return bound;
    }
    return undefined;
  }

  #resolve(from: Host, name: string): string | undefined {
    if (name === "localhost" || name === "::1" || name === LOOPBACK || name === from.address) {
      return name === from.address ? name : LOOPBACK;
    }
    if (/^[0-9.]+$/.test(name) || name.includes(":")) return name;
    return this.#hosts.find((host) => host.name === name)?.address;
  }

  #freePort(host: Host): number {
    const count = this.#ports.get(host) ?? 0;
    this.#ports.set(host, count + 1);
    return EPHEMERAL_PORT_FIRST + count % EPHEMERAL_PORTS;
  }
}

export function simNet(network: Network, host: Host, life: Life): Net {
  network.join(host);
  const tell = <T>(work: () => T): Promise<T> => life.later(5, "listen", work);
  return {
    listen: (options, onConnection) =>
      tell(() => network.listen(host, life, options, onConnection)),
    connect: (options) => network.connect(host, life, options),
  };
}
