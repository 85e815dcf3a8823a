/**
 * Blocks of zeroed memory for what grows by blocks of one size, prepared by whoever has a cheaper way than this thread's
 * first touch of each page (Fs.zeros); without them fresh ones.
 */

export class Stock {
  readonly blockBytes: number;
  readonly #blocks: Int32Array[] = [];

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  get size(): number {
    return this.#blocks.length;
  }

  /** @param block all zeros, of `blockBytes`, at a buffer's start; nobody else keeps it */
  give(block: Uint8Array): void {
    this.#blocks.push(new Int32Array(block.buffer, block.byteOffset, block.length >>> 2));
  }

  /** What nobody took goes: all of it is memory of the machine. */
  clear(): void {
    this.#blocks.length = 0;
  }

  take(): Int32Array {
    return this.#blocks.pop() ?? new Int32Array(this.blockBytes >>> 2);
  }
}

/** What grows so. */
export interface Growing {
  readonly stock: Stock;
  /** Bytes that hold something, and of all blocks but those in stock. */
  readonly usedBytes: number;
  readonly heldBytes: number;
}
