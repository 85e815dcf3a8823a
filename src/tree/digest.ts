/**
 * The tree's digest, version 2: the sum mod 2^64 of a CRC-32 per znode over path, data and 60 bytes of stat
 * (storage-format §9.1). Znodes under "/zookeeper/" count 0. Two halves of 32 bits, so that no BigInt is made.
 */
import type { Codec } from "../../wasm/codec.ts";
import { highWord } from "./layout.ts";

export const DIGEST_STAT_BYTES = 60;
/** Of a new database: "" and "/zookeeper". */
export const EMPTY_DIGEST = 1371985504;

/** CRC over path ("" for the root) and data: the part of a znode's digest that a change of its stat keeps. */
export function pathDataCrc(
  codec: Codec,
  bytes: Uint8Array,
  pathStart: number,
  pathEnd: number,
  dataBytes: Uint8Array | null,
  dataStart: number,
  dataEnd: number,
): number {
  const crc = pathEnd > pathStart ? codec.crc32(0, bytes, pathStart, pathEnd) : 0;
  return dataBytes === null || dataEnd === dataStart
    ? crc
    : codec.crc32(crc, dataBytes, dataStart, dataEnd);
}

/**
 * A znode's digest from the CRC over path and data and the stored (not the shown) stat; the owner in halves.
 * @returns unsigned 32 bits
 */
export function statDigest(
  codec: Codec,
  crc: number,
  czxid: number,
  mzxid: number,
  pzxid: number,
  ctime: number,
  mtime: number,
  version: number,
  cversion: number,
  aversion: number,
  ownerHi: number,
  ownerLo: number,
): number {
  const view = codec.view, at = codec.scratch.start;
  view.setInt32(at, highWord(czxid));
  view.setInt32(at + 4, czxid | 0);
  view.setInt32(at + 8, highWord(mzxid));
  view.setInt32(at + 12, mzxid | 0);
  view.setInt32(at + 16, highWord(pzxid));
  view.setInt32(at + 20, pzxid | 0);
  view.setInt32(at + 24, highWord(ctime));
  view.setInt32(at + 28, ctime | 0);
  view.setInt32(at + 32, highWord(mtime));
  view.setInt32(at + 36, mtime | 0);
  view.setInt32(at + 40, version);
  view.setInt32(at + 44, cversion);
  view.setInt32(at + 48, aversion);
  view.setInt32(at + 52, ownerHi);
  view.setInt32(at + 56, ownerLo);
  return codec.crc32(crc, codec.memory, at, at + DIGEST_STAT_BYTES);
}

/** A sum mod 2^64 of unsigned 32-bit digests. Invariant: both halves are unsigned 32 bits. */
export class DigestSum {
  hi = 0;
  lo = 0;

  /** @param digest unsigned 32 bits */
  add(digest: number): void {
    const sum = this.lo + digest;
    this.lo = sum >>> 0;
    if (sum > 0xffff_ffff) this.hi = (this.hi + 1) >>> 0;
  }

  subtract(digest: number): void {
    const rest = this.lo - digest;
    this.lo = rest >>> 0;
    if (rest < 0) this.hi = (this.hi - 1) >>> 0;
  }

  set(hi: number, lo: number): void {
    this.hi = hi >>> 0;
    this.lo = lo >>> 0;
  }

  /** Signed 64 bits, as in files. */
  get value(): bigint {
    return (BigInt(this.hi | 0) << 32n) | BigInt(this.lo);
  }
}
