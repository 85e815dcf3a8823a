/**
 * Snapshots while the server serves (DESIGN decision 11; performance-notes §5): sessions and ACL lists are copied in the
 * turn in which it begins, then nodes in slices with pauses between them, written a piece at a time while the next one
 * fills. The file gets its name only when all of it is on the disk.
 */
import { type Codec, SNAPSHOT_PIECE_BYTES } from "../../wasm/codec.ts";
import { messageOf } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import { SNAPSHOT_SLICE_BYTES } from "../base/limits.ts";
import { type Zxid, ZXID_MAX, ZXID_ZERO } from "../base/zxid.ts";
import { DIGEST_VERSION } from "../protocol/records.ts";
import type { Cancel, File, MonotonicMs } from "../runtime.ts";
import type { Database } from "../txn/database.ts";
import { type ByteSink, openSink } from "./byte_stream.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { SNAPSHOT_UNSYNCED_BYTES_MAX } from "./limits.ts";
import { type Compression, snapshotName, type StoredName } from "./names.ts";
import { RegionWriter } from "./region_writer.ts";
import {
  SealSum,
  type SnapshotDigest,
  writeSeal,
  writeSnapshotHeader,
  writeTerminator,
} from "./snapshot_format.ts";
import { writeSessionsAndAcls } from "./snapshot_body.ts";
import type { LoadedSnapshot } from "./snapshot_reader.ts";

export interface SnapshotOptions {
  /** The `version-2` folder of the snapshots. */
  readonly folder: string;
  readonly format: FileFormat;
  readonly compression: Compression;
  /** Section 7 is written (`serializeLastProcessedZxid.enabled`). */
  readonly serializeLastZxid: boolean;
}

export interface SnapshotReport {
  readonly name: string;
  readonly zxid: Zxid;
  readonly bytes: number;
  readonly nodes: number;
  readonly tookMs: number;
}

/** Sections 6 and 7. */
export interface SnapshotEnd {
  readonly digest: SnapshotDigest | undefined;
  readonly lastZxid: Zxid | undefined;
}

/** A pause is this many times as long as the slice before it took, and at least PAUSE_MS_MIN. */
const PAUSE_FACTOR = 3;
const PAUSE_MS_MIN = 1;

/** How long others have the turn after a slice of work. */
export function slicePauseMs(workedMs: number): number {
  return Math.max(workedMs * PAUSE_FACTOR, PAUSE_MS_MIN);
}

/** It was told to stop: nothing is left behind. */
export class SnapshotStopped extends Error {
  constructor() {
    super("The snapshot was stopped");
    this.name = "SnapshotStopped";
  }
}

export class Snapshotter {
  readonly #context: StorageContext;
  readonly #codec: Codec;
  readonly #options: SnapshotOptions;
  #running: Promise<unknown> | undefined;
  #isStopped = false;
  #endPause: (() => void) | undefined;

  constructor(context: StorageContext, codec: Codec, options: SnapshotOptions) {
    this.#context = context;
    this.#codec = codec;
    this.#options = options;
  }

