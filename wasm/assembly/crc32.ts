/**
 * CRC-32 (IEEE) of a range of memory, in three stages, each for what the one before leaves:
 *
 * 1. Sparse folding, long input to 192 bytes. For a byte at any place, XOR-ing it into the places 92, 131, 139, 165, 166
 *    and 185 bytes further on and clearing it leaves the CRC alone: x^(8 * 185) is the sum of the other six powers
 *    modulo the polynomial (found by search: the six-term relation with the least farthest, then greatest nearest
 *    distance). Six loads and XORs for 16 bytes, no tables.
 * 2. Nibble tables, 64 bytes a step, to 64 bytes (performance-notes §3): 16 words side by side, held as four planes
 *    (byte i of every word); each nibble of the state is looked up as "pushed through 64 zero bytes" by byte swizzles.
 * 3. Slicing by 16 for the last 64 bytes, and for short input; its rest by 8, 4 and 1.
 *
 * Zero bytes before the first one leave a CRC alone once its start value is XOR-ed into the first four bytes, so that
 * the input is made a whole number of blocks at its front, and the stages need no tail.
 */
import { NIBBLE_TABLES_AT, SLICE_TABLES_AT } from "../layout";

const TABLES: usize = SLICE_TABLES_AT;
const POLYNOMIAL: u32 = 0xedb88320;
/** Below this slicing alone is faster. */
const SIMD_BYTES_MIN: usize = 128;
/** What stage 1 leaves: the farthest distance, in whole blocks. */
const REST_BYTES: usize = 192;
/** From here on stage 1 pays for itself. */
const FOLD_BYTES_MIN: usize = 448;

/** One block made up at the front, and what leaves stages 1 and 2. */
const BLOCK_AT: usize = 24576;
/** The rest of stage 1, 192 bytes, right behind the folded bytes of the last turn. */
const FOLDED_AT: usize = 28672;
const FOLDED_BYTES: usize = 4096;

buildTables();

function buildTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
    store<u32>(TABLES + (<usize> byte << 2), crc);
  }
  for (let entry: usize = 256; entry < 4096; entry++) {
    const before = load<u32>(TABLES + ((entry - 256) << 2));
    store<u32>(TABLES + (entry << 2), pushByte(before, 0));
  }
  // Table 4i + j holds byte j of what nibble i becomes; the nibbles of byte p are 2p and 2p + 1.
  for (let nibble: u32 = 0; nibble < 8; nibble++) {
    for (let value: u32 = 0; value < 16; value++) {
      let word = value << (nibble << 2);
      for (let step = 0; step < 64; step++) word = pushByte(word, 0);
      const at = <usize> NIBBLE_TABLES_AT + (nibble << 6) + value;
      store<u8>(at, word);
      store<u8>(at, word >> 8, 16);
      store<u8>(at, word >> 16, 32);
      store<u8>(at, word >> 24, 48);
    }
  }
}

// @ts-ignore: decorator
@inline
function pushByte(crc: u32, byte: u32): u32 {
  return (crc >>> 8) ^ load<u32>(TABLES + (<usize> ((crc ^ byte) & 0xff) << 2));
}

// @ts-ignore: decorator
@inline
function slice(byte: u32, table: usize): u32 {
  return load<u32>(TABLES + (<usize> byte << 2) + (table << 10));
}

/** Four bytes, of which the last lies `table` bytes before the step's end. */
// @ts-ignore: decorator
@inline
function sliceWord(word: u32, table: usize): u32 {
  return slice(word & 0xff, table + 3) ^ slice((word >> 8) & 0xff, table + 2) ^
    slice((word >> 16) & 0xff, table + 1) ^ slice(word >> 24, table);
}

