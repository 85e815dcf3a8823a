/** What the preparing stage is given and what it hands on. */
import type { Zxid } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import type { Identity } from "../protocol/acl.ts";
import type { NodeState } from "./overlay.ts";

export interface WriteRequest {
  readonly sessionId: bigint;
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
  changes: NodeState[];
  /** ACL ids kept alive until the txn is applied. */
  retainedAcls: number[];
}

export function newPreparedTxn(): PreparedTxn {
  return { zxid: 0 as Zxid, txnType: 0, err: 0, crc: -1, changes: [], retainedAcls: [] };
}
