/**
 * Memory made ready on another thread while a snapshot is loaded: the first touch of its pages was a fifth of a start
 * with a million znodes. What the rest of it will need is reckoned from what its beginning needed.
 */
import type { Fs } from "../runtime.ts";
import type { Growing } from "../tree/stock.ts";
import type { ByteSource } from "./byte_stream.ts";

/** Blocks ready at a time: one is being made meanwhile. */
const READY_MAX = 2;
/** Of a block: with less of it expected to be used it is left out. */
const USED_MIN = 1 / 4;
/** Of a stream, which does not say how long it is, as much again is expected as came. */
const STREAM_GROWTH = 2;

export class WarmMemory {
  readonly #zeros: Fs["zeros"];
  readonly #growing: readonly Growing[];
  readonly #totalBytes: number | undefined;
  #isMaking = false;
  #isOver = false;

  /** @param totalBytes of the snapshot; undefined when nobody knows */
  constructor(fs: Fs, growing: readonly Growing[], totalBytes: number | undefined) {
    this.#zeros = fs.zeros;
    this.#growing = growing;
    this.#totalBytes = totalBytes;
  }

  /** Is told how much of the snapshot was read. */
  warming(source: ByteSource): ByteSource {
    let bytes = 0;
    return {
      read: async (into) => {
        this.#onProgress(bytes);
        const count = await source.read(into);
        bytes += count;
        return count;
      },
    };
  }

  /** So many bytes are loaded, or nearly. */
  #onProgress(bytes: number): void {
    if (this.#isMaking || this.#isOver || this.#zeros === undefined || bytes === 0) return;
    const growth = this.#totalBytes === undefined ? STREAM_GROWTH : this.#totalBytes / bytes;
    const next = this.#next(growth);
    if (next !== undefined) void this.#make(this.#zeros, next);
  }

  /** What is being made is dropped, and what was made in vain: the rest was not like the beginning. */
  stop(): void {
    this.#isOver = true;
    for (const { stock } of this.#growing) stock.clear();
  }

  /** The one that will be short of memory first. @param growth what will be used, of what is */
  #next(growth: number): Growing | undefined {
    let next: Growing | undefined, nextAt = Infinity;
    for (const one of this.#growing) {
      const { stock: { size, blockBytes }, usedBytes, heldBytes } = one;
      const ready = heldBytes + size * blockBytes;
      if (size >= READY_MAX || usedBytes * growth < ready + blockBytes * USED_MIN) continue;
      const at = ready / usedBytes;
      if (at < nextAt) [next, nextAt] = [one, at];
    }
    return next;
  }

  async #make(zeros: NonNullable<Fs["zeros"]>, { stock }: Growing): Promise<void> {
    this.#isMaking = true;
    try {
      const block = await zeros(stock.blockBytes);
      if (!this.#isOver) stock.give(block);
      this.#isMaking = false;
    } catch {
      this.stop(); // a host without: the tree finds its memory itself
    }
  }
}
