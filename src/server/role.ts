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
  /** Of the first write sequenced: `zxidOf(epoch, 1)`. */
  readonly firstZxid: Zxid;
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
  /** The largest zxid that has come from the leader, committed or not: no txn up to it answers what is sent from now on. */
  received(): Zxid;
}

export type Role = LeaderRole | LearnerRole;

/** A REQUEST of a learner's; the bytes are needed during the call only. */
export interface RemoteRequest {
  readonly sessionId: bigint;
  readonly cxid: number;
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly identities: readonly Identity[];
}

/** What the driver calls on a leading replica (`replica.leader`); never from within a call of its `LeaderRole`. */
export interface LeaderWrites {
  /**
   * The writes through this zxid are committed and on this server's disk: they are applied and answered, with what stands
   * in the queue directly behind them (syncs). Replies leave, and input that was held goes on.
   */
  release(through: Zxid): void;
  /** Sequenced as of now; each but `sync` becomes one txn, an error txn if need be. */
  submitRemote(origin: RemoteOrigin, request: RemoteRequest): void;
  /** After the requests of one chunk: `LeaderRole.flush`, and they go to the disk. */
  flush(): void;
  /**
   * REVALIDATE. True: the session lives, was touched, and belongs to this link from now on. Undefined: its close is on its way
   * and may yet come to nothing; `RemoteOrigin.sessionClosed` follows when it has taken effect.
   */
  revalidate(origin: RemoteOrigin, sessionId: bigint, timeoutMs: number): boolean | undefined;
  /** A pair of a PING reply's. */
  touch(sessionId: bigint, timeoutMs: number): void;
  /** The link has ended: its sessions belong to whoever writes next. */
  forgetOrigin(origin: RemoteOrigin): void;
}

/** What the driver calls on a following or observing replica (`replica.learner`). */
export interface LearnerWrites {
  /**
   * Ascending, each once, when committed and on this server's disk: goes into the tree, watches fire, whoever waits for it
   * is answered. The bytes are needed during the call only. Replies leave with `endTurn`.
   * @throws {ProtocolError} bytes that are no txn: what the tree holds then is not known
   */
  apply(txn: CommittedTxn): void;
  /** A SYNC came, and everything committed before it is applied. */
  syncReached(): void;
  /** Behind the calls of one turn, or when the role is no longer congested: replies leave, input that was held goes on. */
  endTurn(): void;
  /** The answer to the oldest `sendRevalidate` of this session. */
  revalidated(sessionId: bigint, isValid: boolean): void;
  /** Sessions that gave a sign of life since the last call: for the PING reply. */
  takeTouches(): readonly SessionTouch[];
}

export interface SessionTouch {
  readonly id: bigint;
  readonly timeoutMs: number;
}

/** A learner's link as the leading replica knows it: the owner of sessions, the origin of requests. */
export interface RemoteOrigin {
  /** The session that it asked for is gone: REVALIDATE may be answered. */
  sessionClosed?(sessionId: bigint): void;
  /**
   * A `sync` came from it. SYNC belongs between the COMMIT of this zxid and the next one (at once when that is sent): an Apache
   * learner whose session has a write behind the sync takes that write's COMMIT for another server's if it comes before SYNC,
   * and never answers it (peer-protocol §14, §16). Without this method `syncReached` is called instead.
   */
  syncBehind?(zxid: Zxid): void;
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
