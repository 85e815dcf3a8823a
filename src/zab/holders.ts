/** What a leader and its voting learners have on their disks: a txn that a quorum has is committed, and all before it. */
import type { Zxid } from "../base/zxid.ts";
import { haveQuorum, MajorityQuorum, type Quorum } from "./quorum.ts";
import type { Sid } from "./vote.ts";

/** A voter, and the last zxid that it is known to have; it has everything before it, too. */
export interface Holder {
  readonly sid: Sid;
  acked: Zxid;
}

export class Holders {
  readonly #quorums: readonly Quorum[];
  /** The farthest first, as of the last look. Invariant: one of each sid. */
  readonly #list: Holder[] = [];
  readonly #counted = new Set<Sid>();
  /** So many voters are enough, whoever they are; 0: it depends. */
  readonly #enough: number;

  /** Only voters are to be added. */
  constructor(quorums: readonly Quorum[]) {
    this.#quorums = quorums;
    const [only, another] = quorums;
    this.#enough = another === undefined && only instanceof MajorityQuorum ? only.size : 0;
  }

  add(holder: Holder): void {
    this.#list.push(holder);
  }

  remove(holder: Holder): void {
    const index = this.#list.indexOf(holder);
    if (index >= 0) this.#list.splice(index, 1);
  }

  /** Whether they are enough at all. */
  get areQuorum(): boolean {
    this.#counted.clear();
    for (const { sid } of this.#list) this.#counted.add(sid);
    return haveQuorum(this.#quorums, this.#counted);
  }

  /** @returns the last zxid that a quorum has; `floor` when it is not above that */
  heldByQuorum(floor: Zxid): Zxid {
    const list = this.#list, counted = this.#counted;
    sort(list);
    if (this.#enough > 0) {
      const acked = list[this.#enough - 1]?.acked ?? floor;
      return acked > floor ? acked : floor;
    }
    counted.clear();
    for (const { sid, acked } of list) {
      if (acked <= floor) return floor;
      counted.add(sid);
      if (haveQuorum(this.#quorums, counted)) return acked;
    }
    return floor;
  }
}

/** They are few, and nearly in order: no garbage on the way of every ack. */
function sort(list: Holder[]): void {
  for (let i = 1; i < list.length; i++) {
    const holder = list[i] as Holder;
    let at = i;
    for (; at > 0 && (list[at - 1] as Holder).acked < holder.acked; at--) {
      list[at] = list[at - 1] as Holder;
    }
    list[at] = holder;
  }
}
