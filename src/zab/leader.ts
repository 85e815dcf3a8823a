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
import { type Holder, Holders } from "./holders.ts";
import { faultOf, mayRaise } from "./info_check.ts";
import { LearnerLink } from "./leader_link.ts";
import { haveQuorum, type Quorum } from "./quorum.ts";
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

/**
 * Until a quorum has said who it is. Whoever voted for this leader dials it at once; if they do not come, they have elected
 * another one meanwhile (votes that cross a start), and looking again finds it. The rest of the initLimit is for syncs.
 */
function connectLimitMs({ tickMs, initLimitMs }: LeaderSetup): number {
  return Math.min(initLimitMs, Math.max(2 * tickMs, 2000));
}

const NO_EFFECTS: readonly LeaderEffect[] = Object.freeze([]);

export class Leader {
  readonly #setup: LeaderSetup;
  readonly #links = new Map<LinkId, LearnerLink>();
  readonly #infos: Set<Sid>;
  readonly #epochAcks: Set<Sid>;
  readonly #newLeaderAcks: Set<Sid>;
  /** We; and with the links of voters. */
  readonly #own: Holder;
  readonly #holders: Holders;
  #phase: Phase = "connecting";
  #epoch: number;
  /** The epoch that is on its way to the disk as accepted. */
  #storing = 0;
  #decidedAtMs = 0;
  /** By when the phase must be over; Infinity while serving. */
  #phaseDeadlineMs = Infinity;
  #tickAtMs = Infinity;
  #halfTicks = 0;
  /** The connected voters were no quorum at the last tick. */
  #isAlone = false;
  #proposed: Zxid;
  #committed: Zxid;
  #effects: LeaderEffect[] = [];

