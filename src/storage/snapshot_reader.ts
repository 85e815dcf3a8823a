/** Loads a snapshot file into an empty database, checking every seal (storage-format §7). */
import type { Codec } from "../../wasm/codec.ts";
import { CorruptionError, messageOf, ProtocolError } from "../base/errors.ts";
import type { Zxid } from "../base/zxid.ts";
import { JuteError, Reader } from "../jute/reader.ts";
import { viewOf } from "../jute/writer.ts";
import type { File } from "../runtime.ts";
import { RuntimeError } from "../runtime.ts";
import type { Database } from "../txn/database.ts";
import { type ByteSource, openSource } from "./byte_stream.ts";
import type { FileFormat, StorageHost } from "./host.ts";
import { FILE_FIELD_BYTES_MAX } from "./limits.ts";
import type { StoredName } from "./names.ts";
import {
  DIGEST_SECTION_BYTES,
  LAST_SECTION_BYTES,
  looksComplete,
  QUICK_HEAD_BYTES,
  QUICK_TAIL_BYTES,
  readSeal,
  readSnapshotHeader,
  SealSum,
  type SnapshotDigest,
} from "./snapshot_format.ts";

export interface LoadedSnapshot {
  readonly name: string;
  readonly zxid: Zxid;
  readonly format: FileFormat;
  readonly digest: SnapshotDigest | undefined;
  /** Section 7, for the restore command. */
  readonly lastZxid: Zxid | undefined;
  readonly nodes: number;
}

/** The first two are the writer's. */
const READING_REGION = 2;
/** Room for two fields of the largest size and what stands around them. */
const WINDOW_BYTES_MAX = 2 * FILE_FIELD_BYTES_MAX + 4096;

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
  try {
    db.clear();
    return await load(openSource(file, name.compression, host.gzip), name, db);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw new CorruptionError(`Cannot load snapshot "${name.name}": ${messageOf(error)}`);
  } finally {
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
  const window = new Window(source, db.codec);
  const format = await window.record(readSnapshotHeader);
  window.begin(format);
  await loadSessions(window, db);
  const acls = await window.record((r) => countOf(r, "ACL lists"));
  for (let i = 0; i < acls; i++) await window.record((r) => db.tree.acls.loadFrom(r));
  const nodes = await loadNodes(window, db);
  await window.seal();
  const { digest, lastZxid } = await loadEnd(window);
  db.tree.finishLoad();
  db.quotas.rebuild();
  db.lastZxid = name.zxid;
  return { name: name.name, zxid: name.zxid, format, digest, lastZxid, nodes };
}

async function loadSessions(window: Window, db: Database): Promise<void> {
  const count = await window.record((r) => countOf(r, "sessions"));
  for (let i = 0; i < count; i++) {
    await window.record((r) => {
      const id = r.int64();
      db.sessions.set(id, r.int32());
    });
  }
}

function countOf(r: Reader, what: string): number {
  const count = r.int32();
  if (count < 0) throw new CorruptionError(`it counts ${count} ${what}`);
  return count;
}

/** Section 4; the loop is synchronous while the window lasts. */
async function loadNodes(window: Window, db: Database): Promise<number> {
  const r = window.reader, tree = db.tree;
  for (let nodes = 0;;) {
    window.mark = r.pos;
    try {
      while (tree.load(r)) {
        nodes++;
        window.mark = r.pos;
      }
      return nodes;
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      r.pos = window.mark;
      await window.more(error);
    }
  }
}

async function loadEnd(window: Window): Promise<Pick<LoadedSnapshot, "digest" | "lastZxid">> {
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

/** The bytes at hand, in a region of the codec; a record that does not fit moves to larger plain memory. */
class Window {
  readonly reader = new Reader(FILE_FIELD_BYTES_MAX);
  /** Start of the record under way, for a loop that reads many. */
  mark = 0;
  readonly #source: ByteSource;
  readonly #codec: Codec;
  #bytes: Uint8Array;
  #start: number;
  #limit: number;
  #sum: SealSum | undefined;
  /** Up to here bytes are in the sum. */
  #summed: number;

  constructor(source: ByteSource, codec: Codec) {
    this.#source = source;
    this.#codec = codec;
    const region = codec.snapshotRegions[READING_REGION] ?? codec.scratch;
    this.#bytes = codec.memory;
    this.#start = this.#summed = region.start;
    this.#limit = region.end;
    this.reader.reset(this.#bytes, region.start, region.start);
  }

  /** The header is read and names the kind of checksum. */
  begin(format: FileFormat): void {
    this.#sum = new SealSum(this.#codec, format);
    this.#settle();
  }

  async record<T>(read: (r: Reader) => T): Promise<T> {
    for (;;) {
      const mark = this.reader.pos;
      try {
        return read(this.reader);
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        this.reader.pos = mark;
        await this.more(error);
      }
    }
  }

  async seal(): Promise<void> {
    await this.left(13);
    this.#settle();
    readSeal(this.reader, this.#sum?.value ?? 0);
  }

  /** Bytes that follow, up to `count` + 1. */
  async left(count: number): Promise<number> {
    while (this.reader.remaining <= count && await this.#fill());
    return Math.min(this.reader.remaining, count + 1);
  }

  /** @throws {CorruptionError} with the words of `missing` when there are no more bytes, or too many for one record */
  async more(missing: JuteError): Promise<void> {
    const tooLong = this.reader.remaining > WINDOW_BYTES_MAX;
    if (tooLong || !await this.#fill()) throw new CorruptionError(missing.message);
  }

  /** Consumed bytes enter the sum. */
  #settle(): void {
    if (this.#sum === undefined) return;
    this.#sum.update(this.#bytes, this.#summed, this.reader.pos);
    this.#summed = this.reader.pos;
  }

  async #fill(): Promise<boolean> {
    this.#settle();
    this.#makeRoom();
    const r = this.reader, had = r.end;
    while (r.end < this.#limit) {
      const count = await this.#source.read(this.#bytes.subarray(r.end, this.#limit));
      if (count === 0) break;
      r.end += count;
    }
    return r.end > had;
  }

  /** The rest moves to the front; when it fills more than half, to memory of twice the size. */
  #makeRoom(): void {
    const r = this.reader;
    const from = this.#sum === undefined ? this.#start : r.pos;
    const kept = r.end - from;
    const size = this.#limit - this.#start;
    if (kept * 2 > size) {
      const larger = new Uint8Array(size * 2);
      larger.set(this.#bytes.subarray(from, r.end));
      this.#bytes = larger;
      this.#start = 0;
      this.#limit = larger.length;
    } else this.#bytes.copyWithin(this.#start, from, r.end);
    const moved = this.#start - from;
    this.#summed += moved;
    r.reset(this.#bytes, r.pos + moved, this.#start + kept);
  }
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
