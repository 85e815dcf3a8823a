/** Cuts what a server sends into frames; one that is whole in a chunk is read where it lies (client-protocol §1.2). */
import { ProtocolError } from "../base/errors.ts";

const LENGTH_BYTES = 4;

/** @returns whether to go on with the chunk */
export type OnFrame = (bytes: Uint8Array, start: number, end: number) => boolean;

export class FrameSplitter {
  readonly #bytesMax: number;
  readonly #onFrame: OnFrame;
  /** A frame whose end is not here yet, from its length on. */
  #part = new Uint8Array(0);
  #have = 0;

  constructor(bytesMax: number, onFrame: OnFrame) {
    this.#bytesMax = bytesMax;
    this.#onFrame = onFrame;
  }

  /** @throws {ProtocolError} a length that cannot be */
  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#have > 0) {
      at = this.#complete(chunk);
      if (at < 0) return;
    }
    while (chunk.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + this.#lengthAt(chunk, at);
      if (end > chunk.length) break;
      if (!this.#onFrame(chunk, at + LENGTH_BYTES, end)) return;
      at = end;
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
    const length = LENGTH_BYTES + this.#lengthAt(this.#part, 0);
    const take = Math.min(length - this.#have, chunk.length - at);
    this.#reserve(length);
    this.#append(chunk, at, at + take);
    if (this.#have < length) return -1;
    this.#have = 0;
    const frame = this.#part;
    this.#part = new Uint8Array(0);
    return this.#onFrame(frame, LENGTH_BYTES, length) ? at + take : -1;
  }

  #keep(chunk: Uint8Array, at: number): void {
    if (at === chunk.length) return;
    this.#reserve(
      chunk.length - at >= LENGTH_BYTES ? LENGTH_BYTES + this.#lengthAt(chunk, at) : LENGTH_BYTES,
    );
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
    if (length < 0 || length > this.#bytesMax) {
      throw new ProtocolError(
        `Frame of ${length} bytes from the server, 0 to ${this.#bytesMax} are taken; raise replyBytesMax`,
      );
    }
    return length;
  }
}
