/**
 * The requests of one client and the bytes that are still to be sent: encoded at the call, answered in order. Knows no
 * socket: the driver takes bytes out and puts frames in (docs/internals/client.md; client-protocol §1.5, §9).
 * Invariants: the first `sentCount` requests of the queue were sent on the present connection, the others' frames lie in the
 * outbox in the same order; a request is settled once.
 */
import { messageOf, ProtocolError } from "../base/errors.ts";
import { InvariantError } from "../base/invariant.ts";
import { Reader } from "../jute/reader.ts";
import { Code, codeName } from "../protocol/codes.ts";
import { Xid } from "../protocol/ops.ts";
import type { Clock } from "../runtime.ts";
import { answered, misuse, replyTooLong, requestTooLong, unanswered, ZkError } from "./errors.ts";
import { type CallOptions, limitCall, optionsProblem } from "./call_options.ts";
import { QUEUED_BYTES_MAX, REQUESTS_MAX } from "./limits.ts";
import { Outbox, type Run } from "./outbox.ts";
import { REPLY_HEAD_BYTES } from "./frames.ts";
import { type Operation, Request, RequestQueue } from "./request.ts";
import type { WatchSink } from "./watch_events.ts";
import type { WatchKind, WatchRegistry } from "./watch_registry.ts";

export interface PipelineLimits {
  readonly frameBytesMax: number;
  readonly replyBytesMax: number;
}

export interface PipelineHooks {
  /** The outbox is no longer empty. */
  onQueued(): void;
  onAuthReply(err: number): void;
}

const XID_MAX = 0x7fff_fffe;

type Refusal = (op: string, path: string | undefined, wasSent: boolean) => ZkError;

export class Pipeline {
  /** Of ordinary replies: what this client has seen, and a server must have (client-protocol §3.1). */
  lastZxid = 0;
  /** setWatches requests without an answer: until then an event with zxid -1 is one of theirs. */
  catchUpsPending = 0;
  readonly #registry: WatchRegistry;
  readonly #clock: Clock;
  readonly #hooks: PipelineHooks;
  readonly #limits: PipelineLimits;
  readonly #reader: Reader;
  readonly #queue = new RequestQueue();
  #sentCount = 0;
  #outbox = new Outbox();
  #hasCancelled = false;
  #xid = 0;
  #refusal: Refusal | undefined;

  /** @param lastXid the first request has the next one */
  constructor(
    registry: WatchRegistry,
    clock: Clock,
    limits: PipelineLimits,
    hooks: PipelineHooks,
    lastXid = 0,
  ) {
    this.#registry = registry;
    this.#clock = clock;
    this.#limits = limits;
    this.#reader = new Reader(limits.replyBytesMax);
    this.#hooks = hooks;
    this.#xid = lastXid;
  }

  /** Requests queued or under way. */
  get pending(): number {
    return this.#queue.length;
  }
  get queuedBytes(): number {
    return this.#outbox.length;
  }

  /** Whether a request without an answer is to leave such a watch on the path. */
  isWatching(kinds: readonly WatchKind[], fullPath: string): boolean {
    for (let index = 0; index < this.#queue.length; index++) {
      const request = this.#queue.at(index) as Request, { watches } = request.rule;
      if (request.sink === undefined || request.isSettled || watches === undefined) continue;
      if (request.fullPath === fullPath && kinds.includes(watches)) return true;
    }
    return false;
  }

  /** Encodes and queues one request. Never throws: what is wrong rejects. */
  call<T, A, B>(
    operation: Operation<T, A, B>,
    path: string | undefined,
    fullPath: string,
    a: A,
    b: B,
    options?: CallOptions,
    sink?: WatchSink,
  ): Promise<T> {
    const refused = this.#refuse(operation.name, path, options);
    if (refused !== undefined) return Promise.reject(refused);
    return this.#enqueue(operation, path, fullPath, a, b, options, sink);
  }

  /** The last one, which needs no room; calls behind it are refused. */
  callLast(operation: Operation<void, void, void>, refusal: Refusal): Promise<void> {
    const answer = this.#enqueue(operation, undefined, "", undefined, undefined);
    this.#refusal = refusal;
    return answer;
  }

