/**
 * The order of writes where it is decided: standalone, and at a leader (DESIGN decisions 7, 8). A write is prepared over the
 * overlay as it arrives and encoded straight into the journal's memory. Standalone it is applied and answered when its group
 * is on disk; a leader's role proposes it, and its driver releases it once a quorum has it too. What only waits for the
 * writes before it (sync) stands in the same queue without being logged.
 */
import { highHalf, lowHalf } from "../base/int64.ts";
import { invariant } from "../base/invariant.ts";
import { COUNTER_MAX, counterOf, epochOf, nextZxid, type Zxid, zxidOf } from "../base/zxid.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import type { Session } from "../session/sessions.ts";
import type { Journal, Pending } from "../storage/journal.ts";
import { NO_NODE, type NodeId } from "../tree/tree.ts";
import { Preparer } from "../txn/prepare.ts";
import type { WriteRequest } from "../txn/request.ts";
import type { ClientConnection } from "./connection.ts";
import { Fifo } from "../base/fifo.ts";
import type { Replica } from "./replica.ts";
import type { LeaderRole, RemoteOrigin } from "./role.ts";
import { ServerTxn } from "./server_txn.ts";
import { TXN_SLACK_BYTES, type Writes } from "./writes.ts";

/** Room asked of the journal before a request is decoded; larger ones take a buffer of their own. */
const ROOM_BYTES = 0xfffff + TXN_SLACK_BYTES;
const NO_BYTES = new Uint8Array(0);

/** A learner's sync: nobody here is answered, its link is told. */
export class RemoteSync extends ServerTxn {
  readonly origin: RemoteOrigin;

  constructor(origin: RemoteOrigin, sessionId: bigint, cxid: number, nowMs: number) {
    super(undefined, sessionId, cxid, Op.sync, nowMs);
    this.origin = origin;
    this.isLogged = false;
  }
}

/** At a leader: the journal has its own record of where it put the payload, for the role moves the txn's to its copy. */
class LogEntry implements Pending {
  readonly zxid: Zxid;
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;

  constructor(zxid: Zxid) {
    this.zxid = zxid;
  }
}

export interface SequencerParts {
  readonly journal: Journal<Pending>;
  /** Undefined: standalone. */
  readonly role: LeaderRole | undefined;
  /** So many txns were logged and applied: snapshots are triggered from here. */
  readonly onGroupApplied: (txns: number) => void;
  readonly onFatal: (error: unknown) => void;
}

export class Sequencer implements Writes {
  readonly #replica: Replica;
  readonly #parts: SequencerParts;
  readonly #journal: Journal<Pending>;
  readonly #role: LeaderRole | undefined;
  readonly #preparer: Preparer;
  /** Sequenced and not answered, in order. */
  readonly #queue = new Fifo<ServerTxn>();
  /** Of the last write sequenced. */
  #sequenced: Zxid;
  /** Something was sequenced that the role has not been told to send. */
  #hasNew = false;
  #isEnded = false;

