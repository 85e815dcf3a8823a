/**
 * Log entries, sealed and scanned, in plain TypeScript over any bytes (storage-format §4.2; DESIGN decision 3):
 *
 *   entry    = checksum:8 n:int payload:n 'B'
 *   version 2: checksum = 0:int, Adler-32 of payload
 *   version 3: checksum = left:int, CRC-32 of (n, payload) seeded with the CRC of the entry before; left = 1 + the entries
 *              after it in its group. The first entry's seed is the CRC-32 of the file's 16 header bytes.
 */
import { invariant } from "../src/base/invariant.ts";
import { type Checksums, plainChecksums } from "./checksums.ts";
import { ENTRY_END_BYTE, ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES } from "./layout.ts";

/** Where a scan ended and why; in the order of the STOP_ numbers of layout.ts. */
export const SCAN_STOPS = [
  "end", // the bytes end with a good entry
  "short", // an entry's head, payload or end byte lies beyond the bytes: read more, or the file ends here
  "padding", // length 0
  "length", // length negative or above the caller's limit
  "endByte", // the end byte is not 'B'
  "checksum", // does not agree
  "group", // version 3: the entry is not the one that its group announced
] as const;
export type ScanStop = typeof SCAN_STOPS[number];

export interface Scan {
  /** Offset after the last good entry. */
  readonly end: number;
  /** Good entries. */
  readonly entries: number;
  readonly stop: ScanStop;
  /** Version 3: CRC of the last good entry, the seed of the next (the given one when there is none); else 0. */
  readonly chain: number;
  /** Version 3: entries of the group still to come after the last good one; 0 at the end of a group; else 0. */
  readonly left: number;
}

/** Seals the one entry in [start, end) of any bytes, its length filled in. */
export function sealEntry2(
  bytes: Uint8Array,
  start: number,
  end: number,
  sums: Checksums = plainChecksums,
): void {
  checkEntry(bytes, start, end);
  const adler = sums.adler32(1, bytes, start + ENTRY_HEAD_BYTES, end - 1);
  putWord(bytes, start, 0);
  putWord(bytes, start + 4, adler);
  bytes[end - 1] = ENTRY_END_BYTE;
}

/**
 * @param left entries that follow in the same group
 * @returns the CRC of the entry, the seed of the next
 */
export function sealEntry3(
  bytes: Uint8Array,
  start: number,
  end: number,
  chain: number,
  left = 0,
  sums: Checksums = plainChecksums,
): number {
  checkEntry(bytes, start, end);
  const crc = sums.crc32(chain, bytes, start + 8, end - 1);
  putWord(bytes, start, left + 1);
  putWord(bytes, start + 4, crc);
  bytes[end - 1] = ENTRY_END_BYTE;
  return crc;
}

/** Seals every entry in [start, end). @returns their count */
export function sealEntries2(
  sums: Checksums,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const count = countEntries(bytes, start, end);
  for (let at = start; at < end;) {
    const next = at + ENTRY_EXTRA_BYTES + wordAt(bytes, at + 8);
    sealEntry2(bytes, at, next, sums);
    at = next;
  }
  return count;
}

/** Seals every entry in [start, end) as one group. @returns the CRC of the last */
export function sealEntries3(
  sums: Checksums,
  bytes: Uint8Array,
  start: number,
  end: number,
  chain: number,
): number {
  let left = countEntries(bytes, start, end);
  let crc = chain >>> 0;
  for (let at = start; at < end;) {
    const next = at + ENTRY_EXTRA_BYTES + wordAt(bytes, at + 8);
    crc = sealEntry3(bytes, at, next, crc, --left, sums);
    at = next;
  }
  return crc;
}

/** Whether the one entry in [start, end) is whole and agrees with its seal. Hostile bytes are fine. */
export function verifyEntry2(
  bytes: Uint8Array,
  start: number,
  end: number,
  sums: Checksums = plainChecksums,
): boolean {
  const scan = scanEntries2(sums, bytes, start, end, Math.max(end - start, 0));
  return scan.entries === 1 && scan.end === end;
}

/** As verifyEntry2, with the CRC of the entry before. `entryLeft` tells the place in the group. */
export function verifyEntry3(
  bytes: Uint8Array,
  start: number,
  end: number,
  chain: number,
  sums: Checksums = plainChecksums,
): boolean {
  const scan = scanEntries3(sums, bytes, start, end, Math.max(end - start, 0), chain, 0);
  return scan.entries === 1 && scan.end === end;
}

