/**
 * Records of a snapshot's znodes, read ahead in plain TypeScript: the twin of assembly/znodes.ts, which has the format
 * and the rules; layout.ts has what is left where.
 */
import { type Checksums, plainChecksums } from "./checksums.ts";
import * as layout from "./layout.ts";

export interface ZnodeScan {
  /** Plain records read; their facts lie in the scratch, ZNODE_FACTS_WORDS words each. */
  readonly count: number;
  /** Of the image, from its start. */
  readonly units: number;
}

/** acl:long stat:60 */
const BEHIND_DATA = 68;
const STAT_BYTES = 60;
const SLASH = 0x2f;

interface PlainRecord {
  readonly at: number;
  readonly slash: number;
  readonly pathEnd: number;
  readonly dataAt: number;
  readonly dataLength: number;
  readonly stat: number;
}

/** @param view of `memory` @param epochMax of zxids, either sign @param hasDigest whether the checksums are wanted */
export function scanZnodes(
  memory: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  epochMax: number,
  hasDigest: boolean,
): ZnodeScan {
  let at = start, units = 0, count = 0;
  let before: PlainRecord | undefined;
  for (; count < layout.ZNODES_MAX; count++) {
    const record = plainRecordAt(memory, view, at, end, epochMax);
    if (record === undefined) break;
    const { pathEnd, slash, dataAt, dataLength, stat } = record;
    const size = Math.max(dataLength, 0), isAlone = size > layout.ZNODE_BLOCK_MAX;
    const nameUnits = unitsOf(pathEnd - slash - 1), dataUnits = isAlone ? 0 : unitsOf(size);
    if ((units + nameUnits + dataUnits) * layout.ZNODE_UNIT_BYTES > layout.ZNODE_IMAGE_BYTES) break;
    copyBlock(memory, slash + 1, units, nameUnits);
    copyBlock(memory, dataAt, units + nameUnits, dataUnits);
    const put = factsAt(view, count);
    put(layout.FACT_NAME_UNIT, units);
    put(layout.FACT_DATA_UNIT, isAlone ? -1 : units + nameUnits);
    put(
      layout.FACT_SAME_PARENT,
      before !== undefined && isSameParent(memory, before, record) ? 1 : 0,
    );
    putRecord(put, record);
    putStat(put, view, stat);
    putSums(put, hasDigest ? plainChecksums : undefined, memory, record);
    units += nameUnits + dataUnits;
    before = record;
    at = stat + STAT_BYTES;
  }
  return { count, units };
}

type Put = (fact: number, value: number) => void;

function factsAt(view: DataView, index: number): Put {
  const at = layout.ZNODE_FACTS_AT + index * layout.ZNODE_FACTS_WORDS * 4;
  return (fact, value) => view.setInt32(at + fact * 4, value, true);
}

function plainRecordAt(
  memory: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  epochMax: number,
): PlainRecord | undefined {
  if (end - at < 8) return undefined;
  const pathLength = view.getInt32(at), pathAt = at + 4;
  if (pathLength < 2 || pathLength > end - pathAt - 4) return undefined;
  if (memory[pathAt] !== SLASH) return undefined;
  const pathEnd = pathAt + pathLength;
  const slash = memory.lastIndexOf(SLASH, pathEnd - 1);
  const nameLength = pathEnd - slash - 1;
  if (nameLength === 0 || nameLength > layout.ZNODE_BLOCK_MAX) return undefined;
  if (slash === pathAt + 1) return undefined; // "//name"
  const dataLength = view.getInt32(pathEnd), dataAt = pathEnd + 4;
  if (dataLength < -1) return undefined;
  const size = Math.max(dataLength, 0);
  if (size + BEHIND_DATA > end - dataAt) return undefined;
  const stat = dataAt + size + 8;
  if (view.getInt32(stat + 44) !== 0 || view.getInt32(stat + 48) !== 0) return undefined;
  for (const zxid of [stat, stat + 8, stat + 52]) {
    if (Math.abs(view.getInt32(zxid)) > epochMax) return undefined;
  }
  return { at, slash, pathEnd, dataAt, dataLength, stat };
}

function unitsOf(length: number): number {
  return Math.ceil(length / layout.ZNODE_UNIT_BYTES);
}

function copyBlock(memory: Uint8Array, from: number, unit: number, units: number): void {
  const size = layout.ZNODE_UNIT_BYTES;
  memory.copyWithin(layout.ZNODE_IMAGE_AT + unit * size, from, from + units * size);
}

function isSameParent(memory: Uint8Array, one: PlainRecord, other: PlainRecord): boolean {
  const length = one.slash - one.at;
  if (other.slash - other.at !== length) return false;
  for (let i = 4; i < length; i++) if (memory[one.at + i] !== memory[other.at + i]) return false;
  return true;
}

function putRecord(put: Put, { at, slash, pathEnd, dataAt, dataLength }: PlainRecord): void {
  put(layout.FACT_RECORD_AT, at);
  put(layout.FACT_SLASH_AT, slash);
  put(layout.FACT_PATH_END, pathEnd);
  put(layout.FACT_DATA_AT, dataAt);
  put(layout.FACT_DATA_LENGTH, dataLength);
}

function putStat(put: Put, view: DataView, stat: number): void {
  put(layout.FACT_ACL_HI, view.getInt32(stat - 8));
  put(layout.FACT_ACL_LO, view.getInt32(stat - 4));
  for (let i = 0; i < STAT_BYTES / 4; i++) put(layout.FACT_STAT + i, view.getInt32(stat + i * 4));
  put(layout.FACT_IS_FRESH, isFresh(view, stat) ? 1 : 0);
}

/** Whether nothing happened to the znode since it was made; its owner is known to be none. */
function isFresh(view: DataView, stat: number): boolean {
  const long = (at: number): bigint => view.getBigInt64(stat + at);
  return long(8) === long(0) && long(52) === long(0) && long(16) === long(24) &&
    long(32) === 0n && view.getInt32(stat + 40) === 0;
}

/** Over path, data, and the stat with pzxid in the third place. */
function putSums(
  put: Put,
  sums: Checksums | undefined,
  memory: Uint8Array,
  { at, pathEnd, dataAt, dataLength, stat }: PlainRecord,
): void {
  let crc = 0, digest = 0;
  if (sums !== undefined) {
    crc = sums.crc32(0, memory, at + 4, pathEnd);
    if (dataLength > 0) crc = sums.crc32(crc, memory, dataAt, dataAt + dataLength);
    digest = sums.crc32(crc, memory, stat, stat + 16);
    digest = sums.crc32(digest, memory, stat + 52, stat + 60);
    digest = sums.crc32(digest, memory, stat + 16, stat + 52);
  }
  put(layout.FACT_CRC, crc | 0);
  put(layout.FACT_DIGEST, digest | 0);
}
