/**
 * Garbage is collected, and memory given back, once much was done and nothing is any more: engines do that when they need
 * room, and not because a server has fallen idle (with a million znodes Node 289 -> 258 MiB, Deno 375 -> 288). Pings are not work.
 */
import type { Clock } from "../runtime.ts";
import { Alarm } from "./alarm.ts";

const LOOK_MS = 1000;
/** Requests between two looks at which a server is idle: a collection may hold each up for some milliseconds. */
const IDLE_REQUESTS = 10;
/**
 * Idle looks in a row. V8 makes its space for new objects smaller only when little was allocated for 5 s, and a snapshot is
 * written in the first seconds of a lull.
 */
const IDLE_LOOKS = 12;
/** Requests since the last collection that make another worth it. */
const WORTH_REQUESTS = 100_000;

export class IdleCollection {
  readonly #requests: () => number;
  readonly #collect: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  #isWatching = false;
  #idleLooks = 0;
  #atLook = 0;
  /** Requests since the last collection. */
  #made = 0;

  /** @param requests so far but pings; it may start anew @param collect undefined where the host has no way */
  constructor(clock: Clock, requests: () => number, collect: (() => void) | undefined) {
    this.#clock = clock;
    this.#requests = requests;
    this.#collect = collect;
    this.#alarm = new Alarm(clock, () => this.#look());
  }

  /** Requests came in. */
  onTurn(): void {
    if (this.#isWatching || this.#collect === undefined) return;
    this.#isWatching = true;
    this.#idleLooks = 0;
    this.#watch();
  }

  /** For good. */
  stop(): void {
    this.#isWatching = true;
    this.#alarm.stop();
  }

  #watch(): void {
    this.#atLook = this.#requests();
    this.#alarm.by(this.#clock.monotonicMs() + LOOK_MS);
  }

  #look(): void {
    const requests = this.#requests();
    const made = requests < this.#atLook ? requests : requests - this.#atLook;
    this.#made += made;
    if (this.#made < WORTH_REQUESTS) {
      this.#isWatching = false;
      return;
    }
    this.#idleLooks = made <= IDLE_REQUESTS ? this.#idleLooks + 1 : 0;
    if (this.#idleLooks < IDLE_LOOKS) return this.#watch();
    this.#isWatching = false;
    this.#made = 0;
    this.#collect?.();
  }
}
