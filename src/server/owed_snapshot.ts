/**
 * Snapshots in a lull, so that a start behind a burst of writes does not replay up to two snapCounts of them: one that came
 * due while another was being written, and one that is half due.
 */
import type { Prng } from "../base/random.ts";
import type { Clock } from "../runtime.ts";
import { Alarm } from "./alarm.ts";

/** Between two looks, and at random more: the servers of an ensemble, whose lulls are the same, are not to do it all at once. */
const LOOK_MS = 500;
const SPREAD_MS = { soon: 2000, now: 500 };
/** Of snapCount, in a second: at that pace the next one is most of a minute away. */
const QUIET_SHARE = 1 / 100;
/** The same of one that is half due: who steadily writes more gets its snapshots when they are due, and no more of them. */
const STILL_SHARE = 1 / 10_000;
/** Requests of any kind a second at which a snapshot holds nobody up. */
const IDLE_REQUESTS = 1000;
/** So long one that is due is put off for others' reads. */
const PATIENCE_MS = 60_000;

/** Half due, put off. */
export type Owed = "soon" | "now";

export interface OwedSnapshotParts {
  readonly clock: Clock;
  readonly random: Prng;
  readonly snapCount: number;
  /** Requests so far, of any kind; it may start anew. */
  readonly requests: () => number;
  /** @returns false: not now */
  readonly take: () => boolean;
}

export class OwedSnapshot {
  readonly #parts: OwedSnapshotParts;
  readonly #alarm: Alarm;
  #owed: Owed | undefined;
  #owedMs = 0;
  #txns = 0;
  #requests = 0;
  #sinceMs = 0;
  #lookAtMs = 0;

  constructor(parts: OwedSnapshotParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.#onLook());
  }

  owe(owed: Owed): void {
    if (this.#owed === "now" || this.#owed === owed) return;
    const isNew = this.#owed === undefined;
    this.#owed = owed;
    this.#owedMs = this.#parts.clock.monotonicMs();
    if (isNew) this.#look(owed);
  }

  /** One has begun, or the tree it would be of is gone. */
  settle(): void {
    this.#owed = undefined;
  }

  onApplied(txns: number): void {
    this.#txns += txns;
  }

  /** For good. */
  stop(): void {
    this.#owed = undefined;
    this.#alarm.stop();
  }

  #look(owed: Owed): void {
    const { clock, random, requests } = this.#parts;
    this.#txns = 0;
    this.#requests = requests();
    this.#sinceMs = clock.monotonicMs();
    this.#lookAtMs = this.#sinceMs + LOOK_MS + random.below(SPREAD_MS[owed]);
    this.#alarm.by(this.#lookAtMs);
  }

  #onLook(): void {
    if (this.#owed === undefined) return;
    const nowMs = this.#parts.clock.monotonicMs();
    // Set for one that was settled meanwhile.
    if (nowMs < this.#lookAtMs) return this.#alarm.by(this.#lookAtMs);
    if (this.#isLull(nowMs) && this.#parts.take()) this.#owed = undefined;
    else this.#look(this.#owed);
  }

  #isLull(nowMs: number): boolean {
    const { snapCount, requests } = this.#parts;
    const seconds = (nowMs - this.#sinceMs) / 1000, isDue = this.#owed === "now";
    if (this.#txns > snapCount * (isDue ? QUIET_SHARE : STILL_SHARE) * seconds) return false;
    if (isDue && nowMs - this.#owedMs >= PATIENCE_MS) return true;
    // A count that started anew tells nothing.
    const count = requests() - this.#requests;
    return count >= 0 && count <= IDLE_REQUESTS * seconds;
  }
}
