/**
 * One run of a machine's process, from start to exit, kill or crash. What belongs to an ended life never happens; what
 * comes due while it is paused (SIGSTOP) happens at its resume, in order, before anything newer.
 */
import { label } from "./labels.ts";
import type { Label } from "./labels.ts";
import { QUIET } from "./queue.ts";
import type { SimEvent } from "./queue.ts";
import type { World } from "./world.ts";

/** `kill`: the system stays and closes what was open. `crash`: power is lost, nothing is told to anybody. */
export type End = "kill" | "crash";

const CATCH_UP = label("catch up");

interface Held {
  /** Undefined: nothing can cancel it. */
  readonly event: SimEvent | undefined;
  readonly run: () => unknown;
}

export class Life {
  readonly world: World;
  /** The machine's number. */
  readonly machine: number;
  #alive = true;
  /** Whether the process is stopped; `#gated` stays until it has caught up. */
  #stopped = false;
  #gated = false;
  #catchingUp = false;
  #held: Held[] = [];
  readonly #cancelled = new Set<SimEvent>();
  readonly #atEnd = new Set<(end: End) => void>();

  constructor(world: World, machine: number) {
    this.world = world;
    this.machine = machine;
  }

  get alive(): boolean {
    return this.#alive;
  }
  get paused(): boolean {
    return this.#stopped;
  }

  after(delayUs: number, label: Label, run: () => unknown, amount = 0, detail = 0): SimEvent {
    const event = this.world.schedule(
      delayUs,
      this.machine,
      label,
      () => this.#due(event, run),
      amount,
      detail,
    );
    return event;
  }

  cancel(event: SimEvent): void {
    if (event.run !== undefined) this.world.cancel(event);
    else if (this.#gated) this.#cancelled.add(event);
  }

  /**
   * The work's result when `delayUs` have passed; never, when the life ends before. The system does the work also while the
   * process is paused, which then hears of it at its resume.
   */
  later<T>(delayUs: number, label: Label, work: () => T, amount = 0, detail = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      this.world.schedule(
        delayUs,
        this.machine,
        label,
        () => {
          if (!this.#alive) return QUIET;
          try {
            const result = work();
            return this.enter(() => resolve(result));
          } catch (error) {
            return this.enter(() => reject(error as Error));
          }
        },
        amount,
        detail,
      );
    });
  }

  /** From the system into the process: now, or once it runs again. Nothing, when the life has ended. */
  enter(run: () => unknown): unknown {
    return this.#due(undefined, run);
  }

  pause(): void {
    this.#stopped = true;
    this.#gated = true;
  }

  resume(): void {
    this.#stopped = false;
    this.#catchUpLater();
  }

  /** `run` is called when the life ends, in the order of the calls. @returns what takes it back */
  onEnd(run: (end: End) => void): () => void {
    this.#atEnd.add(run);
    return () => this.#atEnd.delete(run);
  }

  end(how: End): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = [];
    for (const run of this.#atEnd) run(how);
    this.#atEnd.clear();
  }

  #due(event: SimEvent | undefined, run: () => unknown): unknown {
    if (!this.#alive) return QUIET;
    if (!this.#gated) return run();
    this.#held.push({ event, run });
    return QUIET;
  }

  /** One held thing an event, so that each has its promise work done before the next. */
  #catchUpLater(): void {
    if (this.#catchingUp || !this.#gated) return;
    this.#catchingUp = true;
    this.world.schedule(0, this.machine, CATCH_UP, () => {
      this.#catchingUp = false;
      if (this.#stopped || !this.#alive) return QUIET;
      const next = this.#held.shift();
      if (next === undefined) {
        this.#gated = false;
        this.#cancelled.clear();
        return QUIET;
      }
      this.#catchUpLater();
      return next.event !== undefined && this.#cancelled.has(next.event) ? QUIET : next.run();
    });
  }
}
