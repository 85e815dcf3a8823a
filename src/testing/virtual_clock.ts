/**
 * A clock that stands still until it is told to go on. Between two wakes it waits until all that they caused inside this
 * process has happened: bytes in memory delivered, files written, promises settled. No real time passes for it.
 */
import { UsageError } from "../base/errors.ts";
import type { Cancel, Clock, MonotonicMs } from "../runtime.ts";

/** Turns of the event loop in a row without work under way, after which nothing more is coming. */
const QUIET_TURNS = 3;

interface Wake {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  readonly #turns: Pick<Clock, "soon">;
  readonly #isBusy: () => boolean;
  readonly #wakes = new Set<Wake>();
  #nowMs: number;
  readonly #wallOffsetMs: number;
  #order = 0;
  #soonPending = 0;
  #running: Promise<void> = Promise.resolve();

  /**
   * @param host what time it is to begin with
   * @param isBusy whether anything is under way that this clock cannot see
   */
  constructor(
    host: Pick<Clock, "wallMs" | "monotonicMs">,
    turns: Pick<Clock, "soon">,
    isBusy: () => boolean,
  ) {
    this.#turns = turns;
    this.#isBusy = isBusy;
    this.#nowMs = Math.floor(host.monotonicMs());
    this.#wallOffsetMs = Math.floor(host.wallMs()) - this.#nowMs;
  }

  monotonicMs(): MonotonicMs {
    return this.#nowMs as MonotonicMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  wakeAt(at: MonotonicMs, wake: () => void): Cancel {
    const entry: Wake = { atMs: at, order: this.#order++, run: wake };
    this.#wakes.add(entry);
    // What is due already needs no time to pass.
    if (at <= this.#nowMs) this.soon(() => this.#wakes.has(entry) && this.#ring(entry));
    return () => void this.#wakes.delete(entry);
  }

  soon(task: () => void): void {
    this.#soonPending++;
    this.#turns.soon(() => {
      this.#soonPending--;
      task();
    });
  }

  /** Resolves when `ms` have passed and what happened in them is over. Calls wait for each other. */
  async advance(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0) {
      throw new UsageError(`Cannot advance the clock by ${ms} ms: it takes 0 or more, and an end`);
    }
    const work = this.#running.then(() => this.#advance(ms));
    this.#running = work.catch(() => {}); // whoever called it is told
    await work;
  }

  /** Lets time pass, wake after wake, until the work is done: for ends that wait for their deadlines. */
  async runUntil<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    work.then(over, over);
    for (;;) {
      await this.#settle();
      if (isOver) return await work;
      const next = this.#next();
      if (next !== undefined) this.#ring(next);
    }
  }

  async #advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#settle();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.atMs > untilMs) break;
      this.#ring(next);
      await this.#settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #next(): Wake | undefined {
    let first: Wake | undefined;
    for (const wake of this.#wakes) {
      const isSooner = first === undefined || wake.atMs < first.atMs ||
        (wake.atMs === first.atMs && wake.order < first.order);
      if (isSooner) first = wake;
    }
    return first;
  }

  #ring(wake: Wake): void {
    this.#wakes.delete(wake);
    this.#nowMs = Math.max(this.#nowMs, wake.atMs);
    wake.run();
  }

  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await new Promise<void>((resolve) => this.#turns.soon(resolve));
      if (this.#soonPending > 0 || this.#isBusy()) quiet = -1;
    }
  }
}
