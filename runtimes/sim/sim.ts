/**
 * The simulator: machines that share one virtual clock, one queue of events and one seed. An event runs; then every promise
 * that it settled runs to its end; then the next event runs, whatever the real time is. The same seed gives the same events
 * in the same order on every engine, and `traceHash` proves it.
 *
 * Between two events the loop waits for one macrotask of the host (`setImmediate`, no timer): a host begins a macrotask
 * only when its microtask queue is empty, so all promise work that an event began, however deep, is over before the clock
 * moves. Code under simulation awaits nothing but the door; anything else (a real file, fetch) would break this.
 */
import { setImmediate } from "node:timers";
import { Prng } from "../../src/base/random.ts";
import { Machine } from "./machine.ts";
import type { MachineOptions } from "./machine.ts";
import { Network } from "./network.ts";
import { SimExit } from "./process.ts";
import { EventQueue } from "./queue.ts";
import type { SimEvent } from "./queue.ts";
import type { World } from "./world.ts";

export interface SimOptions {
  readonly seed: number;
  /** Wall clock at the start, milliseconds since 1970. */
  readonly wallMs?: number;
  /** Keeps the lines of the trace, for reading; the hash is always there. */
  readonly keepTrace?: boolean;
}

const WALL_MS = 1_800_000_000_000;
/** A goal not reached in a virtual hour never will be. */
const GOAL_MS_MAX = 3_600_000;

export class Sim implements World {
  readonly seed: number;
  readonly random: Prng;
  readonly network: Network;
  readonly wallStartMs: number;
  readonly lines: string[] = [];
  readonly #queue = new EventQueue();
  readonly #keepTrace: boolean;
  readonly #machines = new Map<string, Machine>();
  #nowUs = 0;
  #hashHigh = 0x811c9dc5;
  #hashLow = 0x01000193;

  constructor(options: SimOptions) {
    this.seed = options.seed;
    this.random = new Prng(options.seed);
    this.wallStartMs = options.wallMs ?? WALL_MS;
    this.#keepTrace = options.keepTrace === true;
    this.network = new Network();
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowUs / 1000;
  }

  /** A new machine, started; its name is also its name in the network. */
  machine(name: string, options: MachineOptions = {}): Machine {
    if (this.#machines.has(name)) throw new Error(`Machine "${name}" exists already`);
    const machine = new Machine(
      this,
      this.network,
      this.seed,
      name,
      this.#machines.size + 1,
      options,
    );
    this.#machines.set(name, machine);
    return machine;
  }

  get machines(): ReadonlyMap<string, Machine> {
    return this.#machines;
  }

  after(delayUs: number, label: string, run: () => void): SimEvent {
    return this.#queue.add(this.#nowUs + Math.max(0, delayUs), label, run);
  }

  /** Runs until nothing is left to happen, or until a virtual time. */
  async run(untilMs?: number): Promise<void> {
    const limitUs = untilMs === undefined ? Infinity : Math.ceil(untilMs * 1000);
    await turn();
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.atUs > limitUs) break;
      this.#step();
      await turn();
    }
    if (limitUs !== Infinity) this.#nowUs = Math.max(this.#nowUs, limitUs);
  }

  /** Runs until the promise settles or the predicate holds. @throws when that can never be, or not in `limitMs` */
  async runUntil<T>(goal: Promise<T> | (() => boolean), limitMs = GOAL_MS_MAX): Promise<T> {
    let reached = false;
    let value: T | undefined;
    let failure: { error: unknown } | undefined;
    if (typeof goal !== "function") {
      goal.then((result) => {
        value = result;
        reached = true;
      }, (error: unknown) => {
        failure = { error };
        reached = true;
      });
    }
    const limitUs = this.#nowUs + limitMs * 1000;
    for (;;) {
      await turn();
      if (typeof goal === "function") reached = goal();
      if (reached) break;
      const next = this.#queue.peek();
      if (next === undefined || next.atUs > limitUs) {
        const why = next === undefined ? "nothing is left to happen" : `not in ${limitMs} ms`;
        throw new Error(`Goal not reached at ${this.nowMs} ms, seed ${this.seed}: ${why}`);
      }
      this.#step();
    }
    if (failure !== undefined) throw failure.error;
    return value as T;
  }

  /** Adds a line to the trace; values only, no host texts. */
  trace(line: string): void {
    if (this.#keepTrace) this.lines.push(line);
    let high = this.#hashHigh;
    let low = this.#hashLow;
    for (let i = 0; i < line.length; i++) {
      const unit = line.charCodeAt(i);
      high = Math.imul(high ^ unit, 0x01000193);
      low = Math.imul(low ^ unit, 0x5bd1e995) ^ (high >>> 15);
    }
    this.#hashHigh = Math.imul(high ^ 10, 0x01000193);
    this.#hashLow = Math.imul(low ^ 10, 0x5bd1e995);
  }

  /** 16 hexadecimal digits over everything that happened so far. */
  traceHash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#hashHigh) + hex(this.#hashLow);
  }

  #step(): void {
    const event = this.#queue.take();
    if (event?.run === undefined) return;
    this.#nowUs = event.atUs;
    this.trace(`${event.atUs} ${event.label}`);
    const run = event.run;
    event.run = undefined;
    try {
      run();
    } catch (error) {
      if (!(error instanceof SimExit)) throw error;
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
