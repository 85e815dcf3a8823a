/**
 * The content of a simulated file: pages that grow; holes are zeros, and zeros written where nothing is are holes. Files are
 * padded with zeros far ahead of their entries, on every disk of every simulation: a page of them costs no memory.
 *
 * Logs are written all the time and read once in a while: what is written waits, and goes into pages when somebody looks.
 */
const PAGE_BYTES = 4096;
const WORD_BYTES = 4;
/** So many bytes wait to be put into pages before they are. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

interface Part {
  readonly offset: number;
  readonly count: number;
  /** Undefined: zeros. */
  readonly bytes: Uint8Array | undefined;
}

export class Content {
  #pages = new Map<number, Uint8Array>();
  #size = 0;
  #waiting: Part[] = [];
  #waitingBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory that hold it. */
  get heldBytes(): number {
    this.#settle();
    return this.#pages.size * PAGE_BYTES;
  }

  /** @param bytes they must not change any more */
  write(bytes: Uint8Array, offset: number): void {
    this.#wait({ offset, count: bytes.length, bytes });
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#settle();
  }

  /** As a write of so many zeros. */
  zero(offset: number, count: number): void {
    this.#wait({ offset, count, bytes: undefined });
  }

  read(into: Uint8Array, offset: number): number {
    this.#settle();
    const count = Math.max(0, Math.min(into.length, this.#size - offset));
    const end = offset + count;
    for (let at = offset; at < end;) {
      const index = Math.floor(at / PAGE_BYTES);
      const until = Math.min(end, (index + 1) * PAGE_BYTES);
      const page = this.#pages.get(index);
      const from = at % PAGE_BYTES;
      if (page === undefined) into.fill(0, at - offset, until - offset);
      else into.set(page.subarray(from, from + until - at), at - offset);
      at = until;
    }
    return count;
  }

  resize(size: number): void {
    this.#settle();
    if (size < this.#size) this.#clear(size, this.#size);
    this.#size = size;
  }

  copy(): Uint8Array {
    this.#settle();
    const bytes = new Uint8Array(this.#size);
    for (const [index, page] of this.#pages) {
      const at = index * PAGE_BYTES;
      if (at < this.#size) bytes.set(page.subarray(0, this.#size - at), at);
    }
    return bytes;
  }

  become(other: Content): void {
    other.#settle();
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#pages = new Map();
    for (const [index, page] of other.#pages) this.#pages.set(index, page.slice());
    this.#size = other.#size;
  }

  #wait(part: Part): void {
    this.#waiting.push(part);
    this.#size = Math.max(this.#size, part.offset + part.count);
  }

  #settle(): void {
    if (this.#waiting.length === 0) return;
    for (const { offset, count, bytes } of this.#waiting) {
      if (bytes === undefined) this.#clear(offset, offset + count);
      else this.#put(bytes, offset);
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #put(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.length;
    for (let at = offset; at < end;) {
      const index = Math.floor(at / PAGE_BYTES);
      const until = Math.min(end, (index + 1) * PAGE_BYTES);
      const part = bytes.subarray(at - offset, until - offset);
      const page = this.#pages.get(index);
      if (page !== undefined) page.set(part, at % PAGE_BYTES);
      else if (!isZero(part)) this.#newPage(index).set(part, at % PAGE_BYTES);
      at = until;
    }
  }

  #newPage(index: number): Uint8Array {
    const page = new Uint8Array(PAGE_BYTES);
    this.#pages.set(index, page);
    return page;
  }

  /** Walks the pages that are there, or the range, whichever is shorter. */
  #clear(from: number, to: number): void {
    const first = Math.floor(from / PAGE_BYTES);
    const last = Math.ceil(to / PAGE_BYTES) - 1;
    const clearPage = (index: number): void => {
      const at = index * PAGE_BYTES;
      if (from <= at && to >= at + PAGE_BYTES) this.#pages.delete(index);
      else this.#pages.get(index)?.fill(0, Math.max(0, from - at), Math.max(0, to - at));
    };
    if (last - first < this.#pages.size) {
      for (let index = first; index <= last; index++) clearPage(index);
      return;
    }
    for (const index of [...this.#pages.keys()]) {
      if (index >= first && index <= last) clearPage(index);
    }
  }
}

export function isZero(view: Uint8Array): boolean {
  if (view.length > 0 && view[0] !== 0) return false;
  let at = 0;
  const { buffer, byteOffset, length } = view;
  for (; at < length && (byteOffset + at) % WORD_BYTES !== 0; at++) {
    if (view[at] !== 0) return false;
  }
  const words = (length - at) >>> 2;
  if (words > 0) {
    const wide = new Int32Array(buffer, byteOffset + at, words);
    for (let i = 0; i < words; i++) if (wide[i] !== 0) return false;
    at += words * WORD_BYTES;
  }
  for (; at < length; at++) if (view[at] !== 0) return false;
  return true;
}
