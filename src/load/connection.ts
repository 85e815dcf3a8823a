/**
 * One connection of the generator: keeps `window` requests outstanding. Replies are walked by their length, their xid,
 * error and length checked; as many requests as a chunk answered leave in one write, straight from the ring's memory.
 * Nothing is allocated per request.
 */
import { Code, codeName } from "../protocol/codes.ts";
import { Xid } from "../protocol/ops.ts";
import type { Cancel, Clock, Connection, MonotonicMs } from "../runtime.ts";
import type { Histogram } from "./histogram.ts";
import {
  ANY_LENGTH,
  CLOSE_XID,
  closeFrame,
  connectFrame,
  patchCreate,
  pingFrame,
  type Ring,
} from "./requests.ts";
import { FrameWalker, type HeadSink, int32At } from "./walker.ts";

/** Length prefix and ReplyHeader; a connect response is longer. */
const HEAD_BYTES = 20;
/** Of a session's timeout. */
const PING_SHARE = 1 / 3;
const nothing = (): void => {};

export interface LoadPlan {
  readonly ring: Ring;
  readonly window: number;
  /** Requests to send in all. */
  readonly budget: number;
  readonly firstFrame: number;
  /** An error that is as good as none, such as NODEEXISTS when filling; 0: there is none. */
  readonly toleratedError: number;
  /** Creates get paths of their own: digits of the run and the connection. Their ring is this connection's alone. */
  readonly fresh?: { readonly run: number; readonly connection: number } | undefined;
  readonly latencies: Histogram;
  /** The session is there, and is kept alive; requests leave from `begin` on. */
  readonly onOpen: () => void;
  /** Called once: all of the budget was answered and the session closed, or something went wrong. */
  readonly onEnd: (error: Error | undefined) => void;
}

const ADVICE: ReadonlyMap<number, string> = new Map([
  [Code.noNode, "the parent of the path is not there, or the znodes were removed meanwhile"],
  [Code.noAuth, "an ACL does not allow it; choose another path"],
  [Code.quotaExceeded, "the quota of the path is used up"],
]);

function refusal(err: number): Error {
  const advice = ADVICE.get(err);
  return new Error(
    `The server answered a request with ${codeName(err)}${
      advice === undefined ? "" : `: ${advice}`
    }`,
  );
}

export class LoadConnection implements HeadSink {
  /** Replies since the last reset. */
  replies = 0;
  /** Places in the ring whose replies had the tolerated error. */
  readonly tolerated: number[] = [];
  /** Creates sent so far. */
  created = 0;
  readonly #net: Connection;
  readonly #clock: Clock;
  readonly #plan: LoadPlan;
  readonly #walker: FrameWalker;
  /** Where the next request, and the next reply, is in the ring. */
  #sendAt: number;
  #replyAt: number;
  #unsent: number;
  #unanswered: number;
  #isOpen = false;
  #isClosing = false;
  #isEnded = false;
  /** Of the next ping, until `begin`. */
  #endPings: Cancel = nothing;
  #answeredInChunk = 0;
  // Batches under way, oldest first: each was one write.
  readonly #batchCounts: Int32Array;
  readonly #batchTimes: Float64Array;
  #batchHead = 0;
  #batchTail = 0;

