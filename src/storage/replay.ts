/**
 * Brings a database forward by the logs (storage-format §8, §10): every record beyond its zxid is applied, the live
 * rules make that harmless for what a fuzzy snapshot already holds.
 */
import { type Codec, ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES } from "../../wasm/codec.ts";
import { CorruptionError, ProtocolError } from "../base/errors.ts";
import { counterOf, epochOf, formatZxid, type Zxid, ZXID_MAX, ZXID_NONE } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import { DIGEST_VERSION } from "../protocol/records.ts";
import { Applier } from "../txn/apply.ts";
import type { Fs } from "../runtime.ts";
import type { Database } from "../txn/database.ts";
import type { StorageContext } from "./host.ts";
import { payloadFault, payloadTimeMs, payloadZxid } from "./log_format.ts";
import { type LogRead, readLog, readLogFormat } from "./log_reader.ts";
import { logsFrom, type StoredName } from "./names.ts";
import { Settling } from "./settling.ts";
import type { SnapshotDigest } from "./snapshot_format.ts";

export interface ReplayReport {
  /** Records applied. */
  readonly applied: number;
  /** Records of the logs read. */
  readonly read: number;
  readonly logs: readonly LogRead[];
  readonly digestMismatches: number;
}

export interface ReplayOptions {
  /** The logs need not begin right behind the database: data of before 3.5.3, trusted by the operator. */
  readonly allowsFirstGap: boolean;
  /** A record opened or closed a session. */
  readonly onSession?: ((id: bigint) => void) | undefined;
  /**
   * The latest time in a record, also of those that the snapshot has, or of the last write to a log that is passed over;
   * milliseconds since 1970.
   */
  readonly onTime?: ((ms: number) => void) | undefined;
  /** Records beyond are left out. */
  readonly through?: Zxid;
}

/** @throws {CorruptionError} damage, a gap, a record that is no txn. @throws {RuntimeError} */
export async function replayLogs(
  context: StorageContext,
  codec: Codec,
  folder: string,
  logs: readonly StoredName[],
  db: Database,
  digest: SnapshotDigest | undefined,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const replay = new Replay(context, db, digest, options);
  const done: LogRead[] = [];
  const { fs } = context.host;
  const chosen = logsFrom(logs, (db.lastZxid + 1) as Zxid);
  const read = async (log: StoredName, isLast: boolean): Promise<LogRead> => {
    replay.file = log.name;
    const result = await readLog(
      fs,
      codec,
      folder,
      log,
      isLast,
      (bytes, start, end, offset) => replay.take(bytes, start, end, offset),
    );
    if (result.isTorn && !isLast) {
      context.log.warn("A transaction log ends torn; the next one goes on behind it", {
        file: log.name,
        byte: result.endsAt,
      });
    }
    return result;
  };
  const passed = await endsAtDatabase(fs, folder, chosen, db) ? chosen.shift() : undefined;
  for (const [index, log] of chosen.entries()) {
    done.push(await read(log, index === chosen.length - 1));
  }
  // Oldest first: who cuts the tail takes the last one.
  if (passed !== undefined && replay.read === 0) done.unshift(await read(passed, false));
  else if (passed !== undefined) {
    const stat = await fs.stat(fs.join(folder, passed.name));
    if (stat !== undefined) replay.onTime(stat.modifiedMs);
  }
  replay.finish();
  return {
    applied: replay.applied,
    read: replay.read,
    logs: done,
    digestMismatches: replay.mismatches,
  };
}

/**
 * Whether the first log has nothing to add: the next one begins right behind the database. Apache's logs may hold more than
 * that one begins with (storage-format §2), and a copy of a log begins where it does; ours end there.
 */
async function endsAtDatabase(
  fs: Fs,
  folder: string,
  [first, next]: readonly StoredName[],
  { lastZxid }: Database,
): Promise<boolean> {
  if (first === undefined || first.zxid > lastZxid || next?.zxid !== lastZxid + 1) return false;
  return await readLogFormat(fs, folder, first) === 3;
}

class Replay {
  file = "";
  applied = 0;
  read = 0;
  readonly #context: StorageContext;
  readonly #db: Database;
  readonly #applier: Applier;
  readonly #from: Zxid;
  readonly #through: Zxid;
  readonly #options: ReplayOptions;
  /** The highest zxid that is in the database. */
  #seen: Zxid;
  /** Where a fuzzy snapshot's digest is to be compared; until then those of txns are not. */
  #target: SnapshotDigest | undefined;
  #targetMismatches = 0;
  #latestMs = 0;
  /** A digest of zxid 0 in a later snapshot: it came from another server. */
  readonly #settling: Settling;

