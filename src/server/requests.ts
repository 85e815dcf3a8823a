/**
 * The requests of one connection, once it has a session, and their answers in order (client-protocol §3, §9): a read runs
 * at once unless a write of this connection is before it, then it waits behind that write.
 */
import { invariant } from "../base/invariant.ts";
import { DEFERRED_BYTES_MAX, DEFERRED_READS_MAX, OUTPUT_NOTIFY_BYTES_MAX } from "../base/limits.ts";
import type { Zxid } from "../base/zxid.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { type Identity, Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { Op, Xid } from "../protocol/ops.ts";
import { type EventType, STATE_SYNC_CONNECTED } from "../protocol/watch_types.ts";
import type { Watcher } from "../watch/watches.ts";
import type { ClientConnection } from "./connection.ts";
import { DeferredFrames, type DeferredReader } from "./deferred.ts";
import { Identities } from "./identities.ts";
import { MARSHALLING_ERROR_WITH_BODY, type ReadCaller, UNKNOWN_OPERATION } from "./read_types.ts";
import { read } from "./reads.ts";
import type { Replica } from "./replica.ts";
import type { ServerTxn } from "./server_txn.ts";

const REQUEST_HEADER_BYTES = 8;

export class Requests implements DeferredReader, ReadCaller {
  readonly #connection: ClientConnection;
  readonly #replica: Replica;
  readonly #deferred = new DeferredFrames();
  readonly #ids: Identities;
  /** Writes and the like that were sequenced and not answered. */
  #sequenced = 0;
  #tail: ServerTxn | undefined;
  #identities: readonly Identity[];
  // Reads answered since the turn began, counted together.
  #reads = 0;
  #readBytes = 0;
  #lastOp = 0;
  #lastXid = 0;
  #turnStartMs = 0;
  /** A request came: auth packets, parts of frames and our own writing are no sign of life (client-protocol §2.5). */
  #isAlive = false;

  constructor(connection: ClientConnection, replica: Replica) {
    this.#connection = connection;
    this.#replica = replica;
    this.#ids = new Identities(connection.remote.host);
    this.#identities = this.#ids.current;
  }

  get watcher(): Watcher {
    return this.#connection;
  }
  get sessionId(): bigint {
    return this.#connection.sessionId;
  }
  /** Of the request under way: those the connection had when it arrived. */
  get identities(): readonly Identity[] {
    return this.#identities;
  }
  get outstanding(): number {
    return this.#sequenced + this.#deferred.count;
  }
  get mustWait(): boolean {
    return this.#deferred.count >= DEFERRED_READS_MAX ||
      this.#deferred.bytes > DEFERRED_BYTES_MAX ||
      this.#replica.writes.isCongested(this.#sequenced);
  }

  beginTurn(nowMs: number): void {
    this.#turnStartMs = nowMs;
  }