/** The register (not inverted) after memory[at, end). */
function crcShort(crc: u32, at: usize, end: usize): u32 {
  while (end - at >= 16) {
    crc = sliceWord(load<u32>(at) ^ crc, 12) ^ sliceWord(load<u32>(at, 4), 8) ^
      sliceWord(load<u32>(at, 8), 4) ^ sliceWord(load<u32>(at, 12), 0);
    at += 16;
  }
  if (end - at >= 8) {
    crc = sliceWord(load<u32>(at) ^ crc, 4) ^ sliceWord(load<u32>(at, 4), 0);
    at += 8;
  }
  if (end - at >= 4) {
    crc = sliceWord(load<u32>(at) ^ crc, 0);
    at += 4;
  }
  while (at < end) crc = pushByte(crc, load<u8>(at++));
  return crc;
}

/** zlib's crc32 of memory[at, end). */
export function crc32(seed: u32, at: usize, end: usize): u32 {
  const size = end - at;
  if (size < SIMD_BYTES_MIN) return ~crcShort(~seed, at, end);
  let crc = ~seed;
  // 1 to 3 bytes beyond whole blocks would split the start value over two blocks: take them singly.
  let front = size & 63;
  if (front < 4) {
    while (front > 0) {
      crc = pushByte(crc, load<u8>(at++));
      front -= 1;
    }
  }
  const skipped: usize = (64 - front) & 63;
  storeFirstBlock(at - skipped, skipped, crc);
  at += 64 - skipped;
  if (end - at < FOLD_BYTES_MIN - 64) return ~crcBlocks(BLOCK_AT, at, end);
  fold(at, end);
  return ~crcBlocks(FOLDED_AT, FOLDED_AT + 64, FOLDED_AT + REST_BYTES);
}

/** To BLOCK_AT: `skipped` zeros, then memory from `at + skipped` with `crc` on its first four bytes. */
function storeFirstBlock(at: usize, skipped: usize, crc: u32): void {
  const start = i32x4.replace_lane(i32x4.splat(0), 0, crc);
  let place = i8x16.sub(
    i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    i8x16.splat(<i8> skipped),
  );
  for (let i: usize = 0; i < 64; i += 16) {
    const kept = v128.and(v128.load(at + i), i8x16.ge_s(place, i8x16.splat(0)));
    v128.store(BLOCK_AT + i, v128.xor(kept, i8x16.swizzle(start, place)));
    place = i8x16.add(place, i8x16.splat(16));
  }
}

// @ts-ignore: decorator
@inline
function folded(into: usize): v128 {
  return v128.xor(
    v128.xor(
      v128.xor(v128.load(into - 92), v128.load(into - 131)),
      v128.xor(v128.load(into - 139), v128.load(into - 165)),
    ),
    v128.xor(v128.load(into - 166), v128.load(into - 185)),
  );
}

// @ts-ignore: decorator
@inline
function foldBlock(from: usize, into: usize): void {
  v128.store(into, v128.xor(v128.load(from), folded(into)));
  v128.store(into, v128.xor(v128.load(from, 16), folded(into + 16)), 16);
  v128.store(into, v128.xor(v128.load(from, 32), folded(into + 32)), 32);
  v128.store(into, v128.xor(v128.load(from, 48), folded(into + 48)), 48);
}

/**
 * Stage 1 over the block at BLOCK_AT and memory[at, end), whole blocks; leaves 192 bytes at FOLDED_AT. Folded bytes are
 * kept behind FOLDED_AT + 192, a turn at a time, with the last 192 of the turn before in front of them.
 */
function fold(at: usize, end: usize): void {
  const buffer = FOLDED_AT + REST_BYTES;
  memory.fill(FOLDED_AT, 0, REST_BYTES);
  foldBlock(BLOCK_AT, buffer);
  let into = buffer + 64;
  const stop = end - REST_BYTES;
  for (;;) {
    const turn = min(stop - at, buffer + FOLDED_BYTES - into);
    for (const turnEnd = at + turn; at < turnEnd; at += 64, into += 64) foldBlock(at, into);
    if (at === stop) break;
    memory.copy(FOLDED_AT, into - REST_BYTES, REST_BYTES);
    into = buffer;
  }
  // The rest takes what earlier bytes give it and gives nothing itself: zeros stand where it would be kept.
  memory.fill(into, 0, REST_BYTES);
  for (let i: usize = 0; i < REST_BYTES; i += 16) {
    v128.store(FOLDED_AT + i, v128.xor(v128.load(at + i), folded(into + i)));
  }
}

