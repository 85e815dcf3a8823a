/**
 * How the leader brings a learner up to date (peer-protocol §11): DIFF, TRUNC or SNAP, from what the learner has logged and
 * what the leader has in memory and in its log. Pure: the driver reads history and files and asks here.
 */
import { counterOf, epochOf, type Zxid, ZXID_NONE } from "../base/zxid.ts";

export interface SyncQuestion {
  /** Of ACKEPOCH. */
  readonly peerLast: Zxid;
  /** Last committed and applied here. */
  readonly last: Zxid;
  /**
   * Of the committed txns in memory; undefined: there are none. `min` may also be the txn in front of them, when the walk
   * is told of it first.
   */
  readonly memory: { readonly min: Zxid; readonly max: Zxid } | undefined;
  readonly forceSnapshot: boolean;
  /** snapshotSizeFactor allows reading the log. */
  readonly mayReadLog: boolean;
}

export type SyncChoice =
  | { readonly kind: "snap" }
  /** Nothing is missing. */
  | { readonly kind: "diff"; readonly zxid: Zxid }
  | { readonly kind: "trunc"; readonly zxid: Zxid }
  /** Walk the txns in memory with a {@link SyncWalk}. */
  | { readonly kind: "walkMemory" }
  /** Walk the log up to memory, then memory. */
  | { readonly kind: "walkLog" };

/** Committed txns follow it, each as PROPOSAL and COMMIT. */
export type SyncOp = { readonly kind: "diff" } | { readonly kind: "trunc"; readonly zxid: Zxid };

/** Rows 1 to 6, in their order. */
export function chooseSync(question: SyncQuestion): SyncChoice {
  const { peerLast, last, memory } = question;
  const min = memory?.min ?? last, max = memory?.max ?? last;
  if (question.forceSnapshot || peerLast === ZXID_NONE) return { kind: "snap" };
  if (peerLast === last) return { kind: "diff", zxid: peerLast };
  if (peerLast > max && !isEpochStart(peerLast)) return { kind: "trunc", zxid: max };
  if (min <= peerLast && peerLast <= max) return { kind: "walkMemory" };
  if (peerLast < min && question.mayReadLog) return { kind: "walkLog" };
  return { kind: "snap" };
}

/** A zxid that no txn has: the learner holds a whole history as a leader of that epoch found it. */
function isEpochStart(zxid: Zxid): boolean {
  return counterOf(zxid) === 0;
}

/**
 * Goes over committed txns in order; before the first that is sent, `op` says how the sync begins. Txns that were given
 * before (log and memory overlap) are skipped. Give the log until it reaches the first one in memory: a gap inside an epoch
 * is noticed here, one between two epochs is not.
 */
export class SyncWalk {
  readonly #peerLast: Zxid;
  #before: Zxid | undefined;
  #sent: Zxid | undefined;
  #op: SyncOp | undefined;

  /** @param before the txn in front of the first that will be given, when it is known */
  constructor(peerLast: Zxid, before?: Zxid) {
    this.#peerLast = peerLast;
    if (before !== undefined) this.take(before);
  }

  /** Undefined: not decided yet. */
  get op(): SyncOp | undefined {
    return this.#op;
  }

  /** @returns what to do with this txn; `snap`: it cannot be done from here, and what was queued is void */
  take(zxid: Zxid): "skip" | "send" | "snap" {
    if (this.#op !== undefined) return this.#send(zxid);
    if (zxid < this.#peerLast) {
      this.#before = zxid;
      return "skip";
    }
    if (zxid === this.#peerLast) {
      this.#op = { kind: "diff" };
      this.#sent = zxid;
      return "skip";
    }
    // What lies between the learner's last and this one is not here.
    if (this.#before === undefined) return "snap";
    if (isEpochStart(this.#peerLast)) this.#op = { kind: "diff" };
    else if (epochOf(zxid) !== epochOf(this.#peerLast)) return "snap";
    // The learner has a tail that we do not know.
    else this.#op = { kind: "trunc", zxid: this.#before };
    this.#sent = this.#before;
    return this.#send(zxid);
  }

  #send(zxid: Zxid): "skip" | "send" | "snap" {
    const sent = this.#sent as Zxid;
    if (zxid <= sent) return "skip";
    if (zxid !== sent + 1 && epochOf(zxid) === epochOf(sent)) return "snap"; // a gap: it would refuse
    this.#sent = zxid;
    return "send";
  }

  /** No more txns. @returns how the sync begins; undefined: only a snapshot helps */
  end(): SyncOp | undefined {
    const isKnown = this.#before !== undefined && isEpochStart(this.#peerLast);
    if (this.#op === undefined && isKnown) this.#op = { kind: "diff" };
    return this.#op;
  }
}
