/**
 * The simulated network: names, addresses, listeners, and what can be done to it. Streams are in connection.ts, the way
 * between two machines in link.ts, connecting in handshake.ts.
 *
 * Machines are given by name. `way` reads from the first to the second: `"from"` concerns what the first sends, `"to"` what
 * it is sent, `"both"` (the default) both.
 */
import type { Connection, Listener, ListenOptions } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import type { Channel } from "./channel.ts";
import type { SimConnection, Streams } from "./connection.ts";
import { label } from "./labels.ts";
import type { Life } from "./life.ts";
import { Link } from "./link.ts";
import type { SlowLink } from "./link.ts";
import type { Host, World } from "./world.ts";

const EPHEMERAL_PORT_FIRST = 32_768;
const EPHEMERAL_PORTS = 28_000;
const EPHEMERAL_PORT_END = EPHEMERAL_PORT_FIRST + EPHEMERAL_PORTS;
const CLOSE_LISTENER = label("close listener");
export const LOOPBACK = "127.0.0.1";
const EVERY: readonly (string | undefined)[] = [undefined, "::", "0.0.0.0"];

export type Way = "both" | "from" | "to";

export interface CutOptions {
  /** Who is told with a reset. The other end stays half-open until it sends something, or for ever. */
  readonly told?: "both" | "first" | "second";
  /** Only streams to listeners on this port. */
  readonly port?: number;
}

export interface Bound {
  readonly host: Host;
  readonly life: Life;
  /** Undefined: every address. */
  readonly ip: string | undefined;
  readonly port: number;
  readonly onConnection: (connection: Connection) => void;
  open: boolean;
}

export class Network implements Streams {
  readonly open = new Set<SimConnection>();
  readonly stalled = new Set<Channel>();
  windowBytesMin = 0;
  readonly #world: World;
  readonly #hosts: Host[] = [];
  readonly #bound = new Set<Bound>();
  readonly #ports = new Map<Host, number>();
  /** By index of sender and receiver. */
  readonly #links: Link[][] = [];
  /** `address:port`, or an address alone for all its ports. */
  readonly #refused = new Set<string>();
  #streams = 0;

  constructor(world: World) {
    this.#world = world;
  }

  // ------------------------------------------------------------------------------------------ what can be done to it

