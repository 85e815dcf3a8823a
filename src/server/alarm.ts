/** One wake at a time, set only while there is something to wait for; an earlier one replaces a later. */
import type { Cancel, Clock, MonotonicMs } from "../runtime.ts";

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel: Cancel | undefined;
  #atMs = Infinity;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `atMs` at the latest. */
  by(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#cancel?.();
    this.#atMs = atMs;
    this.#cancel = this.#clock.wakeAt(atMs as MonotonicMs, () => {
      this.#atMs = Infinity;
      this.#cancel = undefined;
      this.#ring();
    });
  }

  /** For good: connections that still linger would set it again, and keep the process alive. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#atMs = -Infinity;
  }
}
