/** One call under way: small, because there may be a million. Its arguments are in the outbox already. */
import type { Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import type { ZkError } from "./errors.ts";
import type { WatchSink } from "./watch_events.ts";
import type { WatchKind } from "./watch_registry.ts";

/** How one operation is written, read and named: operations.ts has them all. */
export interface Operation<T, A, B> extends ReplyRule<T> {
  encode(w: Writer, path: string, a: A, b: B): void;
}

/** What is needed when the answer comes. */
export interface ReplyRule<T = unknown> {
  readonly op: number;
  readonly name: string;
  /** The result of a reply with err 0; the reader stands behind the header. */
  decode(r: Reader, request: Request): T;
  /** Changes nothing, whatever becomes of the answer. */
  readonly isRead?: boolean;
  /** NO_NODE is an answer (undefined), not a failure. */
  readonly mayMiss?: boolean;
  /** Which table a watch goes into. */
  readonly watches?: WatchKind;
  /** Tables whose watches on the path are gone at the server once it has answered. */
  readonly removes?: readonly WatchKind[];
}

type Resolve = (value: unknown) => void;
type Reject = (error: ZkError) => void;

// The executor runs inside `new Promise`; through these two it needs no closure of its own.
let lastResolve: Resolve = () => {};
let lastReject: Reject = () => {};
function take(resolve: Resolve, reject: Reject): void {
  lastResolve = resolve;
  lastReject = reject;
}

export class Request {
  readonly rule: ReplyRule;
  /** As the caller wrote it; undefined for calls without one. */
  readonly path: string | undefined;
  readonly fullPath: string;
  readonly sink: WatchSink | undefined;
  readonly promise: Promise<unknown>;
  readonly #resolve: Resolve;
  readonly #reject: Reject;
  readonly xid: number;
  /** Its caller has heard of it: answered, timed out or aborted. */
  isSettled = false;
  isSent = false;
  /** Lets go of the timer and of the AbortSignal. */
  release: (() => void) | undefined;

  constructor(
    rule: ReplyRule,
    xid: number,
    path: string | undefined,
    fullPath: string,
    sink: WatchSink | undefined,
  ) {
    this.rule = rule;
    this.xid = xid;
    this.path = path;
    this.fullPath = fullPath;
    this.sink = sink;
    this.promise = new Promise<unknown>(take);
    this.#resolve = lastResolve;
    this.#reject = lastReject;
  }

  resolve(value: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.release?.();
    this.#resolve(value);
  }

  reject(error: ZkError): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.release?.();
    this.#reject(error);
  }
}

/** First in, first out, in a ring that doubles. */
export class RequestQueue {
  #ring: (Request | undefined)[] = new Array<Request | undefined>(64).fill(undefined);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(request: Request): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = request;
    this.#length++;
  }

  shift(): Request | undefined {
    if (this.#length === 0) return undefined;
    const request = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    return request;
  }

  peek(): Request | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  /** @param index 0 for the oldest */
  at(index: number): Request | undefined {
    return index < this.#length
      ? this.#ring[(this.#head + index) & (this.#ring.length - 1)]
      : undefined;
  }

  /** Keeps the first `count`, and of the rest those that `keep` wants. */
  filterFrom(count: number, keep: (request: Request) => boolean): void {
    const all: Request[] = [];
    for (let request = this.shift(); request !== undefined; request = this.shift()) {
      all.push(request);
    }
    all.forEach((request, index) => {
      if (index < count || keep(request)) this.push(request);
    });
  }

  #grow(): void {
    const old = this.#ring, size = old.length;
    const ring = new Array<Request | undefined>(size * 2).fill(undefined);
    for (let i = 0; i < this.#length; i++) ring[i] = old[(this.#head + i) & (size - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
