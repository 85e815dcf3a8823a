/**
 * The leader: discovery, synchronization, broadcast (peer-protocol §10, §11, §13, §14; rules 3 to 5 of
 * docs/internals/ensemble.md). It knows links by id; what they hold is learned from their packets alone.
 */
import { invariant, unreachable } from "../base/invariant.ts";
import { counterOf, EPOCH_MAX, epochOf, type Zxid, ZXID_NONE, zxidOf } from "../base/zxid.ts";
import type {
  LeaderDropReason,
  LeaderEffect,
  LeaderEvent,
  LeaderLeaveReason,
  LinkId,
  Step,
} from "./events.ts";
import { LearnerLink } from "./leader_link.ts";
import type { Quorum } from "./quorum.ts";
import type { Sid } from "./vote.ts";

export interface LeaderSetup {
  readonly sid: Sid;
  /** One, or two while a change of members is under way: all must be satisfied. */
  readonly quorums: readonly Quorum[];
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** Last logged; the tree has it applied. */
  readonly lastZxid: Zxid;
  readonly configVersion: Zxid;
  readonly tickMs: number;
  readonly initLimitMs: number;
  readonly syncLimitMs: number;
  readonly stay: number;
}

type Phase =
  | "connecting" // counts infos
  | "storingAccepted"
  | "epochAcks"
  | "storingCurrent"
  | "newLeaderAcks"
  | "serving"
  | "left";

/** A voter that promised a little more than our epoch is let in by a new election; one far beyond is not believed. */
const EPOCH_LEAD_MAX = 1024;

export class Leader {
  readonly #setup: LeaderSetup;
  readonly #links = new Map<LinkId, LearnerLink>();
  readonly #infos: Set<Sid>;
  readonly #epochAcks: Set<Sid>;
  readonly #newLeaderAcks: Set<Sid>;
  #phase: Phase = "connecting";
  #epoch: number;
  /** By when the phase must be over; Infinity while serving. */
  #phaseDeadlineMs = Infinity;
  #tickAtMs = Infinity;
  #halfTicks = 0;
  #proposed: Zxid;
  #durable: Zxid;
  #committed: Zxid;
  #effects: LeaderEffect[] = [];

  constructor(setup: LeaderSetup) {
    this.#setup = setup;
    this.#epoch = setup.acceptedEpoch + 1;
    this.#infos = new Set([setup.sid]);
    this.#epochAcks = new Set([setup.sid]);
    this.#newLeaderAcks = new Set([setup.sid]);
    this.#proposed = this.#durable = this.#committed = setup.lastZxid;
  }

  /** Decided once LEADERINFO may leave. */
  get epoch(): number {
    return this.#epoch;
  }
  get isServing(): boolean {
    return this.#phase === "serving";
  }
  get committed(): Zxid {
    return this.#committed;
  }