  /**
   * Packets are lost until `heal`. What streams send meanwhile arrives after it, late and in order, unless the sender has
   * given up by then (`TIMED_OUT`); a connect is tried again until its time is over; a stream that sends nothing notices
   * nothing. One way alone: data still comes through, its acknowledgements do not.
   */
  partition(first: string, second: string, way: Way = "both"): void {
    this.#tell("partition", `${first} ${second} ${way}`);
    for (const link of this.#ways(first, second, way)) link.setCut(true);
  }

  /** A partition from every other machine that there is now. */
  isolate(name: string, way: Way = "both"): void {
    this.#tell("partition", `${name} * ${way}`);
    for (const other of this.#hosts) {
      if (other.name === name) continue;
      for (const link of this.#ways(name, other.name, way)) link.setCut(true);
    }
  }

  /** Ends partitions, clogs, slowness, refusals and armed resets: all, those of one machine, or those between two. */
  heal(first?: string, second?: string): void {
    this.#tell("heal", `${first ?? "*"} ${second ?? "*"}`);
    for (const link of this.#links.flat()) {
      const names = [link.from.name, link.to.name];
      if (first !== undefined && !names.includes(first)) continue;
      if (second !== undefined && !names.includes(second)) continue;
      link.heal();
    }
    if (first === undefined) this.#refused.clear();
    else if (second === undefined) this.accept(first);
    this.reachableAgain();
  }

  /** For so long nothing arrives; then all of it does, in order. */
  clog(first: string, second: string, ms: number, way: Way = "both"): void {
    this.#tell("clog", `${first} ${second} ${way} ${ms}`);
    for (const link of this.#ways(first, second, way)) link.clog(ms);
  }

  slow(first: string, second: string, how: SlowLink, way: Way = "both"): void {
    const { factor = 1, extraMs = 0, bytesPerMs = 0 } = how;
    this.#tell("slow link", `${first} ${second} ${way} ${factor} ${extraMs} ${bytesPerMs}`);
    for (const link of this.#ways(first, second, way)) link.setSlow(how);
  }

  /** Ends the streams between two machines now. @returns how many */
  cut(first: string, second: string, { told = "both", port }: CutOptions = {}): number {
    this.#tell("cut", `${first} ${second} ${told} ${port ?? "*"}`);
    const [a, b] = [this.#host(first), this.#host(second)];
    const streams = new Set<number>();
    for (const end of [...this.open]) {
      const { from, to } = end.link;
      if (!((from === a && to === b) || (from === b && to === a))) continue;
      if (port !== undefined && end.port !== port) continue;
      streams.add(end.stream);
      if (told === "both" || (told === "first" ? from === a : from === b)) end.abort("RESET");
    }
    return streams.size;
  }

  /**
   * After so many more bytes from the first to the second, the stream that carries the last of them is reset, be it in the
   * middle of a packet. Bytes of all streams count, or of those to listeners on one port.
   */
  resetAfter(first: string, second: string, bytes: number, port?: number): void {
    this.#tell("reset armed", `${first} ${second} ${bytes} ${port ?? "*"}`);
    for (const link of this.#ways(first, second, "from")) link.arm(bytes, port);
  }

  /** New connections to a machine are refused, on one port or on all. */
  refuse(name: string, port?: number): void {
    this.#tell("refuse", `${name} ${port ?? "*"}`);
    this.#refused.add(refusal(this.#host(name), port));
  }

  /** Ends refusals: of one port, or all of the machine. */
  accept(name: string, port?: number): void {
    const host = this.#host(name);
    if (port !== undefined) return void this.#refused.delete(refusal(host, port));
    for (const one of [...this.#refused]) {
      if (one === host.address || one.startsWith(`${host.address}:`)) this.#refused.delete(one);
    }
  }

  // ------------------------------------------------------------------------------------------ for its own parts

  join(host: Host): void {
    this.#hosts.push(host);
  }

  /** Something became reachable: what was held for it is sent again. */
  reachableAgain(): void {
    for (const channel of this.stalled) channel.sendAgain();
  }

  link(from: Host, to: Host): Link {
    const row = this.#links[from.index] ??= [];
    return row[to.index] ??= new Link(from, to);
  }

  /** The machine with an address. */
  at(from: Host, ip: string): Host | undefined {
    return ip === LOOPBACK ? from : this.#hosts.find((host) => host.address === ip);
  }

  /** @returns undefined for an unknown name */
  resolve(from: Host, name: string): string | undefined {
    if (name === "localhost" || name === "::1" || name === LOOPBACK) return LOOPBACK;
    if (/^[0-9.]+$/.test(name) || name.includes(":")) return name;
    return this.#hosts.find((host) => host.name === name)?.address ??
      (name === from.name ? from.address : undefined);
  }

  nextStream(): number {
    return ++this.#streams;
  }

  /** Who takes a connect to this address, if anybody does. */
  listenerAt(host: Host, ip: string, port: number): Bound | undefined {
    if (this.#refused.has(host.address) || this.#refused.has(`${host.address}:${port}`)) {
      this.#world.faults.add("connect refused");
      return undefined;
    }
    return this.#find(host, ip, port, false);
  }

  listen(
    host: Host,
    life: Life,
    options: ListenOptions,
    onConnection: (connection: Connection) => void,
  ): Listener {
    const what = `listen on ${options.host ?? "*"}:${options.port}`;
    const ip = EVERY.includes(options.host) ? undefined : this.resolve(host, options.host ?? "");
    if (ip !== undefined && ip !== LOOPBACK && ip !== host.address) {
      throw new RuntimeError("ADDRESS_NOT_AVAILABLE", `Cannot ${what}: it is not an own address`);
    }
    const port = options.port === 0 ? this.freePort(host) : options.port;
    if (this.#find(host, ip, port, true) !== undefined) {
      throw new RuntimeError("ADDRESS_IN_USE", `Cannot ${what}: the port is in use`);
    }
    const bound: Bound = { host, life, ip, port, onConnection, open: true };
    const unbind = (): void => {
      bound.open = false;
      this.#bound.delete(bound);
    };
    this.#bound.add(bound);
    const forget = life.onEnd(unbind);
    return {
      address: { host: ip ?? "::", port, family: ip === undefined ? 6 : 4 },
      close: () =>
        life.later(1, CLOSE_LISTENER, () => {
          forget();
          unbind();
        }),
    };
  }

  /** The next port that nobody listens on. */
  freePort(host: Host): number {
    let port = this.#ports.get(host) ?? EPHEMERAL_PORT_FIRST;
    while (this.#find(host, undefined, port, true) !== undefined) port = portAfter(port);
    this.#ports.set(host, portAfter(port));
    return port;
  }

  #find(host: Host, ip: string | undefined, port: number, any: boolean): Bound | undefined {
    for (const bound of this.#bound) {
      if (bound.host !== host || bound.port !== port) continue;
      if (bound.ip === undefined || bound.ip === ip || (any && ip === undefined)) return bound;
    }
    return undefined;
  }

  #host(name: string): Host {
    const host = this.#hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`There is no machine "${name}"`);
    return host;
  }

  #ways(first: string, second: string, way: Way): Link[] {
    const [a, b] = [this.#host(first), this.#host(second)];
    const links: Link[] = [];
    if (way !== "to") links.push(this.link(a, b));
    if (way !== "from") links.push(this.link(b, a));
    return links;
  }

  #tell(
    what: "partition" | "heal" | "clog" | "slow link" | "cut" | "reset armed" | "refuse",
    more: string,
  ): void {
    this.#world.faults.add(what);
    this.#world.trace(`network ${what} ${more}`);
  }
}

function portAfter(port: number): number {
  return port + 1 === EPHEMERAL_PORT_END ? EPHEMERAL_PORT_FIRST : port + 1;
}

function refusal(host: Host, port: number | undefined): string {
  return port === undefined ? host.address : `${host.address}:${port}`;
}
