/**
 * How a replica's writes get decided (DESIGN decision 7). A role's driver (server/ensemble) implements one of these and gives it
 * to the replica it makes; a replica without a role is standalone. The replica calls it in the turn of a client's chunk;
 * what the driver calls on the replica is in `LeaderWrites` and `LearnerWrites`.
 */
import type { Zxid } from "../base/zxid.ts";
import type { Identity } from "../protocol/acl.ts";
import type { ServerTxn } from "./server_txn.ts";

/** Of a leading replica: it sequences writes, and applies them once the driver releases them. */
export interface LeaderRole {
  readonly kind: "leader";
  /**
   * The txn is encoded (`bytes[start, end)` in the journal's memory) and handed to the journal. Keeps a copy of the payload until it is
   * applied and longer, and points `txn.bytes, start, end` at it.
   */
  sequenced(txn: ServerTxn): void;
  /** End of a turn: what was sequenced in it leaves for the learners. */
  flush(): void;
  /** Too much is proposed and not applied: clients' input waits until `LeaderWrites.release`. */
  readonly isCongested: boolean;
  /** The counter of the epoch is used up: the write is refused by ending the role (spec §13). */
  counterFull(): void;
}

/** Of a following or observing replica: writes are forwarded, and answered when the leader's txn comes back. */
export interface LearnerRole {
  readonly kind: "learner";
  readonly isObserver: boolean;
  /** REQUEST: the record's bytes as the client sent them; sent with the turn at the latest. */
  sendRequest(request: {
    readonly sessionId: bigint;
    readonly cxid: number;
    readonly type: number;
    readonly bytes: Uint8Array;
    readonly start: number;
    readonly end: number;
    readonly identities: readonly Identity[];
  }): void;
  sendRevalidate(sessionId: bigint, timeoutMs: number): void;
  flush(): void;
  readonly isCongested: boolean;
}

export type Role = LeaderRole | LearnerRole;

/** A learner's link as the leading replica knows it: the owner of sessions, the origin of requests. */
export interface RemoteOrigin {
  /** Its n-th `sync` was reached in the order of writes: SYNC may leave, behind every COMMIT so far. */
  syncReached(): void;
}

/** A committed txn on its way into the tree. */
export interface CommittedTxn {
  readonly zxid: Zxid;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}