  step(event: LeaderEvent, nowMs: number): Step<LeaderEffect> {
    if (this.#phase !== "left") this.#take(event, nowMs);
    const effects = this.#effects;
    this.#effects = [];
    return { effects, wakeAtMs: this.#phase === "left" ? Infinity : this.#tickAtMs };
  }

  #take(event: LeaderEvent, nowMs: number): void {
    switch (event.kind) {
      case "ack":
        return this.#onAck(event.link, event.zxid, nowMs);
      case "proposed":
        invariant(event.through >= this.#proposed, "Proposals ascend", { ...event });
        this.#proposed = event.through;
        return;
      case "durable":
        if (event.stay !== this.#setup.stay) return;
        this.#durable = event.through;
        return this.#advance();
      case "heard":
        this.#links.get(event.link)?.heard(nowMs, this.#setup);
        return;
      case "wake":
        return this.#onWake(nowMs);
      case "closed":
        return this.#forget(event.link);
      default:
        return this.#takeRare(event, nowMs);
    }
  }

  #takeRare(
    event: Exclude<LeaderEvent, { kind: "ack" | "proposed" | "durable" | "heard" | "wake" | "closed" }>,
    nowMs: number,
  ): void {
    switch (event.kind) {
      case "start":
        this.#phaseDeadlineMs = nowMs + this.#setup.initLimitMs;
        this.#tickAtMs = nowMs + this.#setup.tickMs / 2;
        return this.#judgeInfos();
      case "learnerInfo":
        return this.#onInfo(event, nowMs);
      case "ackEpoch":
        return this.#onAckEpoch(event.link, event.currentEpoch, event.lastZxid, nowMs);
      case "acceptedEpochStored":
        if (this.#phase !== "storingAccepted") return;
        this.#enter("epochAcks", nowMs);
        for (const [id, link] of this.#links) this.#inform(id, link, nowMs);
        return this.#judgeEpochAcks();
      case "currentEpochStored":
        if (this.#phase !== "storingCurrent") return;
        this.#enter("newLeaderAcks", nowMs);
        for (const [id, link] of this.#links) this.#sync(id, link, nowMs);
        return this.#judgeNewLeaderAcks(nowMs);
      case "synced":
        return this.#onSynced(event.link, event.through, nowMs);
      case "counterFull":
        return this.#leave("counterFull");
      default:
        return unreachable(event);
    }
  }

  #enter(phase: Phase, nowMs: number): void {
    this.#phase = phase;
    this.#phaseDeadlineMs = nowMs + this.#setup.initLimitMs;
  }

  #isQuorum(sids: ReadonlySet<Sid>): boolean {
    return this.#setup.quorums.every((quorum) => quorum.has(sids));
  }

  #isVoter(sid: Sid): boolean {
    return this.#setup.quorums.some(({ voters }) => voters.has(sid));
  }

  // ------------------------------------------------------------------------------ discovery

  #onInfo(info: Extract<LeaderEvent, { kind: "learnerInfo" }>, nowMs: number): void {
    const { link: id, sid, isObserver, acceptedEpoch } = info;
    if (this.#links.has(id)) return this.#drop(id, "wrongPacket");
    for (const [other, link] of this.#links) if (link.sid === sid) this.#drop(other, "replaced");
    const isVoter = !isObserver && sid !== this.#setup.sid && this.#isVoter(sid);
    this.#links.set(id, new LearnerLink(sid, isVoter, nowMs + this.#setup.initLimitMs));
    if (acceptedEpoch >= EPOCH_MAX || acceptedEpoch < -1) return this.#drop(id, "epochFar");
    if (info.configVersion > this.#setup.configVersion) return this.#drop(id, "configAhead");
    const link = this.#links.get(id) as LearnerLink;
    if (this.#phase === "connecting") {
      if (!isVoter) return;
      this.#infos.add(sid);
      this.#epoch = Math.max(this.#epoch, acceptedEpoch + 1);
      return this.#judgeInfos();
    }
    if (isVoter && acceptedEpoch > this.#epoch) {
      if (acceptedEpoch > this.#epoch + EPOCH_LEAD_MAX) return this.#drop(id, "epochFar");
      return this.#leave("promisedElsewhere");
    }
    if (this.#phase !== "storingAccepted") this.#inform(id, link, nowMs);
  }

  #judgeInfos(): void {
    if (!this.#isQuorum(this.#infos)) return;
    if (this.#epoch >= EPOCH_MAX) return this.#leave("noQuorumConnecting");
    this.#phase = "storingAccepted";
    this.#phaseDeadlineMs = Infinity;
    this.#effects.push({ kind: "storeAcceptedEpoch", epoch: this.#epoch });
  }

  #inform(id: LinkId, link: LearnerLink, nowMs: number): void {
    link.move("info", "informed", nowMs, this.#setup);
    this.#effects.push({ kind: "sendLeaderInfo", link: id, epoch: this.#epoch });
  }

  #onAckEpoch(id: LinkId, currentEpoch: number, lastZxid: Zxid, nowMs: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    if (link.phase !== "informed") return this.#drop(id, "wrongPacket");
    if (this.#phase === "epochAcks" && currentEpoch !== -1) {
      const { currentEpoch: own, lastZxid: ownLast } = this.#setup;
      if (currentEpoch > own || (currentEpoch === own && lastZxid > ownLast)) {
        return this.#drop(id, "followerAhead");
      }
      if (link.isVoter && lastZxid !== ZXID_NONE) this.#epochAcks.add(link.sid);
    }
    link.lastZxid = lastZxid;
    link.move("informed", "acked", nowMs, this.#setup);
    if (this.#phase === "epochAcks") return this.#judgeEpochAcks();
    if (this.#phase === "newLeaderAcks" || this.#phase === "serving") this.#sync(id, link, nowMs);
  }

  #judgeEpochAcks(): void {
    if (!this.#isQuorum(this.#epochAcks)) return;
    this.#phase = "storingCurrent";
    this.#phaseDeadlineMs = Infinity;
    this.#effects.push({ kind: "storeCurrentEpoch", epoch: this.#epoch });
  }

  // ------------------------------------------------------------------------------ synchronization

  #sync(id: LinkId, link: LearnerLink, nowMs: number): void {
    if (link.phase !== "acked") return;
    link.move("acked", "syncing", nowMs, this.#setup);
    this.#effects.push({ kind: "sync", link: id, lastZxid: link.lastZxid, epoch: this.#epoch });
  }

  #onSynced(id: LinkId, through: Zxid, nowMs: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.syncedThrough = through;
    link.move("syncing", "offered", nowMs, this.#setup);
  }

  #judgeNewLeaderAcks(nowMs: number): void {
    if (!this.#isQuorum(this.#newLeaderAcks)) return;
    this.#phase = "serving";
    this.#phaseDeadlineMs = Infinity;
    this.#effects.push({ kind: "serve", epoch: this.#epoch });
    for (const [id, link] of this.#links) {
      if (link.phase === "taken") this.#goLive(id, link, nowMs);
    }
  }

  #goLive(id: LinkId, link: LearnerLink, nowMs: number): void {
    link.move("taken", "live", nowMs, this.#setup);
    this.#effects.push({ kind: "goLive", link: id });
  }

  // ------------------------------------------------------------------------------ broadcast

  #onAck(id: LinkId, zxid: Zxid, nowMs: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.heard(nowMs, this.#setup);
    if (counterOf(zxid) === 0) return this.#onNewLeaderAck(id, link, zxid, nowMs);
    if (!link.mayAck || zxid > this.#proposed) return this.#drop(id, "wrongPacket");
    // Of another epoch: a 3.8.0 learner acks what it was synced with (§24).
    if (!link.isVoter || epochOf(zxid) !== this.#epoch || zxid <= link.acked) return;
    link.acked = zxid;
    if (zxid > this.#committed) this.#advance();
  }

  #onNewLeaderAck(id: LinkId, link: LearnerLink, zxid: Zxid, nowMs: number): void {
    if (epochOf(zxid) !== this.#epoch) return this.#drop(id, "wrongPacket");
    if (link.phase === "taken" || link.phase === "live") return; // of UPTODATE
    if (link.phase !== "offered") return this.#drop(id, "wrongPacket");
    link.move("offered", "taken", nowMs, this.#setup);
    // Committed all of it, so this decides nothing; it ends the wait for acks that will not come.
    if (link.syncedThrough > link.acked) link.acked = link.syncedThrough;
    if (this.#phase === "serving") return this.#goLive(id, link, nowMs);
    if (this.#phase !== "newLeaderAcks" || !link.isVoter) return;
    this.#newLeaderAcks.add(link.sid);
    this.#judgeNewLeaderAcks(nowMs);
  }

  /** The largest zxid that a quorum holds is committed, and all before it. */
  #advance(): void {
    if (this.#phase !== "serving") return;
    const floor = Math.max(this.#committed, zxidOf(this.#epoch, 0));
    const held: [acked: Zxid, sid: Sid][] = [];
    if (this.#durable > floor) held.push([this.#durable, this.#setup.sid]);
    for (const link of this.#links.values()) {
      if (link.acked > floor) held.push([link.acked, link.sid]);
    }
    held.sort((a, b) => b[0] - a[0]);
    const sids = new Set<Sid>();
    for (const [acked, sid] of held) {
      sids.add(sid);
      if (!this.#isQuorum(sids)) continue;
      this.#committed = Math.min(acked, this.#proposed) as Zxid;
      this.#effects.push({ kind: "commit", through: this.#committed });
      return;
    }
  }

  // ------------------------------------------------------------------------------ time and ends

  #onWake(nowMs: number): void {
    if (nowMs < this.#tickAtMs) return;
    this.#tickAtMs = nowMs + this.#setup.tickMs / 2;
    if (nowMs >= this.#phaseDeadlineMs) return this.#leave("noQuorumConnecting");
    for (const [id, link] of [...this.#links]) {
      const reason = link.problem(nowMs, this.#setup, this.#proposed);
      if (reason !== undefined) this.#drop(id, reason);
      else if (link.mayAck) this.#effects.push({ kind: "ping", link: id });
    }
    if (this.#phase === "serving" && ++this.#halfTicks % 2 === 0) this.#demandQuorum();
  }

  #demandQuorum(): void {
    const synced = new Set([this.#setup.sid]);
    for (const link of this.#links.values()) {
      if (link.isVoter && (link.phase === "live" || link.phase === "taken")) synced.add(link.sid);
    }
    if (!this.#isQuorum(synced)) this.#leave("quorumLost");
  }

  /** What it acknowledged on this connection is forgotten with it (§14, hole). */
  #forget(id: LinkId): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#links.delete(id);
    if (this.#phase === "connecting") this.#infos.delete(link.sid);
    // Its promise stands, its offer does not: it may come back with another history.
    if (this.#phase === "newLeaderAcks") this.#newLeaderAcks.delete(link.sid);
  }

  #drop(link: LinkId, reason: LeaderDropReason): void {
    this.#forget(link);
    this.#effects.push({ kind: "drop", link, reason });
  }

  #leave(reason: LeaderLeaveReason): void {
    this.#phase = "left";
    this.#effects.push({ kind: "leave", reason });
  }
}
