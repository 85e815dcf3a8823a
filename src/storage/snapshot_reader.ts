/** Loads a snapshot file into an empty database, checking every seal (storage-format §7). */
import { CorruptionError, messageOf, ProtocolError } from "../base/errors.ts";
import type { Zxid } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import type { File } from "../runtime.ts";
import { RuntimeError } from "../runtime.ts";
import type { Database } from "../txn/database.ts";
import { type ByteSource, openSource } from "./byte_stream.ts";
import type { FileFormat, StorageHost } from "./host.ts";
import type { StoredName } from "./names.ts";
import { ReadAhead } from "./read_ahead.ts";
import {
  DIGEST_SECTION_BYTES,
  LAST_SECTION_BYTES,
  looksComplete,
  QUICK_HEAD_BYTES,
  QUICK_TAIL_BYTES,
  readSnapshotHeader,
  SealSum,
  type SnapshotDigest,
} from "./snapshot_format.ts";
import { loadBody } from "./snapshot_body.ts";
import { SnapshotWindow } from "./snapshot_window.ts";
import { WarmMemory } from "./warm_memory.ts";

export interface LoadedSnapshot {
  readonly name: string;
  readonly zxid: Zxid;
  readonly format: FileFormat;
  readonly digest: SnapshotDigest | undefined;
  /** Section 7: the last txn when the file was done. */
  readonly lastZxid: Zxid | undefined;
  readonly nodes: number;
}

/** The first two are the writer's. */
const READING_REGION = 2;

/** Whether the file is worth a try (storage-format §7.4). */
export async function passesQuickCheck(
  host: StorageHost,
  path: string,
  name: StoredName,
): Promise<boolean> {
  const file = await host.fs.open(path, "read");
  try {
    const size = await file.size();
    const head = new Uint8Array(QUICK_HEAD_BYTES), tail = new Uint8Array(QUICK_TAIL_BYTES);
    await file.read(head, 0);
    await file.read(tail, Math.max(size - QUICK_TAIL_BYTES, 0));
    return looksComplete(name.compression, size, head, tail);
  } finally {
    await file.close();
  }
}

/**
 * @param db is emptied first; what a failure leaves in it is to be cleared
 * @throws {CorruptionError} says which file and why
 */
export async function loadSnapshot(
  host: StorageHost,
  path: string,
  name: StoredName,
  db: Database,
): Promise<LoadedSnapshot> {
  const file = await host.fs.open(path, "read");
  const ahead = new ReadAhead(openSource(file, name.compression, host.gzip));
  let memory: WarmMemory | undefined;
  try {
    db.clear();
    if (name.compression !== "") return await load(ahead, name, db);
    const size = await file.size();
    db.tree.expectSnapshot(size);
    memory = new WarmMemory(host.fs, db.tree.growing, size);
    return await load(memory.warming(ahead), name, db);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw new CorruptionError(`Cannot load snapshot "${name.name}": ${messageOf(error)}`);
  } finally {
    memory?.stop();
    await ahead.settle();
    await closeQuietly(file);
  }
}

/** Bad bytes and failed reads, as opposed to bugs of ours. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof CorruptionError || error instanceof ProtocolError ||
    error instanceof RuntimeError;
}

async function closeQuietly(file: File): Promise<void> {
  await file.close().catch(() => {}); // only read: nothing is lost
}

async function load(source: ByteSource, name: StoredName, db: Database): Promise<LoadedSnapshot> {
  const { codec } = db;
  const region = codec.snapshotRegions[READING_REGION] ?? codec.scratch;
  const window = new SnapshotWindow(source, codec.memory, region.start, region.end);
  const sections = await loadSealed(window, db);
  db.lastZxid = name.zxid;
  return { name: name.name, zxid: name.zxid, ...sections };
}

/** All sections of a file but its name's zxid, into a cleared database. @throws {CorruptionError} */
export async function loadSealed(
  window: SnapshotWindow,
  db: Database,
): Promise<Omit<LoadedSnapshot, "name" | "zxid">> {
  const format = await window.record(readSnapshotHeader);
  window.begin(new SealSum(db.codec, format));
  const nodes = await loadBody(window, db);
  await window.seal();
  const { digest, lastZxid } = await loadEnd(window);
  db.tree.finishLoad();
  db.quotas.rebuild();
  return { format, digest, lastZxid, nodes };
}

async function loadEnd(
  window: SnapshotWindow,
): Promise<Pick<LoadedSnapshot, "digest" | "lastZxid">> {
  const left = await window.left(DIGEST_SECTION_BYTES + LAST_SECTION_BYTES);
  let digest: SnapshotDigest | undefined, lastZxid: Zxid | undefined;
  const hasBoth = left === DIGEST_SECTION_BYTES + LAST_SECTION_BYTES;
  if (left !== 0 && left !== DIGEST_SECTION_BYTES && left !== LAST_SECTION_BYTES && !hasBoth) {
    throw new CorruptionError(
      `behind its first seal are ${left} bytes or more, expected 0, 21, 33 or 54`,
    );
  }
  if (hasBoth || left === DIGEST_SECTION_BYTES) {
    digest = await window.record((r) => ({
      zxid: r.zxid(),
      version: r.int32(),
      digest: r.int64(),
    }));
    await window.seal();
  }
  if (hasBoth || left === LAST_SECTION_BYTES) {
    lastZxid = await window.record((r) => r.zxid());
    await window.seal();
  }
  return { digest, lastZxid };
}

/** The version in a plain or compressed snapshot's header; undefined when it cannot be read. */
export async function snapshotFormatOf(
  host: StorageHost,
  path: string,
  name: StoredName,
): Promise<FileFormat | undefined> {
  const file = await host.fs.open(path, "read");
  try {
    const head = new Uint8Array(16);
    const source = openSource(file, name.compression, host.gzip);
    let have = 0;
    for (let got = -1; have < head.length && got !== 0; have += got) {
      got = await source.read(head.subarray(have));
    }
    const version = viewOf(head).getInt32(4);
    return have === head.length && (version === 2 || version === 3) ? version : undefined;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  } finally {
    await closeQuietly(file);
  }
}