  constructor(setup: LeaderSetup) {
    this.#setup = setup;
    this.#epoch = setup.acceptedEpoch + 1;
    this.#infos = new Set([setup.sid]);
    this.#epochAcks = new Set([setup.sid]);
    this.#newLeaderAcks = new Set([setup.sid]);
    this.#own = { sid: setup.sid, acked: setup.lastZxid };
    this.#holders = new Holders(setup.quorums);
    if (this.#isVoter(setup.sid)) this.#holders.add(this.#own);
    this.#proposed = this.#committed = setup.lastZxid;
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
    const effects = this.#effects.length === 0 ? NO_EFFECTS : this.#effects;
    if (effects !== NO_EFFECTS) this.#effects = [];
    return { effects, wakeAtMs: this.#phase === "left" ? Infinity : this.#tickAtMs };
  }

  #take(event: LeaderEvent, nowMs: number): void {
    switch (event.kind) {
      case "ack":
        return this.#onAck(event.link, event.zxid, nowMs);
      case "proposed":
        return this.#onProposed(event.through);
      case "durable":
        return event.stay === this.#setup.stay ? this.#onDurable(event.through) : undefined;
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
    event: Exclude<
      LeaderEvent,
      { kind: "ack" | "proposed" | "durable" | "heard" | "wake" | "closed" }
    >,
    nowMs: number,
  ): void {
    switch (event.kind) {
      case "start":
        this.#phaseDeadlineMs = nowMs + connectLimitMs(this.#setup);
        this.#tickAtMs = nowMs + this.#halfTickMs();
        return this.#judgeInfos();
      case "learnerInfo":
        return this.#onInfo(event, nowMs);
      case "ackEpoch":
        return this.#onAckEpoch(event.link, event.currentEpoch, event.lastZxid, nowMs);
      case "acceptedEpochStored":
        if (this.#phase !== "storingAccepted") return;
        if (this.#epoch > this.#storing) return this.#storeAccepted();
        this.#decidedAtMs = nowMs;
        this.#enter("epochAcks", nowMs);
        for (const [id, link] of this.#links) {
          if (link.phase === "info") this.#inform(id, link, nowMs);
        }
        return this.#judgeEpochAcks();
      case "currentEpochStored":
        if (this.#phase !== "storingCurrent") return;
        this.#enter("newLeaderAcks", nowMs);
        for (const [id, link] of this.#links) {
          if (link.phase === "acked") this.#sync(id, link, nowMs);
        }
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
    return haveQuorum(this.#setup.quorums, sids);
  }

  #isVoter(sid: Sid): boolean {
    return this.#setup.quorums.some(({ voters }) => voters.has(sid));
  }

  // ------------------------------------------------------------------------------ discovery

  #onInfo(info: Extract<LeaderEvent, { kind: "learnerInfo" }>, nowMs: number): void {
    const { link: id, sid, acceptedEpoch } = info;
    if (this.#links.has(id)) return this.#drop(id, "wrongPacket");
    const isVoter = !info.isObserver && sid !== this.#setup.sid && this.#isVoter(sid);
    const fault = faultOf({ ...info, isVoter }, {
      epoch: this.#epoch,
      isDecided: this.#isDecided,
      acceptedEpoch: this.#setup.acceptedEpoch,
      configVersion: this.#setup.configVersion,
    });
    if (fault !== undefined) return this.#drop(id, fault);
    for (const [other, link] of this.#links) {
      if (link.sid !== sid) continue;
      // Whoever just answered is there, and the newcomer somebody else, or early: it comes again.
      if (link.isThere(nowMs, this.#setup)) return this.#drop(id, "alreadyHere");
      this.#drop(other, "replaced");
    }
    const isPromised = isVoter && this.#isDecided && acceptedEpoch > this.#epoch;
    if (isPromised) return this.#onPromised(id, nowMs);
    const link = new LearnerLink(sid, isVoter);
    this.#links.set(id, link);
    if (isVoter) this.#holders.add(link);
    if (this.#isDecided) return this.#inform(id, link, nowMs);
    if (mayRaise({ ...info, isVoter }, this.#setup.acceptedEpoch)) {
      this.#epoch = Math.max(this.#epoch, acceptedEpoch + 1);
    }
    if (!isVoter || this.#phase !== "connecting") return;
    this.#infos.add(sid);
    this.#judgeInfos();
  }

  /**
   * It promised its votes to a higher epoch, of a leadership that came to nothing: only a new election lets it join. Not at
   * once: nobody is to end one leadership after the other by saying so.
   */
  #onPromised(id: LinkId, nowMs: number): void {
    if (nowMs >= this.#decidedAtMs + this.#setup.initLimitMs) this.#leave("promisedElsewhere");
    else this.#drop(id, "promisedElsewhere");
  }

  /** Nobody was told of the epoch before. */
  get #isDecided(): boolean {
    return this.#phase !== "connecting" && this.#phase !== "storingAccepted";
  }

  #judgeInfos(): void {
    if (!this.#isQuorum(this.#infos)) return;
    this.#phase = "storingAccepted";
    this.#phaseDeadlineMs = Infinity;
    this.#storeAccepted();
  }

  #storeAccepted(): void {
    if (this.#epoch >= EPOCH_MAX) return this.#leave("epochsUsedUp");
    this.#storing = this.#epoch;
    this.#effects.push({ kind: "storeAcceptedEpoch", epoch: this.#epoch });
  }

  #inform(id: LinkId, link: LearnerLink, nowMs: number): void {
    link.move("informed", nowMs, this.#setup);
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
    link.move("acked", nowMs, this.#setup);
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
    link.move("syncing", nowMs, this.#setup);
    this.#effects.push({ kind: "sync", link: id, lastZxid: link.lastZxid, epoch: this.#epoch });
  }

  #onSynced(id: LinkId, through: Zxid, nowMs: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    invariant(link.phase === "syncing", "A link is synced once", { id, phase: link.phase });
    link.syncedThrough = through;
    link.move("offered", nowMs, this.#setup);
    if (link.isTakenEarly) this.#onNewLeaderAck(id, link, zxidOf(this.#epoch, 0), nowMs);
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
    link.move("live", nowMs, this.#setup);
    this.#effects.push({ kind: "goLive", link: id });
  }

  // ------------------------------------------------------------------------------ broadcast

  #onProposed(through: Zxid): void {
    const before = this.#proposed;
    if (through < before) invariant(false, "Proposals ascend", { through, before });
    this.#proposed = through;
    if (this.#own.acked > before) this.#advance(); // durable was told first
  }

  #onDurable(through: Zxid): void {
    if (through <= this.#own.acked) return;
    this.#own.acked = through;
    this.#advance();
  }

  #onAck(id: LinkId, zxid: Zxid, nowMs: number): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.heard(nowMs, this.#setup);
    if (counterOf(zxid) === 0) return this.#onNewLeaderAck(id, link, zxid, nowMs);
    if (!link.mayAck || zxid > this.#proposed) return this.#drop(id, "wrongPacket");
    if (zxid <= link.acked) return;
    link.acked = zxid;
    // A 3.8.0 learner acks also what it was synced with (§24): that is committed.
    if (zxid > this.#committed) this.#advance();
  }

  #onNewLeaderAck(id: LinkId, link: LearnerLink, zxid: Zxid, nowMs: number): void {
    if (epochOf(zxid) !== this.#epoch || !link.mayAck) return this.#drop(id, "wrongPacket");
    if (link.phase === "syncing") link.isTakenEarly = true;
    if (link.phase !== "offered") return; // also that of UPTODATE
    link.move("taken", nowMs, this.#setup);
    // All of the sync was committed, so this decides nothing; it ends the wait for acks that will not come.
    if (link.syncedThrough > link.acked) link.acked = link.syncedThrough;
    if (this.#phase === "serving") return this.#goLive(id, link, nowMs);
    if (this.#phase !== "newLeaderAcks" || !link.isVoter) return;
    this.#newLeaderAcks.add(link.sid);
    this.#judgeNewLeaderAcks(nowMs);
  }

  /** The largest zxid that a quorum holds is committed, and all before it. */
  #advance(): void {
    if (this.#phase !== "serving") return;
    const held = this.#holders.heldByQuorum(this.#committed);
    const through = Math.min(held, this.#proposed) as Zxid;
    if (through <= this.#committed) return;
    this.#committed = through;
    this.#effects.push({ kind: "commit", through });
  }

  // ------------------------------------------------------------------------------ time and ends

  #halfTickMs(): number {
    return Math.max(1, Math.floor(this.#setup.tickMs / 2));
  }

  #onWake(nowMs: number): void {
    if (nowMs < this.#tickAtMs) return;
    this.#tickAtMs = nowMs + this.#halfTickMs();
    if (nowMs >= this.#phaseDeadlineMs) return this.#leave("noQuorumConnecting");
    for (const [id, link] of this.#links) {
      const reason = link.problem(nowMs, this.#setup, this.#proposed);
      if (reason !== undefined) this.#drop(id, reason);
      else if (link.isPinged) this.#effects.push({ kind: "ping", link: id });
    }
    if (this.#phase === "serving" && ++this.#halfTicks % 2 === 0) this.#demandQuorum();
  }

  /** A voter that is being synced counts: its link has limits of its own. One that comes back within a tick was not missed. */
  #demandQuorum(): void {
    const wasAlone = this.#isAlone;
    this.#isAlone = !this.#holders.areQuorum;
    if (wasAlone && this.#isAlone) this.#leave("quorumLost");
  }

  /** What it acknowledged on this connection is forgotten with it (§14, hole). */
  #forget(id: LinkId): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#links.delete(id);
    if (!link.isVoter) return;
    this.#holders.remove(link);
    if (this.#phase === "connecting") this.#infos.delete(link.sid);
    // Its promise of the epoch stands, its ack of NEWLEADER does not: it may come back with another history.
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
