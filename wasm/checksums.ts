/**
 * CRC-32 (IEEE, as zlib's) and Adler-32 in plain TypeScript, by their definitions: the slow twin of the module, and the
 * quick way for a handful of bytes. Sources: RFC 1952 §8, RFC 1950 §9.
 */

/** Running checksums with zlib's meaning: the result of one call is the seed of the next. */
export interface Checksums {
  /** @param seed 0 to start. @returns unsigned 32 bits */
  crc32(seed: number, bytes: Uint8Array, start: number, end: number): number;
  /** @param seed 1 to start. @returns unsigned 32 bits */
  adler32(seed: number, bytes: Uint8Array, start: number, end: number): number;
}

/** x^32 + x^26 + ... + 1 with the bits reversed. */
const CRC_POLYNOMIAL = 0xedb88320;
/** The largest prime below 2^16. */
const ADLER_MODULUS = 65521;
/** Bytes until the second sum of Adler-32 could pass 2^32. */
const ADLER_RUN_BYTES = 5552;

const crcTable = buildCrcTable();

function buildCrcTable(): Int32Array {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) !== 0 ? (crc >>> 1) ^ CRC_POLYNOMIAL : crc >>> 1;
    }
    table[byte] = crc;
  }
  return table;
}

export function plainCrc32(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = ~seed;
  for (let at = start; at < end; at++) {
    crc = (crc >>> 8) ^ (crcTable[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

export function plainAdler32(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let a = (seed & 0xffff) % ADLER_MODULUS;
  let b = (seed >>> 16) % ADLER_MODULUS;
  for (let at = start; at < end;) {
    const stop = Math.min(at + ADLER_RUN_BYTES, end);
    for (; at < stop; at++) {
      a += bytes[at] as number;
      b += a;
    }
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
  }
  return ((b << 16) | a) >>> 0;
}

export const plainChecksums: Checksums = { crc32: plainCrc32, adler32: plainAdler32 };
