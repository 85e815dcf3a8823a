/**
 * From what lies on the disk to a database and an open journal (storage-format §10): directories, the newest snapshot that
 * loads, the logs behind it. Decisions are in recovery_table.ts; here they are carried out.
 */
import type { Codec } from "../../wasm/codec.ts";
import { CorruptionError, messageOf, UsageError } from "../base/errors.ts";
import { unreachable } from "../base/invariant.ts";
import { formatZxid, type Zxid, ZXID_NONE } from "../base/zxid.ts";
import type { AclOptions } from "../tree/acl.ts";
import { Database } from "../txn/database.ts";
import {
  type Directories,
  type DirectoryOptions,
  findInitialize,
  openDirectories,
  readEpochFile,
  withWords,
} from "./directories.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { Journal, type Pending } from "./journal.ts";
import { SNAPSHOTS_TRIED_MAX } from "./limits.ts";
import { type LogRead, readLog } from "./log_reader.ts";
import { type Compression, namesOf, type StoredName } from "./names.ts";
import { decide, type Found } from "./recovery_table.ts";
import { replayLogs, type ReplayReport } from "./replay.ts";
import {
  isUnreadable,
  type LoadedSnapshot,
  loadSnapshot,
  passesQuickCheck,
} from "./snapshot_reader.ts";
import { Snapshotter } from "./snapshot_writer.ts";

/** The part of the server's options that storage reads. */
export interface StorageOptions extends DirectoryOptions {
  readonly fileFormat: FileFormat | undefined;
  readonly dbAutocreate: boolean;
  readonly snapshotTrustEmpty: boolean;
  readonly preAllocBytes: number;
  readonly txnLogSizeLimitBytes: number;
  readonly forceSync: boolean;
  readonly fsyncWarningMs: number;
  readonly snapshotCompression: Compression;
  readonly serializeLastZxid: boolean;
  readonly digestEnabled: boolean;
  readonly extendedTypes: boolean;
  readonly emulate353TtlNodes: boolean;
  /** For the database's tree. */
  readonly acl?: AclOptions;
  readonly hashSeed?: number;
  /** Every session that the snapshot or a record names, also those closed since. */
  readonly onSession?: (id: bigint) => void;
}

export interface RecoveryReport {
  /** The snapshot that was loaded or made. */
  readonly snapshot: string | undefined;
  readonly snapshotZxid: Zxid;
  /** Nodes in it. */
  readonly snapshotNodes: number;
  readonly snapshotsRefused: number;
  /** Records applied from the logs. */
  readonly applied: number;
  readonly logsRead: number;
  /** Where a torn tail was cut. */
  readonly cut:
    | { readonly file: string; readonly byte: number; readonly afterZxid: Zxid }
    | undefined;
  readonly digestMismatches: number;
  /** An empty database was made. */
  readonly isNew: boolean;
  /** A snapshot of exactly this state does not exist yet (storage-format §10.7). */
  readonly needsSnapshot: boolean;
  readonly acceptedEpoch: number | undefined;
  readonly currentEpoch: number | undefined;
  readonly tookMs: number;
}

export interface Recovered<E extends Pending> {
  readonly database: Database;
  readonly journal: Journal<E>;
  readonly snapshotter: Snapshotter;
  readonly fileFormat: FileFormat;
  readonly directories: Directories;
  readonly report: RecoveryReport;
  /** Ends a snapshot under way, drains and closes the journal, releases the lock. */
  close(): Promise<void>;
}

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
    const recovery = new Recovery(context, codec, options, directories, standalone);
    return await withWords(directories.dataDir, () => recovery.run<E>());
  } catch (error) {
    await directories.release();
    throw error;
  }
}