// @ts-ignore: decorator
@inline
function lookUp(even: v128, odd: v128, nibble: usize, plane: usize): v128 {
  const table = <usize> NIBBLE_TABLES_AT + (nibble << 6) + (plane << 4);
  return v128.xor(
    i8x16.swizzle(v128.load(table), even),
    i8x16.swizzle(v128.load(table, 64), odd),
  );
}

/** Stages 2 and 3: the register after the block at `first` and memory[at, end), whole blocks, from register 0. */
function crcBlocks(first: usize, at: usize, end: usize): u32 {
  const nibbles = i8x16.splat(15);
  let p0 = i32x4.splat(0), p1 = i32x4.splat(0), p2 = i32x4.splat(0), p3 = i32x4.splat(0);
  let from = first;
  for (;;) {
    const a = wordBytes(v128.load(from)), b = wordBytes(v128.load(from, 16));
    const c = wordBytes(v128.load(from, 32)), d = wordBytes(v128.load(from, 48));
    const ab = lowHalves(a, b), cd = lowHalves(c, d);
    const abHigh = highHalves(a, b), cdHigh = highHalves(c, d);
    p0 = v128.xor(p0, lowPairs(ab, cd));
    p1 = v128.xor(p1, highPairs(ab, cd));
    p2 = v128.xor(p2, lowPairs(abHigh, cdHigh));
    p3 = v128.xor(p3, highPairs(abHigh, cdHigh));
    if (at === end) break;
    from = at;
    at += 64;
    const e0 = v128.and(p0, nibbles), o0 = i8x16.shr_u(p0, 4);
    const e1 = v128.and(p1, nibbles), o1 = i8x16.shr_u(p1, 4);
    const e2 = v128.and(p2, nibbles), o2 = i8x16.shr_u(p2, 4);
    const e3 = v128.and(p3, nibbles), o3 = i8x16.shr_u(p3, 4);
    p0 = newPlane(e0, o0, e1, o1, e2, o2, e3, o3, 0);
    p1 = newPlane(e0, o0, e1, o1, e2, o2, e3, o3, 1);
    p2 = newPlane(e0, o0, e1, o1, e2, o2, e3, o3, 2);
    p3 = newPlane(e0, o0, e1, o1, e2, o2, e3, o3, 3);
  }
  const low = byteLow(p0, p1), lowRest = byteHigh(p0, p1);
  const high = byteLow(p2, p3), highRest = byteHigh(p2, p3);
  v128.store(BLOCK_AT, shortLow(low, high));
  v128.store(BLOCK_AT, shortHigh(low, high), 16);
  v128.store(BLOCK_AT, shortLow(lowRest, highRest), 32);
  v128.store(BLOCK_AT, shortHigh(lowRest, highRest), 48);
  return crcShort(0, BLOCK_AT, BLOCK_AT + 64);
}

// @ts-ignore: decorator
@inline
function newPlane(
  e0: v128,
  o0: v128,
  e1: v128,
  o1: v128,
  e2: v128,
  o2: v128,
  e3: v128,
  o3: v128,
  plane: usize,
): v128 {
  return v128.xor(
    v128.xor(lookUp(e0, o0, 0, plane), lookUp(e1, o1, 2, plane)),
    v128.xor(lookUp(e2, o2, 4, plane), lookUp(e3, o3, 6, plane)),
  );
}

// Four words to their bytes by place, and the interleaves there and back.

// @ts-ignore: decorator
@inline
function wordBytes(v: v128): v128 {
  return v128.shuffle<u8>(v, v, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}
// @ts-ignore: decorator
@inline
function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 4, 1, 5);
}
// @ts-ignore: decorator
@inline
function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 2, 6, 3, 7);
}
// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 0, 2);
}
// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 1, 3);
}
// @ts-ignore: decorator
@inline
function byteLow(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
// @ts-ignore: decorator
@inline
function byteHigh(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
// @ts-ignore: decorator
@inline
function shortLow(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
// @ts-ignore: decorator
@inline
function shortHigh(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
