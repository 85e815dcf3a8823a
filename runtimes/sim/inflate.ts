/** DEFLATE, decoded plainly (RFC 1951): the simulator reads what other programs packed, the same on every engine. */

export class InflateError extends Error {}

/** Symbols 257 … 285: the first length that each stands for, and how many bits follow (RFC 1951, 3.2.5). */
const LENGTHS = Array.from({ length: 29 }, (_, i) => {
  if (i === 28) return { base: 258, bits: 0 };
  const bits = i < 8 ? 0 : (i >>> 2) - 1;
  return { base: i < 8 ? 3 + i : 3 + ((4 + (i & 3)) << bits), bits };
});
const DISTANCES = Array.from({ length: 30 }, (_, i) => {
  const bits = i < 2 ? 0 : (i >>> 1) - 1;
  return { base: i < 2 ? 1 + i : 1 + ((2 + (i & 1)) << bits), bits };
});
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const CODE_BITS_MAX = 15;

/** Canonical code: how many codes of each length, and the symbols in code order. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

function codeOf(lengths: readonly number[]): Code {
  const counts = new Uint16Array(CODE_BITS_MAX + 1);
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1;
  counts[0] = 0;
  const next = [0, 0];
  for (let bits = 1; bits < CODE_BITS_MAX; bits++) {
    next.push((next[bits] ?? 0) + (counts[bits] ?? 0));
  }
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    const at = next[length] ?? 0;
    symbols[at] = symbol;
    next[length] = at + 1;
  });
  return { counts, symbols };
}

const FIXED_LITERALS = codeOf(
  Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
);
const FIXED_DISTANCES = codeOf(new Array<number>(30).fill(5));

export class Inflate {
  readonly #from: Uint8Array;
  #at: number;
  #bits = 0;
  #bitCount = 0;
  #out = new Uint8Array(1024);
  #size = 0;

  /** @param at where the first block begins */
  constructor(from: Uint8Array, at: number) {
    this.#from = from;
    this.#at = at;
  }

  /** @returns the whole content and where the next byte after the last block is. @throws {InflateError} */
  run(): { bytes: Uint8Array; end: number } {
    for (let last = false; !last;) {
      last = this.#take(1) === 1;
      const kind = this.#take(2);
      if (kind === 0) this.#stored();
      else if (kind === 1) this.#packed(FIXED_LITERALS, FIXED_DISTANCES);
      else if (kind === 2) this.#dynamic();
      else throw new InflateError("block of unknown kind");
    }
    return { bytes: this.#out.subarray(0, this.#size), end: this.#at };
  }

  #take(count: number): number {
    while (this.#bitCount < count) {
      const byte = this.#from[this.#at++];
      if (byte === undefined) throw new InflateError("unexpected end");
      this.#bits |= byte << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #stored(): void {
    this.#bits = 0;
    this.#bitCount = 0;
    const length = this.#take(16);
    if ((this.#take(16) ^ 0xffff) !== length) throw new InflateError("stored length is damaged");
    if (this.#at + length > this.#from.length) throw new InflateError("unexpected end");
    this.#reserve(length);
    this.#out.set(this.#from.subarray(this.#at, this.#at + length), this.#size);
    this.#size += length;
    this.#at += length;
  }

  #dynamic(): void {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const count = this.#take(4) + 4;
    const codeLengths = new Array<number>(19).fill(0);
    for (let i = 0; i < count; i++) codeLengths[CODE_ORDER[i] ?? 0] = this.#take(3);
    const code = codeOf(codeLengths);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths.push(symbol);
        continue;
      }
      if (symbol === 16 && lengths.length === 0) throw new InflateError("nothing to repeat");
      const repeated = symbol === 16 ? lengths.at(-1) ?? 0 : 0;
      const times = symbol === 16
        ? 3 + this.#take(2)
        : symbol === 17
        ? 3 + this.#take(3)
        : 11 + this.#take(7);
      for (let i = 0; i < times; i++) lengths.push(repeated);
    }
    this.#packed(
      codeOf(lengths.slice(0, literals)),
      codeOf(lengths.slice(literals, literals + distances)),
    );
  }

  #packed(literals: Code, distances: Code): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === 256) return;
      if (symbol < 256) {
        this.#reserve(1);
        this.#out[this.#size++] = symbol;
        continue;
      }
      const near = LENGTHS[symbol - 257];
      if (near === undefined) throw new InflateError("unknown length");
      const length = near.base + this.#take(near.bits);
      const far = DISTANCES[this.#symbol(distances)];
      if (far === undefined) throw new InflateError("unknown distance");
      const distance = far.base + this.#take(far.bits);
      if (distance > this.#size) throw new InflateError("distance before the start");
      this.#reserve(length);
      for (let i = 0; i < length; i++, this.#size++) {
        this.#out[this.#size] = this.#out[this.#size - distance] as number;
      }
    }
  }

  #symbol(code: Code): number {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let bits = 1; bits <= CODE_BITS_MAX; bits++) {
      value |= this.#take(1);
      const count = code.counts[bits] ?? 0;
      if (value - first < count) return code.symbols[index + value - first] ?? 0;
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    throw new InflateError("unknown code");
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#out.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#out.length, this.#size + count));
    grown.set(this.#out.subarray(0, this.#size));
    this.#out = grown;
  }
}
