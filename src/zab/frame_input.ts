/** Cuts the stream of an election connection into frames (peer-protocol §5.3): length:int, then so many bytes. */
import { ProtocolError } from "../base/errors.ts";
import { viewOf } from "../jute/writer.ts";

export const ELECTION_FRAME_BYTES_MAX = 524_288;

const LENGTH_BYTES = 4;

export class ElectionFrames {
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthBytes = 0;
  /** Bytes of the frame so far; it grows with what came, not with the length claimed. */
  #frame = new Uint8Array(0);
  #frameBytes = 0;
  /** Of the frame; 0: its length has not come yet. */
  #wanted = 0;

  /** @param onFrame gets bytes that it may keep */
  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws {ProtocolError} a length out of range */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#wanted === 0 ? this.#takeLength(chunk, at) : this.#take(chunk, at);
    }
  }

  #takeLength(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length && this.#lengthBytes < LENGTH_BYTES) {
      this.#length[this.#lengthBytes++] = chunk[at++] as number;
    }
    if (this.#lengthBytes < LENGTH_BYTES) return at;
    this.#lengthBytes = 0;
    const length = viewOf(this.#length).getInt32(0);
    if (length <= 0 || length > ELECTION_FRAME_BYTES_MAX) {
      throw new ProtocolError(
        `Cannot take an election message of ${length} bytes, allowed 1 to ${ELECTION_FRAME_BYTES_MAX}`,
      );
    }
    this.#wanted = length;
    return at;
  }

  #take(chunk: Uint8Array, from: number): number {
    const count = Math.min(chunk.length - from, this.#wanted - this.#frameBytes);
    const size = this.#frameBytes + count;
    if (size > this.#frame.length) {
      const larger = new Uint8Array(Math.min(this.#wanted, Math.max(size, this.#frame.length * 2)));
      larger.set(this.#frame.subarray(0, this.#frameBytes));
      this.#frame = larger;
    }
    this.#frame.set(chunk.subarray(from, from + count), this.#frameBytes);
    this.#frameBytes = size;
    if (size === this.#wanted) {
      const frame = this.#frame.subarray(0, size);
      this.#frame = new Uint8Array(0);
      this.#frameBytes = 0;
      this.#wanted = 0;
      this.#onFrame(frame);
    }
    return from + count;
  }
}

export function framed(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + payload.length);
  viewOf(frame).setInt32(0, payload.length);
  frame.set(payload, LENGTH_BYTES);
  return frame;
}