  /** One at a time: a trigger while it runs is skipped. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Begins in this turn, at `db.lastZxid`. @param paced false: without pauses, when nobody is served yet
   * @throws {RuntimeError | SnapshotStopped}; the list of snapshots is then as before
   */
  take(db: Database, paced = true): Promise<SnapshotReport> {
    const name = snapshotName(db.lastZxid, this.#options.compression);
    return this.#begin(db, db.lastZxid, name, () => this.#endOf(db), paced);
  }

  /**
   * What another server sent, all of it, under a name of the caller's; without pauses. There is no digest to compare with:
   * txns may have gone on while it was sent. @throws as `take`
   */
  store(db: Database, name: string): Promise<SnapshotReport> {
    const end = this.#endOf(db);
    const digest = end.digest && { ...end.digest, zxid: ZXID_ZERO, digest: 0n };
    return this.#begin(db, ZXID_MAX, name, () => ({ ...end, digest }), false);
  }

  #begin(
    db: Database,
    czxidMax: Zxid,
    name: string,
    end: () => SnapshotEnd,
    paced: boolean,
  ): Promise<SnapshotReport> {
    invariant(this.#running === undefined && !this.#isStopped, "One snapshot at a time", {});
    invariant(db.lastZxid >= 0, "A database without a zxid is not kept", { zxid: db.lastZxid });
    const taking = new Taking(this.#codec, this.#options.format, db, czxidMax);
    const running = this.#write(taking, name, this.#options.compression, end, paced)
      .finally(() => {
        taking.close();
        this.#running = undefined;
      });
    this.#running = running;
    return running;
  }

  /** What a loaded snapshot holds, in this format, its end sections kept: for conversion. */
  async rewrite(
    db: Database,
    loaded: LoadedSnapshot,
    name: StoredName,
    to: string,
  ): Promise<SnapshotReport> {
    const taking = new Taking(this.#codec, this.#options.format, db, ZXID_MAX);
    try {
      return await this.#write(taking, to, name.compression, () => loaded, false);
    } finally {
      taking.close();
    }
  }

  /** In the turn of the last node, so that the digest is that of the last txn. */
  #endOf(db: Database): SnapshotEnd {
    const { lastZxid } = db;
    return {
      // Zxid 0: no txn has been applied, there is no digest to compare with (storage-format §7.1).
      digest: db.options.digest
        ? { zxid: lastZxid, version: DIGEST_VERSION, digest: lastZxid === 0 ? 0n : db.tree.digest }
        : undefined,
      lastZxid: this.#options.serializeLastZxid ? lastZxid : undefined,
    };
  }

  /** Ends one under way and removes what it wrote; no other can begin. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endPause?.();
    await this.#running?.catch(() => {}); // whoever began it is told
  }

  async #write(
    taking: Taking,
    name: string,
    compression: Compression,
    end: () => SnapshotEnd,
    paced: boolean,
  ): Promise<SnapshotReport> {
    const { fs, clock, gzip } = this.#context.host;
    const { folder } = this.#options;
    const beganMs = clock.monotonicMs();
    const path = fs.join(folder, name), unfinished = `${path}.tmp`;
    const file = await fs.open(unfinished, "create");
    let bytes = 0;
    try {
      const sink = openSink(file, compression, gzip);
      let synced = 0;
      const syncSome = async (): Promise<void> => {
        if (!paced || sink.fileBytes - synced < SNAPSHOT_UNSYNCED_BYTES_MAX) return;
        synced = sink.fileBytes;
        await file.syncData();
      };
      await this.#stream(taking, end, sink, paced, syncSome);
      await sink.end();
      await file.sync();
      await file.close();
      await fs.rename(unfinished, path);
      await fs.syncDir(folder);
      bytes = sink.fileBytes;
    } catch (error) {
      await this.#discard(file, unfinished);
      throw error;
    }
    const tookMs = clock.monotonicMs() - beganMs;
    return { name, zxid: taking.zxid, bytes, nodes: taking.nodes, tookMs };
  }

  async #stream(
    taking: Taking,
    end: () => SnapshotEnd,
    sink: ByteSink,
    paced: boolean,
    syncSome: () => Promise<void>,
  ): Promise<void> {
    const { clock } = this.#context.host;
    let writing: Promise<void> = Promise.resolve();
    try {
      for (let done = false; !done;) {
        if (this.#isStopped) throw new SnapshotStopped();
        const beganMs = clock.monotonicMs();
        done = taking.slice();
        if (done) taking.finish(end());
        const pauseMs = slicePauseMs(clock.monotonicMs() - beganMs);
        if (done || taking.isPieceFull) {
          await writing;
          writing = sink.write(taking.turnPiece()).then(syncSome);
          writing.catch(() => {}); // awaited at the next piece or at the end
        }
        if (paced && !done) await this.#pause((clock.monotonicMs() + pauseMs) as MonotonicMs);
      }
      await writing;
    } finally {
      await writing.catch(() => {}); // the regions are free only now; the failure itself is on its way
    }
  }

  #pause(until: MonotonicMs): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      this.#endPause = () => {
        this.#endPause = undefined;
        cancel();
        resolve();
      };
      cancel = this.#context.host.clock.wakeAt(until, this.#endPause);
    });
  }

  async #discard(file: File, path: string): Promise<void> {
    await file.close().catch(() => {}); // the first failure is the one to tell
    await this.#context.host.fs.remove(path).catch((error: unknown) => {
      this.#context.log.warn("Cannot remove an unfinished snapshot; remove it by hand", {
        path,
        error: messageOf(error),
      });
    });
  }
}

/** The bytes of one snapshot, as they come to be. */
class Taking {
  readonly zxid: Zxid;
  readonly #codec: Codec;
  readonly #sum: SealSum;
  readonly #cursor;
  readonly #writer = new RegionWriter();
  #region = 0;
  /** Up to here the piece is in the sum. */
  #summed = 0;
  nodes: number;

  /** Header, sessions and ACL lists, in one turn. */
  constructor(codec: Codec, format: FileFormat, db: Database, czxidMax: Zxid) {
    this.#codec = codec;
    this.#sum = new SealSum(codec, format);
    this.zxid = db.lastZxid;
    this.nodes = db.tree.nodeCount;
    this.#enterRegion();
    const w = this.#writer;
    writeSnapshotHeader(w, format);
    writeSessionsAndAcls(w, db);
    this.#cursor = db.tree.openCursor(czxidMax);
  }

  close(): void {
    this.#cursor.close();
    this.#writer.forget();
  }

  get isPieceFull(): boolean {
    const w = this.#writer;
    return w.pos - w.regionStart + SNAPSHOT_SLICE_BYTES > SNAPSHOT_PIECE_BYTES;
  }

  /** @returns whether all nodes are written */
  slice(): boolean {
    const done = this.#cursor.writeSome(this.#writer, SNAPSHOT_SLICE_BYTES);
    this.#settle();
    return done;
  }

  finish(end: SnapshotEnd): void {
    const w = this.#writer;
    writeTerminator(w);
    this.#seal();
    if (end.digest !== undefined) {
      w.int64Number(end.digest.zxid);
      w.int32(end.digest.version);
      w.int64(end.digest.digest);
      this.#seal();
    }
    if (end.lastZxid === undefined) return;
    w.int64Number(end.lastZxid);
    this.#seal();
  }

  /** The piece so far, lent until the one after the next is turned; what follows goes to the other region. */
  turnPiece(): Uint8Array {
    this.#settle();
    const w = this.#writer;
    const piece = w.bytes.subarray(w.regionStart, w.pos);
    this.#region = 1 - this.#region;
    this.#enterRegion();
    return piece;
  }

  #seal(): void {
    this.#settle();
    writeSeal(this.#writer, this.#sum.value);
  }

  #settle(): void {
    this.#sum.update(this.#writer.bytes, this.#summed, this.#writer.pos);
    this.#summed = this.#writer.pos;
  }

  #enterRegion(): void {
    const region = this.#codec.snapshotRegions[this.#region] ?? this.#codec.scratch;
    this.#writer.enter(this.#codec.memory, this.#codec.view, region.start, region.end);
    this.#summed = region.start;
  }
}
