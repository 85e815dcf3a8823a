/** What calls give back, and how it is read from a reply without copies other than of data and text. */
import { utf8Decode } from "../base/host.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Acl } from "../protocol/acl.ts";
import { STAT_BYTES } from "../protocol/records.ts";

/** client-protocol §5. zxids and times are exact as numbers; session ids need all 64 bits. */
export interface Stat {
  /** Of the change that created the node. */
  readonly czxid: number;
  /** Of the last change of its data. */
  readonly mzxid: number;
  /** Of the last creation or deletion of a child. */
  readonly pzxid: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly ctime: number;
  readonly mtime: number;
  /** Changes of the data; what setData and delete compare with. */
  readonly version: number;
  /** Changes of the children. */
  readonly cversion: number;
  /** Changes of the ACL; what setAcl compares with. */
  readonly aversion: number;
  /** The session that owns an ephemeral node; 0 for others. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

export interface DataResult {
  /** Null is a value of its own, apart from empty. */
  readonly data: Uint8Array | null;
  readonly stat: Stat;
}
export interface ChildrenResult {
  /** Names without path, in no order. */
  readonly children: string[];
  readonly stat: Stat;
}
export interface CreateResult {
  /** The real one, with the number of a sequential node. */
  readonly path: string;
  readonly stat: Stat;
}

const TWO_32 = 0x1_0000_0000;

/** By hand: a hundred thousand times a second (bench/client). Same as protocol/records.ts, which a test compares. */
export function readStat(r: Reader): Stat {
  const at = r.pos, b = r.bytes;
  r.skip(STAT_BYTES);
  const ownerHi = int(b, at + 44), ownerLo = int(b, at + 48);
  return {
    czxid: long(b, at),
    mzxid: long(b, at + 8),
    pzxid: long(b, at + 60),
    ctime: long(b, at + 16),
    mtime: long(b, at + 24),
    version: int(b, at + 32),
    cversion: int(b, at + 36),
    aversion: int(b, at + 40),
    ephemeralOwner: ownerHi === 0 && ownerLo === 0
      ? 0n
      : (BigInt(ownerHi) << 32n) | BigInt(ownerLo >>> 0),
    dataLength: int(b, at + 52),
    numChildren: int(b, at + 56),
  };
}

function int(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
/** Exact to 2^53, which no server reaches (DESIGN, decision 1). */
function long(b: Uint8Array, at: number): number {
  return int(b, at) * TWO_32 + (int(b, at + 4) >>> 0);
}

export function readData(r: Reader): DataResult {
  return { data: r.buffer(), stat: readStat(r) };
}

export function readPath(r: Reader): string {
  const path = r.ustring();
  if (path === null) throw new JuteError("Cannot take null where a path is needed");
  return path;
}

export function readTexts(r: Reader): string[] {
  const list: string[] = [];
  for (let left = r.vectorCount(); left > 0; left--) list.push(r.ustring() ?? "");
  return list;
}

export function readAcls(r: Reader): Acl[] {
  const list: Acl[] = [];
  for (let left = r.vectorCount(); left > 0; left--) {
    list.push({ perms: r.int32(), scheme: r.ustring() ?? "", id: r.ustring() ?? "" });
  }
  return list;
}

/** Data as text: UTF-8; "" for null. */
export function textOf(data: Uint8Array | null): string {
  return data === null ? "" : utf8Decode(data);
}
