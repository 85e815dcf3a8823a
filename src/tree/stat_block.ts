/** A znode's stat in its three forms: as clients see it, as snapshots have it, as the digest covers it. */
import type { Codec } from "../../wasm/codec.ts";
import { CorruptionError } from "../base/errors.ts";
import { EPOCH_MAX } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { STAT_BYTES } from "../protocol/records.ts";
import { DIGEST_STAT_BYTES } from "./digest.ts";
import * as L from "./layout.ts";
import { OwnerKind } from "./owner.ts";

export const STORED_STAT_BYTES = 60;

/** 68 bytes (client-protocol §5): cversion counts deletes too; no owner for containers and TTL nodes. */
export function writeClientStat(page: Int32Array, base: number, w: Writer): void {
  w.ensure(STAT_BYTES);
  const view = w.view, at = w.pos, from = base + L.STAT;
  for (let i = 0; i < 9; i++) view.setInt32(at + i * 4, page[from + i] as number);
  const children = page[base + L.CHILDREN] as number;
  view.setInt32(at + 36, ((page[base + L.CVERSION] as number) << 1) - children);
  view.setInt32(at + 40, page[base + L.AVERSION] as number);
  const isEphemeral = ((page[base + L.FLAGS] as number) & L.FLAG_KIND_MASK) === OwnerKind.ephemeral;
  view.setInt32(at + 44, isEphemeral ? page[base + L.OWNER] as number : 0);
  view.setInt32(at + 48, isEphemeral ? page[base + L.OWNER + 1] as number : 0);
  view.setInt32(at + 52, Math.max(page[base + L.DATA_LENGTH] as number, 0));
  view.setInt32(at + 56, children);
  view.setInt32(at + 60, page[base + L.PZXID] as number);
  view.setInt32(at + 64, page[base + L.PZXID + 1] as number);
  w.pos = at + STAT_BYTES;
}

/** 60 bytes (storage-format §7.1). */
export function writeStoredStat(page: Int32Array, base: number, w: Writer): void {
  w.ensure(STORED_STAT_BYTES);
  const view = w.view, at = w.pos, from = base + L.STAT;
  for (let i = 0; i < 13; i++) view.setInt32(at + i * 4, page[from + i] as number);
  view.setInt32(at + 52, page[base + L.PZXID] as number);
  view.setInt32(at + 56, page[base + L.PZXID + 1] as number);
  w.pos = at + STORED_STAT_BYTES;
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

export function putStoredStat(words: Int32Array, page: Int32Array, base: number): void {
  for (let i = 0; i < 13; i++) page[base + L.STAT + i] = words[i] as number;
  page[base + L.PZXID] = words[13] as number;
  page[base + L.PZXID + 1] = words[14] as number;
}

/** The owner in a stored stat, signed. */
export function storedOwner(words: Int32Array): bigint {
  const hi = words[11] as number, lo = words[12] as number;
  return hi === 0 && lo === 0 ? 0n : (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

/** The CRC over path and data carried on over the stat, in the digest's order of fields. */
export function digestOf(codec: Codec, page: Int32Array, base: number): number {
  const view = codec.view, at = codec.scratch.start, from = base + L.STAT;
  for (let i = 0; i < 4; i++) view.setInt32(at + i * 4, page[from + i] as number);
  view.setInt32(at + 16, page[base + L.PZXID] as number);
  view.setInt32(at + 20, page[base + L.PZXID + 1] as number);
  for (let i = 4; i < 13; i++) view.setInt32(at + 8 + i * 4, page[from + i] as number);
  const crc = (page[base + L.CRC] as number) >>> 0;
  return codec.crc32(crc, codec.memory, at, at + DIGEST_STAT_BYTES);
}
