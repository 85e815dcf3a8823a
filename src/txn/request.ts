/** What the preparing stage is given and what it hands on. */
import type { Zxid } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import type { Identity } from "../protocol/acl.ts";
import type { NodeState } from "./overlay.ts";

export interface WriteRequest {
  readonly sessionId: bigint;
  /** The same in halves, for the txn header: a bigint there would cost as much as the header. */
  readonly sessionHi: number;
  readonly sessionLo: number;
  readonly cxid: number;
  readonly type: number;
  /** The ids that the connection had when the request arrived. */
  readonly identities: readonly Identity[];
  /** Zero, or why the session may not write (SESSIONEXPIRED, UNKNOWNSESSION). */
  readonly sessionErr: number;
  /** At the request record; undefined where there is none (createSession: timeoutMs). */
  readonly body: Reader;
  readonly timeoutMs: number;
}

/** A txn that is encoded and sequenced; the journal and the replies hang on to it until it is applied. */
export interface PreparedTxn {
  zxid: Zxid;
  /** Type in the txn header; `error` when a check failed. */
  txnType: number;
  err: number;
  /** CRC state over path and data, for the applying stage; -1 where there is none. */
  crc: number;
  changes: readonly NodeState[];
  /** ACL ids kept alive until the txn is applied. */
  retainedAcls: readonly number[];
}

/** Shared: most txns keep no ACL list alive, and refused ones change nothing. */
export const NOTHING: readonly never[] = Object.freeze([]);

export function newPreparedTxn(): PreparedTxn {
  return {
    zxid: 0 as Zxid,
    txnType: 0,
    err: 0,
    crc: -1,
    changes: NOTHING,
    retainedAcls: NOTHING,
  };
}
