/**
 * Damage in a log: is it what a crash leaves of the last group, or loss (DESIGN decision 4)? Pure; the evidence is in the
 * bytes from the damaged group (version 3) or entry (version 2) to the last byte that is not zero.
 *
 * Version 3: a group is durable before the next is written, so damage is a torn tail unless something behind it belongs to
 * a later group. An entry's seed is the checksum stored in the entry before it: two entries that agree prove themselves.
 * Places in groups and zxids tell which group they are of.
 */
import {
  type Codec,
  ENTRY_EXTRA_BYTES,
  ENTRY_HEAD_BYTES,
  entryChecksum,
  entryLeft,
  type ScanStop,
} from "../../wasm/codec.ts";
import { counterOf, epochOf, type Zxid } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import { Op } from "../protocol/ops.ts";
import { TXN_HEADER_BYTES } from "../protocol/records.ts";
import { RESYNC_WORK_FACTOR } from "./limits.ts";
import { payloadZxid } from "./log_format.ts";

/** Undefined: torn. Else why it is not. */
export type Verdict = string | undefined;

const END_BYTE = 0x42;
const LENGTH_AT = 8;
/** Groups of version 3 are no longer than a region of the writer, unless they are a single entry. */
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;

/** A disk writes at least so much, or none of it. */
const SECTOR_BYTES = 512;
const GROUP_ENTRIES_MAX = GROUP_BYTES_MAX / (ENTRY_EXTRA_BYTES + TXN_HEADER_BYTES);
/** Offset of the type in a txn. */
const TYPE_AT = 28;
const TXN_TYPES: ReadonlySet<number> = new Set([
  Op.create,
  Op.create2,
  Op.createContainer,
  Op.createTtl,
  Op.delete,
  Op.deleteContainer,
  Op.setData,
  Op.reconfig,
  Op.setAcl,
  Op.multi,
  Op.createSession,
  Op.closeSession,
  Op.error,
]);

/** One look at the bytes as if an entry began at `at`. */
interface Candidate {
  readonly at: number;
  readonly end: number;
  readonly left: number;
  readonly zxid: Zxid;
}

/**
 * Version 2: `bytes` begin with the entry that is broken.
 * @param stop why reading stopped there
 */
export function judgeTail2(codec: Codec, bytes: Uint8Array, stop: ScanStop): Verdict {
  // Only a checksum before the zeros: the entry was torn right behind it.
  if (stop === "padding") return bytes.length <= LENGTH_AT ? undefined : "data follows the padding";
  if (stop === "length") return `the entry's length is ${lengthAt(bytes, 0)}`;
  if (stop === "checksum") return "the entry's checksum is wrong";
  if (stop === "endByte") {
    const end = ENTRY_EXTRA_BYTES + lengthAt(bytes, 0);
    if (bytes.length > end) return "data follows the entry that has no end byte";
  }
  const work = new Work(bytes.length);
  for (let at = 1; at < bytes.length; at++) {
    const found = candidateAt(bytes, at);
    if (found === undefined || entryLeft(bytes, at) !== 0) continue;
    if (!work.spend(found.end - at)) return "too much data follows to tell whether it is good";
    const adler = codec.adler32(1, bytes, at + ENTRY_HEAD_BYTES, found.end - 1);
    if (adler === entryChecksum(bytes, at)) return `a good entry follows at +${at}`;
  }
  return undefined;
}

/**
 * Version 3: `bytes` begin with the first entry of the broken group.
 * @param offset of `bytes` in the file. @param chain CRC of the entry before. @param nextZxid one more than that of the entry before, or what the log's name says
 */
export function judgeTail3(
  codec: Codec,
  bytes: Uint8Array,
  offset: number,
  chain: number,
  nextZxid: Zxid,
): Verdict {
  const scan = codec.scanGroup3(bytes, 0, bytes.length, bytes.length, chain, 0);
  const isHeadLost = isSectorLost(bytes, offset);
  // A head of some bytes before a sector's end: its checksum may be there, and what it announces not.
  if (scan.stop === "group" && !isHeadLost) {
    return "an entry is not the one that its group announced";
  }
  if (bytes.length > GROUP_BYTES_MAX && !isOneEntry(bytes)) {
    return `${bytes.length} bytes follow, more than a group holds`;
  }
  const good = scan.entries > 0 ? candidateAt(bytes, 0) : undefined;
  const firstZxid = good?.zxid ?? nextZxid;
  const announced = bytes.length < 4 || isHeadLost ? 0 : entryLeft(bytes, 0);
  if (announced === 0 && !isHeadLost) return "the head of the group is spoilt";
  const group = { announced, firstZxid };
  const verdict = findLaterPair(codec, bytes, scan.end, group);
  if (verdict !== undefined) return verdict;
  const last = lastEntries(bytes, scan.end, firstZxid);
  if (last.length === 0 || last.some((entry) => belongs(entry, group))) return undefined;
  return `a later entry follows at +${last[0]?.at}`;
}

