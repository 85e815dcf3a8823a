/**
 * From what lies on the disk to a database (storage-format §10): the newest snapshot that loads, the logs behind it.
 * Decisions are in recovery_table.ts; here they are carried out.
 */
import type { Codec } from "../../wasm/codec.ts";
import { CorruptionError, UsageError } from "../base/errors.ts";
import { unreachable } from "../base/invariant.ts";
import { formatZxid, type Zxid, ZXID_NONE } from "../base/zxid.ts";
import type { AclOptions } from "../tree/acl.ts";
import { Database } from "../txn/database.ts";
import { type Directories, type DirectoryOptions, findInitialize } from "./directories.ts";
import { readEpochFile } from "./epochs.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { installDatabase } from "./install.ts";
import { loadNewest, type Newest } from "./load_newest.ts";
import { cutTail, hasRecords, type TailCut } from "./log_end.ts";
import type { LogRead } from "./log_reader.ts";
import { type Compression, namesOf, parseName, type StoredName } from "./names.ts";
import { decide } from "./recovery_table.ts";
import { replayLogs, type ReplayReport } from "./replay.ts";
import type { LoadedSnapshot } from "./snapshot_reader.ts";
import { Snapshotter } from "./snapshot_writer.ts";
import { cutFiles, TRUNCATE_PREFIX, TruncationError } from "./truncate.ts";

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
  /** The latest time in the logs that are read, milliseconds since 1970. */
  readonly onTime?: (ms: number) => void;
}

/**
 * Whether a snapshot of exactly this state is still to be written (storage-format §10.7): `soon` only spares the next start
 * the replay; `first` before anything else, since the newest there do not load, there is none, or in another format. Who
 * purges counts snapshots that look whole: one that was fallen back on is the first to go.
 */
export type SnapshotDue = "no" | "soon" | "first";

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
  readonly cut: TailCut | undefined;
  readonly digestMismatches: number;
  /** An empty database was made. */
  readonly isNew: boolean;
  readonly snapshotDue: SnapshotDue;
  readonly acceptedEpoch: number | undefined;
  readonly currentEpoch: number | undefined;
  /** At the start: reading a snapshot, replaying the logs on it, all. */
  readonly snapshotLoadMs: number;
  readonly logReplayMs: number;
  readonly tookMs: number;
}

/** What a load found. */
export interface Loaded {
  readonly database: Database;
  readonly fileFormat: FileFormat;
  readonly report: RecoveryReport;
}

