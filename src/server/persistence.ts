/** What lies under a server: the recovered database, its journal, snapshots when they are due, and purges. */
import type { Codec } from "../../wasm/codec.ts";
import { messageOf } from "../base/errors.ts";
import { Prng } from "../base/random.ts";
import type { Zxid } from "../base/zxid.ts";
import type { SessionIds } from "../session/ids.ts";
import type { StorageContext } from "../storage/host.ts";
import type { Journal, Pending } from "../storage/journal.ts";
import { SnapshotPolicy } from "../storage/policy.ts";
import { recover, type Recovered } from "../storage/recovery.ts";
import { Autopurge } from "../storage/retention.ts";
import { type SnapshotReport, SnapshotStopped } from "../storage/snapshot_writer.ts";
import type { Database } from "../txn/database.ts";
import type { SnapshotFile } from "./control.ts";
import type { ServerOptions } from "./options.ts";
import { OwedSnapshot } from "./owed_snapshot.ts";
import type { ServerStats } from "./stats.ts";

/** Of snapCount: a replay of more txns is not left to the next start too. */
const LONG_REPLAY = 2;

export class Persistence {
  readonly #context: StorageContext;
  #recovered: Recovered<Pending>;
  readonly #policy: SnapshotPolicy;
  readonly #owed: OwedSnapshot;
  readonly #autopurge: Autopurge;
  readonly #stats: ServerStats;
  readonly #snapCount: number;
  /** Of a snapshot that the start leaves behind. */
  #startSnapshot: Promise<void> = Promise.resolve();
  #isClosed = false;
  #bytesSeen = 0;
  #fsyncsSeen = 0;
  #fsyncMsSeen = 0;
  #slowFsyncsSeen = 0;

  /** @throws {UsageError | CorruptionError | RuntimeError} */
  static async open(
    context: StorageContext,
    codec: Codec,
    options: ServerOptions,
    stats: ServerStats,
    ids: SessionIds,
    standalone = true,
  ): Promise<Persistence> {
    const { random } = context.host;
    const recovered = await recover<Pending>(context, codec, {
      ...options,
      acl: { skipAcl: options.skipAcl },
      hashSeed: random.uint32(),
      onSession: (id) => ids.observe(id),
      onTime: (ms) => ids.observeTime(ms),
    }, standalone);
    // Replay over a fuzzy snapshot may have counted twice.
    recovered.database.quotas.rebuild();
    return new Persistence(context, recovered, options, stats);
  }

