/** Names of logs and snapshots: parsing, order, and which logs to read (storage-format §1, §4.5). Pure. */
import { CorruptionError } from "../base/errors.ts";
import { hexOf, type Zxid, ZXID_MAX } from "../base/zxid.ts";
import { isBeyondEpochs } from "./log_format.ts";

export type FileKind = "log" | "snapshot";
export type Compression = "" | "gz" | "snappy";

export interface StoredName {
  readonly kind: FileKind;
  readonly name: string;
  /** Of a log: its first record's. Of a snapshot: the last one applied when it began. */
  readonly zxid: Zxid;
  readonly compression: Compression;
  /** An atomic write that did not end: never read (Apache does read it). */
  readonly unfinished: boolean;
}

/** Both folders are named so, under dataDir and dataLogDir. */
export const VERSION_FOLDER = "version-2";
const ZXID_TEXT = /^[0-9a-fA-F]{1,32}$/;
const JAVA_LONG_MAX = 0x7fff_ffff_ffff_ffffn;

export function logName(zxid: Zxid): string {
  return `log.${hexOf(zxid)}`;
}

export function snapshotName(zxid: Zxid, compression: Compression): string {
  return `snapshot.${hexOf(zxid)}${compression === "" ? "" : `.${compression}`}`;
}

/**
 * First part `log` or `snapshot`, second part hex, the rest is a suffix. Undefined for other names, and for hex that
 * Java's signed long does not hold: Apache writes such a name for an untrusted empty tree and never reads it.
 * @throws {CorruptionError} for a zxid beyond what we hold
 */
export function parseName(name: string): StoredName | undefined {
  const parts = name.split(".");
  const kind = parts[0], digits = parts[1];
  if ((kind !== "log" && kind !== "snapshot") || digits === undefined || !ZXID_TEXT.test(digits)) {
    return undefined;
  }
  const value = BigInt(`0x${digits}`);
  if (value > JAVA_LONG_MAX) return undefined;
  if (value > BigInt(ZXID_MAX) || isBeyondEpochs(Number(value) as Zxid)) {
    throw new CorruptionError(
      `Cannot use "${name}": its zxid has an epoch above the largest that is held; move the file away if it is foreign`,
    );
  }
  const last = parts.length > 2 ? parts[parts.length - 1] : "";
  return {
    kind,
    name,
    zxid: Number(value) as Zxid,
    compression: last === "gz" || last === "snappy" ? last : "",
    unfinished: last === "tmp",
  };
}

/** Parsed names of one kind, oldest first; unfinished ones left out. */
export function namesOf(kind: FileKind, names: readonly string[]): StoredName[] {
  const found: StoredName[] = [];
  for (const name of names) {
    const parsed = parseName(name);
    if (parsed !== undefined && parsed.kind === kind && !parsed.unfinished) found.push(parsed);
  }
  return found.sort((a, b) => a.zxid - b.zxid || (a.name < b.name ? -1 : 1));
}

/** All logs that begin at `from` or later, and the newest that begins before it. @param logs oldest first */
export function logsFrom(logs: readonly StoredName[], from: Zxid): StoredName[] {
  let first = logs.findIndex((log) => log.zxid >= from);
  if (first < 0) first = logs.length;
  return logs.slice(Math.max(first - 1, 0));
}
