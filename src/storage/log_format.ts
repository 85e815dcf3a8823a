/**
 * The transaction log's bytes (docs/internals/storage-format.md; storage-format §4). Pure.
 *
 *   log    = header entry* zero*
 *   header = magic:int 5A4B4C47  version:int (2 | 3)  dbid:long 0
 *   entry  = checksum:long n:int payload:n 'B'          (sealed and scanned by wasm/)
 */
import type { Checksums } from "../../wasm/codec.ts";
import { CorruptionError } from "../base/errors.ts";
import { EPOCH_MAX, epochOf, type Zxid, zxidFromHalves } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import { TXN_HEADER_BYTES } from "../protocol/records.ts";
import type { FileFormat } from "./host.ts";

export const LOG_MAGIC = 0x5a4b4c47;
export const LOG_HEADER_BYTES = 16;
/** Offset of the zxid in a payload (storage-format §4.2). */
const ZXID_AT = 12;
const TIME_AT = 20;
const TWO_32 = 0x1_0000_0000;
/** Growth begins when fewer than this are left (storage-format §4.3). */
const PADDING_SLACK_BYTES = 4096;

export function logHeader(format: FileFormat): Uint8Array {
  const header = new Uint8Array(LOG_HEADER_BYTES);
  const view = viewOf(header);
  view.setInt32(0, LOG_MAGIC);
  view.setInt32(4, format);
  return header;
}

/** @throws {CorruptionError} for anything but a header of version 2 or 3 */
export function readLogHeader(bytes: Uint8Array, name: string): FileFormat {
  if (bytes.length < LOG_HEADER_BYTES) {
    throw new CorruptionError(
      `Cannot read log "${name}": ${bytes.length} bytes, a header takes ${LOG_HEADER_BYTES}; ` +
        `restore the file from a backup or another server`,
    );
  }
  const view = viewOf(bytes);
  const magic = view.getInt32(0), version = view.getInt32(4);
  if (magic !== LOG_MAGIC) {
    throw new CorruptionError(
      `Cannot read log "${name}": it begins with 0x${
        hex32(magic)
      }, a log with 0x5a4b4c47 (ZKLG); ` +
        `restore the file from a backup or another server, or move it away if it is no log`,
    );
  }
  if (version !== 2 && version !== 3) {
    throw new CorruptionError(
      `Cannot read log "${name}": its version is ${version}, known are 2 and 3; use the program that wrote it`,
    );
  }
  return version;
}

/** What may lie in a file whose first header never reached the disk: zeros, or a header cut short. */
export function isUnbornLog(bytes: Uint8Array): boolean {
  if (bytes.every((byte) => byte === 0)) return true;
  if (bytes.length >= LOG_HEADER_BYTES) return false;
  return ([2, 3] as const).some((format) => {
    const header = logHeader(format);
    return bytes.every((byte, at) => byte === header[at]);
  });
}

/** The chain that the first entry of a version 3 file continues. */
export function firstChain(sums: Checksums, header: Uint8Array): number {
  return sums.crc32(0, header, 0, LOG_HEADER_BYTES);
}

/** The zxid of a payload at `start`; the caller knows that it holds a txn header. */
export function payloadZxid(bytes: Uint8Array, start: number): Zxid {
  const at = start + ZXID_AT;
  return zxidFromHalves(word(bytes, at), word(bytes, at + 4));
}

/** When its leader made the txn, milliseconds since 1970. */
export function payloadTimeMs(bytes: Uint8Array, start: number): number {
  const at = start + TIME_AT;
  return (word(bytes, at) >>> 0) * TWO_32 + (word(bytes, at + 4) >>> 0);
}

/** Why a payload cannot be a txn at all, or undefined. */
export function payloadFault(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start < TXN_HEADER_BYTES) {
    return `its payload has ${end - start} bytes, a txn header takes ${TXN_HEADER_BYTES}`;
  }
  const zxid = payloadZxid(bytes, start);
  if (zxid < 0) return `its zxid is negative`;
  if (isBeyondEpochs(zxid)) {
    return `its zxid has an epoch above the largest, 0x${(EPOCH_MAX - 1).toString(16)}`;
  }
  return undefined;
}

/** Zxids that no server may continue from (DESIGN decision 1). */
export function isBeyondEpochs(zxid: Zxid): boolean {
  return epochOf(zxid) >= EPOCH_MAX;
}

/**
 * The size to which a log is padded before an append at `position` (storage-format §4.3).
 * @param size bytes known to be there. @param unit <= 0: no padding
 */
export function paddedSize(position: number, size: number, unit: number): number {
  if (unit <= 0 || position + PADDING_SLACK_BYTES < size) return size;
  if (position > size) return position + unit - ((position + unit) % unit);
  return size + unit;
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

export function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
