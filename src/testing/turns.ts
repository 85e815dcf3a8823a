/** Turns of the event loop that are quick and starve nobody. */
import type { Clock } from "../runtime.ts";

/** After so long with quick turns alone, the host's sockets and timers get theirs. */
const YIELD_MS = 10;

export class Turns {
  readonly #host: Pick<Clock, "soon" | "monotonicMs">;
  readonly #next: (task: () => void) => void;
  #yieldedMs = 0;

  /** @param next the next turn of the event loop; sockets may not be served before it */
  constructor(host: Pick<Clock, "soon" | "monotonicMs">, next: (task: () => void) => void) {
    this.#host = host;
    this.#next = next;
  }

  /** Calls `task` later; not always in the order of the calls. */
  soon(task: () => void): void {
    const nowMs = this.#host.monotonicMs();
    if (nowMs - this.#yieldedMs < YIELD_MS) return this.#next(task);
    this.#yieldedMs = nowMs;
    this.#host.soon(task);
  }
}