  constructor(
    context: StorageContext,
    db: Database,
    digest: SnapshotDigest | undefined,
    options: ReplayOptions,
  ) {
    this.#context = context;
    this.#db = db;
    this.#from = this.#seen = db.lastZxid;
    this.#options = options;
    this.#through = options.through ?? ZXID_MAX;
    this.#applier = new Applier(db, {
      onDigestMismatch: (zxid, expected, actual) => this.#mismatch(zxid, expected, actual),
      onSession: (id) => options.onSession?.(id),
    });
    this.#settling = new Settling(db, digest?.zxid !== 0 || db.lastZxid <= 0);
    this.#aim(digest);
  }

  get mismatches(): number {
    return this.#applier.digestMismatches + this.#targetMismatches;
  }

  take(bytes: Uint8Array, start: number, end: number, offset: number): void {
    const view = viewOf(bytes);
    for (let at = start; at < end;) {
      const next = at + ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
      this.#record(bytes, at + ENTRY_HEAD_BYTES, next - 1, offset + at - start);
      at = next;
    }
  }

  onTime(ms: number): void {
    if (ms > this.#latestMs) this.#latestMs = ms;
  }

  finish(): void {
    this.#options.onTime?.(this.#latestMs);
    if (this.#target === undefined) return;
    this.#context.log.warn(
      "The log ends before the zxid at which the snapshot's digest was taken",
      {
        zxid: formatZxid(this.#target.zxid),
        logEnds: formatZxid(this.#db.lastZxid),
      },
    );
  }

  #record(bytes: Uint8Array, start: number, end: number, offset: number): void {
    const fault = payloadFault(bytes, start, end);
    if (fault !== undefined) throw this.#refusal(offset, fault);
    this.read++;
    const zxid = payloadZxid(bytes, start);
    this.onTime(payloadTimeMs(bytes, start));
    if (zxid <= this.#from || zxid > this.#through) return;
    if (zxid > this.#seen) this.#checkGap(zxid, offset);
    try {
      this.#applier.compareDigests = this.#settling.isOver && this.#target === undefined &&
        zxid > this.#seen;
      this.#applier.apply(bytes, start, end);
      this.#settling.onApplied(bytes, start, end);
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof CorruptionError)) throw error;
      throw this.#refusal(offset, error.message);
    }
    this.applied++;
    if (zxid > this.#seen) this.#seen = zxid;
    if (this.#target !== undefined && zxid >= this.#target.zxid) this.#reach(this.#target, zxid);
  }

  /** Within an epoch zxids are consecutive; a new epoch begins at 1. */
  #checkGap(zxid: Zxid, offset: number): void {
    const before = this.#seen;
    if (before === ZXID_NONE || epochOf(before) !== epochOf(zxid)) return;
    if (counterOf(zxid) === counterOf(before) + 1) return;
    if (this.applied === 0 && this.#options.allowsFirstGap) return;
    throw this.#refusal(
      offset,
      `it is ${formatZxid(zxid)}, but what came before ends at ${
        formatZxid(before)
      }: records between are missing`,
    );
  }

  #aim(digest: SnapshotDigest | undefined): void {
    const { options, lastZxid } = this.#db;
    if (digest === undefined || !options.digest || digest.zxid <= 0) return;
    if (digest.version !== DIGEST_VERSION || digest.zxid < lastZxid) return;
    if (digest.zxid > lastZxid) this.#target = digest;
    else this.#compare(digest);
  }

  #reach(target: SnapshotDigest, zxid: Zxid): void {
    this.#target = undefined;
    if (zxid === target.zxid) this.#compare(target);
  }

  #compare(target: SnapshotDigest): void {
    const actual = this.#db.tree.digest;
    if (actual === target.digest) return;
    this.#targetMismatches++;
    this.#mismatch(target.zxid, target.digest, actual);
  }

  /** As Apache: told, and the data stays as it is (storage-format §9.2). */
  #mismatch(zxid: Zxid, expected: bigint, actual: bigint): void {
    if (this.mismatches > 1) return;
    this.#context.log.error(
      "The tree's digest differs from the one on the disk; compare this server with others",
      {
        zxid: formatZxid(zxid),
        expected: BigInt.asUintN(64, expected).toString(16),
        actual: BigInt.asUintN(64, actual).toString(16),
      },
    );
  }

  #refusal(offset: number, why: string): CorruptionError {
    return new CorruptionError(
      `Cannot replay log "${this.file}" at byte ${offset}: ${why}. ` +
        `Restore the directory from a backup`,
    );
  }
}
