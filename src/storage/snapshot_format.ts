/**
 * The snapshot's bytes (docs/internals/storage-format.md; storage-format §7). Pure.
 *
 *   snapshot = header sessions acls nodes seal [digest seal] [last seal]
 *   header   = magic:int 5A4B534E  version:int (2 | 3)  dbid:long -1
 *   seal     = checksum:long "/":ustring      over all bytes before it: version 2 Adler-32, version 3 CRC-32
 */
import type { Checksums } from "../../wasm/codec.ts";
import { CorruptionError } from "../base/errors.ts";
import type { Zxid } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import type { FileFormat } from "./host.ts";
import type { Compression } from "./names.ts";

export const SNAPSHOT_MAGIC = 0x5a4b534e;
export const SNAPSHOT_HEADER_BYTES = 16;
/** Digest with its seal, last zxid with its seal: told apart by the bytes left (storage-format §7.1). */
export const DIGEST_SECTION_BYTES = 33;
export const LAST_SECTION_BYTES = 21;
const TERMINATOR = "/";

/** The digest of the tree right after the transaction `zxid`; section 6. */
export interface SnapshotDigest {
  readonly zxid: Zxid;
  readonly version: number;
  readonly digest: bigint;
}

export function writeSnapshotHeader(w: Writer, format: FileFormat): void {
  w.int32(SNAPSHOT_MAGIC);
  w.int32(format);
  w.int64(-1n);
}

/** @throws {CorruptionError} */
export function readSnapshotHeader(r: Reader): FileFormat {
  const magic = r.int32(), version = r.int32();
  r.int64();
  if (magic !== SNAPSHOT_MAGIC) {
    throw new CorruptionError(
      `it begins with 0x${(magic >>> 0).toString(16)}, a snapshot with 0x5a4b534e`,
    );
  }
  if (version !== 2 && version !== 3) {
    throw new CorruptionError(`its version is ${version}, known are 2 and 3`);
  }
  return version;
}

export function writeTerminator(w: Writer): void {
  w.ustring(TERMINATOR);
}

export function writeSeal(w: Writer, checksum: number): void {
  w.int64Number(checksum);
  w.ustring(TERMINATOR);
}

/** @throws {CorruptionError} when it is not the seal of what came before */
export function readSeal(r: Reader, expected: number): void {
  const found = r.int64Number();
  const end = r.ustring();
  if (found !== expected) {
    throw new CorruptionError(
      `checksum 0x${found.toString(16)}, expected 0x${expected.toString(16)}`,
    );
  }
  if (end !== TERMINATOR) throw new CorruptionError(`a seal ends with "${end}", expected "/"`);
}

/** The running checksum of the version, from the start of the file. */
export class SealSum {
  readonly #sums: Checksums;
  readonly #format: FileFormat;
  value: number;

  constructor(sums: Checksums, format: FileFormat) {
    this.#sums = sums;
    this.#format = format;
    this.value = format === 2 ? 1 : 0;
  }

  update(bytes: Uint8Array, start: number, end: number): void {
    this.value = this.#format === 2
      ? this.#sums.adler32(this.value, bytes, start, end)
      : this.#sums.crc32(this.value, bytes, start, end);
  }
}

/** Bytes of the beginning and of the end that the quick check needs. */
export const QUICK_HEAD_BYTES = 8;
export const QUICK_TAIL_BYTES = 5;
const PLAIN_BYTES_MIN = 10;
const PLAIN_TAIL = [0, 0, 0, 1, 0x2f];
export const GZIP_HEAD = [0x1f, 0x8b];
export const SNAPPY_HEAD = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0];

/** Whether a file is worth loading (storage-format §7.4): told by its ends alone. */
export function looksComplete(
  compression: Compression,
  size: number,
  head: Uint8Array,
  tail: Uint8Array,
): boolean {
  switch (compression) {
    case "":
      return size >= PLAIN_BYTES_MIN && startsWith(tail, PLAIN_TAIL);
    case "gz":
      return startsWith(head, GZIP_HEAD);
    case "snappy":
      return startsWith(head, SNAPPY_HEAD);
  }
}

export function startsWith(bytes: Uint8Array, wanted: readonly number[]): boolean {
  return wanted.every((byte, at) => bytes[at] === byte);
}
