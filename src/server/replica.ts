/**
 * A standalone replica: tree, sessions, watches, journal, and the order of writes (DESIGN decisions 6 to 8). A write is
 * prepared over the overlay as it arrives, encoded straight into the journal's memory, and applied and answered when its
 * group is on disk. What only waits for the writes before it (sync) stands in the same queue without being logged.
 */
import { utf8DecodeRange } from "../base/host.ts";
import { highHalf, lowHalf } from "../base/int64.ts";
import { invariant } from "../base/invariant.ts";
import type { Log } from "../base/log.ts";
import { COUNTER_MAX, counterOf, epochOf, nextZxid, type Zxid, zxidOf } from "../base/zxid.ts";
import { JuteError, Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import type { Clock } from "../runtime.ts";
import type { AuthSchemes } from "../session/auth/schemes.ts";
import { type Session, SessionTable } from "../session/sessions.ts";
import type { Journal } from "../storage/journal.ts";
import type { Tree } from "../tree/tree.ts";
import { Applier } from "../txn/apply.ts";
import type { Database } from "../txn/database.ts";
import { Preparer } from "../txn/prepare.ts";
import { Watches } from "../watch/watches.ts";
import type { Auditor } from "./audit.ts";
import type { ClientConnection } from "./connection.ts";
import { DigestLog } from "./digest_log.ts";
import type { ServerOptions } from "./options.ts";
import { OutputPool } from "./output.ts";
import { Replies } from "./replies.ts";
import { ServerTxn } from "./server_txn.ts";
import { type SessionParts, SessionService } from "./session_service.ts";
import type { ServerStats } from "./stats.ts";
import type { FourLetterCommands } from "./view.ts";

export interface ReplicaParts extends SessionParts {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: Database;
  readonly journal: Journal<ServerTxn>;
  readonly auth: AuthSchemes;
  readonly stats: ServerStats;
  /** Txns and bytes were logged: snapshots are triggered from here. */
  readonly onGroupApplied: (txns: number) => void;
  readonly onFatal: (error: unknown) => void;
}

/** Bytes that a txn may need beyond its request: header, digest, parent's counter, an expanded ACL. */
const TXN_SLACK_BYTES = 4096;
/** Room asked of the journal before a request is decoded; larger ones take a buffer of their own. */
const ROOM_BYTES = 0xfffff + TXN_SLACK_BYTES;

export class Replica {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: Database;
  readonly tree: Tree;
  readonly auth: AuthSchemes;
  readonly stats: ServerStats;
  readonly watches = new Watches();
  readonly sessions: SessionTable;
  readonly sessionService: SessionService;
  readonly pool = new OutputPool();
  readonly preparer: Preparer;
  readonly applier: Applier;
  readonly digests = new DigestLog();
  /** One for all connections: requests are decoded one at a time. */
  readonly reader: Reader;
  readonly connections = new Set<ClientConnection>();
  readonly sessionless = new Set<ClientConnection>();
  /** Ended from our side, waiting for the peer's FIN. */
  readonly lingering = new Set<ClientConnection>();
  /** Whose input waits. */
  readonly held = new Set<ClientConnection>();
  commands: FourLetterCommands | undefined;
  /** Undefined: no audit log. */
  audit: Auditor | undefined;
  isStopping = false;
  /** A connection has no session yet, or lingers: its time is limited. */
  onSessionless: () => void = () => {};
  readonly #parts: ReplicaParts;
  readonly #journal: Journal<ServerTxn>;
  readonly #replies: Replies;
  /** Sequenced and not answered, in order. */
  readonly #queue: ServerTxn[] = [];
  #queueHead = 0;
  #applying: ServerTxn | undefined;
  #largeBytes = 0;
  #wallMs = 0;
  #replyMs = 0;
  readonly #dirty: ClientConnection[] = [];
  /** Of the last write sequenced. */
  #sequenced: Zxid;

  constructor(parts: ReplicaParts) {
    const { options, db } = parts;
    this.#parts = parts;
    this.options = options;
    this.clock = parts.clock;
    this.log = parts.log;
    this.db = db;
    this.tree = db.tree;
    this.auth = parts.auth;
    this.stats = parts.stats;
    this.#journal = parts.journal;
    this.#sequenced = db.lastZxid;
    this.reader = new Reader(options.juteMaxBufferBytes + options.juteExtraBytes);
    this.sessions = new SessionTable(options.tickMs);
    this.sessionService = new SessionService(this, parts);
    this.preparer = new Preparer(db, parts.auth, {
      extendedTypes: options.extendedTypes,
      enforceQuota: options.enforceQuota,
      reconfigEnabled: options.reconfigEnabled,
    });
    this.preparer.onQuota = (path, verdict) => this.log.warn("Quota passed", { path, verdict });
    this.#replies = new Replies(db.tree);
    this.applier = new Applier(db, {
      watches: this.watches,
      onSession: (id, timeoutMs) => {
        if (timeoutMs === undefined) this.sessionService.closed(id, this.#applying?.connection);
      },
      onPart: (type, err) => {
        this.#replies.part(this.applier, type, err);
        this.audit?.part(err === Code.ok ? pathOf(this.applier) : undefined);
      },
      onDigestMismatch: (zxid, expected, actual) => this.#onDigestMismatch(zxid, expected, actual),
    });
    const now = this.nowMs();
    for (const [id, timeoutMs] of db.sessions) this.sessions.track(id, timeoutMs, now);
    this.#journal.onDurable = (txns) => this.#onDurable(txns);
    this.#journal.onRoom = () => this.resumeHeld();
    this.#journal.onFailure = (error) => parts.onFatal(error);
  }

  /** A chunk, a timer: txns prepared in one turn have one time. @returns monotonic ms */
  beginTurn(): number {
    this.#wallMs = this.clock.wallMs();
    return this.nowMs();
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }

  get outstanding(): number {
    return this.#queue.length - this.#queueHead;
  }

  /** Whether a connection with `own` unanswered writes must wait (client-protocol §10, globalOutstandingLimit). */
  isCongested(own: number): boolean {
    const largest = this.options.juteMaxBufferBytes + TXN_SLACK_BYTES;
    return !this.#journal.hasRoom(ROOM_BYTES) ||
      (largest > ROOM_BYTES && !this.#journal.hasRoom(largest)) ||
      (own > 0 && this.outstanding > this.options.globalOutstandingLimit);
  }

  admitsLargeRequest(length: number): boolean {
    const { largeRequestThresholdBytes: threshold, largeRequestMaxBytes } = this.options;
    return threshold < 0 || length <= threshold ||
      this.#largeBytes + length <= largeRequestMaxBytes;
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
    const session = connection.session as Session;
    const txn = new ServerTxn(connection, session.id, xid, type, arrivedMs);
    const threshold = this.options.largeRequestThresholdBytes;
    if (threshold > 0 && length > threshold) txn.largeBytes = length;
    this.#largeBytes += txn.largeBytes;
    connection.requests.onSubmitted(txn);
    if (type === Op.sync) this.#prepareSync(txn, body);
    else this.#prepare(txn, body, length, connection, 0);
    if (type === Op.closeSession && txn.isLogged) this.sessionService.closing(connection);
    this.#enqueue(txn);
  }

  /** A write of the server's own: expiry (closeSession) or the reaper (deleteContainer). */
  submitOwn(type: number, sessionId: bigint, body: Uint8Array): void {
    if (this.isStopping) return;
    const txn = new ServerTxn(undefined, sessionId, 0, type, this.beginTurn());
    this.#prepare(txn, this.reader.reset(body, 0, body.length), body.length, undefined, 0);
    this.#enqueue(txn);
  }

  /** A new session is a txn; its connection is answered when that is applied. */
  submitSession(connection: ClientConnection, id: bigint, timeoutMs: number): void {
    const txn = new ServerTxn(connection, id, 0, Op.createSession, this.nowMs());
    connection.requests.onSubmitted(txn);
    this.#prepare(txn, this.reader, 0, undefined, timeoutMs);
    this.#enqueue(txn);
  }

  #prepareSync(txn: ServerTxn, body: Reader): void {
    txn.isLogged = false;
    try {
      const start = body.pos;
      body.bufferSpan();
      txn.reply = body.bytes.slice(start, body.pos);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      txn.err = Code.marshallingError;
    }
  }

  #prepare(
    txn: ServerTxn,
    body: Reader,
    length: number,
    connection: ClientConnection | undefined,
    timeoutMs: number,
  ): void {
    const w = this.#journal.begin(length + TXN_SLACK_BYTES);
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
    try {
      const zxid = this.#nextZxid();
      this.preparer.prepare(request, w, txn, zxid, this.#wallMs);
      this.#sequenced = zxid;
    } catch (error) {
      this.#journal.cancel();
      this.preparer.releaseAcls(txn);
      if (!(error instanceof JuteError)) throw error;
      txn.isLogged = false;
      txn.err = Code.marshallingError;
      return;
    }
    this.#journal.end(txn);
  }

  /** Beyond the last counter of an epoch the next begins; no txn ever has counter 0. */
  #nextZxid(): Zxid {
    const last = this.#sequenced;
    return counterOf(last) < COUNTER_MAX ? nextZxid(last) : zxidOf(epochOf(last) + 1, 1);
  }

  #enqueue(txn: ServerTxn): void {
    this.#queue.push(txn);
    if (!txn.isLogged && this.outstanding === 1) this.#completeUpTo(undefined);
  }

  /** At the end of a chunk: what it brought is written now, or behind the write under way. */
  flushJournal(): void {
    this.#journal.flush();
  }

  // ------------------------------------------------------------------------------ groups out

  #onDurable(txns: readonly ServerTxn[]): void {
    const last = txns[txns.length - 1];
    if (last !== undefined) this.#completeUpTo(last);
    this.flushDirty();
    this.#parts.onGroupApplied(txns.length);
    this.resumeHeld();
    this.#journal.flush();
  }

  /** Answers the queue through `last`, and what only waited for it. */
  #completeUpTo(last: ServerTxn | undefined): void {
    let isReached = last === undefined;
    this.#replyMs = this.nowMs();
    while (this.#queueHead < this.#queue.length) {
      const txn = this.#queue[this.#queueHead] as ServerTxn;
      if (isReached && txn.isLogged) break;
      this.#queueHead++;
      this.#complete(txn);
      if (txn === last) isReached = true;
    }
    if (this.#queueHead === this.#queue.length) {
      this.#queue.length = 0;
      this.#queueHead = 0;
    } else if (this.#queueHead > 1024) {
      this.#queue.splice(0, this.#queueHead);
      this.#queueHead = 0;
    }
  }

  #complete(txn: ServerTxn): void {
    const { connection } = txn;
    let { err: result } = txn; // a multi's is told by its parts
    if (txn.isLogged) {
      if (txn.txnType === Op.multi) this.#replies.beginMulti();
      if (this.audit !== undefined && txn.txnType === Op.closeSession) {
        this.audit.sessionEnds(txn.sessionId, this.tree.ephemeralsOf(txn.sessionId));
      }
      this.#applying = txn;
      const err = this.applier.apply(txn.bytes, txn.start, txn.end, txn.crc);
      this.#applying = undefined;
      if (txn.txnType === Op.multi) result = err;
      if (err !== txn.err && txn.txnType !== Op.multi) {
        const { zxid, err: prepared } = txn;
        invariant(false, "A txn applies as it was prepared", { zxid, prepared, applied: err });
      }
      this.preparer.applied(txn);
      this.digests.note(this.db.lastZxid, this.tree);
    }
    this.#largeBytes -= txn.largeBytes;
    if (connection === undefined) return;
    const { identities } = connection.requests;
    this.audit?.answered(connection, txn.type, result, identities, () => pathOf(this.applier));
    if (connection.isOpen) this.#reply(connection, txn);
    connection.requests.onCompleted(txn);
    connection.afterCompleted();
  }

  #reply(connection: ClientConnection, txn: ServerTxn): void {
    const now = this.#replyMs;
    const ms = Math.max(0, Math.round(now - txn.arrivedMs));
    if (txn.type === Op.createSession) return this.sessionService.established(connection, txn);
    const { output } = connection;
    output.beginReply();
    if (txn.err === Code.ok) this.#replies.body(txn, this.applier, output);
    this.stats.responseSize(output.endReply(txn.xid, this.db.lastZxid, txn.err));
    this.stats.updateDone(ms);
    this.stats.packetsSent++;
    connection.stats.sent++;
    connection.stats.replied(txn.type, txn.xid, this.db.lastZxid, now, ms);
    if (txn.type === Op.closeSession && txn.err === Code.ok) connection.endAfterFlush();
    else this.markDirty(connection);
  }

  markDirty(connection: ClientConnection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.#dirty.push(connection);
  }

  /** Connections that got replies or notifications in this turn send them. */
  flushDirty(): void {
    for (const connection of this.#dirty) connection.flush();
    this.#dirty.length = 0;
  }

  resumeHeld(): void {
    for (const connection of [...this.held]) connection.tryResume();
  }

  #onDigestMismatch(zxid: Zxid, expected: bigint, actual: bigint): void {
    this.stats.counters.digestMismatches++;
    this.log.error(
      "Tree digest differs from the txn's: the txn stays applied, please report this",
      {
        zxid,
        expected,
        actual,
      },
    );
  }

  // ------------------------------------------------------------------------------ connections

  onConnectionGone(connection: ClientConnection): void {
    this.connections.delete(connection);
    this.sessionless.delete(connection);
    this.lingering.delete(connection);
    this.held.delete(connection);
    this.watches.drop(connection);
  }

  onConnectionBug(error: unknown): void {
    this.stats.counters.unrecoverableErrors++;
    this.#parts.onFatal(error);
  }
}

/** Of the txn, or the part of a multi, that was applied last. */
function pathOf({ payload, pathStart, pathEnd }: Applier): string {
  return utf8DecodeRange(payload, pathStart, pathEnd);
}