export class Loading {
  readonly #context: StorageContext;
  readonly #codec: Codec;
  readonly #options: StorageOptions;
  readonly #dirs: Directories;
  readonly #standalone: boolean;

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
  }

  emptyDatabase(): Database {
    const options = this.#options;
    return new Database(this.#codec, {
      digest: options.digestEnabled,
      extendedTypes: options.extendedTypes,
      emulate353: options.emulate353TtlNodes,
      ...(options.acl === undefined ? {} : { acl: options.acl }),
      ...(options.hashSeed === undefined ? {} : { hashSeed: options.hashSeed }),
    });
  }

  snapshotter(format: FileFormat): Snapshotter {
    return new Snapshotter(this.#context, this.#codec, {
      folder: this.#dirs.snapshots,
      format,
      compression: this.#options.snapshotCompression,
      serializeLastZxid: this.#options.serializeLastZxid,
    });
  }

  /** @throws {UsageError | CorruptionError | RuntimeError} */
  async load(): Promise<Loaded> {
    const { fs, clock } = this.#context.host;
    const beganMs = clock.monotonicMs();
    const db = this.emptyDatabase();
    const { logs, snapshots } = await this.#names();
    const newest = await loadNewest(this.#context, this.#dirs.snapshots, snapshots, db);
    const { state, loaded } = newest;
    const snapshotLoadMs = clock.monotonicMs() - beganMs;
    const markers = await findInitialize(fs, this.#dirs);
    const decision = decide({
      snapshot: state,
      hasRecords: state === "none" &&
        await hasRecords(this.#context, this.#codec, this.#dirs.logs, logs),
      initialize: markers.length > 0,
      dbAutocreate: this.#options.dbAutocreate,
      trustEmpty: this.#options.snapshotTrustEmpty,
    });
    const replayBeganMs = clock.monotonicMs();
    const replayed = await this.#carryOut(decision, db, newest, logs);
    const logReplayMs = clock.monotonicMs() - replayBeganMs;
    const snapshotZxid = loaded?.zxid ?? db.lastZxid;
    const cut = replayed === undefined
      ? undefined
      : await cutTail(this.#context, this.#dirs.logs, replayed.logs, db.lastZxid);
    const fileFormat = this.#options.fileFormat ?? formatOnDisk(replayed?.logs ?? [], loaded);
    const isNew = decision === "create";
    const made = isNew ? await this.snapshotter(fileFormat).take(db, false) : undefined;
    for (const marker of markers) await fs.remove(marker);
    const report: RecoveryReport = {
      ...reportOf(newest, replayed),
      snapshot: made?.name ?? loaded?.name,
      snapshotZxid,
      snapshotNodes: made?.nodes ?? loaded?.nodes ?? 0,
      cut,
      isNew,
      snapshotDue: isNew ? "no" : snapshotDue(db, newest, fileFormat),
      acceptedEpoch: await readEpochFile(this.#context, this.#dirs.snapshots, "acceptedEpoch"),
      currentEpoch: await readEpochFile(this.#context, this.#dirs.snapshots, "currentEpoch"),
      snapshotLoadMs,
      logReplayMs,
      tookMs: clock.monotonicMs() - beganMs,
    };
    return { database: db, fileFormat, report };
  }

  /**
   * Loads what is there up to a zxid, and cuts off the rest.
   * @param before what was loaded until now
   * @throws {TruncationError} nothing was changed. @throws {CorruptionError | RuntimeError}
   */
  async truncate(through: Zxid, before: Loaded): Promise<Loaded> {
    const { fs, clock } = this.#context.host;
    const beganMs = clock.monotonicMs();
    const db = this.emptyDatabase();
    const { logs, snapshots } = await this.#names();
    const newest = await loadNewest(this.#context, this.#dirs.snapshots, snapshots, db, through);
    const { loaded } = newest;
    if (loaded === undefined) {
      throw new TruncationError(
        `Cannot cut the log at ${formatZxid(through)}: no snapshot from before it can be loaded`,
      );
    }
    const replayed = await replayLogs(
      this.#context,
      this.#codec,
      this.#dirs.logs,
      logs,
      db,
      loaded.digest,
      { allowsFirstGap: false, through },
    );
    const unfinished = (await fs.readDir(this.#dirs.snapshots)).map(parseName).filter((name) =>
      name?.kind === "snapshot" && name.unfinished && name.zxid > through
    ) as StoredName[];
    const gone = [...newest.tooNew, ...unfinished];
    await cutFiles(this.#context, this.#codec, this.#dirs, gone, logs, through);
    const report: RecoveryReport = {
      ...before.report,
      ...reportOf(newest, replayed),
      snapshot: loaded.name,
      snapshotZxid: loaded.zxid,
      snapshotNodes: loaded.nodes,
      cut: undefined,
      isNew: false,
      snapshotDue: snapshotDue(db, newest, before.fileFormat),
      tookMs: clock.monotonicMs() - beganMs,
    };
    return { database: db, fileFormat: before.fileFormat, report };
  }

  /**
   * A database from outside takes the place of all that is there.
   * @throws {CorruptionError | RuntimeError}; the directory opens with the old state or the new one
   */
  async install(db: Database, before: Loaded): Promise<Loaded> {
    const { clock } = this.#context.host;
    const beganMs = clock.monotonicMs();
    const { fileFormat } = before;
    const { name, zxid, nodes } = await installDatabase(
      this.#context,
      this.#dirs,
      this.snapshotter(fileFormat),
      this.#options.snapshotCompression,
      db,
    );
    const report: RecoveryReport = {
      ...before.report,
      ...NOTHING_REPLAYED,
      snapshot: name,
      snapshotZxid: zxid,
      snapshotNodes: nodes,
      cut: undefined,
      isNew: false,
      snapshotDue: "no",
      tookMs: clock.monotonicMs() - beganMs,
    };
    return { database: db, fileFormat, report };
  }

  /** Also removes what a truncation that did not end has left. */
  async #names(): Promise<{ logs: StoredName[]; snapshots: StoredName[] }> {
    const { fs } = this.#context.host;
    const names = await fs.readDir(this.#dirs.logs);
    for (const name of names) {
      if (name.startsWith(TRUNCATE_PREFIX)) await fs.remove(fs.join(this.#dirs.logs, name));
    }
    return {
      logs: namesOf("log", names),
      snapshots: namesOf("snapshot", await fs.readDir(this.#dirs.snapshots)),
    };
  }

  async #carryOut(
    decision: ReturnType<typeof decide>,
    db: Database,
    { loaded, refused }: Newest,
    logs: readonly StoredName[],
  ): Promise<ReplayReport | undefined> {
    const dirs = this.#dirs;
    switch (decision) {
      case "replay":
      case "replayFromEmpty":
        return replayLogs(this.#context, this.#codec, dirs.logs, logs, db, loaded?.digest, {
          allowsFirstGap: decision === "replayFromEmpty",
          onSession: this.#options.onSession,
          onTime: this.#options.onTime,
        });
      case "create":
        if (logs.length === 0) return undefined;
        return replayLogs(this.#context, this.#codec, dirs.logs, logs, db, undefined, {
          allowsFirstGap: false,
        });
      case "untrusted":
        if (this.#standalone) throw this.#refuseUntrusted();
        db.lastZxid = ZXID_NONE;
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
}

const NOTHING_REPLAYED = { snapshotsRefused: 0, applied: 0, logsRead: 0, digestMismatches: 0 };

function reportOf(
  newest: Newest,
  replayed: ReplayReport | undefined,
): Pick<RecoveryReport, "snapshotsRefused" | "applied" | "logsRead" | "digestMismatches"> {
  return {
    snapshotsRefused: newest.refused,
    applied: replayed?.applied ?? 0,
    logsRead: replayed?.logs.length ?? 0,
    digestMismatches: replayed?.digestMismatches ?? 0,
  };
}

function snapshotDue(
  db: Database,
  { loaded, refused }: Newest,
  fileFormat: FileFormat,
): SnapshotDue {
  if (loaded === undefined || refused > 0 || loaded.format !== fileFormat) return "first";
  return db.lastZxid === loaded.zxid ? "no" : "soon";
}

/** A directory stays what it is until it is converted; a new one is ours. */
function formatOnDisk(logs: readonly LogRead[], loaded: LoadedSnapshot | undefined): FileFormat {
  const newest = logs.filter((log) => log.format !== undefined && log.entries > 0).pop();
  return newest?.format ?? loaded?.format ?? 3;
}