  #enqueue<T, A, B>(
    operation: Operation<T, A, B>,
    path: string | undefined,
    fullPath: string,
    a: A,
    b: B,
    options?: CallOptions,
    sink?: WatchSink,
  ): Promise<T> {
    const w = this.#outbox, isFirst = w.length === 0, { frameBytesMax } = this.#limits;
    this.#xid = this.#xid === XID_MAX ? 1 : this.#xid + 1;
    w.begin();
    try {
      w.int32(this.#xid);
      w.int32(operation.op);
      operation.encode(w, fullPath, a, b);
    } catch (error) {
      w.cancel();
      return Promise.reject(misuse(operation.name, path, messageOf(error)));
    }
    const length = w.frameBytes;
    if (length > frameBytesMax) {
      w.cancel();
      return Promise.reject(requestTooLong(operation.name, path, length, frameBytesMax));
    }
    w.finish();
    const request = new Request(operation, this.#xid, path, fullPath, sink);
    this.#queue.push(request);
    if (options !== undefined) this.#limit(request, options);
    if (isFirst) this.#hooks.onQueued();
    return request.promise as Promise<T>;
  }

  #refuse(
    op: string,
    path: string | undefined,
    options: CallOptions | undefined,
  ): ZkError | undefined {
    if (this.#refusal !== undefined) return this.#refusal(op, path, false);
    const problem = options === undefined ? undefined : optionsProblem(options);
    if (problem !== undefined) return misuse(op, path, problem);
    if (options?.signal?.aborted === true) {
      return unanswered(
        "ABORTED",
        op,
        path,
        false,
        "its signal was aborted",
        options.signal.reason,
      );
    }
    if (this.#hasRoom()) return undefined;
    if (this.#hasCancelled) {
      this.#dropCancelled();
      if (this.#hasRoom()) return undefined;
    }
    const why = `${this.#queue.length} requests and ${this.#outbox.length} bytes wait already; ` +
      "await answers before sending more";
    return unanswered("QUEUE_FULL", op, path, false, why);
  }

  #hasRoom(): boolean {
    return this.#queue.length < REQUESTS_MAX && this.#outbox.length < QUEUED_BYTES_MAX;
  }

  #limit(request: Request, options: CallOptions): void {
    request.release = limitCall(this.#clock, options, (code, why, cause) => {
      const { rule, path, isSent } = request;
      if (!isSent) this.#hasCancelled = true;
      request.reject(unanswered(code, rule.name, path, isSent, why, cause));
    });
  }

  // ------------------------------------------------------------------------------ out

  /**
   * The oldest of what is queued, as one run of bytes lent until `done` is called. From here on these requests count as sent.
   * @returns undefined when there is nothing
   */
  takeUnsent(): Run | undefined {
    if (this.#hasCancelled) this.#dropCancelled();
    const run = this.#outbox.take();
    if (run === undefined) return undefined;
    const sentCount = this.#sentCount + run.frames;
    for (let i = this.#sentCount; i < sentCount; i++) {
      (this.#queue.at(i) as Request).isSent = true;
    }
    this.#sentCount = sentCount;
    return run;
  }

  /** Requests given up before they were sent leave no trace. */
  #dropCancelled(): void {
    this.#hasCancelled = false;
    let index = this.#sentCount;
    this.#outbox.filter(() => !(this.#queue.at(index++) as Request).isSettled);
    this.#queue.filterFrom(this.#sentCount, (request) => !request.isSettled);
  }

  // ------------------------------------------------------------------------------ in

  /**
   * One frame behind the handshake.
   * @throws {ProtocolError} the server lost its place: the connection is worth nothing
   */
  receive(bytes: Uint8Array, start: number, end: number): void {
    const r = this.#reader.reset(bytes, start, end);
    const xid = r.int32(), zxid = r.int64Number(), err = r.int32();
    if (xid < 0) return this.#receiveOther(r, xid, zxid, err);
    const request = this.#take(xid, zxid, err);
    if (request.isSettled) return; // given up by its caller
    if (err === Code.ok) return this.#resolve(r, request);
    if (err === Code.noNode && request.rule.mayMiss === true) {
      this.#watch(request, "exists");
      return request.resolve(undefined);
    }
    request.reject(answered(err, request.rule.name, request.path));
  }

  /**
   * A frame above `replyBytesMax`, of which only the header is here: its request fails, the others go on.
   * @throws {ProtocolError} it answers no request
   */
  receiveTooLong(bytes: Uint8Array, start: number, frameBytes: number): void {
    const r = this.#reader.reset(bytes, start, start + REPLY_HEAD_BYTES);
    const xid = r.int32(), zxid = r.int64Number(), err = r.int32();
    if (xid < 0) throw new ProtocolError(`Frame of ${frameBytes} bytes from the server, unasked`);
    const request = this.#take(xid, zxid, err), { rule: { name, isRead }, path } = request;
    if (err !== Code.ok) return request.reject(answered(err, name, path));
    request.reject(replyTooLong(name, path, frameBytes, this.#limits.replyBytesMax, isRead));
  }

  /** The request that is answered, and what holds of every answer. */
  #take(xid: number, zxid: number, err: number): Request {
    const request = this.#queue.peek();
    if (request === undefined || this.#sentCount === 0 || request.xid !== xid) {
      throw new ProtocolError(
        `Reply to xid ${xid} from the server where ${request?.xid ?? "none"} was next`,
      );
    }
    this.#queue.shift();
    this.#sentCount--;
    if (zxid > 0) this.lastZxid = zxid;
    const { removes } = request.rule;
    // At once, given up or not: an answer behind this one may add a watch that must stay.
    if (removes !== undefined && err === Code.ok) {
      this.#registry.removeAll(removes, request.fullPath);
    }
    return request;
  }

  #resolve(r: Reader, request: Request): void {
    const { rule, path } = request;
    let value: unknown;
    try {
      value = rule.decode(r, request);
    } catch (error) {
      if (error instanceof ZkError) return request.reject(error);
      request.reject(unanswered("CONNECTION_LOSS", rule.name, path, true, messageOf(error)));
      throw error;
    }
    const { watches } = rule;
    if (watches !== undefined) this.#watch(request, watches === "exists" ? "data" : watches);
    request.resolve(value);
  }

  #watch({ sink, fullPath }: Request, kind: WatchKind): void {
    if (sink !== undefined) this.#registry.add(kind, fullPath, sink);
  }

  #receiveOther(r: Reader, xid: number, zxid: number, err: number): void {
    switch (xid) {
      case Xid.notification: {
        const type = r.int32();
        r.skip(4); // state: always SyncConnected
        const path = r.ustring() ?? "";
        return this.#registry.dispatch(type, path, zxid, zxid < 0 && this.catchUpsPending > 0);
      }
      case Xid.ping:
        return;
      case Xid.auth:
        return this.#hooks.onAuthReply(err);
      case Xid.setWatches:
        // Without them changes would go unheard: the next connection tries again.
        if (err !== Code.ok) {
          throw new ProtocolError(`The server refused the watches: ${codeName(err)}`);
        }
        this.catchUpsPending = Math.max(0, this.catchUpsPending - 1);
        return;
      default:
        throw new ProtocolError(`Reply to xid ${xid} from the server, which no request has`);
    }
  }

  // ------------------------------------------------------------------------------ losing

  /** The connection is gone: what was sent may have happened; what was not stays queued. */
  loseSent(why: string): void {
    this.catchUpsPending = 0;
    for (; this.#sentCount > 0; this.#sentCount--) {
      const request = this.#queue.shift() as Request;
      request.reject(unanswered("CONNECTION_LOSS", request.rule.name, request.path, true, why));
    }
  }

  /** The session is over: nothing is answered any more, now or later. */
  end(refusal: Refusal): void {
    this.#refusal = refusal;
    for (let request = this.#queue.shift(); request !== undefined; request = this.#queue.shift()) {
      request.reject(refusal(request.rule.name, request.path, request.isSent));
    }
    this.#sentCount = 0;
    this.#outbox = new Outbox();
  }
}

/** Whether the connection is to blame, and not a bug of ours. */
export function isServersFault(error: unknown): boolean {
  return error instanceof ProtocolError && !(error instanceof InvariantError);
}
