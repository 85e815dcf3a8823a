/**
 * Txns on their way into the tree, and the answers that they make (client-protocol §3.1, §9): the same for whoever decided
 * them. Watches fire inside `apply`, so a notification goes ahead of any reply that shows the change.
 */
import { utf8DecodeRange } from "../base/host.ts";
import { int64Of } from "../base/int64.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import type { SessionIds } from "../session/ids.ts";
import type { NodeId } from "../tree/tree.ts";
import { Applier } from "../txn/apply.ts";
import type { ClientConnection } from "./connection.ts";
import { DigestLog } from "./digest_log.ts";
import { Replies } from "./replies.ts";
import type { Replica } from "./replica.ts";
import type { ServerTxn } from "./server_txn.ts";
import type { Zxid } from "../base/zxid.ts";

export class Answers {
  readonly digests = new DigestLog();
  readonly #replica: Replica;
  readonly #applier: Applier;
  readonly #replies: Replies;
  /** Whose request is being applied. */
  #asking: ClientConnection | undefined;
  #nowMs = 0;
  /** The result of the last txn. */
  #applied = 0;

  constructor(replica: Replica, ids: SessionIds) {
    const { db } = replica;
    this.#replica = replica;
    this.#replies = new Replies(db.tree);
    this.#applier = new Applier(db, {
      watches: replica.watches,
      onSession: (id, timeoutMs) => {
        if (timeoutMs === undefined) replica.sessionService.closed(id, this.#asking);
        else ids.observe(id);
      },
      onPart: (type, err) => {
        this.#replies.part(this.#applier, type, err);
        replica.audit?.part(err === Code.ok ? pathOf(this.#applier) : undefined);
      },
      onDigestMismatch: (zxid, expected, actual) => this.#onDigestMismatch(zxid, expected, actual),
    });
  }

  /** What is answered from now on is answered at this time. */
  begin(): void {
    this.#nowMs = this.#replica.nowMs();
  }

  /**
   * @param crc, hint as the applier takes them
   * @param txnType as in the txn's header
   * @param asking whose request it was, if there is one
   * @returns result code; of a multi that of its first part that failed
   * @throws {ProtocolError} bytes that are no txn
   */
  apply(
    bytes: Uint8Array,
    start: number,
    end: number,
    crc: number,
    hint: NodeId,
    txnType: number,
    asking: ClientConnection | undefined,
  ): number {
    const { audit, tree } = this.#replica;
    if (txnType === Op.multi) {
      this.#replies.beginMulti();
      audit?.beginMulti();
    }
    if (audit !== undefined && txnType === Op.closeSession) {
      const id = sessionOf(bytes, start);
      audit.sessionEnds(id, tree.ephemeralsOf(id));
    }
    this.#asking = asking;
    const err = this.#applier.apply(bytes, start, end, crc, hint);
    this.#asking = undefined;
    this.#applied = err;
    this.digests.note(this.#replica.db.lastZxid, this.#replica.tree);
    return err;
  }

  /** The reply to a request whose turn it is, then the reads that waited behind it. Directly after `apply`. */
  answer(connection: ClientConnection, txn: ServerTxn): void {
    const { audit } = this.#replica;
    if (audit !== undefined) {
      const isMulti = txn.type === Op.multi && txn.isLogged; // its parts tell, not the txn
      const err = txn.err === Code.ok && isMulti ? this.#applied : txn.err;
      const { identities } = connection.requests;
      audit.answered(connection, txn.type, err, identities, () => pathOf(this.#applier));
    }
    if (connection.isOpen) this.#reply(connection, txn);
    connection.requests.onCompleted(txn);
    connection.afterCompleted();
  }

  #reply(connection: ClientConnection, txn: ServerTxn): void {
    const replica = this.#replica, { stats } = replica, now = this.#nowMs;
    const ms = Math.max(0, Math.round(now - txn.arrivedMs));
    if (txn.type === Op.createSession) return replica.sessionService.established(connection, txn);
    const { output } = connection;
    output.beginReply();
    if (txn.err === Code.ok) this.#replies.body(txn, this.#applier, output);
    const bytes = stats.responseSize(output.endReply(txn.xid, replica.db.lastZxid, txn.err));
    stats.updateDone(ms, 1, bytes);
    stats.packetsSent++;
    connection.stats.sent++;
    connection.stats.replied(txn.type, txn.xid, replica.db.lastZxid, now, ms);
    if (txn.type === Op.closeSession && txn.err === Code.ok) connection.endAfterFlush();
    else replica.markDirty(connection);
  }

  #onDigestMismatch(zxid: Zxid, expected: bigint, actual: bigint): void {
    this.#replica.stats.counters.digestMismatches++;
    this.#replica.log.error(
      "Tree digest differs from the txn's: the txn stays applied, please report this",
      { zxid, expected, actual },
    );
  }
}

/** Of the txn, or the part of a multi, that was applied last. */
function pathOf({ payload, pathStart, pathEnd }: Applier): string {
  return utf8DecodeRange(payload, pathStart, pathEnd);
}

/** A txn's first field. */
function sessionOf(bytes: Uint8Array, start: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, 8);
  return int64Of(view.getInt32(0), view.getInt32(4));
}
