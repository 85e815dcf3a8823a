/**
 * Brings one learner up to date (peer-protocol §11): DIFF, TRUNC or SNAP, committed txns from the log and from memory, and
 * NEWLEADER behind them (docs/internals/ensemble.md, rule 5).
 */
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { formatZxid, type Zxid, ZXID_NONE, zxidOf } from "../../base/zxid.ts";
import type { LogRange } from "../../storage/log_range.ts";
import type { StorageContext } from "../../storage/host.ts";
import { SnapshotStream } from "../../storage/snapshot_stream.ts";
import { SnapshotStopped } from "../../storage/snapshot_writer.ts";
import { PacketType, writeDataPacket, writeNewLeader, writePacket } from "../../zab/packets.ts";
import { chooseSync, SyncWalk } from "../../zab/sync_choice.ts";
import type { Persistence } from "../persistence.ts";
import type { ServerStats } from "../stats.ts";
import type { History, HistoryCursor } from "./history.ts";
import type { LearnerLink } from "./learner_link.ts";
import type { EnsembleOptions } from "./options.ts";

/** Gathered before it leaves; between two the socket is waited for. */
const STEP_BYTES = 256 * 1024;

export interface SyncParts {
  readonly context: StorageContext;
  readonly storage: Persistence;
  readonly history: History;
  readonly options: EnsembleOptions;
  readonly stats: ServerStats;
  readonly log: Log;
  readonly configText: string;
  /** Pauses between slices of a snapshot: clients are served. */
  readonly isServing: () => boolean;
  readonly committed: () => Zxid;
  /** The learner took some of it: a sync that stands still is given up after initLimit. */
  readonly onProgress: () => void;
}

/** Servers without a vote that are being synced: above the bound their connections are dropped. */
export class SyncThrottle {
  readonly #options: EnsembleOptions;
  readonly #running = { snap: 0, diff: 0 };

  constructor(options: EnsembleOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.snap + this.#running.diff;
  }

  /** @throws {SyncRefused} */
  enter(kind: "snap" | "diff", isVoter: boolean): () => void {
    const { maxConcurrentSnapSyncs, maxConcurrentDiffSyncs } = this.#options;
    const max = kind === "snap" ? maxConcurrentSnapSyncs : maxConcurrentDiffSyncs;
    if (isVoter) return () => {};
    if (this.#running[kind] >= max) {
      throw new SyncRefused(`${max} observers are being synced by ${kind} already`);
    }
    this.#running[kind]++;
    return () => void this.#running[kind]--;
  }
}

/** The learner has to come again. */
export class SyncRefused extends Error {}

export class SyncSender {
  readonly #parts: SyncParts;
  readonly #link: LearnerLink;
  readonly #throttle: SyncThrottle;
  #stopStream: () => void = () => {};
  #isBegun = false;
  #sent = 0;

  constructor(parts: SyncParts, throttle: SyncThrottle, link: LearnerLink) {
    this.#parts = parts;
    this.#throttle = throttle;
    this.#link = link;
  }

  /** The connection is gone: nothing more is sent. */
  stop(): void {
    this.#stopStream();
  }

