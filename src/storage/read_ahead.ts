/** A source that reads its next piece while the one before is being used. */
import type { ByteSource } from "./byte_stream.ts";

const PIECE_BYTES = 1024 * 1024;

/** One read is under way between two calls: `settle` before the file is closed. */
export class ReadAhead implements ByteSource {
  readonly #source: ByteSource;
  readonly #piece = new Uint8Array(PIECE_BYTES);
  #reading: Promise<number>;
  #length = 0;
  #used = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#reading = this.#begin();
  }

  async read(into: Uint8Array): Promise<number> {
    if (this.#used === this.#length) {
      this.#length = await this.#reading;
      this.#used = 0;
      if (this.#length === 0) return 0;
    }
    const count = Math.min(into.length, this.#length - this.#used);
    into.set(this.#piece.subarray(this.#used, this.#used + count));
    this.#used += count;
    if (this.#used === this.#length) this.#reading = this.#begin();
    return count;
  }

  /** Resolves when nothing is being read any more. */
  async settle(): Promise<void> {
    await this.#reading.catch(() => {}); // whoever reads next is told
  }

  #begin(): Promise<number> {
    const reading = this.#source.read(this.#piece);
    reading.catch(() => {}); // told by the next read, if there is one
    return reading;
  }
}
