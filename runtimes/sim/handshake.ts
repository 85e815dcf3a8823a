/**
 * Connecting, as TCP does it: SYN, its answer, and the packet that lets the listener's process hear of the stream. A SYN or an
 * answer that is lost is sent again, at growing distances; the system gives up at last, the caller perhaps before.
 */
import type { Address, Connection, DialOptions } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { SimConnection } from "./connection.ts";
import { label } from "./labels.ts";
import type { Life } from "./life.ts";
import { type Bound, LOOPBACK, type Network } from "./network.ts";
import { QUIET } from "./queue.ts";
import type { SimEvent } from "./queue.ts";
import type { Host } from "./world.ts";

/** Linux: 1 s, doubled each time, 127 s in all. */
const SYN_AGAIN_US: readonly number[] = [1, 2, 4, 8, 16, 32, 64].map((s) => s * 1_000_000);
const RESOLVE_US = 100;
const SYN = label("syn");
const SYN_AGAIN = label("syn again");
const ANSWER = label("syn answered");
const REFUSED = label("syn refused");
const WAIT = label("connect timeout");
const RESOLVE = label("resolve");

export function connect(
  network: Network,
  host: Host,
  life: Life,
  options: DialOptions,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    new Handshake(network, host, life, options, resolve, reject).begin();
  });
}

class Handshake {
  readonly #network: Network;
  readonly #host: Host;
  readonly #life: Life;
  readonly #options: DialOptions;
  readonly #resolve: (connection: Connection) => void;
  readonly #reject: (error: RuntimeError) => void;
  #settled = false;
  #tries = 0;
  #timeout: SimEvent | undefined;

  constructor(
    network: Network,
    host: Host,
    life: Life,
    options: DialOptions,
    resolve: (connection: Connection) => void,
    reject: (error: RuntimeError) => void,
  ) {
    this.#network = network;
    this.#host = host;
    this.#life = life;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(): void {
    const { timeoutMs, onPending } = this.#options;
    onPending?.(() => void this.#fail("CLOSED", "it was given up"));
    if (timeoutMs !== undefined) {
      const words = `no answer in ${timeoutMs} ms`;
      this.#timeout = this.#life.after(
        timeoutMs * 1000,
        WAIT,
        () => this.#fail("TIMED_OUT", words),
      );
    }
    const ip = this.#network.resolve(this.#host, this.#options.host);
    if (ip !== undefined) this.#sendSyn(ip);
    else {
      this.#life.after(RESOLVE_US, RESOLVE, () => this.#fail("NAME_NOT_FOUND", "unknown name"));
    }
  }

  #sendSyn(ip: string): unknown {
    const target = this.#network.at(this.#host, ip);
    if (target === undefined) return this.#lost(ip); // an address where nothing answers
    const link = this.#network.link(this.#host, target);
    this.#later(this.#host, link.arrivalUs(0), SYN, () => {
      if (link.down) return this.#lost(ip);
      const bound = this.#network.listenerAt(target, ip, this.#options.port);
      const back = this.#network.link(target, this.#host);
      this.#later(target, back.arrivalUs(0), bound === undefined ? REFUSED : ANSWER, () => {
        if (back.down) return this.#lost(ip);
        return this.#life.enter(() => {
          if (bound === undefined) return this.#fail("REFUSED", "connection refused");
          return this.#open(bound, ip);
        });
      });
      return QUIET;
    });
    return QUIET;
  }

  #lost(ip: string): unknown {
    this.#host.world.faults.add("connect lost");
    const againUs = SYN_AGAIN_US[this.#tries++];
    if (againUs === undefined) {
      return this.#life.enter(() => this.#fail("TIMED_OUT", "no answer"));
    }
    this.#host.world.schedule(againUs, this.#host.index, SYN_AGAIN, () => {
      if (!this.#settled && this.#life.alive) this.#sendSyn(ip);
      return QUIET;
    });
    return QUIET;
  }

  #later(sender: Host, atUs: number, name: typeof SYN, run: () => unknown): void {
    const { world, index } = sender;
    world.schedule(atUs - world.nowUs, index, name, () => {
      return this.#settled || !this.#life.alive ? QUIET : run();
    }, this.#options.port);
  }

  #fail(code: "REFUSED" | "TIMED_OUT" | "NAME_NOT_FOUND" | "CLOSED", words: string): unknown {
    if (this.#settled) return QUIET;
    this.#settle();
    const { host, port } = this.#options;
    return this.#reject(new RuntimeError(code, `Cannot connect to ${host}:${port}: ${words}`));
  }

  #settle(): void {
    this.#settled = true;
    if (this.#timeout !== undefined) this.#life.cancel(this.#timeout);
  }

  /** Makes both ends; ours is used at once, the listener's process hears of its own with our next packet. */
  #open(bound: Bound, ip: string): unknown {
    if (this.#settled) return QUIET; // it was answered while the process was paused
    this.#settle();
    const host = this.#host;
    const network = this.#network;
    const own = ip === LOOPBACK ? LOOPBACK : host.address;
    const near: Address = { host: own, port: network.freePort(host), family: 4 };
    const far: Address = { host: ip, port: bound.port, family: 4 };
    const there = network.link(host, bound.host);
    const back = network.link(bound.host, host);
    const shared = { stream: network.nextStream(), port: bound.port };
    const client = new SimConnection(network, {
      ...shared,
      host,
      life: this.#life,
      local: near,
      remote: far,
      link: there,
      back,
    });
    const server = new SimConnection(network, {
      ...shared,
      host: bound.host,
      life: bound.life,
      local: far,
      remote: near,
      link: back,
      back: there,
    });
    client.join(server);
    server.join(client);
    client.open(bound.onConnection, () => bound.open);
    return this.#resolve(client);
  }
}
