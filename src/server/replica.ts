/**
 * A standalone replica: tree, sessions, watches, journal, and the order of writes (DESIGN decisions 6 to 8). A write is
 * prepared over the overlay as it arrives, encoded straight into the journal's memory, and applied and answered when its
 * group is on disk. What only waits for the writes before it (sync) stands in the same queue without being logged.
 */
import { invariant } from "../base/invariant.ts";
import type { Log } from "../base/log.ts";
import { COUNTER_MAX, counterOf, epochOf, nextZxid, type Zxid, zxidOf } from "../base/zxid.ts";
import { JuteError, Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import type { Clock } from "../runtime.ts";
import type { AuthSchemes } from "../session/auth/schemes.ts";
import type { ConnectThrottle } from "../session/connect_throttle.ts";
import type { SessionIds } from "../session/ids.ts";
import { negotiateTimeoutMs } from "../session/negotiate.ts";
import { isPasswordOf, passwordOf } from "../session/password.ts";
import { type Session, SessionTable } from "../session/sessions.ts";
import type { Journal } from "../storage/journal.ts";
import type { Tree } from "../tree/tree.ts";
import { Applier } from "../txn/apply.ts";
import type { Database } from "../txn/database.ts";
import { Preparer } from "../txn/prepare.ts";
import { Watches } from "../watch/watches.ts";
import { ClientConnection } from "./connection.ts";
import { DigestLog } from "./digest_log.ts";
import { connectResponse, readConnectRequest } from "./handshake.ts";
import type { ServerOptions } from "./options.ts";
import { OutputPool } from "./output.ts";
import { Replies } from "./replies.ts";
import { ServerTxn } from "./server_txn.ts";
import type { ServerStats } from "./stats.ts";
import type { FourLetterCommands } from "./view.ts";

export interface ReplicaParts {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: Database;
  readonly journal: Journal<ServerTxn>;
  readonly auth: AuthSchemes;
  readonly ids: SessionIds;
  readonly throttle: ConnectThrottle;
  readonly stats: ServerStats;
  /** The next session may expire at another time than the timer was set for. */
  readonly onSessionsChanged: () => void;
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
  isStopping = false;
  /** A connection has no session yet, or lingers: its time is limited. */
  onSessionless: () => void = () => {};
  readonly #parts: ReplicaParts;
  readonly #journal: Journal<ServerTxn>;
  readonly #replies: Replies;
  /** Sequenced and not answered, in order. */
  readonly #queue: ServerTxn[] = [];
  #queueHead = 0;
  #largeBytes = 0;
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
    this.preparer = new Preparer(db, parts.auth, {
      extendedTypes: options.extendedTypes,
      enforceQuota: options.enforceQuota,
      reconfigEnabled: options.reconfigEnabled,
    });
    this.preparer.onQuota = (path, verdict) => this.log.warn("Quota passed", { path, verdict });
    this.#replies = new Replies(db.tree);
    this.applier = new Applier(db, {
      watches: this.watches,
      onSession: (id, timeoutMs) => this.#onSession(id, timeoutMs),
      onPart: (type, err) => this.#replies.part(this.applier, type, err),
      onDigestMismatch: (zxid, expected, actual) => this.#onDigestMismatch(zxid, expected, actual),
    });
    const now = this.nowMs();
    for (const [id, timeoutMs] of db.sessions) this.sessions.track(id, timeoutMs, now);
    this.#journal.onDurable = (txns) => this.#onDurable(txns);
    this.#journal.onRoom = () => this.resumeHeld();
    this.#journal.onFailure = (error) => parts.onFatal(error);
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }

  get outstanding(): number {
    return this.#queue.length - this.#queueHead;
  }

  /** Whether a connection with `own` unanswered writes must wait (client-protocol §10, globalOutstandingLimit). */
  isCongested(own: number): boolean {
    return !this.#journal.hasRoom(ROOM_BYTES) ||
      (own > 0 && this.outstanding > this.options.globalOutstandingLimit);
  }

  admitsLargeRequest(length: number): boolean {
    const { largeRequestThresholdBytes: threshold, largeRequestMaxBytes } = this.options;
    return threshold < 0 || length <= threshold || this.#largeBytes + length <= largeRequestMaxBytes;
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
    connection.onSubmitted(txn);
    if (type === Op.sync) this.#prepareSync(txn, body);
    else this.#prepare(txn, body, length, connection, 0);
    if (type === Op.closeSession && txn.isLogged && this.sessions.markClosing(session)) {
      this.#parts.onSessionsChanged();
    }
    this.#enqueue(txn);
  }

  /** A write of the server's own: expiry (closeSession) or the reaper (deleteContainer). */
  submitOwn(type: number, sessionId: bigint, body: Uint8Array): void {
    if (this.isStopping) return;
    const txn = new ServerTxn(undefined, sessionId, 0, type, this.nowMs());
    this.#prepare(txn, this.reader.reset(body, 0, body.length), body.length, undefined, 0);
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
      cxid: txn.xid,
      type,
      identities: connection?.identities ?? [],
      sessionErr: 0,
      body,
      timeoutMs,
    };
    try {
      const zxid = this.#nextZxid();
      this.preparer.prepare(request, w, txn, zxid, this.clock.wallMs());
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
    this.stats.counters.proposals++;
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
    if (txn.isLogged) {
      if (txn.txnType === Op.multi) this.#replies.beginMulti();
      const err = this.applier.apply(txn.bytes, txn.start, txn.end, txn.crc);
      invariant(txn.txnType === Op.multi || err === txn.err, "A txn applies as it was prepared", {
        zxid: txn.zxid,
        prepared: txn.err,
        applied: err,
      });
      this.preparer.applied(txn);
      this.stats.counters.commits++;
      this.digests.note(this.db.lastZxid, this.tree);
    }
    this.#largeBytes -= txn.largeBytes;
    if (connection === undefined) return;
    if (connection.isOpen) this.#reply(connection, txn);
    connection.onCompleted(txn);
  }

  #reply(connection: ClientConnection, txn: ServerTxn): void {
    const now = this.nowMs();
    const ms = Math.max(0, Math.round(now - txn.arrivedMs));
    if (txn.type === Op.createSession) return this.#establish(connection, txn);
    const { output } = connection;
    output.beginReply();
    if (txn.err === Code.ok) this.#replies.body(txn, this.applier, output);
    output.endReply(txn.xid, this.db.lastZxid, txn.err);
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

  // ------------------------------------------------------------------------------ sessions

  /** The first frame of a connection (client-protocol §2.2). @throws {JuteError} */
  connect(connection: ClientConnection, r: Reader): void {
    const request = readConnectRequest(r);
    this.stats.counters.connectRequests++;
    const kind = request.sessionId === 0n ? "global" : "renew";
    if (!this.#parts.throttle.admits(kind, this.nowMs())) {
      this.stats.counters.connectionsRejected++;
      return connection.close("Too many connects: throttled");
    }
    if (request.lastZxidSeen > this.db.lastZxid) {
      return connection.close("Client has seen a zxid that is ahead of ours; it must try another server", {
        seen: request.lastZxidSeen,
        ours: this.db.lastZxid,
      });
    }
    const timeoutMs = negotiateTimeoutMs(request.timeoutMs, this.options);
    if (request.sessionId === 0n) this.#openSession(connection, timeoutMs, request.hasReadOnly);
    else this.#reattach(connection, request.sessionId, request.password, timeoutMs, request.hasReadOnly);
  }

  #openSession(connection: ClientConnection, timeoutMs: number, hasReadOnly: boolean): void {
    const id = this.#parts.ids.next();
    const session = this.sessions.track(id, timeoutMs, this.nowMs());
    connection.awaitSession(session, hasReadOnly);
    const txn = new ServerTxn(connection, id, 0, Op.createSession, this.nowMs());
    connection.onSubmitted(txn);
    this.#prepare(txn, this.reader, 0, undefined, timeoutMs);
    this.#enqueue(txn);
    this.#parts.onSessionsChanged();
  }

  #establish(connection: ClientConnection, txn: ServerTxn): void {
    const { session } = connection;
    if (session === undefined) return;
    const password = passwordOf(txn.sessionId);
    const { id, timeoutMs } = session;
    connection.establish(
      session,
      connectResponse({ id, timeoutMs, password }, connection.hasReadOnlyByte),
    );
  }

  #reattach(
    connection: ClientConnection,
    id: bigint,
    password: Uint8Array | null,
    timeoutMs: number,
    hasReadOnly: boolean,
  ): void {
    const session = this.sessions.get(id);
    // Whoever holds the session on this server loses it, before the password is looked at, as in Apache.
    const holder = session?.owner;
    if (holder instanceof ClientConnection && holder !== connection) {
      holder.close("Session was taken up by another connection");
    }
    const alive = session !== undefined && isPasswordOf(id, password) &&
      this.sessions.changeTimeout(session, timeoutMs, this.nowMs());
    if (!alive) {
      connection.refuse(connectResponse(undefined, hasReadOnly));
      return;
    }
    this.stats.counters.revalidations++;
    this.#parts.onSessionsChanged();
    connection.establish(
      session,
      connectResponse({ id, timeoutMs, password: passwordOf(id) }, hasReadOnly),
    );
  }

  /** Sessions whose time has come are closed by txns of their own (client-protocol §2.5). */
  expireSessions(): void {
    for (const session of this.sessions.expire(this.nowMs())) {
      this.stats.counters.sessionsExpired++;
      this.log.info("Session expired", { session: hexOfSession(session.id), timeoutMs: session.timeoutMs });
      this.submitOwn(Op.closeSession, session.id, new Uint8Array(0));
    }
    this.flushJournal();
  }

  #onSession(id: bigint, timeoutMs: number | undefined): void {
    if (timeoutMs !== undefined) return;
    const session = this.sessions.remove(id);
    const owner = session?.owner;
    // Closed by its own request: the reply leaves first, then the connection ends.
    const isAsking = (this.#queue[this.#queueHead - 1])?.connection === owner;
    if (owner instanceof ClientConnection && !isAsking) owner.close("Session is gone");
  }

  #onDigestMismatch(zxid: Zxid, expected: bigint, actual: bigint): void {
    this.stats.counters.digestMismatches++;
    this.log.error("Tree digest differs from the txn's: the txn stays applied, please report this", {
      zxid,
      expected,
      actual,
    });
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

export function hexOfSession(id: bigint): string {
  return `0x${BigInt.asUintN(64, id).toString(16)}`;
}
