/** Requests that wait behind a write of their own session: copied into one growing ring of bytes, no object each. */
const HEAD_BYTES = 8;
const SMALL_BYTES = 48;
/** Of all that are empty: most connections never need more. */
const NO_BYTES: Uint8Array = new Uint8Array(0);

export interface DeferredReader {
  /** The range is valid until the next `push`. */
  readDeferred(bytes: Uint8Array, start: number, end: number, tag: number): void;
}

/** First in, first out. Entries: frame length, a tag of the caller's, frame. */
export class DeferredFrames {
  #bytes = NO_BYTES;
  #head = 0;
  #tail = 0;
  count = 0;

  get bytes(): number {
    return this.#tail - this.#head;
  }

  push(bytes: Uint8Array, start: number, end: number, tag: number): void {
    const length = end - start;
    this.#room(HEAD_BYTES + length);
    writeInt32(this.#bytes, this.#tail, length);
    writeInt32(this.#bytes, this.#tail + 4, tag);
    const to = this.#bytes, at = this.#tail + HEAD_BYTES;
    // Below this a view of the range costs more than its bytes.
    if (length <= SMALL_BYTES) {
      for (let i = 0; i < length; i++) to[at + i] = bytes[start + i] as number;
    } else to.set(bytes.subarray(start, end), at);
    this.#tail = at + length;
    this.count++;
  }

  /** Takes the oldest out. */
  shift(reader: DeferredReader): void {
    const at = this.#head;
    const length = readInt32(this.#bytes, at);
    const tag = readInt32(this.#bytes, at + 4);
    this.#head = at + HEAD_BYTES + length;
    this.count--;
    const bytes = this.#bytes;
    if (this.count === 0) {
      this.#head = 0;
      this.#tail = 0;
      // An idle connection keeps no memory for a burst that is over.
      if (bytes.length > 4096) this.#bytes = NO_BYTES;
    }
    reader.readDeferred(bytes, at + HEAD_BYTES, at + HEAD_BYTES + length, tag);
  }

  #room(count: number): void {
    if (this.#tail + count <= this.#bytes.length) return;
    const used = this.#tail - this.#head;
    const size = used + count <= this.#bytes.length / 2
      ? this.#bytes.length
      : Math.max(1024, (used + count) * 2);
    const next = new Uint8Array(size);
    next.set(this.#bytes.subarray(this.#head, this.#tail));
    this.#bytes = next;
    this.#head = 0;
    this.#tail = used;
  }
}

function writeInt32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}

function readInt32(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
