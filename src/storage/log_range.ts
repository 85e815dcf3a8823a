/**
 * Txns of the log for a learner that the history in memory does not reach (peer-protocol §11, row 5), read while the
 * journal writes on. They are handed out in the order of their zxids, each once, as the bytes that were logged.
 */
import { type Codec, ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES } from "../../wasm/codec.ts";
import { CorruptionError } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import { counterOf, epochOf, formatZxid, type Zxid, ZXID_NONE } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import type { Directories } from "./directories.ts";
import type { StorageContext } from "./host.ts";
import { payloadFault, payloadZxid } from "./log_format.ts";
import { LogScan } from "./log_scan.ts";
import { logsFrom, namesOf, type StoredName } from "./names.ts";
import { Stopper } from "./stopper.ts";
import type { Release } from "./use.ts";

/** The payload lies in `[start, end)`; lent until the call returns, or what it returned resolves. */
export type TakeTxn = (
  zxid: Zxid,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void | Promise<void>;

export type RangeEnd =
  /** All was handed out. */
  | { readonly kind: "through" }
  /** The logs begin behind `from`: what the learner has cannot be told from them. Nothing was handed out. */
  | { readonly kind: "startMissing" }
  /** The txns between are not there; those up to `after` were handed out. */
  | { readonly kind: "gap"; readonly after: Zxid; readonly next: Zxid | undefined }
  | { readonly kind: "stopped" };

export class LogRange {
  readonly from: Zxid;
  /** Bytes of the logs to be read when it was opened, zeros written ahead included. */
  readonly bytes: number;
  /** The txn before the first that was handed out, as far as the logs tell: a learner's last known one. */
  before: Zxid = ZXID_NONE;
  readonly #context: StorageContext;
  readonly #codec: Codec;
  readonly #folder: string;
  readonly #logs: StoredName[];
  readonly #release: Release;
  readonly #stopper = new Stopper();
  #running: Promise<unknown> | undefined;
  /** The last zxid seen. */
  #seen: Zxid = ZXID_NONE;

  /** Until `close`, what it needs is not purged. */
  static async open(
    context: StorageContext,
    codec: Codec,
    directories: Directories,
    from: Zxid,
  ): Promise<LogRange> {
    const { fs } = context.host;
    let range: LogRange | undefined, isStopped = false;
    const release = directories.use.hold(from, () => {
      isStopped = true;
      return range?.close() ?? Promise.resolve();
    });
    try {
      const folder = directories.logs;
      const logs = logsFrom(namesOf("log", await fs.readDir(folder)), (from + 1) as Zxid);
      let bytes = 0;
      for (const { name } of logs) bytes += (await fs.stat(fs.join(folder, name)))?.size ?? 0;
      range = new LogRange(context, codec, { folder, logs, from, bytes, release });
      if (isStopped) await range.close();
      return range;
    } catch (error) {
      release();
      throw error;
    }
  }

  private constructor(
    context: StorageContext,
    codec: Codec,
    found: { folder: string; logs: StoredName[]; from: Zxid; bytes: number; release: Release },
  ) {
    this.#context = context;
    this.#codec = codec;
    this.#folder = found.folder;
    this.#logs = found.logs;
    this.from = found.from;
    this.bytes = found.bytes;
    this.#release = found.release;
  }

  /**
   * Hands out all from `from` (it included, where it is there) to `through`. Once.
   * @param through the zxid of a txn that is durable
   * @throws {CorruptionError} a log is damaged before `through`. @throws {RuntimeError}
   */
  read(through: Zxid, take: TakeTxn): Promise<RangeEnd> {
    invariant(this.#running === undefined, "A range of the log is read once", {});
    const running = this.#read(through, take);
    this.#running = running.catch(() => {}); // whoever reads is told
    return running;
  }

  /** Ends the reading; resolves when no file is open any more. */
  async close(): Promise<void> {
    this.#stopper.stop();
    await this.#running;
    this.#release();
  }

  async #read(through: Zxid, take: TakeTxn): Promise<RangeEnd> {
    const { fs } = this.#context.host;
    for (let index = 0; !this.#stopper.isStopped; index++) {
      const log = this.#logs[index] ?? await this.#newer();
      if (log === undefined) return this.#lost(through, undefined);
      const scan = await LogScan.open(fs, this.#codec, this.#folder, log.name);
      try {
        const end = await this.#readLog(scan, through, take);
        if (end !== undefined) return end;
        this.#checkEnd(scan, this.#logs[index + 1] ?? await this.#newer());
      } finally {
        await scan.close();
      }
    }
    return { kind: "stopped" };
  }

  /** @returns undefined at the end of the file */
  async #readLog(scan: LogScan, through: Zxid, take: TakeTxn): Promise<RangeEnd | undefined> {
    while (await scan.next()) {
      if (this.#stopper.isStopped) return { kind: "stopped" };
      const { bytes, start, end } = scan;
      const view = viewOf(bytes);
      for (let at = start; at < end;) {
        const next = at + ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
        const fault = payloadFault(bytes, at + ENTRY_HEAD_BYTES, next - 1);
        if (fault !== undefined) throw this.#damage(scan, at, fault);
        const zxid = payloadZxid(bytes, at + ENTRY_HEAD_BYTES);
        const verdict = this.#step(zxid, through);
        if (verdict === "take") {
          const taken = take(zxid, bytes, at + ENTRY_HEAD_BYTES, next - 1);
          if (taken !== undefined) await this.#stopper.wait(taken);
          if (this.#stopper.isStopped) return { kind: "stopped" };
          if (zxid === through) return { kind: "through" };
        } else if (verdict !== "skip") return verdict;
        at = next;
      }
    }
    return undefined;
  }

  /** What to do with the next txn of the logs. */
  #step(zxid: Zxid, through: Zxid): "take" | "skip" | RangeEnd {
    const seen = this.#seen;
    if (zxid <= seen) return "skip"; // Apache's logs may hold a txn twice
    if (zxid < this.from) {
      this.before = this.#seen = zxid;
      return "skip";
    }
    // Nothing lies between the beginning of an epoch and its first txn.
    const isFirst = zxid === this.from + 1 && counterOf(this.from) === 0;
    if (seen === ZXID_NONE && zxid !== this.from && !isFirst) return { kind: "startMissing" };
    const follows = epochOf(seen) !== epochOf(zxid) || counterOf(zxid) === counterOf(seen) + 1;
    if (zxid > through || (seen !== ZXID_NONE && !follows)) return this.#lost(through, zxid);
    this.#seen = zxid;
    return "take";
  }

  #lost(through: Zxid, next: Zxid | undefined): RangeEnd {
    if (this.#seen < this.from && next === undefined) return { kind: "startMissing" };
    invariant(this.#seen !== through, "What was handed out is not missing", {});
    return { kind: "gap", after: this.#seen, next };
  }

  /** A log that began after this range was opened. */
  async #newer(): Promise<StoredName | undefined> {
    const last = this.#logs[this.#logs.length - 1];
    const names = namesOf("log", await this.#context.host.fs.readDir(this.#folder));
    const newer = names.find(({ zxid }) => last === undefined || zxid > last.zxid);
    if (newer !== undefined) this.#logs.push(newer);
    return newer;
  }

  /** `through` is not reached: the file must end as one that was written to its end. */
  #checkEnd(scan: LogScan, next: StoredName | undefined): void {
    const { stop } = scan;
    if (stop === "end" || stop === "padding" || stop === "unborn") return;
    // A torn entry, which version 2 allows where the next log goes on without a gap.
    if (scan.format === 2 && next !== undefined && (stop === "cut" || stop === "endByte")) return;
    throw this.#damage(scan, scan.start, `reading stops there (${stop})`);
  }

  #damage(scan: LogScan, at: number, why: string): CorruptionError {
    const offset = scan.offset + at - scan.start;
    return new CorruptionError(
      `Cannot read log "${scan.name}" at byte ${offset}: ${why}; the last zxid read is ${
        formatZxid(this.#seen)
      }. ` +
        `Check the disk`,
    );
  }
}