  /**
   * Sets the link's `syncedThrough` and the cursor behind it.
   * @returns false: the connection has ended. @throws {SyncRefused}; CorruptionError, RuntimeError of the own log
   */
  async run(peerLast: Zxid, epoch: number): Promise<boolean> {
    const { history, committed, options } = this.#parts, link = this.#link;
    const last = committed();
    const choice = chooseSync({
      peerLast,
      last,
      memory: { min: history.base, max: last },
      forceSnapshot: options.forceSnapshotSync,
      mayReadLog: options.snapshotSizeFactor >= 0,
    });
    switch (choice.kind) {
      case "diff":
      case "trunc":
        this.#begin(choice.kind, choice.zxid);
        this.#hold(last, this.#cursorAfter(last));
        break;
      case "walkMemory":
        if (!await this.#walkMemory(peerLast, last)) await this.#snap();
        break;
      case "walkLog":
        if (!await this.#walkLog(peerLast, last)) await this.#snap();
        break;
      default:
        await this.#snap();
    }
    if (link.isGone) return false;
    writeNewLeader(link.output.w, zxidOf(epoch, 0), this.#parts.configText);
    link.output.flush();
    this.#parts.log.info("Learner is synced", {
      sid: link.sid,
      from: formatZxid(peerLast),
      through: formatZxid(link.syncedThrough),
      txns: this.#sent,
    });
    return true;
  }

  #begin(kind: "diff" | "trunc", zxid: Zxid): void {
    this.#isBegun = true;
    this.#parts.stats.counters.diffSyncs++;
    const { sid, output } = this.#link;
    this.#parts.log.info("Syncing a learner", { sid, by: kind, zxid: formatZxid(zxid) });
    writePacket(output.w, kind === "diff" ? PacketType.diff : PacketType.trunc, zxid);
  }