  private constructor(
    context: StorageContext,
    recovered: Recovered<Pending>,
    options: ServerOptions,
    stats: ServerStats,
  ) {
    const { random, clock } = context.host;
    const { snapshots, logs, use } = recovered.directories;
    this.#context = context;
    this.#recovered = recovered;
    this.#stats = stats;
    this.#snapCount = options.snapCount;
    const prng = new Prng(random.uint32(), random.uint32());
    this.#policy = new SnapshotPolicy(options, prng);
    this.#owed = new OwedSnapshot({
      clock,
      random: prng,
      snapCount: options.snapCount,
      requests: () => stats.packetsReceived,
      take: () => this.#takeOwed(),
    });
    this.#autopurge = new Autopurge(context, { ...options, snapshots, logs, use });
    const { report } = recovered;
    stats.summaries.databaseLoadMs.add(Math.round(report.tookMs));
    stats.summaries.snapshotLoadMs.add(Math.round(report.snapshotLoadMs));
    stats.summaries.logReplayMs.add(Math.round(report.logReplayMs));
    stats.summaries.txnsReplayed.add(report.applied);
    stats.counters.digestMismatches += report.digestMismatches;
  }

  get db(): Database {
    return this.#recovered.database;
  }
  get journal(): Journal<Pending> {
    return this.#recovered.journal;
  }
  /** Of the moment: another one after `truncate` and `install`. */
  get recovered(): Recovered<Pending> {
    return this.#recovered;
  }

  /** @returns the last zxid kept. @throws as `Recovered.truncate`; then `reload` goes on with what is there */
  async truncate(through: Zxid): Promise<Zxid> {
    this.#owed.settle();
    this.#replace(await this.#recovered.truncate(through));
    return this.db.lastZxid;
  }

  /** @param db from `recovered.emptyDatabase`, filled. @throws as `Recovered.install` */
  async install(db: Database): Promise<void> {
    this.#owed.settle();
    this.#policy.restart(); // it is stored as a snapshot
    this.#replace(await this.#recovered.install(db));
  }

  /** @throws as `Recovered.reload` */
  async reload(): Promise<void> {
    this.#owed.settle();
    this.#replace(await this.#recovered.reload());
  }

  #replace(recovered: Recovered<Pending>): void {
    recovered.database.quotas.rebuild();
    this.#recovered = recovered;
    // The journal counts from zero again.
    this.#bytesSeen = 0;
    this.#fsyncsSeen = 0;
    this.#fsyncMsSeen = 0;
    this.#slowFsyncsSeen = 0;
  }

  /**
   * A start that replayed logs leaves a snapshot behind, so that the next one need not (storage-format §10.7). It is
   * written while clients are served, unless what lies on the disk does not lead to this tree by itself.
   * @param isChanged the tree was changed without a txn
   * @throws {RuntimeError} only of one that comes first
   */
  async writeStartSnapshot(isChanged: boolean): Promise<void> {
    const { report, snapshotter } = this.#recovered;
    // A server that never lives long enough to write one must not replay more and more.
    const isLong = report.applied > LONG_REPLAY * this.#snapCount;
    if (isChanged || isLong || report.snapshotDue === "first") {
      await snapshotter.take(this.db, false);
    } else if (report.snapshotDue === "soon") this.#startSnapshot = this.#takeInBackground();
  }

  /** Not while the snapshot of the start is written: it may be the one that others are purged for. */
  startAutopurge(): void {
    void this.#startSnapshot.then(() => {
      if (!this.#isClosed) this.#autopurge.start();
    });
  }

  /** A group was applied: counts towards the next snapshot. */
  onApplied(txns: number): void {
    const { stats } = this.journal;
    const bytes = stats.bytes - this.#bytesSeen;
    this.#bytesSeen = stats.bytes;
    if (stats.fsyncCount > this.#fsyncsSeen) {
      this.#stats.summaries.fsyncMs.add(Math.round(stats.fsyncMs - this.#fsyncMsSeen));
      this.#fsyncsSeen = stats.fsyncCount;
      this.#stats.slowFsyncs += stats.fsyncSlow - this.#slowFsyncsSeen;
      this.#slowFsyncsSeen = stats.fsyncSlow;
      this.#fsyncMsSeen = stats.fsyncMs;
    }
    this.#stats.summaries.groupTxns.add(txns);
    this.#owed.onApplied(txns);
    let due = false;
    for (let i = 0; i < txns; i++) {
      if (this.#policy.onAppend(bytes / txns)) due = true;
    }
    if (due) this.#takeSnapshot();
    else if (this.#policy.isHalfDue) this.#owed.owe("soon");
  }

  #takeSnapshot(): void {
    this.journal.roll();
    if (this.#recovered.snapshotter.isRunning) {
      this.#context.log.info(
        "A snapshot is put off until little is written: the one before is still being written",
      );
      return this.#owed.owe("now");
    }
    this.#owed.settle();
    void this.#takeInBackground();
  }

  #takeOwed(): boolean {
    if (this.#recovered.snapshotter.isRunning) return false;
    this.#policy.restart();
    this.journal.roll();
    void this.#takeInBackground();
    return true;
  }

  /** Resolves when it is written or has failed, which is told here. */
  #takeInBackground(): Promise<void> {
    const { snapshotter } = this.#recovered;
    return snapshotter.take(this.db).then((report) => this.#onWritten(report), (error: unknown) => {
      if (error instanceof SnapshotStopped) return;
      this.#stats.counters.snapshotErrors++;
      this.#context.log.error(
        "Cannot write a snapshot; the transaction log goes on, and the next trigger tries again",
        {
          error: messageOf(error),
        },
      );
    });
  }

  /** For an operator. @returns undefined while another is being written @throws {RuntimeError | SnapshotStopped} */
  async takeSnapshotNow(): Promise<SnapshotFile | undefined> {
    const { snapshotter, directories } = this.#recovered;
    if (snapshotter.isRunning) return undefined;
    this.#owed.settle();
    this.#policy.restart();
    this.journal.roll();
    try {
      const report = await snapshotter.take(this.db);
      this.#onWritten(report);
      const { name, zxid, bytes } = report;
      return { name, zxid, bytes, path: this.#context.host.fs.join(directories.snapshots, name) };
    } catch (error) {
      this.#stats.counters.snapshotErrors++;
      throw error;
    }
  }

  #onWritten({ name, nodes, bytes, tookMs }: SnapshotReport): void {
    this.#stats.summaries.snapshotMs.add(Math.round(tookMs));
    this.#context.log.info("Snapshot written", {
      file: name,
      nodes,
      bytes,
      tookMs: Math.round(tookMs),
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#owed.stop();
    await this.#autopurge.stop();
    await this.#recovered.close();
  }
}
