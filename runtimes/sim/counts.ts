/** What was injected and what came of it, counted by kind: a campaign's report shows that its faults happened. */
export type FaultKind =
  // injected
  | "partition"
  | "heal"
  | "clog"
  | "slow link"
  | "cut"
  | "reset armed"
  | "refuse"
  | "kill"
  | "crash"
  | "start"
  | "pause"
  | "resume"
  | "wall jump"
  | "clock rate"
  | "slow file"
  | "file failure"
  | "bit rot"
  // what came of it
  | "packet held"
  | "packet lost"
  | "retransmission"
  | "stream timed out"
  | "stream reset"
  | "half-open found"
  | "connect lost"
  | "connect refused"
  | "write lost at crash"
  | "write torn at crash"
  | "name lost at crash";

export class Counts {
  readonly #counts = new Map<FaultKind, number>();

  add(kind: FaultKind, times = 1): void {
    this.#counts.set(kind, this.of(kind) + times);
  }

  of(kind: FaultKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Kinds that happened, in the order of their names. */
  all(): [FaultKind, number][] {
    return [...this.#counts].sort(([a], [b]) => a < b ? -1 : 1);
  }
}