  /** The link lets go of it when it ends. */
  #hold(through: Zxid, cursor: HistoryCursor): void {
    const link = this.#link;
    if (link.cursor !== cursor) link.cursor?.close();
    link.syncedThrough = through;
    link.cursor = cursor;
    if (link.isGone) cursor.close();
  }

  #cursorAfter(zxid: Zxid): HistoryCursor {
    const cursor = this.#parts.history.cursorAfter(zxid, () => this.#link.tooSlow());
    if (cursor === undefined) throw new SyncRefused("the history went on without it");
    return cursor;
  }

  get #isVoter(): boolean {
    const { isObserver, sid } = this.#link;
    return !isObserver && this.#parts.options.membership.quorum.voters.has(sid);
  }

  /** @returns false: nothing was sent, only a snapshot helps */
  async #walkMemory(peerLast: Zxid, last: Zxid): Promise<boolean> {
    const { history } = this.#parts;
    const release = this.#throttle.enter("diff", this.#isVoter);
    try {
      const walk = new SyncWalk(peerLast);
      walk.take(history.floor(peerLast));
      return await this.#walk(walk, this.#cursorAfter(peerLast), last);
    } finally {
      release();
    }
  }

  /** The rest of a walk, from a cursor on. */
  async #walk(walk: SyncWalk, cursor: HistoryCursor, last: Zxid): Promise<boolean> {
    this.#hold(last, cursor);
    while ((cursor.peek() ?? Infinity) <= last) {
      cursor.next();
      const { zxid, bytes, start, end } = cursor;
      if (!this.#take(walk, last, zxid, bytes, start, end)) {
        cursor.close();
        if (this.#isBegun) throw new SyncRefused("the history of this server has a gap");
        return false;
      }
      if (this.#isFull) await this.#step();
      if (this.#link.isGone) return true;
    }
    if (this.#isBegun) return true;
    const op = walk.end();
    if (op === undefined) return false;
    this.#begin(op.kind, op.kind === "trunc" ? op.zxid : last);
    return true;
  }

  /** @returns false: this walk leads nowhere */
  #take(
    walk: SyncWalk,
    last: Zxid,
    zxid: Zxid,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const verdict = walk.take(zxid);
    if (verdict === "snap") return false;
    if (verdict === "skip") return true;
    const { op } = walk, { w } = this.#link.output;
    if (!this.#isBegun && op !== undefined) {
      this.#begin(op.kind, op.kind === "trunc" ? op.zxid : last);
    }
    writeDataPacket(w, PacketType.proposal, zxid, bytes, start, end);
    writePacket(w, PacketType.commit, zxid);
    this.#sent++;
    return true;
  }

  get #isFull(): boolean {
    return this.#link.output.w.pos >= STEP_BYTES;
  }

  async #step(): Promise<void> {
    const { output } = this.#link;
    output.flush();
    await output.drained();
    this.#parts.onProgress();
  }

  /** The log up to where memory begins, then memory. @returns false: nothing was sent, only a snapshot helps */
  async #walkLog(peerLast: Zxid, last: Zxid): Promise<boolean> {
    const { storage, history } = this.#parts, link = this.#link;
    const release = this.#throttle.enter("diff", this.#isVoter);
    const base = history.base;
    let range: LogRange | undefined;
    try {
      const cursor = this.#cursorAfter(base);
      this.#hold(link.syncedThrough, cursor);
      range = await storage.recovered.openRange(peerLast);
      const { before } = range;
      if (!await this.#isWorthwhile(range.bytes)) return this.#giveUp(cursor);
      let walk: SyncWalk | undefined, isLost = false;
      const end = await range.read(base, (zxid, bytes, start, end) => {
        walk ??= new SyncWalk(peerLast, before === ZXID_NONE ? undefined : before);
        if (isLost || !this.#take(walk, last, zxid, bytes, start, end)) {
          isLost = true;
          return;
        }
        return this.#isFull ? this.#step() : undefined;
      });
      if (link.isGone) return true;
      if (end.kind !== "through" || isLost || walk === undefined) {
        if (this.#isBegun) throw new SyncRefused(`the log of this server ends (${end.kind})`);
        return this.#giveUp(cursor);
      }
      return await this.#walk(walk, cursor, last);
    } finally {
      release();
      await range?.close();
    }
  }

  #giveUp(cursor: HistoryCursor): false {
    cursor.close();
    return false;
  }

  /** Files as long as they lie there, padding included, as Apache counts them. */
  async #isWorthwhile(bytes: number): Promise<boolean> {
    const { storage, options } = this.#parts;
    const limit = await storage.recovered.newestSnapshotBytes() * options.snapshotSizeFactor;
    return limit === 0 || bytes <= limit;
  }

  async #snap(): Promise<void> {
    const { context, storage, stats, log } = this.#parts, link = this.#link;
    if (link.isGone) return;
    const release = this.#throttle.enter("snap", this.#isVoter);
    try {
      const stream = new SnapshotStream(context, storage.db);
      this.#stopStream = () => stream.stop();
      this.#hold(stream.zxid, this.#cursorAfter(stream.zxid));
      stats.counters.snapSyncs++;
      log.info("Syncing a learner", { sid: link.sid, by: "snap", zxid: formatZxid(stream.zxid) });
      writePacket(link.output.w, PacketType.snap, stream.zxid);
      await stream.run({
        write: (view) => {
          link.output.write(view);
          if (link.output.isClogged) return link.output.drained().then(this.#parts.onProgress);
          this.#parts.onProgress();
          return undefined;
        },
      }, this.#pacing());
      log.info("Snapshot sent", { sid: link.sid, bytes: stream.bytes });
      await this.#behindSnapshot();
    } catch (error) {
      if (!(error instanceof SnapshotStopped)) throw error;
      if (!link.isGone) throw new SyncRefused(messageOf(error));
    } finally {
      release();
    }
  }

  /** Pauses are for clients that are served, when something was asked or decided since the last one was due. */
  #pacing(): () => boolean {
    const { isServing, stats, storage } = this.#parts;
    let packets = -1, zxid = -1;
    return () => {
      const isIdle = packets === stats.packetsReceived && zxid === storage.db.lastZxid;
      packets = stats.packetsReceived;
      zxid = storage.db.lastZxid;
      return isServing() && !isIdle;
    };
  }

  /** What was applied while the snapshot was sent shows in it in part: no client may see that. */
  async #behindSnapshot(): Promise<void> {
    const last = this.#parts.committed(), { w } = this.#link.output;
    const cursor = this.#link.cursor as HistoryCursor;
    while (!this.#link.isGone && (cursor.peek() ?? Infinity) <= last) {
      cursor.next();
      const { zxid, bytes, start, end } = cursor;
      writeDataPacket(w, PacketType.proposal, zxid, bytes, start, end);
      writePacket(w, PacketType.commit, zxid);
      this.#sent++;
      if (this.#isFull) await this.#step();
    }
    if (last > this.#link.syncedThrough) this.#hold(last, cursor);
  }
}