/** Version 3: the high half of the checksum field, 1 + entries left; 0 in no good entry. */
export function entryLeft(bytes: Uint8Array, start: number): number {
  return wordAt(bytes, start) >>> 0;
}

/** Version 3: the low half of the checksum field, the chain for the next entry. */
export function entryChecksum(bytes: Uint8Array, start: number): number {
  return wordAt(bytes, start + 4) >>> 0;
}

/** Walks good entries of version 2 from `start`. @param lengthMax payload bytes allowed; a larger length stops */
export function scanEntries2(
  sums: Checksums,
  bytes: Uint8Array,
  start: number,
  end: number,
  lengthMax: number,
): Scan {
  let at = start, entries = 0;
  for (;;) {
    const stop = stopAt(bytes, at, end, lengthMax);
    if (stop !== undefined) return { end: at, entries, stop, chain: 0, left: 0 };
    const tail = at + ENTRY_HEAD_BYTES + wordAt(bytes, at + 8);
    const adler = sums.adler32(1, bytes, at + ENTRY_HEAD_BYTES, tail);
    if (wordAt(bytes, at) !== 0 || entryChecksum(bytes, at) !== adler) {
      return { end: at, entries, stop: "checksum", chain: 0, left: 0 };
    }
    at = tail + 1;
    entries += 1;
  }
}

/**
 * Walks good entries of version 3 from `start`.
 * @param chain CRC of the entry before `start`, or of the file header
 * @param left entries that the group before `start` still announces; 0: a new group begins
 */
export function scanEntries3(
  sums: Checksums,
  bytes: Uint8Array,
  start: number,
  end: number,
  lengthMax: number,
  chain: number,
  left: number,
): Scan {
  let at = start, entries = 0, seed = chain >>> 0, expected = left >>> 0;
  for (;;) {
    const stop = stopAt(bytes, at, end, lengthMax);
    if (stop !== undefined) return { end: at, entries, stop, chain: seed, left: expected };
    const tail = at + ENTRY_HEAD_BYTES + wordAt(bytes, at + 8);
    const crc = sums.crc32(seed, bytes, at + 8, tail);
    if (entryChecksum(bytes, at) !== crc) {
      return { end: at, entries, stop: "checksum", chain: seed, left: expected };
    }
    const place = entryLeft(bytes, at);
    if (place === 0 || (expected !== 0 && place !== expected)) {
      return { end: at, entries, stop: "group", chain: seed, left: expected };
    }
    seed = crc;
    expected = place - 1;
    at = tail + 1;
    entries += 1;
  }
}

/** What stops a scan at `at` before any checksum, in the order of storage-format §4.4. */
function stopAt(
  bytes: Uint8Array,
  at: number,
  end: number,
  lengthMax: number,
): ScanStop | undefined {
  if (at === end) return "end";
  if (end - at < ENTRY_HEAD_BYTES) return "short";
  const length = wordAt(bytes, at + 8);
  if (length === 0) return "padding";
  if (length < 0 || length > lengthMax) return "length";
  if (length > end - at - ENTRY_EXTRA_BYTES) return "short";
  return bytes[at + ENTRY_HEAD_BYTES + length] === ENTRY_END_BYTE ? undefined : "endByte";
}

function countEntries(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; count++) {
    const room = end - at - ENTRY_EXTRA_BYTES;
    const length = room < 0 ? -1 : wordAt(bytes, at + 8);
    invariant(length > 0 && length <= room, GROUP_FITS, { start, end });
    at += ENTRY_EXTRA_BYTES + length;
  }
  return count;
}

/** Said of a group whose lengths do not add up to its range, or are 0 (which would read as padding). */
export const GROUP_FITS = "Entries fill their group exactly";

function checkEntry(bytes: Uint8Array, start: number, end: number): void {
  const inside = start >= 0 && start + ENTRY_EXTRA_BYTES <= end && end <= bytes.length;
  invariant(inside, "Entry lies in its bytes", { start, end, size: bytes.length });
  const length = wordAt(bytes, start + 8);
  const fills = length > 0 && length === end - start - ENTRY_EXTRA_BYTES;
  invariant(fills, "Entry length fills the entry", { length, start, end });
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}
