/**
 * A connection's outgoing frames, gathered in pooled buffers and handed to the system once per chunk handled or group
 * applied. Fresh buffers cost more than everything else in a read (performance-notes §0): they are kept and reused.
 */
import { OUTPUT_BUFFER_BYTES, OUTPUT_BUFFERS_KEPT } from "../base/limits.ts";
import { viewOf, Writer } from "../jute/writer.ts";
import type { Connection } from "../runtime.ts";

/** Enough for a notification or a few replies: thousands of connections may need one at the same time. */
const SMALL_BYTES = 4096;
const SMALL_KEPT = 4096;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = viewOf(NO_BYTES);
/** Length prefix and ReplyHeader. */
export const REPLY_HEAD_BYTES = 20;

class PooledBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Given to the door as the `done` of a write: made once, not per write. */
  readonly release: () => void;

  constructor(bytes: Uint8Array, release: (buffer: PooledBuffer) => void) {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.release = () => release(this);
  }
}

export class OutputPool {
  readonly #small: PooledBuffer[] = [];
  readonly #large: PooledBuffer[] = [];

  take(bytesNeeded: number): PooledBuffer {
    if (bytesNeeded <= SMALL_BYTES) {
      return this.#small.pop() ?? new PooledBuffer(new Uint8Array(SMALL_BYTES), this.#put);
    }
    if (bytesNeeded <= OUTPUT_BUFFER_BYTES) {
      return this.#large.pop() ?? new PooledBuffer(new Uint8Array(OUTPUT_BUFFER_BYTES), this.#put);
    }
    return new PooledBuffer(new Uint8Array(bytesNeeded), this.#put);
  }

  readonly #put = (buffer: PooledBuffer): void => {
    const size = buffer.bytes.length;
    if (size === SMALL_BYTES) {
      if (this.#small.length < SMALL_KEPT) this.#small.push(buffer);
    } else if (size === OUTPUT_BUFFER_BYTES && this.#large.length < OUTPUT_BUFFERS_KEPT) {
      this.#large.push(buffer);
    }
  };
}

/** Invariant: `[0, frameStart)` of the buffer holds whole frames, `[frameStart, pos)` the one under way. */
export class Output extends Writer {
  readonly #pool: OutputPool;
  readonly #connection: Connection;
  #buffer: PooledBuffer | undefined;
  #frameStart = 0;
  /** The system did not take all of the last write. */
  isClogged = false;
  bytesSent = 0;

  constructor(connection: Connection, pool: OutputPool) {
    super(NO_BYTES);
    this.#connection = connection;
    this.#pool = pool;
  }

  get isEmpty(): boolean {
    return this.#buffer === undefined;
  }

  /** Bytes gathered here and accepted by the door but not taken by the system. */
  get pendingBytes(): number {
    return this.pos + this.#connection.bufferedBytes;
  }

  /** Begins a frame and leaves room for length and ReplyHeader. */
  beginReply(): void {
    this.#frameStart = this.pos;
    this.ensure(REPLY_HEAD_BYTES);
    this.pos = this.#frameStart + REPLY_HEAD_BYTES;
  }

  /** Drops the body written so far: the reply becomes an error. */
  dropBody(): void {
    this.pos = this.#frameStart + REPLY_HEAD_BYTES;
  }

  /**
   * Completes the frame that {@link beginReply} began.
   * @param zxid -1 and 0 stand for themselves
   * @returns bytes of the frame, without its length
   */
  endReply(xid: number, zxid: number, err: number): number {
    const at = this.#frameStart, view = this.view;
    view.setInt32(at, this.pos - at - 4);
    view.setInt32(at + 4, xid);
    view.setInt32(at + 8, Math.floor(zxid / 0x1_0000_0000));
    view.setUint32(at + 12, zxid >>> 0);
    view.setInt32(at + 16, err);
    this.#frameStart = this.pos;
    return this.pos - at - 4;
  }

  /** A notification made while a reply has begun and has no body yet: it goes ahead of that reply. */
  insertAhead(frame: Uint8Array): void {
    this.pos = this.#frameStart;
    this.rawFrame(frame);
    this.beginReply();
  }

  /** Bytes that are whole frames already, or text for a four-letter word. */
  rawFrame(bytes: Uint8Array): void {
    this.raw(bytes);
    this.#frameStart = this.pos;
  }

  /** Hands the whole frames to the system. */
  flush(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const end = this.#frameStart;
    this.#buffer = undefined;
    this.retarget(NO_BYTES, NO_VIEW, 0, 0);
    this.#frameStart = 0;
    if (end === 0) return buffer.release();
    this.#send(buffer, end);
  }

  #send(buffer: PooledBuffer, end: number): void {
    this.bytesSent += end;
    const view = end === buffer.bytes.length ? buffer.bytes : buffer.bytes.subarray(0, end);
    if (!this.#connection.write(view, buffer.release)) this.isClogged = true;
  }

  /** The whole frames leave, the one under way moves to a buffer that has room for it. */
  protected override grow(count: number): void {
    const old = this.#buffer;
    const partial = this.pos - this.#frameStart;
    const needed = partial + count;
    // A small buffer that is full of whole frames is a sign of more to come: go on in a large one.
    const next = this.#pool.take(
      old === undefined ? needed : Math.max(needed * 2, SMALL_BYTES + 1),
    );
    let start = 0;
    if (old !== undefined) {
      const isSmall = old.bytes.length === SMALL_BYTES;
      const from = isSmall && this.pos + count <= next.bytes.length ? 0 : this.#frameStart;
      next.bytes.set(old.bytes.subarray(from, this.pos));
      start = this.#frameStart - from;
      if (from > 0) this.#send(old, from);
      else old.release();
    }
    this.#buffer = next;
    this.#frameStart = start;
    this.retarget(next.bytes, next.view, start + partial, next.bytes.length);
  }
}
