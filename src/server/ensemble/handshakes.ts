/**
 * Connections between servers that have not said who they are: each has a limit of time, and when there are too many the one
 * that has waited longest makes room. Servers speak as soon as they are connected, so that a flood of others that say nothing
 * keeps none of them out.
 */
import { PEER_HANDSHAKES_MAX } from "../../base/limits.ts";
import type { Cancel, Clock, Connection, MonotonicMs } from "../../runtime.ts";

interface Waiting {
  readonly connection: Connection;
  readonly cancel: Cancel;
  readonly onEnd: (reason: string) => void;
}

export class Handshakes {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #max: number;
  /** The oldest first. */
  readonly #waiting = new Set<Waiting>();

  constructor(clock: Clock, limitMs: number, max = PEER_HANDSHAKES_MAX) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * @param onEnd its time is over, or another took its place: it is closed after this
   * @returns to be called when it is set up, refused or gone; more than once does no harm
   */
  add(connection: Connection, onEnd: (reason: string) => void): Cancel {
    for (const oldest of this.#waiting) {
      if (this.#waiting.size < this.#max) break;
      this.#end(oldest, "too many connections are being set up");
    }
    const atMs = this.#clock.monotonicMs() + this.#limitMs;
    const waiting: Waiting = {
      connection,
      onEnd,
      cancel: this.#clock.wakeAt(atMs as MonotonicMs, () => {
        this.#end(waiting, "it did not say who it is within the time allowed");
      }),
    };
    this.#waiting.add(waiting);
    return () => this.#remove(waiting);
  }

  /** All of them, untold. */
  close(): void {
    for (const waiting of [...this.#waiting]) {
      this.#remove(waiting);
      waiting.connection.close();
    }
  }

  #remove(waiting: Waiting): void {
    waiting.cancel();
    this.#waiting.delete(waiting);
  }

  #end(waiting: Waiting, reason: string): void {
    this.#remove(waiting);
    waiting.onEnd(reason);
    waiting.connection.close();
  }
}
