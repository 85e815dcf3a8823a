/** Steps a machine of src/zab: events one after the other, effects in order, one wake (docs/internals/ensemble.md). */
import type { Cancel, Clock, MonotonicMs } from "../../runtime.ts";
import type { Step } from "../../zab/events.ts";

export interface Machine<Event, Effect> {
  step(event: Event | { readonly kind: "wake" }, nowMs: number): Step<Effect>;
}

export class MachineDriver<Event extends { readonly kind: string }, Effect> {
  readonly #clock: Clock;
  readonly #machine: Machine<Event, Effect>;
  readonly #execute: (effect: Effect) => void;
  readonly #onBug: (error: unknown) => void;
  /** What effects brought about: stepped when all effects of the event before are carried out. */
  readonly #queue: (Event | { readonly kind: "wake" })[] = [];
  #isRunning = false;
  #isStopped = false;
  #wakeAtMs = Infinity;
  #armedAtMs = Infinity;
  #cancel: Cancel = () => {};

  /** @param onBug what escapes from a step that the clock began */
  constructor(
    clock: Clock,
    machine: Machine<Event, Effect>,
    execute: (effect: Effect) => void,
    onBug: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#machine = machine;
    this.#execute = execute;
    this.#onBug = onBug;
  }

  dispatch(event: Event | { readonly kind: "wake" }): void {
    if (this.#isStopped) return;
    this.#queue.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      this.#run();
    } finally {
      this.#isRunning = false;
    }
    this.#arm();
  }

  /** Nothing happens any more, also when it is called from an effect. */
  stop(): void {
    this.#isStopped = true;
    this.#queue.length = 0;
    this.#cancel();
  }

  #run(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { effects, wakeAtMs } = this.#machine.step(next, this.#clock.monotonicMs());
      this.#wakeAtMs = wakeAtMs;
      for (const effect of effects) {
        if (this.#isStopped) return;
        this.#execute(effect);
      }
    }
  }

  /** Deadlines mostly move on: the timer stays as it is, and looks again when it rings. */
  #arm(): void {
    if (this.#isStopped || this.#wakeAtMs >= this.#armedAtMs) return;
    this.#cancel();
    this.#armedAtMs = this.#wakeAtMs;
    this.#cancel = this.#clock.wakeAt(this.#wakeAtMs as MonotonicMs, () => this.#ring());
  }

  #ring(): void {
    this.#armedAtMs = Infinity;
    this.#cancel = () => {};
    try {
      if (this.#clock.monotonicMs() >= this.#wakeAtMs) this.dispatch({ kind: "wake" });
      else this.#arm();
    } catch (error) {
      this.#onBug(error);
    }
  }
}
