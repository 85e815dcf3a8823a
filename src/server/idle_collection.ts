/**
 * Garbage is collected, and memory given back, once much was done and nothing is any more: engines do that when they need
 * room, and not because a server has fallen idle (a million znodes: Node 289 -> 258 MiB, Deno 371 -> 276). Pings are not work.
 */
import type { Clock } from "../runtime.ts";
import { Alarm } from "./alarm.ts";

const LOOK_MS = 1000;
/** Requests, or a learner's txns, between two looks at which a server is idle: a collection may hold each up for some milliseconds. */
const IDLE_REQUESTS = 10;
/**
 * Idle looks in a row before a first and a second collection. V8 makes its space for new objects smaller when little was
 * allocated since the collection before: the first may come too soon after the load, or a lull's snapshot.
 */
const IDLE_LOOKS = 12, IDLE_LOOKS_AGAIN = 18;
/** Requests since the last collection that make another worth it. */
const WORTH_REQUESTS = 100_000;
/** What a connection leaves behind when it opens, in requests: 10,000 left 50 MiB on Node when nothing else was done. */
const CONNECTION_REQUESTS = 20;

export class IdleCollection {
  readonly #requests: () => number;
  readonly #opened: () => number;
  readonly #collect: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  #isWatching = false;
  #idleLooks = 0;
  #atLook = 0;
  /** Requests since the last collection, and connections before it. */
  #made = 0;
  #openedBefore = 0;
  /** The first one is done, and nothing was asked since. */
  #isSecondDue = false;

  /**
   * @param requests so far but pings; it may start anew @param opened connections so far
   * @param collect undefined where the host has no way
   */
  constructor(
    clock: Clock,
    requests: () => number,
    opened: () => number,
    collect: (() => void) | undefined,
  ) {
    this.#clock = clock;
    this.#requests = requests;
    this.#opened = opened;
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
    const isIdle = made <= IDLE_REQUESTS;
    this.#made += made;
    this.#idleLooks = isIdle ? this.#idleLooks + 1 : 0;
    const worth = this.#made + (this.#opened() - this.#openedBefore) * CONNECTION_REQUESTS;
    if (worth < WORTH_REQUESTS && !(isIdle && this.#isSecondDue)) {
      this.#isWatching = this.#isSecondDue = false;
      return;
    }
    const isDue = this.#idleLooks === (this.#isSecondDue ? IDLE_LOOKS_AGAIN : IDLE_LOOKS);
    if (!isDue) return this.#watch();
    this.#isSecondDue = !this.#isSecondDue;
    this.#made = 0;
    this.#openedBefore = this.#opened();
    if (this.#isSecondDue) this.#watch();
    else this.#isWatching = false;
    this.#collect?.();
  }
}