/** The newest snapshot that loads, each try from empty (storage-format §7.4). */
export async function loadNewest(
  context: StorageContext,
  folder: string,
  snapshots: readonly StoredName[],
  db: Database,
): Promise<{ state: Found["snapshot"]; loaded: LoadedSnapshot | undefined; refused: number }> {
  const { fs } = context.host;
  let refused = 0;
  for (const name of [...snapshots].reverse()) {
    if (refused === SNAPSHOTS_TRIED_MAX) break;
    const path = fs.join(folder, name.name);
    if (!await passesQuickCheck(context.host, path, name)) {
      context.log.warn("A snapshot is not complete and is skipped", { file: name.name });
      continue;
    }
    try {
      const loaded = await loadSnapshot(context.host, path, name, db);
      return { state: "loaded", loaded, refused };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      refused++;
      context.log.warn("A snapshot is damaged; an older one is tried", {
        file: name.name,
        error: messageOf(error),
      });
    }
  }
  db.clear();
  db.tree.finishLoad();
  db.quotas.rebuild();
  return { state: refused === 0 ? "none" : "broken", loaded: undefined, refused };
}

class Recovery {
  readonly #context: StorageContext;
  readonly #codec: Codec;
  readonly #options: StorageOptions;
  readonly #dirs: Directories;
  readonly #standalone: boolean;
  readonly #db: Database;

