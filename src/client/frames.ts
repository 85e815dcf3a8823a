/** Cuts what a server sends into frames; one that is whole in a chunk is read where it lies (client-protocol §1.2). */
import { ProtocolError } from "../base/errors.ts";

const LENGTH_BYTES = 4;

/** Of a reply: xid, zxid, error. */
export const REPLY_HEAD_BYTES = 16;

export interface FrameSink {
  /** @returns whether to go on with the chunk */
  onFrame(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * A frame that is too long to be taken: the reply's header is there from `start` on, the rest will be skipped.
   * @returns as `onFrame`. @throws {ProtocolError} it makes no sense: the connection is worth nothing
   */
  onTooLong(bytes: Uint8Array, start: number, frameBytes: number): boolean;
}

export class FrameSplitter {
  readonly #bytesMax: number;
  readonly #sink: FrameSink;
  /** A frame whose end is not here yet, from its length on. */
  #part = new Uint8Array(0);
  #have = 0;
  /** Bytes still to come of a frame that is too long. */
  #skipBytes = 0;

  /** @param bytesMax at least a reply's header */
  constructor(bytesMax: number, sink: FrameSink) {
    this.#bytesMax = bytesMax;
    this.#sink = sink;
  }

  /** @throws {ProtocolError} a length that cannot be, or what the sink throws */
  push(chunk: Uint8Array): void {
    let at = this.#skip(chunk, 0);
    if (this.#have > 0) {
      at = this.#complete(chunk);
      if (at < 0) return;
    }
    while (chunk.length - at >= LENGTH_BYTES) {
      const length = this.#lengthAt(chunk, at);
      const end = at + LENGTH_BYTES + this.#wantedOf(length);
      if (end > chunk.length) break;
      if (!this.#hand(chunk, at + LENGTH_BYTES, end, length)) return;
      at = this.#skip(chunk, end);
    }
    this.#keep(chunk, at);
  }

  /** Adds to the frame that began earlier. @returns where the chunk goes on, -1 when it is used up or unwanted */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    if (this.#have < LENGTH_BYTES) {
      at = Math.min(LENGTH_BYTES - this.#have, chunk.length);
      this.#append(chunk, 0, at);
      if (this.#have < LENGTH_BYTES) return -1;
    }
    const length = this.#lengthAt(this.#part, 0);
    const wanted = LENGTH_BYTES + this.#wantedOf(length);
    const take = Math.min(wanted - this.#have, chunk.length - at);
    this.#reserve(wanted);
    this.#append(chunk, at, at + take);
    if (this.#have < wanted) return -1;
    this.#have = 0;
    const frame = this.#part;
    this.#part = new Uint8Array(0);
    return this.#hand(frame, LENGTH_BYTES, wanted, length) ? this.#skip(chunk, at + take) : -1;
  }

  /** What is gathered of a frame: all of it, or the header of one that is too long. */
  #wantedOf(length: number): number {
    return length <= this.#bytesMax ? length : REPLY_HEAD_BYTES;
  }

  #hand(bytes: Uint8Array, start: number, end: number, length: number): boolean {
    if (length <= this.#bytesMax) return this.#sink.onFrame(bytes, start, end);
    this.#skipBytes = length - REPLY_HEAD_BYTES;
    return this.#sink.onTooLong(bytes, start, length);
  }

  /** @returns where the chunk goes on behind what is skipped */
  #skip(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#skipBytes, chunk.length - at);
    this.#skipBytes -= count;
    return at + count;
  }

  #keep(chunk: Uint8Array, at: number): void {
    if (at === chunk.length) return;
    const hasLength = chunk.length - at >= LENGTH_BYTES;
    const wanted = hasLength ? this.#wantedOf(this.#lengthAt(chunk, at)) : 0;
    this.#reserve(LENGTH_BYTES + wanted);
    this.#append(chunk, at, chunk.length);
  }

  /** Room as it is needed: a length is only a claim. */
  #reserve(bytes: number): void {
    const room = Math.min(bytes, Math.max(64 * 1024, this.#have * 2));
    if (this.#part.length >= room) return;
    const larger = new Uint8Array(room);
    larger.set(this.#part.subarray(0, this.#have));
    this.#part = larger;
  }

  #append(chunk: Uint8Array, from: number, to: number): void {
    const need = this.#have + to - from;
    if (this.#part.length < need) {
      const larger = new Uint8Array(Math.max(need, this.#part.length * 2));
      larger.set(this.#part.subarray(0, this.#have));
      this.#part = larger;
    }
    this.#part.set(chunk.subarray(from, to), this.#have);
    this.#have = need;
  }

  #lengthAt(b: Uint8Array, at: number): number {
    const length = ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
      ((b[at + 2] as number) << 8) | (b[at + 3] as number);
    if (length < 0) throw new ProtocolError(`Frame of ${length} bytes from the server`);
    return length;
  }
}