  constructor(replica: Replica, parts: SequencerParts) {
    const { journal, role } = parts, { options, db } = replica;
    this.#replica = replica;
    this.#parts = parts;
    this.#journal = journal;
    this.#role = role;
    this.#sequenced = role === undefined ? db.lastZxid : (role.firstZxid - 1) as Zxid;
    invariant(this.#sequenced >= db.lastZxid, "Zxids go on upwards", { last: db.lastZxid });
    this.#preparer = new Preparer(db, replica.auth, {
      extendedTypes: options.extendedTypes,
      enforceQuota: options.enforceQuota,
      reconfigEnabled: options.reconfigEnabled,
      txnBytesMax: options.juteMaxBufferBytes + options.juteExtraBytes,
    });
    this.#preparer.onQuota = (path, verdict) => replica.log.warn("Quota passed", { path, verdict });
    this.#preparer.refusesGrowth = (bytes) => replica.memory.refuses(bytes, replica.tree);
    journal.onRoom = () => replica.resumeHeld();
    if (role !== undefined) return; // its driver listens to the journal
    journal.onDurable = (entries) => this.#onDurable(entries);
    journal.onFailure = (error) => parts.onFatal(error);
  }

  get outstanding(): number {
    return this.#queue.size;
  }

  /** Of the last write; applied or not. */
  get lastSequenced(): Zxid {
    return this.#sequenced;
  }

  isCongested(own: number): boolean {
    const { juteMaxBufferBytes, globalOutstandingLimit } = this.#replica.options;
    const largest = juteMaxBufferBytes + TXN_SLACK_BYTES;
    return !this.#journal.hasRoom(ROOM_BYTES) ||
      (largest > ROOM_BYTES && !this.#journal.hasRoom(largest)) ||
      (own > 0 && this.outstanding > globalOutstandingLimit) ||
      (this.#role !== undefined && this.#role.isCongested);
  }

  // ------------------------------------------------------------------------------ writes in

  submit(
    connection: ClientConnection,
    xid: number,
    type: number,
    body: Reader,
    arrivedMs: number,
    length: number,
  ): void {
    const session = connection.session as Session, replica = this.#replica;
    if (this.#isFull()) return this.#refuseFull(connection);
    const txn = new ServerTxn(connection, session.id, xid, type, arrivedMs);
    replica.countLarge(txn, length);
    connection.requests.onSubmitted(txn);
    if (type === Op.sync) {
      txn.isLogged = false;
      txn.readSync(body);
    } else this.#prepare(txn, body, length, connection, 0);
    if (type === Op.closeSession && txn.isLogged) replica.sessionService.closing(session);
    this.enqueue(txn);
  }

  submitOwn(type: number, sessionId: bigint, body: Uint8Array): void {
    const replica = this.#replica;
    if (replica.isStopping || this.#isEnded) return;
    if (this.#isFull()) return this.#refuseFull(undefined);
    const txn = new ServerTxn(undefined, sessionId, 0, type, replica.beginTurn());
    const reader = replica.reader.reset(body, 0, body.length);
    this.#prepare(txn, reader, body.length, undefined, 0);
    this.enqueue(txn);
  }

  submitSession(connection: ClientConnection, id: bigint, timeoutMs: number): void {
    if (this.#isFull()) return this.#refuseFull(connection);
    const txn = new ServerTxn(connection, id, 0, Op.createSession, this.#replica.nowMs());
    connection.requests.onSubmitted(txn);
    this.#prepare(txn, this.#replica.reader, 0, undefined, timeoutMs);
    this.enqueue(txn);
  }

  /** A client that sent what cannot be decoded is answered so in its turn, without a txn. */
  #prepare(
    txn: ServerTxn,
    body: Reader,
    length: number,
    connection: ClientConnection | undefined,
    timeoutMs: number,
  ): void {
    const { sessionId, type } = txn;
    const request = {
      sessionId,
      sessionHi: connection?.sessionHi ?? highHalf(sessionId),
      sessionLo: connection?.sessionLo ?? lowHalf(sessionId),
      cxid: txn.xid,
      type,
      identities: connection?.requests.identities ?? [],
      sessionErr: 0,
      body,
      timeoutMs,
    };
    if (this.#sequence(txn, request, length)) return;
    txn.isLogged = false;
    txn.err = Code.marshallingError;
  }

  /** A learner's write: it waits for a txn, whatever becomes of it. @param refusal not 0: the error that it gets */
  submitRemote(request: WriteRequest, length: number, refusal: number): void {
    if (this.#isEnded) return;
    if (this.#isFull()) return this.#refuseFull(undefined);
    const { sessionId, cxid, type } = request;
    const txn = new ServerTxn(undefined, sessionId, cxid, type, this.#replica.nowMs());
    if (refusal !== 0) this.#refuse(txn, request, refusal);
    else if (!this.#sequence(txn, request, length)) {
      this.#refuse(txn, request, Code.marshallingError);
    }
    this.enqueue(txn);
  }

  /** @returns false: the body cannot be decoded, and nothing happened */
  #sequence(txn: ServerTxn, request: WriteRequest, length: number): boolean {
    const w = this.#journal.begin(length + TXN_SLACK_BYTES);
    try {
      const zxid = this.#nextZxid();
      this.#preparer.prepare(request, w, txn, zxid, this.#replica.wallMs);
      this.#sequenced = zxid;
    } catch (error) {
      this.#journal.cancel();
      this.#preparer.releaseAcls(txn);
      if (!(error instanceof JuteError)) throw error;
      return false;
    }
    this.#toJournal(txn);
    return true;
  }

  #refuse(txn: ServerTxn, request: WriteRequest, err: number): void {
    const w = this.#journal.begin(TXN_SLACK_BYTES);
    const zxid = this.#nextZxid();
    this.#preparer.refuse(request, w, txn, zxid, this.#replica.wallMs, err);
    this.#sequenced = zxid;
    this.#toJournal(txn);
  }

  #toJournal(txn: ServerTxn): void {
    const role = this.#role;
    if (role === undefined) return this.#journal.end(txn);
    const entry = new LogEntry(txn.zxid);
    this.#journal.end(entry);
    txn.bytes = entry.bytes;
    txn.start = entry.start;
    txn.end = entry.end;
    role.sequenced(txn);
    this.#hasNew = true;
    this.#replica.stats.proposed(txn.end - txn.start);
  }

  /** Standalone the next epoch begins beyond the last counter of one; no txn ever has counter 0. */
  #nextZxid(): Zxid {
    const last = this.#sequenced;
    return counterOf(last) < COUNTER_MAX ? nextZxid(last) : zxidOf(epochOf(last) + 1, 1);
  }

  /** An epoch belongs to one leader: its last counter is never used, as in Apache (peer-protocol §13). */
  #isFull(): boolean {
    return this.#role !== undefined && counterOf(this.#sequenced) >= COUNTER_MAX - 1;
  }

  #refuseFull(connection: ClientConnection | undefined): void {
    connection?.close("The epoch has no zxid left; the ensemble elects anew");
    this.#role?.counterFull();
  }

  enqueue(txn: ServerTxn): void {
    if (this.#isEnded) return;
    this.#queue.push(txn);
    if (!txn.isLogged && this.outstanding === 1) {
      this.#replica.answers.begin();
      this.#shiftAndComplete();
    }
  }

  flush(): void {
    if (this.#isEnded) return;
    if (this.#hasNew) {
      this.#hasNew = false;
      this.#role?.flush();
    }
    this.#journal.flush();
  }

  end(): void {
    this.#isEnded = true;
    this.#journal.onRoom = () => {};
    if (this.#role === undefined) {
      this.#journal.onDurable = () => {};
      this.#journal.onFailure = () => {};
    }
    // The tree goes on without this replica: what it holds for pending txns it lets go.
    for (const txn of this.#queue) this.#preparer.releaseAcls(txn);
    this.#queue.clear();
  }

  // ------------------------------------------------------------------------------ groups out

  #onDurable(entries: readonly Pending[]): void {
    const last = entries[entries.length - 1];
    if (last !== undefined) this.#completeThrough(last.zxid);
    this.#endGroup(entries.length);
  }

  /** At a leader: committed, and on this server's disk (docs/internals/ensemble.md, rule 1). */
  release(through: Zxid): void {
    if (this.#isEnded) return;
    const { counters } = this.#replica.stats;
    const txns = this.#completeThrough(through);
    counters.commits += txns;
    this.#endGroup(txns);
  }

  #endGroup(txns: number): void {
    this.#replica.flushDirty();
    if (txns > 0) this.#parts.onGroupApplied(txns);
    this.#replica.resumeHeld();
    this.flush();
  }

  /** Answers the queue through this zxid, and what only waited for it. @returns txns applied */
  #completeThrough(through: Zxid): number {
    let txns = 0;
    this.#replica.answers.begin();
    for (;;) {
      const txn = this.#queue.peek();
      if (txn === undefined || (txn.isLogged && txn.zxid > through)) return txns;
      if (txn.isLogged) txns++;
      this.#shiftAndComplete();
    }
  }

  #shiftAndComplete(): void {
    const txn = this.#queue.shift() as ServerTxn;
    const { connection } = txn, replica = this.#replica;
    if (txn.isLogged) {
      const err = replica.answers.apply(
        txn.bytes,
        txn.start,
        txn.end,
        txn.crc,
        hintOf(txn),
        txn.txnType,
        connection,
      );
      if (err !== txn.err && txn.txnType !== Op.multi) {
        const { zxid, err: prepared } = txn;
        invariant(false, "A txn applies as it was prepared", { zxid, prepared, applied: err });
      }
      this.#preparer.applied(txn);
    } else if (txn instanceof RemoteSync) txn.origin.syncReached();
    replica.answered(txn);
    if (connection !== undefined) replica.answers.answer(connection, txn);
  }
}

/** The first state of a setData is its znode's, of a create its parent's; by now both have their id. */
function hintOf({ txnType, changes }: ServerTxn): NodeId {
  const isKnown = txnType === Op.setData || txnType === Op.create || txnType === Op.create2;
  return isKnown ? changes[0]?.id ?? NO_NODE : NO_NODE;
}