  constructor(
    context: StorageContext,
    codec: Codec,
    options: StorageOptions,
    dirs: Directories,
    standalone: boolean,
  ) {
    this.#context = context;
    this.#codec = codec;
    this.#options = options;
    this.#dirs = dirs;
    this.#standalone = standalone;
    this.#db = new Database(codec, {
      digest: options.digestEnabled,
      extendedTypes: options.extendedTypes,
      emulate353: options.emulate353TtlNodes,
      ...(options.acl === undefined ? {} : { acl: options.acl }),
      ...(options.hashSeed === undefined ? {} : { hashSeed: options.hashSeed }),
    });
  }

  async run<E extends Pending>(): Promise<Recovered<E>> {
    const { fs, clock } = this.#context.host;
    const beganMs = clock.monotonicMs();
    const db = this.#db;
    const logs = namesOf("log", await fs.readDir(this.#dirs.logs));
    const snapshots = namesOf("snapshot", await fs.readDir(this.#dirs.snapshots));
    const { state, loaded, refused } = await loadNewest(
      this.#context,
      this.#dirs.snapshots,
      snapshots,
      db,
    );
    const markers = await findInitialize(fs, this.#dirs);
    const decision = decide({
      snapshot: state,
      hasRecords: state === "none" && await this.#hasRecords(logs),
      initialize: markers.length > 0,
      dbAutocreate: this.#options.dbAutocreate,
      trustEmpty: this.#options.snapshotTrustEmpty,
    });
    const replayed = await this.#carryOut(decision, loaded, logs, refused);
    const snapshotZxid = loaded?.zxid ?? db.lastZxid;
    const cut = replayed === undefined ? undefined : await this.#cutTail(replayed.logs);
    const fileFormat = this.#options.fileFormat ?? this.#formatOnDisk(replayed?.logs ?? [], loaded);
    const snapshotter = this.#snapshotter(fileFormat);
    const isNew = decision === "create";
    const made = isNew ? await snapshotter.take(db, false) : undefined;
    for (const marker of markers) await fs.remove(marker);
    const journal = this.#journal<E>(fileFormat);
    const report: RecoveryReport = {
      snapshot: made?.name ?? loaded?.name,
      snapshotZxid,
      snapshotNodes: made?.nodes ?? loaded?.nodes ?? 0,
      snapshotsRefused: refused,
      applied: replayed?.applied ?? 0,
      logsRead: replayed?.logs.length ?? 0,
      cut,
      digestMismatches: replayed?.digestMismatches ?? 0,
      isNew,
      needsSnapshot: !isNew &&
        (loaded === undefined || loaded.format !== fileFormat || db.lastZxid !== loaded.zxid),
      acceptedEpoch: await readEpochFile(this.#context, this.#dirs.snapshots, "acceptedEpoch"),
      currentEpoch: await readEpochFile(this.#context, this.#dirs.snapshots, "currentEpoch"),
      tookMs: clock.monotonicMs() - beganMs,
    };
    const directories = this.#dirs;
    const close = async (): Promise<void> => {
      await snapshotter.stop();
      await journal.close();
      await directories.release();
    };
    return { database: db, journal, snapshotter, fileFormat, directories, report, close };
  }

  async #carryOut(
    decision: ReturnType<typeof decide>,
    loaded: LoadedSnapshot | undefined,
    logs: readonly StoredName[],
    refused: number,
  ): Promise<ReplayReport | undefined> {
    const dirs = this.#dirs;
    switch (decision) {
      case "replay":
      case "replayFromEmpty":
        return replayLogs(this.#context, this.#codec, dirs.logs, logs, this.#db, loaded?.digest, {
          allowsFirstGap: decision === "replayFromEmpty",
          onSession: this.#options.onSession,
        });
      case "create":
        if (logs.length === 0) return undefined;
        return replayLogs(this.#context, this.#codec, dirs.logs, logs, this.#db, undefined, {
          allowsFirstGap: false,
        });
      case "untrusted":
        if (this.#standalone) throw this.#refuseUntrusted();
        this.#db.lastZxid = ZXID_NONE;
        return undefined;
      case "refuseBroken":
        throw new CorruptionError(
          `Cannot start from "${dirs.snapshots}": none of its ${refused} snapshots can be loaded (see the warnings); ` +
            `restore the directory from a backup`,
        );
      case "refuseNoSnapshot":
        throw new CorruptionError(
          `Cannot start from "${dirs.logs}": it has transaction logs but no snapshot, so data may be missing; restore ` +
            `the snapshots, or set snapshot.trust.empty=true once if the data is from before ZooKeeper 3.5.3`,
        );
      default:
        return unreachable(decision);
    }
  }

  #refuseUntrusted(): UsageError {
    return new UsageError(
      `Cannot start from "${this.#dirs.dataDir}": it is empty and zookeeper.db.autocreate is false; check dataDir, or ` +
        `create the file "initialize" in it to begin with an empty database`,
    );
  }

  /** Whether a log holds a record; asked when there is no snapshot. */
  async #hasRecords(logs: readonly StoredName[]): Promise<boolean> {
    for (const [index, log] of logs.entries()) {
      const isLast = index === logs.length - 1;
      const { entries } = await readLog(
        this.#context.host.fs,
        this.#codec,
        this.#dirs.logs,
        log,
        isLast,
        () => {},
      );
      if (entries > 0) return true;
    }
    return false;
  }

  /** Only the last log can have a tail to cut: the next append begins a new file, and this one is no longer the last. */
  async #cutTail(logs: readonly LogRead[]): Promise<RecoveryReport["cut"]> {
    const { fs } = this.#context.host;
    const last = logs[logs.length - 1];
    if (last === undefined) return undefined;
    const path = fs.join(this.#dirs.logs, last.name);
    if (last.entries === 0) {
      this.#context.log.warn(
        "The last transaction log holds no entry that became durable and is removed",
        {
          file: last.name,
        },
      );
      await fs.remove(path);
      await fs.syncDir(this.#dirs.logs);
      return undefined;
    }
    if (!last.isTorn) return undefined;
    const afterZxid = this.#db.lastZxid;
    this.#context.log.warn(
      "The transaction log ends torn, as after a crash: the tail that was never acknowledged is cut",
      {
        file: last.name,
        byte: last.endsAt,
        afterZxid: formatZxid(afterZxid),
      },
    );
    const file = await fs.open(path, "write");
    try {
      await file.truncate(last.endsAt);
      await file.sync();
    } finally {
      await file.close();
    }
    return { file: last.name, byte: last.endsAt, afterZxid };
  }

  /** A directory stays what it is until it is converted; a new one is ours. */
  #formatOnDisk(logs: readonly LogRead[], loaded: LoadedSnapshot | undefined): FileFormat {
    const newest = logs.filter((log) => log.format !== undefined && log.entries > 0).pop();
    return newest?.format ?? loaded?.format ?? 3;
  }

  #snapshotter(format: FileFormat): Snapshotter {
    return new Snapshotter(this.#context, this.#codec, {
      folder: this.#dirs.snapshots,
      format,
      compression: this.#options.snapshotCompression,
      serializeLastZxid: this.#options.serializeLastZxid,
    });
  }

  #journal<E extends Pending>(format: FileFormat): Journal<E> {
    const { preAllocBytes, txnLogSizeLimitBytes, forceSync, fsyncWarningMs } = this.#options;
    return new Journal<E>(this.#context, this.#codec, {
      folder: this.#dirs.logs,
      format,
      preAllocBytes,
      txnLogSizeLimitBytes,
      forceSync,
      fsyncWarningMs,
    });
  }
}
