/**
 * Adler-32 of a range of memory, 64 bytes a step: four running sums of bytes, of those sums before each step (each
 * byte before counts once more for every byte after it), and of bytes times their distance from the step's end.
 */

const MODULUS: u32 = 65521;
/** Whole steps within 5,552 bytes, the most before the second sum could pass 2^32. */
const RUN_BYTES: usize = 5504;

// @ts-ignore: decorator
@inline
function weighted(bytes: v128, low: v128, high: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(bytes), low),
    i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(bytes), high),
  );
}

// @ts-ignore: decorator
@inline
function pairs(bytes: v128): v128 {
  return i16x8.extadd_pairwise_i8x16_u(bytes);
}

// @ts-ignore: decorator
@inline
function total(lanes: v128): u32 {
  return i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
}

/** zlib's adler32 of memory[at, end). */
export function adler32(seed: u32, at: usize, end: usize): u32 {
  let a = (seed & 0xffff) % MODULUS;
  let b = (seed >> 16) % MODULUS;
  while (end - at >= 64) {
    const stop = at + min((end - at) & ~63, RUN_BYTES);
    let sums = i32x4.replace_lane(i32x4.splat(0), 0, a);
    let before = i32x4.splat(0), weights = i32x4.splat(0);
    for (; at < stop; at += 64) {
      const v0 = v128.load(at), v1 = v128.load(at, 16);
      const v2 = v128.load(at, 32), v3 = v128.load(at, 48);
      before = i32x4.add(before, sums);
      const all = i16x8.add(i16x8.add(pairs(v0), pairs(v1)), i16x8.add(pairs(v2), pairs(v3)));
      sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(all));
      const first = i32x4.add(
        weighted(v0, i16x8(64, 63, 62, 61, 60, 59, 58, 57), i16x8(56, 55, 54, 53, 52, 51, 50, 49)),
        weighted(v1, i16x8(48, 47, 46, 45, 44, 43, 42, 41), i16x8(40, 39, 38, 37, 36, 35, 34, 33)),
      );
      const second = i32x4.add(
        weighted(v2, i16x8(32, 31, 30, 29, 28, 27, 26, 25), i16x8(24, 23, 22, 21, 20, 19, 18, 17)),
        weighted(v3, i16x8(16, 15, 14, 13, 12, 11, 10, 9), i16x8(8, 7, 6, 5, 4, 3, 2, 1)),
      );
      weights = i32x4.add(weights, i32x4.add(first, second));
    }
    a = total(sums) % MODULUS;
    b = (b + (total(before) << 6) + total(weights)) % MODULUS;
  }
  while (at < end) {
    a += load<u8>(at++);
    b += a;
  }
  return (b % MODULUS) << 16 | (a % MODULUS);
}