interface Group {
  /** What its first entry says of its size; 0: that entry never reached the disk. */
  readonly announced: number;
  readonly firstZxid: Zxid;
}

/** A sector that never reached the disk is still all zeros. */
function isSectorLost(bytes: Uint8Array, offset: number): boolean {
  return bytes.subarray(0, SECTOR_BYTES - offset % SECTOR_BYTES).every((byte) => byte === 0);
}

/** Whether place and zxid fit: zxids are consecutive within an epoch. */
function belongs(entry: Candidate, group: Group): boolean {
  if (group.announced === 0) return true;
  const first = group.firstZxid;
  if (epochOf(first) !== epochOf(entry.zxid)) return entry.left < group.announced;
  return group.announced - entry.left === counterOf(entry.zxid) - counterOf(first);
}

function findLaterPair(codec: Codec, bytes: Uint8Array, from: number, group: Group): Verdict {
  const work = new Work(bytes.length);
  for (let at = from; at < bytes.length;) {
    const one = candidateAt(bytes, at);
    const two = one === undefined ? undefined : candidateAt(bytes, one.end);
    if (one === undefined || two === undefined || one.left === 0 || two.left === 0) {
      at++;
      continue;
    }
    if (!work.spend(two.end - two.at)) return "too much data follows to tell whether it is good";
    const crc = codec.crc32(entryChecksum(bytes, at), bytes, two.at + LENGTH_AT, two.end - 1);
    if (crc !== entryChecksum(bytes, two.at)) {
      at++;
      continue;
    }
    if (one.left === 1) return `a later group follows at +${two.at}`;
    if (!belongs(two, group)) return `an entry of a later group follows at +${two.at}`;
    if (two.left === 1 && two.end < bytes.length) {
      return `data follows the group's end at +${two.end}`;
    }
    at = two.at;
  }
  return undefined;
}

/**
 * What may be an entry that ends with the data, the last write before the end, however its seal is. A payload may look like
 * one, so there can be several.
 */
function lastEntries(bytes: Uint8Array, from: number, firstZxid: Zxid): Candidate[] {
  const found: Candidate[] = [];
  if (bytes[bytes.length - 1] !== END_BYTE) return found;
  for (let at = from + 1; at + ENTRY_EXTRA_BYTES + TXN_HEADER_BYTES <= bytes.length; at++) {
    const entry = candidateAt(bytes, at);
    if (entry === undefined || entry.end !== bytes.length) continue;
    if (entry.left === 0 || entry.left > GROUP_ENTRIES_MAX || !isTxnTypeAt(bytes, at)) continue;
    const epochs = epochOf(entry.zxid) - epochOf(firstZxid);
    if (entry.zxid >= firstZxid && epochs <= 1) found.push(entry);
  }
  return found;
}

function isTxnTypeAt(bytes: Uint8Array, at: number): boolean {
  return TXN_TYPES.has(viewOf(bytes).getInt32(at + ENTRY_HEAD_BYTES + TYPE_AT));
}

function isOneEntry(bytes: Uint8Array): boolean {
  return entryLeft(bytes, 0) === 1 && ENTRY_EXTRA_BYTES + lengthAt(bytes, 0) >= bytes.length;
}

function candidateAt(bytes: Uint8Array, at: number): Candidate | undefined {
  const room = bytes.length - at - ENTRY_EXTRA_BYTES;
  if (room < TXN_HEADER_BYTES) return undefined;
  const length = lengthAt(bytes, at);
  if (length < TXN_HEADER_BYTES || length > room) return undefined;
  const end = at + ENTRY_EXTRA_BYTES + length;
  if (bytes[end - 1] !== END_BYTE) return undefined;
  const zxid = payloadZxid(bytes, at + ENTRY_HEAD_BYTES);
  return { at, end, left: entryLeft(bytes, at), zxid };
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return at + LENGTH_AT + 4 > bytes.length ? 0 : viewOf(bytes).getInt32(at + LENGTH_AT);
}

/** Hostile bytes may look like many long entries: checksums over them are bounded. */
class Work {
  #left: number;

  constructor(size: number) {
    this.#left = size * RESYNC_WORK_FACTOR;
  }

  spend(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }
}
