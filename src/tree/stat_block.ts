/** A znode's stat in its three forms: as clients see it, as snapshots have it, as the digest covers it. */
import type { Codec } from "../../wasm/codec.ts";
import { CorruptionError } from "../base/errors.ts";
import { EPOCH_MAX } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { STAT_BYTES } from "../protocol/records.ts";
import { DIGEST_STAT_BYTES } from "./digest.ts";
import * as L from "./layout.ts";
import type { NodeStore } from "./node_store.ts";
import { OwnerKind } from "./owner.ts";

export const STORED_STAT_BYTES = 60;

/** 68 bytes (client-protocol §5): cversion counts deletes too; no owner for containers and TTL nodes. */
export function writeClientStat(nodes: NodeStore, id: number, w: Writer): void {
  w.ensure(STAT_BYTES);
  const page = nodes.pageOf(id), base = nodes.baseOf(id);
  const view = w.view, at = w.pos;
  writePair(nodes, page, base, L.CZXID, L.MZXID, view, at);
  writePair(nodes, page, base, L.CTIME, L.MTIME, view, at + 16);
  const rest = page[base + L.REST] as number;
  if (rest === 0) {
    for (let i = 32; i < 52; i += 4) view.setInt32(at + i, 0);
    view.setInt32(at + 56, 0);
  } else {
    const words = nodes.restWords(rest), from = nodes.restAt(rest);
    const children = words[from + L.CHILDREN] as number;
    const kind = (page[base + L.FLAGS] as number) & L.FLAG_KIND_MASK;
    const isEphemeral = kind === OwnerKind.ephemeral;
    view.setInt32(at + 32, words[from + L.VERSION] as number);
    view.setInt32(at + 36, ((words[from + L.CVERSION] as number) << 1) - children);
    view.setInt32(at + 40, words[from + L.AVERSION] as number);
    view.setInt32(at + 44, isEphemeral ? words[from + L.OWNER] as number : 0);
    view.setInt32(at + 48, isEphemeral ? words[from + L.OWNER + 1] as number : 0);
    view.setInt32(at + 56, children);
  }
  view.setInt32(at + 52, Math.max(page[base + L.DATA_LENGTH] as number, 0));
  writePzxid(nodes, page, base, view, at + 60);
  w.pos = at + STAT_BYTES;
}

/** 60 bytes (storage-format §7.1). */
export function writeStoredStat(nodes: NodeStore, id: number, w: Writer): void {
  w.ensure(STORED_STAT_BYTES);
  const page = nodes.pageOf(id), base = nodes.baseOf(id);
  writePair(nodes, page, base, L.CZXID, L.MZXID, w.view, w.pos);
  writePair(nodes, page, base, L.CTIME, L.MTIME, w.view, w.pos + 16);
  writeVersions(nodes, page, base, w.view, w.pos + 32);
  writePzxid(nodes, page, base, w.view, w.pos + 52);
  w.pos += STORED_STAT_BYTES;
}

/**
 * 16 bytes: what the core has, and what it became since: czxid and mzxid, or ctime and mtime.
 * @param field of the core @param since of the rest
 */
function writePair(
  nodes: NodeStore,
  page: Int32Array,
  base: number,
  field: number,
  since: number,
  view: DataView,
  at: number,
): void {
  const rest = page[base + L.REST] as number;
  const hi = page[base + field] as number, lo = page[base + field + 1] as number;
  view.setInt32(at, hi);
  view.setInt32(at + 4, lo);
  if (rest === 0) {
    view.setInt32(at + 8, hi);
    view.setInt32(at + 12, lo);
    return;
  }
  const words = nodes.restWords(rest), from = nodes.restAt(rest) + since;
  view.setInt32(at + 8, words[from] as number);
  view.setInt32(at + 12, words[from + 1] as number);
}

