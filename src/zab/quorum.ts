/** Which sets of voters are a quorum (peer-protocol §4). */
import type { Sid } from "./vote.ts";

export interface Quorum {
  readonly voters: ReadonlySet<Sid>;
  /** 0: votes for nothing and is never elected. */
  weightOf(sid: Sid): number;
  /** Servers that are no voters do not count. */
  has(sids: ReadonlySet<Sid>): boolean;
}

/** In all of them: there are two while a change of members is under way. */
export function haveQuorum(quorums: readonly Quorum[], sids: ReadonlySet<Sid>): boolean {
  for (const quorum of quorums) if (!quorum.has(sids)) return false;
  return true;
}

export class MajorityQuorum implements Quorum {
  readonly voters: ReadonlySet<Sid>;
  /** Voters that are a quorum. */
  readonly size: number;

  constructor(voters: Iterable<Sid>) {
    this.voters = new Set(voters);
    this.size = Math.floor(this.voters.size / 2) + 1;
  }

  weightOf(sid: Sid): number {
    return this.voters.has(sid) ? 1 : 0;
  }

  has(sids: ReadonlySet<Sid>): boolean {
    let count = 0;
    for (const sid of sids) if (this.voters.has(sid)) count++;
    return count >= this.size;
  }
}

/** More than half of the weight in more than half of the groups that have weight. */
export class HierarchicalQuorum implements Quorum {
  readonly voters: ReadonlySet<Sid>;
  readonly #groupOf: ReadonlyMap<Sid, number>;
  readonly #weights: ReadonlyMap<Sid, number>;
  /** Groups with weight, and it. */
  readonly #groupWeights = new Map<number, number>();

  /** @param groupOf every voter is in one group; a missing weight is 1 */
  constructor(
    voters: Iterable<Sid>,
    groupOf: ReadonlyMap<Sid, number>,
    weights: ReadonlyMap<Sid, number>,
  ) {
    this.voters = new Set(voters);
    this.#groupOf = groupOf;
    this.#weights = weights;
    for (const sid of this.voters) {
      const group = groupOf.get(sid), weight = this.weightOf(sid);
      if (group === undefined || weight === 0) continue;
      this.#groupWeights.set(group, (this.#groupWeights.get(group) ?? 0) + weight);
    }
  }

  weightOf(sid: Sid): number {
    return this.voters.has(sid) ? this.#weights.get(sid) ?? 1 : 0;
  }

  has(sids: ReadonlySet<Sid>): boolean {
    const reached = new Map<number, number>();
    for (const sid of sids) {
      const group = this.#groupOf.get(sid);
      if (group === undefined || !this.voters.has(sid)) continue;
      reached.set(group, (reached.get(group) ?? 0) + this.weightOf(sid));
    }
    let groups = 0;
    for (const [group, weight] of reached) {
      if (weight > Math.floor((this.#groupWeights.get(group) ?? Infinity) / 2)) groups++;
    }
    return groups > Math.floor(this.#groupWeights.size / 2);
  }
}