  endTurn(): void {
    const { session } = this.#connection;
    if (this.#reads > 0) this.#countReads();
    if (!this.#isAlive || session === undefined) return;
    this.#isAlive = false;
    this.#replica.sessionService.touch(session, this.#turnStartMs);
  }

  #countReads(): void {
    const nowMs = this.#replica.nowMs();
    const ms = Math.max(0, Math.round(nowMs - this.#turnStartMs)), count = this.#reads;
    this.#replica.stats.readDone(ms, count, this.#readBytes);
    this.#reads = 0;
    this.#readBytes = 0;
    this.#replica.stats.sent(count);
    const { stats } = this.#connection;
    stats.sent += count;
    stats.replied(this.#lastOp, this.#lastXid, this.#replica.db.lastZxid, nowMs, ms, count);
  }

  onFrame(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start, connection = this.#connection;
    if (length < REQUEST_HEADER_BYTES) {
      return connection.close("Frame without a header", { length });
    }
    this.#replica.stats.packetsReceived++;
    connection.stats.received++;
    const r = this.#replica.reader.reset(bytes, start, end);
    const xid = r.int32(), type = r.int32();
    if (type === Op.ping) this.#replica.stats.pingsReceived++;
    if (type === Op.auth) return this.#onAuth(xid, r);
    if (type === Op.sasl) return this.#onSasl(xid, r);
    this.#isAlive = true;
    // Behind a close of its session nothing is answered (client-protocol §2.5).
    if (connection.session === undefined || connection.session.closing) {
      this.#replica.stats.counters.staleRequests++;
      return;
    }
    if (isSequenced(type)) {
      this.#replica.audit?.asked(connection, type, r);
      this.#replica.writes.submit(connection, xid, type, r, this.#turnStartMs, length);
    } else if (this.#sequenced > 0) {
      this.#deferred.push(bytes, start, end, this.#ids.version);
      invariant(this.#tail !== undefined, "What is outstanding has a tail");
      this.#tail.readsBehind++;
    } else this.#read(xid, type, r);
  }

  #read(xid: number, type: number, r: Reader): void {
    const { output } = this.#connection;
    output.beginReply();
    let err: number;
    try {
      err = read(type, this.#replica, this, r, output);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      err = Code.marshallingError;
    }
    if (err === UNKNOWN_OPERATION) {
      output.dropBody();
      output.endReply(xid, -1, Code.unimplemented);
      return this.#connection.endAfterFlush();
    }
    if (err === MARSHALLING_ERROR_WITH_BODY) err = Code.marshallingError;
    else if (err !== Code.ok) output.dropBody();
    const xidOut = type === Op.ping ? Xid.ping : xid;
    const bytes = output.endReply(xidOut, this.#replica.db.lastZxid, err);
    this.#readBytes += this.#replica.stats.responseSize(bytes);
    this.#reads++;
    this.#lastOp = type;
    this.#lastXid = xid;
  }

  /**
   * Answered at receipt, ahead of what waits; requests read later have the new ids (§2.9). Clients send xid -4; the Go
   * client does not, and Apache echoes whatever came.
   */
  #onAuth(xid: number, r: Reader): void {
    const connection = this.#connection;
    let scheme: string | null, auth: Uint8Array | null;
    try {
      r.int32();
      scheme = r.ustring();
      auth = r.buffer();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      return connection.close("Unreadable auth packet");
    }
    const outcome = this.#replica.auth.authenticate(scheme, auth);
    const ok = outcome.ok && this.#ids.add(outcome.identities, this.#deferred.count > 0);
    if (!ok) {
      this.#replica.stats.authFailures++;
      if (!outcome.ok && !outcome.reply) return connection.close("Authentication failed");
    }
    this.#identities = this.#ids.current;
    connection.output.beginReply();
    connection.output.endReply(xid, 0, ok ? Code.ok : Code.authFailed);
    if (!ok) connection.endAfterFlush();
  }

  /**
   * Without SASL a token is answered by none, which clients take for a refusal, and the connection goes on; what has no
   * token ends it (§2.9, measured on 3.8.0 and 3.9.5).
   */
  #onSasl(xid: number, r: Reader): void {
    const { output } = this.#connection;
    let token: Uint8Array | null = null;
    try {
      token = r.buffer();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
    }
    if (token === null) return this.#connection.close("SASL request without a token");
    output.beginReply();
    output.int32(-1);
    output.endReply(xid, 0, Code.ok);
  }

  // ------------------------------------------------------------------------------ writes under way

  /** Keeps its place in the order of this connection's answers. */
  onSubmitted(txn: ServerTxn): void {
    this.#sequenced++;
    this.#tail = txn;
  }

  readDeferred(bytes: Uint8Array, start: number, end: number, version: number): void {
    const r = this.#replica.reader.reset(bytes, start, end);
    this.#identities = this.#ids.at(version);
    const xid = r.int32(), type = r.int32();
    this.#read(xid, type, r);
  }

  /** The txn was answered: the reads that waited for it run now, before the next write is applied. */
  onCompleted(txn: ServerTxn): void {
    const connection = this.#connection;
    this.#sequenced--;
    if (this.#tail === txn) this.#tail = undefined;
    if (!connection.isOpen) return;
    this.#turnStartMs = txn.arrivedMs;
    for (let i = txn.readsBehind; i > 0 && connection.isOpen; i--) {
      this.#deferred.shift(this);
      connection.closeIfOwedTooMuch();
    }
    this.#identities = this.#ids.current;
    if (this.#reads > 0) this.#countReads();
  }

  // ------------------------------------------------------------------------------ notifications

  /** A watch fired. Filtered by READ for the ids that the connection has now (client-protocol §6.5). */
  deliver(type: EventType, path: string, zxid: Zxid, aclId: number): void {
    if (!this.#replica.tree.acls.allows(aclId, Perm.read, this.#ids.current)) return;
    const { output } = this.#connection;
    if (output.isClogged && output.pendingBytes > OUTPUT_NOTIFY_BYTES_MAX) {
      return this.#connection.close("Client does not read its notifications", {
        pending: output.pendingBytes,
      });
    }
    output.beginReply();
    writeEvent(output, type, path);
    this.#countEvent(output.endReply(Xid.notification, zxid, Code.ok));
    this.#replica.markDirty(this.#connection);
  }

  notify(type: number, path: string, zxid: Zxid): void {
    const w = new Writer(64);
    w.int32(0);
    w.int32(Xid.notification);
    w.int64Number(zxid);
    w.int32(Code.ok);
    writeEvent(w, type, path);
    w.patchInt32(0, w.pos - 4);
    this.#countEvent(w.pos - 4);
    this.#connection.output.insertAhead(w.written());
  }

  #countEvent(bytes: number): void {
    this.#replica.stats.counters.watchBytes += bytes;
    this.#replica.stats.sent();
    this.#connection.stats.sent++;
  }
}

function writeEvent(w: Writer, type: number, path: string): void {
  w.int32(type);
  w.int32(STATE_SYNC_CONNECTED);
  w.ustring(path);
}

/** Writes, and sync, which waits for the writes before it. */
function isSequenced(type: number): boolean {
  switch (type) {
    case Op.create:
    case Op.create2:
    case Op.createContainer:
    case Op.createTtl:
    case Op.delete:
    case Op.setData:
    case Op.setAcl:
    case Op.multi:
    case Op.closeSession:
    case Op.reconfig:
    case Op.sync:
      return true;
    default:
      return false;
  }
}
