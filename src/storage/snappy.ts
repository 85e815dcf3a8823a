/**
 * Raw snappy blocks, by the public format description of google/snappy: a varint of the length, then literals and copies.
 * Greedy matching of 4 bytes over one hash table; blocks are at most 64 KiB long here.
 */
import { CorruptionError } from "../base/errors.ts";

const HASH_BITS = 14;
const HASH_MULTIPLIER = 0x1e35a7bd;
const MATCH_BYTES_MIN = 4;
const COPY_BYTES_MAX = 64;
/** Matching stops here, so that reading 4 bytes stays inside. */
const TAIL_BYTES = 15;
/** A copy of 64 bytes takes 3: what a block of so many bytes can become at most. */
const EXPANSION_MAX = 22;
const table = new Int32Array(1 << HASH_BITS);

/** Room that `snappyEncode` may need. */
export function snappyBound(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

/** Encodes `bytes[start, end)` at `into[at]`. @returns the position after it */
export function snappyEncode(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  at: number,
): number {
  let to = putVarint(into, at, end - start);
  let literal = start;
  const matchEnd = end - TAIL_BYTES;
  table.fill(-1);
  for (let from = start; from < matchEnd;) {
    const word = wordAt(bytes, from);
    const slot = Math.imul(word, HASH_MULTIPLIER) >>> (32 - HASH_BITS);
    const known = table[slot] as number;
    table[slot] = from;
    if (known < start || wordAt(bytes, known) !== word || from - known > 0xffff) {
      from += 1 + ((from - literal) >> 5);
      continue;
    }
    let length = MATCH_BYTES_MIN;
    while (from + length < end && bytes[known + length] === bytes[from + length]) length++;
    to = putLiteral(bytes, literal, from, into, to);
    to = putCopies(into, to, from - known, length);
    from += length;
    literal = from;
  }
  return putLiteral(bytes, literal, end, into, to);
}

function putVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

function putLiteral(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  at: number,
): number {
  if (start === end) return at;
  const count = end - start - 1;
  if (count < 60) into[at++] = count << 2;
  else if (count < 0x100) {
    into[at++] = 60 << 2;
    into[at++] = count;
  } else {
    into[at++] = 61 << 2;
    into[at++] = count & 0xff;
    into[at++] = count >>> 8;
  }
  into.set(bytes.subarray(start, end), at);
  return at + end - start;
}

function putCopies(into: Uint8Array, at: number, offset: number, length: number): number {
  for (let rest = length; rest > 0;) {
    const count = Math.min(rest, COPY_BYTES_MAX);
    into[at++] = ((count - 1) << 2) | 2;
    into[at++] = offset & 0xff;
    into[at++] = offset >>> 8;
    rest -= count;
  }
  return at;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

/** Decodes one block. @throws {CorruptionError} for bytes that are no block; memory stays in proportion to them */
export function snappyDecode(bytes: Uint8Array): Uint8Array {
  const { length, pos } = lengthOf(bytes);
  if (length > bytes.length * EXPANSION_MAX) throw broken("its length is impossible");
  const out = new Uint8Array(length);
  let from = pos, to = 0;
  while (from < bytes.length) {
    const tag = bytes[from++] as number;
    if ((tag & 3) === 0) {
      let count = tag >>> 2;
      if (count >= 60) {
        const width = count - 59;
        count = numberAt(bytes, from, width);
        from += width;
      }
      count += 1;
      if (count > bytes.length - from || count > length - to) throw broken("a literal is too long");
      out.set(bytes.subarray(from, from + count), to);
      from += count;
      to += count;
      continue;
    }
    const width = [0, 1, 2, 4][tag & 3] as number;
    const low = numberAt(bytes, from, width);
    from += width;
    const isShort = (tag & 3) === 1;
    const count = isShort ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
    const offset = isShort ? ((tag >>> 5) << 8) | low : low;
    if (offset === 0 || offset > to || count > length - to) throw broken("a copy is out of bounds");
    for (let i = 0; i < count; i++, to++) out[to] = out[to - offset] as number;
  }
  if (to !== length) throw broken(`it holds ${to} bytes, announced ${length}`);
  return out;
}

function lengthOf(bytes: Uint8Array): { length: number; pos: number } {
  let length = 0;
  for (let pos = 0; pos < 5 && pos < bytes.length; pos++) {
    const byte = bytes[pos] as number;
    length += (byte & 0x7f) * 2 ** (7 * pos);
    if (byte < 0x80) return { length, pos: pos + 1 };
  }
  throw broken("its length does not end");
}

/** Little-endian, 1 to 4 bytes. */
function numberAt(bytes: Uint8Array, at: number, width: number): number {
  if (at + width > bytes.length) throw broken("it ends inside an element");
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

function broken(why: string): CorruptionError {
  return new CorruptionError(`Cannot decode a snappy block: ${why}`);
}
