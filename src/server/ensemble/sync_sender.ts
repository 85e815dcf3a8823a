/**
 * Brings one learner up to date (peer-protocol §11): DIFF, TRUNC or SNAP, committed txns from the log and from memory, and
 * NEWLEADER behind them (docs/internals/ensemble.md, rule 5).
 */
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { formatZxid, type Zxid, ZXID_NONE, zxidOf } from "../../base/zxid.ts";
import type { StorageContext } from "../../storage/host.ts";
import { SnapshotStream } from "../../storage/snapshot_stream.ts";
import { SnapshotStopped } from "../../storage/snapshot_writer.ts";
import { PacketType, writeDataPacket, writeNewLeader, writePacket } from "../../zab/packets.ts";
import { chooseSync, SyncWalk } from "../../zab/sync_choice.ts";
import type { ServerStats } from "../stats.ts";
import { Backlog, type BacklogParts, SyncRefused } from "./backlog.ts";
import type { LearnerLink } from "./learner_link.ts";
import type { EnsembleOptions } from "./options.ts";

/** Gathered before it leaves; between two the socket is waited for. */
const STEP_BYTES = 256 * 1024;

export interface SyncParts extends BacklogParts {
  readonly context: StorageContext;
  readonly options: EnsembleOptions;
  readonly stats: ServerStats;
  readonly log: Log;
  readonly configText: string;
  /** Pauses between slices of a snapshot: clients are served. */
  readonly isServing: () => boolean;
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
   * Sets the link's `backlog`: what comes behind NEWLEADER.
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
        this.#hold(last);
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
    if (link.isGone || link.backlog === undefined) return false;
    writeNewLeader(link.output.w, zxidOf(epoch, 0), this.#parts.configText);
    link.output.flush();
    this.#parts.log.info("Learner is synced", {
      sid: link.sid,
      from: formatZxid(peerLast),
      through: formatZxid(link.backlog.through),
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

  /** The learner has everything through this. The link lets go of what is held when it ends. */
  #hold(through: Zxid): Backlog {
    const link = this.#link, backlog = new Backlog(this.#parts, through);
    link.backlog?.close();
    link.backlog = backlog;
    if (link.isGone) backlog.close();
    return backlog;
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
      const next = this.#hold(peerLast).cursor?.peek();
      if (next !== undefined && next <= last && walk.take(next) === "snap") return false;
      const op = walk.end();
      if (op === undefined) return false;
      this.#begin(op.kind, op.kind === "trunc" ? op.zxid : last);
      await this.#sendRest();
      return true;
    } finally {
      release();
    }
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
    const { op } = walk;
    if (!this.#isBegun && op !== undefined) {
      this.#begin(op.kind, op.kind === "trunc" ? op.zxid : last);
    }
    this.#put(zxid, bytes, start, end);
    return true;
  }

  #put(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    const { w } = this.#link.output;
    writeDataPacket(w, PacketType.proposal, zxid, bytes, start, end);
    writePacket(w, PacketType.commit, zxid);
    this.#sent++;
  }

  /**
   * What was committed meanwhile. A snapshot shows in part what was applied while it was sent, which no client may see; and
   * the less is left behind NEWLEADER, the sooner the learner keeps up.
   */
  async #sendRest(): Promise<void> {
    await this.#link.backlog?.send((zxid, bytes, start, end) => {
      this.#put(zxid, bytes, start, end);
      return this.#isFull ? this.#step() : undefined;
    });
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
    const link = this.#link, release = this.#throttle.enter("diff", this.#isVoter);
    try {
      let isLost = false;
      const end = await this.#hold(peerLast).readLog(async (range) => {
        if (!await this.#isWorthwhile(range.bytes)) return undefined;
        let walk: SyncWalk | undefined;
        return (zxid, bytes, start, end) => {
          walk ??= new SyncWalk(peerLast, range.before === ZXID_NONE ? undefined : range.before);
          if (isLost || !this.#take(walk, last, zxid, bytes, start, end)) {
            isLost = true;
            return;
          }
          return this.#isFull ? this.#step() : undefined;
        };
      });
      if (link.isGone) return true;
      if (end !== "through" || isLost) {
        if (this.#isBegun) throw new SyncRefused(`the log of this server ends (${end})`);
        return false;
      }
      await this.#sendRest();
      return true;
    } finally {
      release();
    }
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
      this.#hold(stream.zxid);
      stats.counters.snapSyncs++;
      log.info("Syncing a learner", { sid: link.sid, by: "snap", zxid: formatZxid(stream.zxid) });
      writePacket(link.output.w, PacketType.snap, stream.zxid);
      await stream.run({
        write: (view) => {
          link.output.w.raw(view);
          link.output.flush();
          if (link.output.isClogged) return link.output.drained().then(this.#parts.onProgress);
          this.#parts.onProgress();
          return undefined;
        },
      }, this.#pacing());
      log.info("Snapshot sent", { sid: link.sid, bytes: stream.bytes });
      await this.#sendRest();
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
}

/** Behind UPTODATE: what memory has let go of since NEWLEADER. @throws as `Backlog.send` */
export async function sendUntilHeld(link: LearnerLink, backlog: Backlog): Promise<void> {
  const { output, isObserver } = link, { w } = output;
  link.committed(backlog.through);
  await backlog.send((zxid, bytes, start, end) => {
    const type = isObserver ? PacketType.inform : PacketType.proposal;
    writeDataPacket(w, type, zxid, bytes, start, end);
    if (!isObserver) writePacket(w, PacketType.commit, zxid);
    link.committed(zxid);
    if (w.pos < STEP_BYTES) return;
    output.flush();
    return output.drained();
  });
}
