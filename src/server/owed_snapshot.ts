/**
 * A snapshot that came due while another was being written. It is taken when little is written any more, so that a start
 * behind a burst of writes does not replay up to two snapCounts of them.
 */
import type { Prng } from "../base/random.ts";
import type { Clock } from "../runtime.ts";
import { Alarm } from "./alarm.ts";

/** Between two looks, and as much again at random: the servers of an ensemble are not to do it all at once. */
const LOOK_MS = 500;
/** Of snapCount, in a second: at that pace the next one is most of a minute away. */
const QUIET_SHARE = 1 / 100;

export interface OwedSnapshotParts {
  readonly clock: Clock;
  readonly random: Prng;
  readonly snapCount: number;
  /** @returns false: not now */
  readonly take: () => boolean;
}

export class OwedSnapshot {
  readonly #parts: OwedSnapshotParts;
  readonly #alarm: Alarm;
  #isOwed = false;
  #txns = 0;
  #sinceMs = 0;
  #lookAtMs = 0;

  constructor(parts: OwedSnapshotParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.#onLook());
  }

  owe(): void {
    if (this.#isOwed) return;
    this.#isOwed = true;
    this.#look();
  }

  /** One has begun, or the tree it would be of is gone. */
  settle(): void {
    this.#isOwed = false;
  }

  onApplied(txns: number): void {
    this.#txns += txns;
  }

  /** For good. */
  stop(): void {
    this.#isOwed = false;
    this.#alarm.stop();
  }

  #look(): void {
    const { clock, random } = this.#parts;
    this.#txns = 0;
    this.#sinceMs = clock.monotonicMs();
    this.#lookAtMs = this.#sinceMs + LOOK_MS + random.below(LOOK_MS);
    this.#alarm.by(this.#lookAtMs);
  }

  #onLook(): void {
    if (!this.#isOwed) return;
    const { clock, snapCount, take } = this.#parts;
    const nowMs = clock.monotonicMs();
    // Set for one that was settled meanwhile.
    if (nowMs < this.#lookAtMs) return this.#alarm.by(this.#lookAtMs);
    const seconds = (nowMs - this.#sinceMs) / 1000;
    const isQuiet = this.#txns <= snapCount * QUIET_SHARE * seconds;
    if (isQuiet && take()) this.#isOwed = false;
    else this.#look();
  }
}
