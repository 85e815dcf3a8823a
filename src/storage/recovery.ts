/**
 * A data directory in use: recovered, with a database and an open journal (storage-format §10). When a server's history
 * has to follow another's, the database and the journal are replaced under the same lock: each replacement is a new
 * `Recovered`, and the one before is spent.
 */
import type { Codec } from "../../wasm/codec.ts";
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import type { Database } from "../txn/database.ts";
import { type Directories, openDirectories, withWords } from "./directories.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { finishInstall } from "./install.ts";
import { Journal, type Pending } from "./journal.ts";
import { newestSnapshotBytes } from "./load_newest.ts";
import { LogRange } from "./log_range.ts";
import { type Loaded, Loading, type RecoveryReport, type StorageOptions } from "./loading.ts";
import type { Snapshotter } from "./snapshot_writer.ts";

export type { RecoveryReport, StorageOptions } from "./loading.ts";

/**
 * @param standalone an empty database without a voucher is refused: there is nobody to sync from
 * @throws {UsageError | CorruptionError} one line: what, where, what to do
 */
export async function recover<E extends Pending>(
  context: StorageContext,
  codec: Codec,
  options: StorageOptions,
  standalone = true,
): Promise<Recovered<E>> {
  const directories = await openDirectories(context.host.fs, options);
  try {
    const loading = new Loading(context, codec, options, directories, standalone);
    const loaded = await withWords(directories.dataDir, async () => {
      await finishInstall(context, directories);
      return loading.load();
    });
    return new Recovered<E>({ context, codec, options, directories, loading }, loaded);
  } catch (error) {
    await directories.release();
    throw error;
  }
}

/** What stays the same while database and journal are replaced. */
interface Base {
  readonly context: StorageContext;
  readonly codec: Codec;
  readonly options: StorageOptions;
  readonly directories: Directories;
  readonly loading: Loading;
}

export class Recovered<E extends Pending> {
  readonly database: Database;
  readonly journal: Journal<E>;
  readonly snapshotter: Snapshotter;
  readonly fileFormat: FileFormat;
  readonly report: RecoveryReport;
  readonly #base: Base;
  readonly #loaded: Loaded;
  #suspending: Promise<void> | undefined;
  /** Another one took over, or the directory is given up. */
  #isSpent = false;

  constructor(base: Base, loaded: Loaded) {
    this.#base = base;
    this.#loaded = loaded;
    this.database = loaded.database;
    this.fileFormat = loaded.fileFormat;
    this.report = loaded.report;
    this.snapshotter = base.loading.snapshotter(loaded.fileFormat);
    const { preAllocBytes, txnLogSizeLimitBytes, forceSync, fsyncWarningMs } = base.options;
    this.journal = new Journal<E>(base.context, base.codec, {
      folder: base.directories.logs,
      format: loaded.fileFormat,
      preAllocBytes,
      txnLogSizeLimitBytes,
      forceSync,
      fsyncWarningMs,
    });
  }

  get directories(): Directories {
    return this.#base.directories;
  }

  /** As this one's, and empty: to be filled from another server. */
  emptyDatabase(): Database {
    return this.#base.loading.emptyDatabase();
  }

  /** Txns from a zxid on, read from the log while it goes on; to be closed. @throws {RuntimeError} */
  openRange(from: Zxid): Promise<LogRange> {
    const { context, codec, directories } = this.#base;
    return LogRange.open(context, codec, directories, from);
  }

  /** 0 when there is none. */
  newestSnapshotBytes(): Promise<number> {
    return newestSnapshotBytes(this.#base.context, this.directories.snapshots);
  }

  /**
   * Ends a snapshot under way and whatever reads the logs, drains and closes the journal. Nothing can be logged afterwards.
   * Called by what replaces this one; again is harmless.
   */
  suspend(): Promise<void> {
    this.#suspending ??= this.#suspend();
    return this.#suspending;
  }

  async #suspend(): Promise<void> {
    await this.snapshotter.stop();
    await this.#base.directories.use.stopAll();
    await this.journal.close();
  }

  /** Database and journal from what lies on the disk. @throws as `recover`; this one is suspended then */
  reload(): Promise<Recovered<E>> {
    return this.#replace(() => this.#base.loading.load());
  }

  /**
   * Cuts the log behind a zxid: what comes back holds nothing beyond it. `database.lastZxid` is the last zxid kept, smaller
   * than the one asked for when that is not in the log.
   * @throws {TruncationError} no way back there; nothing was changed and `reload` goes on with what is there
   * @throws {CorruptionError | RuntimeError}
   */
  truncate(through: Zxid): Promise<Recovered<E>> {
    return this.#replace(() => this.#base.loading.truncate(through, this.#loaded));
  }

  /**
   * Stores a database that another server sent, and sets aside what was there before.
   * @param database from `emptyDatabase`; its zxid names the snapshot
   * @throws {CorruptionError | RuntimeError}; the directory opens with the old state or the new one
   */
  install(database: Database): Promise<Recovered<E>> {
    invariant(database !== this.database, "What is installed came from outside", {});
    return this.#replace(() => this.#base.loading.install(database, this.#loaded));
  }

  async #replace(load: () => Promise<Loaded>): Promise<Recovered<E>> {
    invariant(!this.#isSpent, "A directory is replaced by who holds it", {});
    await this.suspend();
    const { directories } = this.#base;
    const loaded = await directories.use.exclusive(() =>
      withWords(directories.dataDir, async () => {
        const loaded = await load();
        await this.#keepWayBack(loaded);
        return loaded;
      })
    );
    invariant(!this.#isSpent, "A directory is replaced once", {});
    this.#isSpent = true;
    return new Recovered<E>(this.#base, loaded);
  }

  /**
   * A purge takes snapshots that look whole for good ones, so that the one that was fallen back on is the first to go:
   * a newer good one comes before the next purge, as at a start (`SnapshotDue`).
   */
  async #keepWayBack({ database, fileFormat, report }: Loaded): Promise<void> {
    if (report.snapshotsRefused === 0) return;
    database.quotas.rebuild(); // replay over a fuzzy snapshot may have counted twice
    try {
      await this.#base.loading.snapshotter(fileFormat).take(database, false);
    } catch (error) {
      this.#base.directories.use.giveUp();
      throw error;
    }
  }

  /** Suspends, and releases the lock. */
  async close(): Promise<void> {
    await this.suspend();
    if (this.#isSpent) return;
    this.#isSpent = true;
    await this.#base.directories.release();
  }
}