/** 20 bytes: version, cversion, aversion and owner, as stored. */
function writeVersions(
  nodes: NodeStore,
  page: Int32Array,
  base: number,
  view: DataView,
  at: number,
): void {
  const rest = page[base + L.REST] as number;
  if (rest === 0) {
    for (let i = 0; i < 20; i += 4) view.setInt32(at + i, 0);
    return;
  }
  const words = nodes.restWords(rest), from = nodes.restAt(rest) + L.VERSION;
  for (let i = 0; i < 5; i++) view.setInt32(at + i * 4, words[from + i] as number);
}

function writePzxid(
  nodes: NodeStore,
  page: Int32Array,
  base: number,
  view: DataView,
  at: number,
): void {
  const rest = page[base + L.REST] as number;
  const words = rest === 0 ? page : nodes.restWords(rest);
  const from = rest === 0 ? base + L.CZXID : nodes.restAt(rest) + L.PZXID;
  view.setInt32(at, words[from] as number);
  view.setInt32(at + 4, words[from + 1] as number);
}

const storedWords = new Int32Array(STORED_STAT_BYTES / 4);

/**
 * Reads a stored stat whole before anything is changed: the words are good until the next call.
 * @throws {JuteError} when bytes are missing. @throws {CorruptionError} for a zxid beyond what we hold
 */
export function readStoredStat(r: Reader): Int32Array {
  for (let i = 0; i < storedWords.length; i++) storedWords[i] = r.int32();
  checkEpoch(storedWords[0] as number, "czxid");
  checkEpoch(storedWords[2] as number, "mzxid");
  checkEpoch(storedWords[13] as number, "pzxid");
  return storedWords;
}

function checkEpoch(epoch: number, field: string): void {
  if (epoch <= EPOCH_MAX && epoch >= -EPOCH_MAX) return;
  throw new CorruptionError(
    `Cannot load a znode: its ${field} has epoch ${epoch}, the largest held is ${EPOCH_MAX}`,
  );
}

/** @param words from `readStoredStat`; a rest is made only when they need one */
export function putStoredStat(words: Int32Array, nodes: NodeStore, id: number): void {
  const page = nodes.pageOf(id), base = nodes.baseOf(id);
  page[base + L.CZXID] = words[0] as number;
  page[base + L.CZXID + 1] = words[1] as number;
  page[base + L.CTIME] = words[4] as number;
  page[base + L.CTIME + 1] = words[5] as number;
  if (page[base + L.REST] === 0 && isFresh(words)) return;
  const rest = nodes.makeRest(id);
  const into = nodes.restWords(rest), at = nodes.restAt(rest);
  for (let half = 0; half < 2; half++) {
    into[at + L.MZXID + half] = words[2 + half] as number;
    into[at + L.MTIME + half] = words[6 + half] as number;
    into[at + L.PZXID + half] = words[13 + half] as number;
  }
  for (let i = 0; i < 5; i++) into[at + L.VERSION + i] = words[8 + i] as number;
}

/** Never changed, without children so far, nobody's. */
function isFresh(words: Int32Array): boolean {
  for (let i = 8; i < 13; i++) if (words[i] !== 0) return false;
  return words[0] === words[2] && words[1] === words[3] && words[0] === words[13] &&
    words[1] === words[14] && words[4] === words[6] && words[5] === words[7];
}

/** The owner in a stored stat, signed. */
export function storedOwner(words: Int32Array): bigint {
  const hi = words[11] as number, lo = words[12] as number;
  return hi === 0 && lo === 0 ? 0n : (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

/** The CRC over path and data carried on over the stat, in the digest's order of fields: pzxid is the third. */
export function digestOf(codec: Codec, nodes: NodeStore, id: number): number {
  const page = nodes.pageOf(id), base = nodes.baseOf(id);
  const view = codec.view, at = codec.scratch.start;
  writePair(nodes, page, base, L.CZXID, L.MZXID, view, at);
  writePzxid(nodes, page, base, view, at + 16);
  writePair(nodes, page, base, L.CTIME, L.MTIME, view, at + 24);
  writeVersions(nodes, page, base, view, at + 40);
  const crc = (page[base + L.CRC] as number) >>> 0;
  return codec.crc32(crc, codec.memory, at, at + DIGEST_STAT_BYTES);
}
