/** A pause of random length between two roles, which an end of the server cuts short. */
import type { Clock, MonotonicMs, Random } from "../../runtime.ts";

export class Pause {
  readonly #clock: Clock;
  readonly #random: Random;
  #end: () => void = () => {};

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Resolves within `ms`. */
  upTo(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    const atMs = this.#clock.monotonicMs() + this.#random.uint32() % ms;
    return new Promise((resolve) => {
      const cancel = this.#clock.wakeAt(atMs as MonotonicMs, resolve);
      this.#end = () => {
        cancel();
        resolve();
      };
    });
  }

  end(): void {
    this.#end();
  }
}
