/**
 * Cuts a stream of chunks into length-prefixed frames (client-protocol §1.2). A frame that lies whole in a chunk is
 * handed over in place; only a torn one is copied, and memory grows with the bytes received, not with the length claimed.
 */
export interface FrameSink {
  /** No more frames for now: the rest of the chunk is kept until {@link FrameInput.resume}. */
  readonly isBlocked: boolean;
  /** Nothing more is wanted, ever. */
  readonly isStopped: boolean;
  /** A length prefix: the bytes to wait for, or negative to stop (the sink closes). Asked once a frame. */
  acceptLength(length: number): number;
  /** Valid during the call only. */
  onFrame(bytes: Uint8Array, start: number, end: number): void;
  /** Bytes had to be kept back: stop the flow until `resume` returns true. */
  onHeld(): void;
}

const LENGTH_BYTES = 4;
const EMPTY = new Uint8Array(0);

export class FrameInput {
  readonly #sink: FrameSink;
  /** The beginning of a torn frame, its length prefix included. */
  #torn: Uint8Array = EMPTY;
  #tornBytes = 0;
  /** Payload length of the torn frame; -1 while fewer than 4 bytes of it are here. */
  #tornLength = -1;
  #held: Uint8Array | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Where the next frame begins in a chunk that is about to be fed; -1 when that cannot be told, or it must wait. */
  nextFrameIn(chunk: Uint8Array): number {
    if (this.#held !== undefined) return -1;
    if (this.#tornBytes === 0) return 0;
    if (this.#tornLength < 0) return -1;
    const at = LENGTH_BYTES + this.#tornLength - this.#tornBytes;
    return at < chunk.length ? at : -1;
  }

  feed(chunk: Uint8Array): void {
    if (this.#held !== undefined) {
      // The host may deliver what it had read before the pause took effect.
      const both = new Uint8Array(this.#held.length + chunk.length);
      both.set(this.#held);
      both.set(chunk, this.#held.length);
      this.#held = both;
      return;
    }
    this.#run(chunk, 0, chunk.length, false);
  }

  /** Goes on with what was kept back. @returns whether all of it was handled */
  resume(): boolean {
    const held = this.#held;
    if (held === undefined) return true;
    this.#held = undefined;
    this.#run(held, 0, held.length, true);
    return this.#held === undefined;
  }

  #run(bytes: Uint8Array, from: number, end: number, owned: boolean): void {
    const sink = this.#sink;
    if (sink.isStopped) return;
    if (sink.isBlocked) return this.#hold(bytes, from, end, owned);
    let at = this.#tornBytes > 0 ? this.#completeTorn(bytes, from, end) : from;
    while (at < end) {
      if (sink.isStopped) return;
      if (sink.isBlocked) return this.#hold(bytes, at, end, owned);
      if (end - at < LENGTH_BYTES) return this.#tear(bytes, at, end, -1);
      const length = sink.acceptLength(int32At(bytes, at));
      if (length < 0) return;
      if (end - at - LENGTH_BYTES < length) return this.#tear(bytes, at, end, length);
      at += LENGTH_BYTES + length;
      sink.onFrame(bytes, at - length, at);
    }
  }

  /** @returns where the next frame begins; `end` when the torn one is still not whole */
  #completeTorn(bytes: Uint8Array, from: number, end: number): number {
    let at = from;
    if (this.#tornLength < 0) {
      at = this.#append(bytes, at, end, LENGTH_BYTES);
      if (this.#tornBytes < LENGTH_BYTES) return end;
      this.#tornLength = this.#sink.acceptLength(int32At(this.#torn, 0));
      if (this.#tornLength < 0) return end;
    }
    const whole = LENGTH_BYTES + this.#tornLength;
    at = this.#append(bytes, at, end, whole);
    if (this.#tornBytes < whole) return end;
    const frame = this.#torn;
    this.#torn = EMPTY;
    this.#tornBytes = 0;
    this.#tornLength = -1;
    this.#sink.onFrame(frame, LENGTH_BYTES, whole);
    return at;
  }

  #tear(bytes: Uint8Array, at: number, end: number, length: number): void {
    this.#tornLength = length;
    this.#append(bytes, at, end, length < 0 ? LENGTH_BYTES : LENGTH_BYTES + length);
  }

  /** Adds to the torn frame up to `whole` bytes of it. @returns where it stopped in `bytes` */
  #append(bytes: Uint8Array, at: number, end: number, whole: number): number {
    const count = Math.min(end - at, whole - this.#tornBytes);
    const needed = this.#tornBytes + count;
    if (needed > this.#torn.length) {
      const larger = new Uint8Array(Math.min(Math.max(needed, this.#torn.length * 2, 64), whole));
      larger.set(this.#torn.subarray(0, this.#tornBytes));
      this.#torn = larger;
    }
    this.#torn.set(bytes.subarray(at, at + count), this.#tornBytes);
    this.#tornBytes = needed;
    return at + count;
  }

  #hold(bytes: Uint8Array, at: number, end: number, owned: boolean): void {
    this.#held = owned ? bytes.subarray(at, end) : bytes.slice(at, end);
    this.#sink.onHeld();
  }
}

export function int32At(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