  constructor(net: Connection, clock: Clock, plan: LoadPlan) {
    this.#net = net;
    this.#clock = clock;
    this.#plan = plan;
    this.#walker = new FrameWalker(HEAD_BYTES, this);
    this.#sendAt = plan.firstFrame % plan.ring.frames;
    this.#replyAt = this.#sendAt;
    this.#unsent = plan.budget;
    this.#unanswered = plan.budget;
    this.#batchCounts = new Int32Array(plan.window + 1);
    this.#batchTimes = new Float64Array(plan.window + 1);
    net.onData((chunk) => this.#onData(chunk));
    // The end of what it sends is enough: with all requests outstanding nothing would be written that it could refuse.
    net.onEnd(() => this.#end(this.#closed(undefined)));
    net.onClose((error) => this.#end(this.#closed(error)));
    net.write(connectFrame());
  }

  /** Sends the first window of requests. */
  begin(): void {
    this.#endPings();
    this.#send(this.#plan.window, this.#clock.monotonicMs());
  }

  /** Sends nothing more; the session is closed once all is answered, and then `onEnd` is called. */
  finish(): void {
    if (this.#isEnded || this.#isClosing) return;
    this.#unanswered -= this.#unsent;
    this.#unsent = 0;
    if (this.#unanswered === 0) this.#closeSession();
  }

  /** Ends without a word to the server: the session expires there. */
  close(): void {
    this.#isEnded = true;
    this.#endPings();
    this.#net.close();
  }

  resetCount(): void {
    this.replies = 0;
  }

  #onData(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    this.#answeredInChunk = 0;
    try {
      this.#walker.walk(chunk);
    } catch (error) {
      return this.#end(error instanceof Error ? error : new Error(String(error)));
    }
    const answered = this.#answeredInChunk;
    if (answered === 0 || this.#isEnded) return;
    const now = this.#clock.monotonicMs();
    this.replies += answered;
    this.#unanswered -= answered;
    this.#record(answered, now);
    if (this.#unanswered === 0) return this.#closeSession();
    this.#send(answered, now);
  }

  #closeSession(): void {
    this.#isClosing = true;
    this.#net.write(closeFrame());
  }

  onHead(bytes: Uint8Array, at: number, length: number): void {
    if (!this.#isOpen) return this.#onConnected(bytes, at);
    const place = this.#replyAt, { ring, toleratedError } = this.#plan;
    const xid = int32At(bytes, at + 4), err = int32At(bytes, at + 16);
    if (this.#isClosing && xid === CLOSE_XID) return this.#end(undefined);
    const wanted = ring.replyLengths[place] as number;
    if (
      xid !== place + 1 ||
      (err === 0 ? wanted !== length && wanted !== ANY_LENGTH : err !== toleratedError)
    ) {
      if (xid === Xid.ping) return;
      if (xid === place + 1 && err !== 0) throw refusal(err);
      throw new Error(
        `The reply is not the one expected: xid ${xid}, wanted ${
          place + 1
        }; error ${err}; length ${length}, wanted ${wanted}`,
      );
    }
    if (err !== 0) this.tolerated.push(place);
    this.#replyAt = place + 1 === ring.frames ? 0 : place + 1;
    this.#answeredInChunk++;
  }

  #onConnected(bytes: Uint8Array, at: number): void {
    const timeoutMs = int32At(bytes, at + 8);
    if (timeoutMs <= 0) throw new Error("The server refused the session");
    this.#isOpen = true;
    this.#pingEvery(timeoutMs * PING_SHARE);
    this.#plan.onOpen();
  }

  #pingEvery(ms: number): void {
    this.#endPings = this.#clock.wakeAt((this.#clock.monotonicMs() + ms) as MonotonicMs, () => {
      this.#net.write(pingFrame());
      this.#pingEvery(ms);
    });
  }

  /** The oldest requests under way were answered. */
  #record(answered: number, now: number): void {
    const { latencies } = this.#plan;
    while (answered > 0) {
      const head = this.#batchHead;
      const inBatch = this.#batchCounts[head] as number;
      const taken = inBatch < answered ? inBatch : answered;
      latencies.add((now - (this.#batchTimes[head] as number)) * 1000, taken);
      answered -= taken;
      this.#batchCounts[head] = inBatch - taken;
      if (taken === inBatch) this.#batchHead = head + 1 === this.#batchCounts.length ? 0 : head + 1;
    }
  }

  #send(wanted: number, now: number): void {
    const count = wanted < this.#unsent ? wanted : this.#unsent;
    if (count === 0) return;
    this.#unsent -= count;
    const tail = this.#batchTail;
    this.#batchCounts[tail] = count;
    this.#batchTimes[tail] = now;
    this.#batchTail = tail + 1 === this.#batchCounts.length ? 0 : tail + 1;
    const { frames } = this.#plan.ring;
    let left = count;
    while (left > 0 && !this.#isEnded) {
      const from = this.#sendAt;
      const to = Math.min(from + left, frames);
      this.#sendAt = to === frames ? 0 : to;
      left -= to - from;
      this.#write(from, to);
    }
  }

  #write(from: number, to: number): void {
    const { ring, fresh } = this.#plan;
    if (fresh !== undefined) {
      for (let i = from; i < to; i++) {
        if (ring.isCreate[i] === 0) continue;
        patchCreate(ring, i, fresh.run, fresh.connection, this.created++);
      }
    }
    // With `done` the bytes are lent, not copied: they stay as they are at least until their replies are here.
    this.#net.write(ring.bytes.subarray(ring.starts[from], ring.starts[to]), nothing);
  }

  #closed(error: Error | undefined): Error {
    const why = error === undefined ? "" : `: ${error.message}`;
    return new Error(
      this.#isOpen
        ? `The server closed a connection${why}`
        : `The server closed a connection before it gave a session${why}; it takes ` +
          "maxClientCnxns from one address, and none while it does not serve",
    );
  }

  #end(error: Error | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#endPings();
    this.#net.close();
    this.#plan.onEnd(error);
  }
}
