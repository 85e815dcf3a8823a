/**
 * The simulator: machines that share one virtual clock, one queue of events and one 64-bit seed. An event runs; then every
 * promise that it settled runs to its end (turns.ts); then the next event runs, whatever the real time is. The same seed
 * gives the same events in the same order on every engine, and `traceHash` proves it.
 *
 * Code under simulation awaits nothing but the door; anything else (a real file, fetch) would break this.
 */
import { Prng } from "../../src/base/random.ts";
import { Counts } from "./counts.ts";
import { label } from "./labels.ts";
import type { Label } from "./labels.ts";
import { Machine } from "./machine.ts";
import type { MachineOptions } from "./machine.ts";
import { Network } from "./network.ts";
import { SimExit } from "./process.ts";
import { EventQueue, QUIET } from "./queue.ts";
import type { SimEvent } from "./queue.ts";
import { Trace } from "./trace.ts";
import { Turns } from "./turns.ts";
import type { World } from "./world.ts";

export interface SimOptions {
  /** 64 bits: a whole number, a bigint, or their text; larger ones are cut. */
  readonly seed: number | bigint | string;
  /** Wall clock at the start, milliseconds since 1970. */
  readonly wallMs?: number;
  /** Keeps the lines of the trace, for reading; the hash is always there. */
  readonly keepTrace?: boolean;
}

const WALL_MS = 1_800_000_000_000;
/** A goal not reached in a virtual hour never will be. */
const GOAL_MS_MAX = 3_600_000;

/** Why the loop stopped. */
type Stop = "reached" | "empty" | "late";

export class Sim implements World {
  /** The seed in decimal: what a failure prints and `createSim` takes. */
  readonly seed: string;
  readonly random: Prng;
  readonly network: Network;
  /** What was injected, and what came of it. */
  readonly faults = new Counts();
  readonly wallStartMs: number;
  readonly #queue = new EventQueue();
  readonly #turns = new Turns();
  readonly #trace: Trace;
  readonly #seedParts: readonly [number, number];
  readonly #machines = new Map<string, Machine>();
  readonly #names = ["sim"];
  #nowUs = 0;
  #events = 0;

  constructor(options: SimOptions) {
    const seed = BigInt.asUintN(64, BigInt(options.seed));
    this.seed = seed.toString();
    this.#seedParts = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)];
    this.random = new Prng(...this.#seedParts);
    this.wallStartMs = options.wallMs ?? WALL_MS;
    this.#trace = new Trace(options.keepTrace === true, (machine) => this.#names[machine] ?? "");
    this.network = new Network(this);
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowUs / 1000;
  }

  /** Events that ran. */
  get events(): number {
    return this.#events;
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** The trace, if it was asked for. */
  get lines(): readonly string[] {
    return this.#trace.lines;
  }

  /** A new machine, started; its name is also its name in the network. */
  machine(name: string, options: MachineOptions = {}): Machine {
    if (this.#machines.has(name)) throw new Error(`Machine "${name}" exists already`);
    const index = this.#machines.size + 1;
    const random = new Prng(...this.#seedParts, index);
    const machine = new Machine(this, this.network, random, name, index, options);
    this.#machines.set(name, machine);
    this.#names.push(name);
    return machine;
  }

  get machines(): ReadonlyMap<string, Machine> {
    return this.#machines;
  }

  /** Calls `run` after so many virtual microseconds: what a schedule of faults is made of. */
  after(delayUs: number, what: string, run: () => void): SimEvent {
    return this.schedule(delayUs, 0, label(what), () => void run());
  }

  /** Calls `run` at a virtual time in milliseconds, or now when that is past. */
  at(ms: number, what: string, run: () => void): SimEvent {
    return this.after(Math.ceil(ms * 1000) - this.#nowUs, what, run);
  }

  schedule(
    delayUs: number,
    machine: number,
    label: Label,
    run: () => unknown,
    amount = 0,
    detail = 0,
  ): SimEvent {
    const atUs = delayUs > 0 ? this.#nowUs + delayUs : this.#nowUs;
    return this.#queue.add(atUs, machine, label, run, amount, detail);
  }

  cancel(event: SimEvent): void {
    this.#queue.cancel(event);
  }

  /** Runs until nothing is left to happen, or until a virtual time. */
  async run(untilMs?: number): Promise<void> {
    const limitUs = untilMs === undefined ? Infinity : Math.ceil(untilMs * 1000);
    await this.#loop(limitUs, () => false);
    if (limitUs !== Infinity) this.#nowUs = Math.max(this.#nowUs, limitUs);
  }

  /** Runs until the promise settles or the predicate holds. @throws when that can never be, or not in `limitMs` */
  async runUntil<T>(goal: Promise<T> | (() => boolean), limitMs = GOAL_MS_MAX): Promise<T> {
    let settled = false;
    let value: T | undefined;
    let failure: { error: unknown } | undefined;
    if (typeof goal !== "function") {
      goal.then((result) => {
        value = result;
        settled = true;
      }, (error: unknown) => {
        failure = { error };
        settled = true;
      });
    }
    const reached = typeof goal === "function" ? goal : () => settled;
    const stop = await this.#loop(this.#nowUs + limitMs * 1000, reached);
    if (stop !== "reached") {
      const why = stop === "empty" ? "nothing is left to happen" : `not in ${limitMs} ms`;
      throw new Error(`Goal not reached at ${this.nowMs} ms, seed ${this.seed}: ${why}`);
    }
    if (failure !== undefined) throw failure.error;
    return value as T;
  }

  /** Adds a line to the trace; values only, no host texts. */
  trace(line: string): void {
    this.#trace.line(line);
  }

  /** 16 hexadecimal digits over everything that happened so far. */
  traceHash(): string {
    return this.#trace.hash();
  }

  #loop(limitUs: number, reached: () => boolean): Promise<Stop> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        try {
          for (;;) {
            if (reached()) return resolve("reached");
            const next = this.#queue.peek();
            if (next === undefined) return resolve("empty");
            if (next.atUs > limitUs) return resolve("late");
            if (this.#step() !== QUIET) return this.#turns.after(go);
          }
        } catch (error) {
          reject(error as Error);
        }
      };
      this.#turns.long();
      this.#turns.after(go);
    });
  }

  #step(): unknown {
    const event = this.#queue.take();
    const run = event?.run;
    if (event === undefined || run === undefined) return QUIET;
    this.#nowUs = event.atUs;
    this.#events++;
    this.#trace.event(event);
    event.run = undefined;
    try {
      return run();
    } catch (error) {
      if (!(error instanceof SimExit)) throw error;
      return undefined;
    }
  }
}
