/**
 * One client's connection: from bytes to requests and back (client-protocol §1, §2, §9).
 *
 * States: new (no session; the first frame is a ConnectRequest, or four letters) -> connecting (the session is being
 * logged; input waits) -> open -> closed. Replies leave in the order of requests: reads run at once unless a write of this
 * connection is before them, then they wait behind it. Whatever fills up (output, journal, waiting reads) stops the input.
 */
import { messageOf } from "../base/errors.ts";
import {
  DEFERRED_READS_MAX,
  OUTPUT_HARD_BYTES_MAX,
  OUTPUT_PENDING_BYTES_MAX,
} from "../base/limits.ts";
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import { JuteError, Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { type Identity, Perm } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import { Op, Xid } from "../protocol/ops.ts";
import { type EventType, STATE_SYNC_CONNECTED } from "../protocol/watch_types.ts";
import type { Address, Connection, RuntimeError } from "../runtime.ts";
import type { Session } from "../session/sessions.ts";
import type { Watcher } from "../watch/watches.ts";
import { DeferredFrames } from "./deferred.ts";
import { FrameInput, type FrameSink } from "./frame_input.ts";
import { Identities } from "./identities.ts";
import { Output } from "./output.ts";
import { read, type ReadCaller, UNKNOWN_OPERATION } from "./reads.ts";
import type { Replica } from "./replica.ts";
import type { ServerTxn } from "./server_txn.ts";
import { ConnectionStats } from "./stats.ts";

const REQUEST_HEADER_BYTES = 8;

export class ClientConnection implements FrameSink, Watcher, ReadCaller {
  readonly watcherId: number;
  readonly stats = new ConnectionStats();
  readonly establishedMs: number;
  /** When the sessionless check closes it; moved on when it ends and lingers. */
  sessionlessDeadlineMs: number;
  readonly output: Output;
  readonly #net: Connection;
  readonly #replica: Replica;
  readonly #input: FrameInput;
  readonly #reader: Reader;
  readonly #deferred = new DeferredFrames();
  readonly #ids: Identities;
  #state: "new" | "connecting" | "open" | "closed" = "new";
  #isPaused = false;
  #peerEnded = false;
  #isStopped = false;
  session: Session | undefined;
  /** Writes and the like that were sequenced and not answered. */
  #outstanding = 0;
  #tail: ServerTxn | undefined;
  /** A word that wants more bytes (stmk) came. */
  #word: string | undefined;
  hasReadOnlyByte = true;
  isDirty = false;
  #identities: readonly Identity[];
  #chunkReads = 0;
  #chunkLastOp = 0;
  #chunkLastXid = 0;
  #chunkStartMs = 0;
  readonly #onGone: () => void;

  /** @param onGone the socket is gone */
  constructor(net: Connection, replica: Replica, watcherId: number, onGone: () => void) {
    this.#net = net;
    this.#onGone = onGone;
    this.#replica = replica;
    this.watcherId = watcherId;
    this.establishedMs = replica.clock.wallMs();
    this.sessionlessDeadlineMs = replica.nowMs() + replica.options.sessionlessTimeoutMs;
    this.output = new Output(net, replica.pool);
    this.#reader = replica.reader;
    this.#input = new FrameInput(this);
    this.#ids = new Identities(net.remote.host);
    this.#identities = this.#ids.current;
    net.onData((chunk) => this.#onData(chunk));
    net.onEnd(() => this.#onEnd());
    net.onDrain(() => this.#onDrain());
    net.onClose((error) => this.#onClose(error));
  }

  // ------------------------------------------------------------------------------ what others see

  get remote(): Address {
    return this.#net.remote;
  }
  get watcher(): Watcher {
    return this;
  }
  get sessionId(): bigint {
    return this.session?.id ?? 0n;
  }
  /** Of the request under way: those it had when the request arrived. */
  get identities(): readonly Identity[] {
    return this.#identities;
  }
  get outstanding(): number {
    return this.#outstanding + this.#deferred.count;
  }
  get isOpen(): boolean {
    return this.#state !== "closed";
  }
  get interestOps(): number {
    return (this.#isPaused ? 0 : 1) | (this.output.isClogged ? 4 : 0);
  }

  // ------------------------------------------------------------------------------ the door's events

  #onData(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#replica.stats.counters.bytesReceived += chunk.length;
    this.#chunkStartMs = this.#replica.nowMs();
    this.#guard(() => this.#input.feed(chunk));
    this.#endTurn();
  }

  /** A failure of one connection's request must not reach the others: it is a bug of ours, and this client's loss. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.close("Request failed", { error: messageOf(error) });
      this.#replica.onConnectionBug(error);
    }
  }

  /** Whatever the chunk brought is on its way: into the journal, out of the door. */
  #endTurn(): void {
    if (this.#state === "closed") return;
    const replica = this.#replica;
    if (this.#chunkReads > 0) this.#countReads(replica.nowMs());
    replica.flushJournal();
    this.flush();
    replica.flushDirty();
    if (this.session !== undefined) replica.sessions.touch(this.session, this.#chunkStartMs);
  }

  #countReads(nowMs: number): void {
    const ms = Math.max(0, Math.round(nowMs - this.#chunkStartMs)), count = this.#chunkReads;
    this.#chunkReads = 0;
    this.#replica.stats.readDone(ms, count);
    this.#replica.stats.sent(count);
    this.stats.sent += count;
    const zxid = this.#replica.db.lastZxid;
    this.stats.replied(this.#chunkLastOp, this.#chunkLastXid, zxid, nowMs, ms, count);
  }

  flush(): void {
    this.isDirty = false;
    if (this.output.isEmpty || this.#state === "closed") return;
    this.output.flush();
    if (this.output.isClogged) {
      this.#pause();
      if (this.output.pendingBytes > OUTPUT_HARD_BYTES_MAX) {
        this.close("Client does not read its replies", { pending: this.output.pendingBytes });
      }
    }
  }

  #onDrain(): void {
    this.output.isClogged = false;
    this.tryResume();
  }

  /** Goes on with input that was held back, if nothing stands against it any more. */
  tryResume(): void {
    if (this.#state === "closed" || !this.#isPaused || this.isBlocked || this.output.isClogged) return;
    this.#chunkStartMs = this.#replica.nowMs();
    let done = false;
    this.#guard(() => {
      done = this.#input.resume();
    });
    this.#endTurn();
    if (!done || this.output.isClogged || !this.isOpen) return;
    this.#isPaused = false;
    this.#replica.held.delete(this);
    this.#net.resume();
    if (this.#peerEnded) this.#endIfIdle();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#replica.stats.counters.throttleWaits++;
    this.#net.pause();
  }

  #onEnd(): void {
    this.#peerEnded = true;
    this.#endIfIdle();
  }

  /** The peer will send nothing more: what it asked for is still answered, then we end too. */
  #endIfIdle(): void {
    if (this.#state === "closed" || this.outstanding > 0 || this.#replica.held.has(this)) return;
    this.endAfterFlush();
  }

  #onClose(error: RuntimeError | undefined): void {
    if (error !== undefined) {
      this.#replica.log.debug("Connection lost", { peer: this.#peer(), error: error.message });
    }
    this.#forget();
    this.#onGone();
  }

  /** Closes at once, for a reason that goes to the log. */
  close(reason: string, facts: Record<string, string | number> = {}): void {
    if (this.#state === "closed") return;
    this.#replica.log.info("Closing connection", { reason, peer: this.#peer(), ...facts });
    this.#replica.stats.counters.connectionsDropped++;
    this.#forget();
    this.#net.close();
  }

  /** Sends what is written, then FIN; nothing more is read. The sessionless check ends what lingers. */
  endAfterFlush(): void {
    if (this.#state === "closed") return;
    this.#isStopped = true;
    this.output.flush();
    const replica = this.#replica;
    this.#forget();
    this.sessionlessDeadlineMs = replica.nowMs() + replica.options.sessionlessTimeoutMs;
    replica.lingering.add(this);
    replica.onSessionless();
    this.#net.end();
  }

  /** The server stops: what was read is answered, nothing more is taken. */
  stopReading(): void {
    this.#isStopped = true;
    this.#net.pause();
  }

  /** For one that lingers: the time for the peer's FIN is over. */
  destroy(): void {
    this.#forget();
    this.#net.close();
  }

  #forget(): void {
    this.#state = "closed";
    this.#isStopped = true;
    this.#replica.onConnectionGone(this);
    if (this.session?.owner === this) this.session.owner = undefined;
  }

  #peer(): string {
    const { host, port } = this.#net.remote;
    return `${host}:${port}`;
  }

  // ------------------------------------------------------------------------------ frames in

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get isBlocked(): boolean {
    return this.#state === "connecting" ||
      this.#deferred.count >= DEFERRED_READS_MAX ||
      this.#replica.isCongested(this.#outstanding) ||
      (this.output.isClogged && this.output.pendingBytes > OUTPUT_PENDING_BYTES_MAX);
  }

  onHeld(): void {
    this.#replica.held.add(this);
    this.#pause();
  }

  acceptLength(length: number): number {
    const { juteMaxBufferBytes } = this.#replica.options;
    if (length >= 0 && length <= juteMaxBufferBytes) {
      if (this.#replica.admitsLargeRequest(length)) return length;
      this.#replica.stats.counters.largeRequestsRejected++;
      this.close("Rejecting large request", { length });
      return -1;
    }
    if (this.#state === "new") {
      const wanted = this.#acceptWord(length);
      if (wanted !== undefined) return wanted;
    }
    this.close("Length out of range", { length, max: juteMaxBufferBytes });
    return -1;
  }

  /** Four letters where a length is expected: only before a session (client-protocol §1.3). */
  #acceptWord(length: number): number | undefined {
    const word = String.fromCharCode(
      (length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff,
    );
    const extra = this.#replica.commands?.extraBytes(word);
    if (extra === undefined) return undefined;
    this.#replica.stats.received();
    this.stats.received++;
    if (extra > 0) {
      this.#word = word;
      return extra;
    }
    this.#answerWord(word, undefined);
    return -1;
  }

  #answerWord(word: string, extra: Uint8Array | undefined): void {
    this.#isStopped = true;
    const answer = this.#replica.commands?.answer(word, extra);
    const send = (text: string): void => {
      if (!this.isOpen) return;
      const w = new Writer();
      w.ustring(text);
      this.output.rawFrame(w.written().subarray(4));
      this.endAfterFlush();
    };
    if (answer === undefined || typeof answer === "string") return send(answer ?? "");
    answer.then(send, (error: unknown) => this.close("Command failed", { error: messageOf(error) }));
  }

  onFrame(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === "open") return this.#onRequest(bytes, start, end);
    if (this.#word !== undefined) return this.#answerWord(this.#word, bytes.slice(start, end));
    invariant(this.#state === "new", "Frames come before and after the handshake only");
    this.#replica.stats.received();
    this.stats.received++;
    try {
      this.#replica.connect(this, this.#reader.reset(bytes, start, end));
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.close("Unreadable connect request", { bytes: end - start });
    }
  }

  #onRequest(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length < REQUEST_HEADER_BYTES) return this.close("Frame without a header", { length });
    this.#replica.stats.packetsReceived++;
    this.stats.received++;
    const r = this.#reader.reset(bytes, start, end);
    const xid = r.int32(), type = r.int32();
    if (type === Op.auth) return this.#onAuth(r);
    // Without SASL configured Apache closes at once (measured on 3.8.0 and 3.9.5; client-protocol §2.9 says otherwise).
    if (type === Op.sasl) return this.close("SASL is not configured");
    // Behind a close of its session nothing is answered (client-protocol §2.5).
    if (this.session === undefined || this.session.closing) {
      this.#replica.stats.counters.staleRequests++;
      return;
    }
    if (isSequenced(type)) {
      this.#replica.submit(this, xid, type, r, this.#chunkStartMs, length);
    } else if (this.#outstanding > 0) {
      this.#deferred.push(bytes, start, end, this.#ids.version);
      invariant(this.#tail !== undefined, "What is outstanding has a tail");
      this.#tail.readsBehind++;
    } else this.#read(xid, type, r);
  }

  #read(xid: number, type: number, r: Reader): void {
    const { output } = this;
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
      return this.endAfterFlush();
    }
    if (err !== Code.ok) output.dropBody();
    const isPing = type === Op.ping;
    output.endReply(isPing ? Xid.ping : xid, this.#replica.db.lastZxid, err);
    this.#chunkReads++;
    this.#chunkLastOp = type;
    this.#chunkLastXid = xid;
  }

  #onAuth(r: Reader): void {
    let scheme: string | null, auth: Uint8Array | null;
    try {
      r.int32();
      scheme = r.ustring();
      auth = r.buffer();
    } catch {
      return this.close("Unreadable auth packet");
    }
    const outcome = this.#replica.auth.authenticate(scheme, auth);
    const ok = outcome.ok && this.#ids.add(outcome.identities, this.#deferred.count > 0);
    if (!ok) {
      this.#replica.stats.counters.authFailures++;
      if (!outcome.ok && !outcome.reply) return this.close("Authentication failed");
    }
    this.#identities = this.#ids.current;
    this.output.beginReply();
    this.output.endReply(Xid.auth, 0, ok ? Code.ok : Code.authFailed);
    if (!ok) this.endAfterFlush();
  }

  // ------------------------------------------------------------------------------ writes under way

  /** Keeps its place in the order of this connection's answers. */
  onSubmitted(txn: ServerTxn): void {
    this.#outstanding++;
    this.#tail = txn;
  }

  /** The txn was answered: the reads that waited for it run now, before the next write is applied. */
  onCompleted(txn: ServerTxn): void {
    this.#outstanding--;
    if (this.#tail === txn) this.#tail = undefined;
    if (this.#state === "closed") return;
    this.#chunkStartMs = txn.arrivedMs;
    for (let i = txn.readsBehind; i > 0 && this.isOpen; i--) {
      this.#deferred.shift((bytes, start, end, version) => {
        const r = this.#reader.reset(bytes, start, end);
        this.#identities = this.#ids.at(version);
        const xid = r.int32(), type = r.int32();
        this.#read(xid, type, r);
      });
    }
    this.#identities = this.#ids.current;
    if (this.#chunkReads > 0) this.#countReads(this.#replica.nowMs());
    this.#replica.markDirty(this);
    if (this.#peerEnded) this.#endIfIdle();
  }

  // ------------------------------------------------------------------------------ session and watches

  /** The handshake waits for the session to be logged. */
  awaitSession(session: Session, hasReadOnlyByte: boolean): void {
    this.#state = "connecting";
    this.hasReadOnlyByte = hasReadOnlyByte;
    this.session = session;
    session.owner = this;
  }

  /** The session is there: the response leaves, and requests are read. */
  establish(session: Session, response: Uint8Array): void {
    this.session = session;
    session.owner = this;
    this.#state = "open";
    this.stats.sent++;
    this.#replica.stats.sent();
    this.#replica.sessionless.delete(this);
    this.output.rawFrame(response);
    this.#replica.markDirty(this);
  }

  /** No session: the answer leaves, then the connection ends. */
  refuse(response: Uint8Array): void {
    this.stats.sent++;
    this.#replica.stats.sent();
    this.output.rawFrame(response);
    this.endAfterFlush();
  }

  /** A watch fired. Filtered by READ for the ids that the connection has now (client-protocol §6.5). */
  deliver(type: EventType, path: string, zxid: Zxid, aclId: number): void {
    if (this.#state !== "open") return;
    if (!this.#replica.tree.acls.allows(aclId, Perm.read, this.#ids.current)) return;
    const before = this.output.pos;
    this.output.beginReply();
    writeEvent(this.output, type, path);
    this.output.endReply(Xid.notification, zxid, Code.ok);
    this.#replica.stats.counters.watchBytes += Math.max(0, this.output.pos - before);
    this.#replica.stats.sent();
    this.stats.sent++;
    this.#replica.markDirty(this);
  }

  notify(type: number, path: string, zxid: Zxid): void {
    const w = new Writer(64);
    w.int32(0);
    w.int32(Xid.notification);
    w.int64Number(zxid);
    w.int32(Code.ok);
    writeEvent(w, type, path);
    w.patchInt32(0, w.pos - 4);
    this.output.insertAhead(w.written());
    this.#replica.stats.sent();
    this.stats.sent++;
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
