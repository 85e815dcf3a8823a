/**
 * One client's connection: its states, and the flow of bytes (client-protocol §1, §2). Requests are requests.ts's.
 *
 * States: new (no session; the first frame is a ConnectRequest, or four letters) -> connecting (the session is being
 * logged; input waits) -> open -> closed. Whatever fills up (output, journal, waiting reads) stops the input.
 */
import { messageOf } from "../base/errors.ts";
import { OUTPUT_HARD_BYTES_MAX, OUTPUT_PENDING_BYTES_MAX } from "../base/limits.ts";
import { highHalf, lowHalf } from "../base/int64.ts";
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import { JuteError } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import type { EventType } from "../protocol/watch_types.ts";
import type { Address, Connection, RuntimeError } from "../runtime.ts";
import type { Session } from "../session/sessions.ts";
import { PREFETCH_NODES_MIN } from "../tree/prefetch.ts";
import type { Watcher } from "../watch/watches.ts";
import { FrameInput, type FrameSink } from "./frame_input.ts";
import { lookAhead } from "./look_ahead.ts";
import { Output } from "./output.ts";
import type { Replica } from "./replica.ts";
import { Requests } from "./requests.ts";
import { ConnectionStats } from "./stats.ts";

export class ClientConnection implements FrameSink, Watcher {
  readonly watcherId: number;
  readonly stats = new ConnectionStats();
  readonly establishedMs: number;
  /** When the sessionless check closes it; moved on when it ends and lingers. */
  sessionlessDeadlineMs: number;
  readonly output: Output;
  readonly #net: Connection;
  readonly #replica: Replica;
  readonly #input: FrameInput;
  readonly requests: Requests;
  #state: "new" | "connecting" | "open" | "closed" = "new";
  #isPaused = false;
  #peerEnded = false;
  #sessionHi = 0;
  #sessionLo = 0;
  #isStopped = false;
  session: Session | undefined;
  /** A word that wants more bytes (stmk) came. */
  #word: string | undefined;
  hasReadOnlyByte = true;
  isDirty = false;
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
    this.#input = new FrameInput(this);
    this.requests = new Requests(this, replica);
    net.onData((chunk) => this.#onData(chunk));
    net.onEnd(() => this.#onEnd());
    net.onDrain(() => this.#onDrain());
    net.onClose((error) => this.#onClose(error));
  }

  // ------------------------------------------------------------------------------ what others see

  get remote(): Address {
    return this.#net.remote;
  }
  get sessionId(): bigint {
    return this.session?.id ?? 0n;
  }
  /** The session id in halves, as txn headers take it. */
  get sessionHi(): number {
    return this.#sessionHi;
  }
  get sessionLo(): number {
    return this.#sessionLo;
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
    this.requests.beginTurn(this.#replica.beginTurn());
    this.#guard(() => {
      this.#lookAhead(chunk);
      this.#input.feed(chunk);
    });
    this.#endTurn();
  }

  #lookAhead(chunk: Uint8Array): void {
    const { tree } = this.#replica;
    if (tree.nodeCount < PREFETCH_NODES_MIN || this.#state !== "open") return;
    const from = this.#input.nextFrameIn(chunk);
    if (from >= 0) lookAhead(tree.prefetch, chunk, from);
  }

  /** What escapes is a bug of ours: the server stops rather than go on with a state that nobody understands. */
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
    this.requests.endTurn();
    replica.writes.flush();
    this.flush();
    replica.flushDirty();
  }

  flush(): void {
    this.isDirty = false;
    if (this.output.isEmpty || this.#state === "closed") return;
    this.output.flush();
    if (this.output.isClogged) {
      this.#pause();
      this.closeIfOwedTooMuch();
    }
  }

  closeIfOwedTooMuch(): void {
    const pending = this.output.pendingBytes;
    if (pending > OUTPUT_HARD_BYTES_MAX) {
      this.close("Client does not read its replies", { pending });
    }
  }

  #onDrain(): void {
    this.output.isClogged = false;
    // Nobody else comes back to a connection that has drained and still must wait.
    if (this.#isPaused && this.isBlocked) this.#replica.held.add(this);
    else this.tryResume();
  }

  /** Goes on with input that was held back, if nothing stands against it any more. */
  tryResume(): void {
    if (this.#state === "closed" || !this.#isPaused || this.isBlocked || this.output.isClogged) {
      return;
    }
    this.requests.beginTurn(this.#replica.beginTurn());
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
    if (this.#state === "closed" || this.#state === "connecting") return;
    if (this.requests.outstanding > 0 || this.#replica.held.has(this)) return;
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
    replica.housekeeping.sessionlessChanged();
    // What still comes is thrown away: behind it is the peer's FIN.
    this.#net.resume();
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
      this.requests.mustWait ||
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
      (length >>> 24) & 0xff,
      (length >>> 16) & 0xff,
      (length >>> 8) & 0xff,
      length & 0xff,
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
    const failed = (error: unknown): void =>
      this.close("Command failed", { error: messageOf(error) });
    const send = (text: string): void => {
      if (!this.isOpen) return;
      this.#replica.stats.sent();
      const w = new Writer();
      w.ustring(text);
      this.output.rawFrame(w.written().subarray(4));
      this.endAfterFlush();
    };
    // Nothing but a view of the server was read: what fails, such as a text too long, ends this connection alone.
    try {
      const answer = this.#replica.commands?.answer(word, extra) ?? "";
      if (typeof answer === "string") send(answer);
      else answer.then(send, failed);
    } catch (error) {
      failed(error);
    }
  }

  onFrame(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === "open") return this.requests.onFrame(bytes, start, end);
    if (this.#word !== undefined) return this.#answerWord(this.#word, bytes.slice(start, end));
    invariant(this.#state === "new", "Frames come before and after the handshake only");
    this.#replica.stats.received();
    this.stats.received++;
    try {
      this.#replica.sessionService.connect(this, this.#replica.reader.reset(bytes, start, end));
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.close("Unreadable connect request", { bytes: end - start });
    }
  }

  /** A txn of this connection was answered, and the reads behind it. */
  afterCompleted(): void {
    if (!this.isOpen) return;
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

  /** Whether the session lives is for the leader to say. */
  awaitLeader(): void {
    this.#state = "connecting";
  }

  /** The session is there: the response leaves, and requests are read. */
  establish(session: Session, response: Uint8Array): void {
    this.session = session;
    session.owner = this;
    this.#sessionHi = highHalf(session.id);
    this.#sessionLo = lowHalf(session.id);
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

  deliver(type: EventType, path: string, zxid: Zxid, aclId: number): void {
    if (this.#state === "open") this.requests.deliver(type, path, zxid, aclId);
  }
}
