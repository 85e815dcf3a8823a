/**
 * Steps through a stream of length-prefixed frames and shows only the head of each: the rest is passed over, however
 * the stream is cut into chunks.
 */
export interface HeadSink {
  /** The first bytes of a frame, its length prefix included, at `bytes[at]`; `length` counts what follows the prefix. */
  onHead(bytes: Uint8Array, at: number, length: number): void;
}

export class FrameWalker {
  readonly #sink: HeadSink;
  readonly #headBytes: number;
  /** A head cut by a chunk's end. */
  readonly #partial: Uint8Array;
  #partialBytes = 0;
  /** Bytes of the frame under way that are still to come. */
  #rest = 0;

  /** @param headBytes shown of each frame, the prefix's four included; no frame may be shorter */
  constructor(headBytes: number, sink: HeadSink) {
    this.#headBytes = headBytes;
    this.#sink = sink;
    this.#partial = new Uint8Array(headBytes);
  }

  /** @throws {Error} at a frame shorter than its head */
  walk(chunk: Uint8Array): void {
    const end = chunk.length, headBytes = this.#headBytes;
    let at = 0;
    if (this.#partialBytes > 0) {
      while (this.#partialBytes < headBytes && at < end) {
        this.#partial[this.#partialBytes++] = chunk[at++] as number;
      }
      if (this.#partialBytes < headBytes) return;
      this.#partialBytes = 0;
      this.#rest = this.#show(this.#partial, 0) - headBytes;
    }
    at += this.#rest;
    while (end - at >= headBytes) at += this.#show(chunk, at);
    if (at >= end) {
      this.#rest = at - end;
      return;
    }
    this.#rest = 0;
    while (at < end) this.#partial[this.#partialBytes++] = chunk[at++] as number;
  }

  /** @returns bytes of the whole frame */
  #show(bytes: Uint8Array, at: number): number {
    const length = int32At(bytes, at);
    if (length + 4 < this.#headBytes) {
      throw new Error(
        `Cannot walk the stream: a frame of ${length} bytes, wanted ${this.#headBytes - 4} or more`,
      );
    }
    this.#sink.onHead(bytes, at, length);
    return length + 4;
  }
}

export function int32At(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
