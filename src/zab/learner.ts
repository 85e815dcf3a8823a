/**
 * A follower or observer of one leader: discovery, synchronization, broadcast (peer-protocol §10, §12, §14; rules 5 to 8 of
 * docs/internals/ensemble.md). What it receives it logs as it comes; it acknowledges only what is durable, and nothing
 * before NEWLEADER.
 */
import { unreachable } from "../base/invariant.ts";
import { EPOCH_MAX, epochOf, type Zxid, ZXID_MAX, ZXID_NONE } from "../base/zxid.ts";
import type { LearnerEffect, LearnerEvent, LearnerLeaveReason, Step } from "./events.ts";

export interface LearnerSetup {
  readonly isObserver: boolean;
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** Last logged; the tree has it applied. ZXID_NONE: an empty database that nobody vouches for. */
  readonly lastZxid: Zxid;
  readonly initLimitMs: number;
  readonly syncLimitMs: number;
  readonly stay: number;
}

type Phase =
  | "dialling"
  | "info" // FOLLOWERINFO is sent
  | "storingAccepted"
  | "choice" // ACKEPOCH is sent: DIFF, TRUNC or SNAP comes
  | "truncating"
  | "receiving"
  | "syncing"
  | "settling" // NEWLEADER came: the log is not durable yet
  | "storingCurrent"
  | "offered" // NEWLEADER is acked
  | "serving"
  | "left";

const NO_EFFECTS: readonly LearnerEffect[] = Object.freeze([]);
const APPEND: LearnerEffect = Object.freeze({ kind: "append" });

export class Learner {
  readonly #setup: LearnerSetup;
  #phase: Phase = "dialling";
  #epoch = 0;
  #lastLogged: Zxid;
  #durable: Zxid;
  #committed: Zxid;
  /** Invariant: no ACK was sent for what is above. */
  #acked: Zxid;
  /** What came before NEWLEADER: durable before it is acked. */
  #settleThrough: Zxid;
  #truncateTo: Zxid;
  #deadlineMs = Infinity;
  #dialUntilMs = Infinity;
  #effects: LearnerEffect[] = [];

  constructor(setup: LearnerSetup) {
    this.#setup = setup;
    this.#lastLogged =
      this.#durable =
      this.#committed =
      this.#acked =
        setup.lastZxid;
    this.#truncateTo = this.#settleThrough = setup.lastZxid;
  }

  get isServing(): boolean {
    return this.#phase === "serving";
  }

  step(event: LearnerEvent, nowMs: number): Step<LearnerEffect> {
    if (this.#phase !== "left") this.#take(event, nowMs);
    const effects = this.#effects.length === 0 ? NO_EFFECTS : this.#effects;
    if (effects !== NO_EFFECTS) this.#effects = [];
    return { effects, wakeAtMs: this.#phase === "left" ? Infinity : this.#deadlineMs };
  }

  #take(event: LearnerEvent, nowMs: number): void {
    switch (event.kind) {
      case "proposal":
        return this.#onProposal(event.zxid, event.isCommitted, nowMs);
      case "commit":
        return this.#onCommit(event.zxid, nowMs);
      case "durable":
        return event.stay === this.#setup.stay ? this.#onDurable(event.through) : undefined;
      case "ping":
        this.#heard(nowMs);
        if (this.#phase === "serving") this.#effects.push({ kind: "pong" });
        return;
      case "heard":
        return this.#heard(nowMs);
      case "wake":
        if (nowMs < this.#deadlineMs) return;
        return this.#leave(this.#phase === "dialling" ? "cannotConnect" : "leaderSilent");
      case "closed":
        return this.#onClosed(nowMs);
      case "wrongPacket":
        return this.#leave("wrongPacket");
      default:
        return this.#takeRare(event, nowMs);
    }
  }

  #takeRare(
    event: Exclude<
      LearnerEvent,
      {
        kind:
          | "proposal"
          | "commit"
          | "durable"
          | "ping"
          | "heard"
          | "wake"
          | "closed"
          | "wrongPacket";
      }
    >,
    nowMs: number,
  ): void {
    switch (event.kind) {
      case "start":
        this.#dialUntilMs = this.#deadlineMs = nowMs + this.#setup.initLimitMs;
        this.#effects.push({ kind: "dial" });
        return;
      case "connected":
        if (!this.#move("dialling", "info", nowMs)) return;
        this.#effects.push({ kind: "sendInfo", acceptedEpoch: this.#setup.acceptedEpoch });
        return;
      case "leaderInfo":
        return this.#onLeaderInfo(event.epoch, nowMs);
      case "acceptedEpochStored":
        if (this.#phase === "storingAccepted") this.#ackEpoch(this.#setup.currentEpoch, nowMs);
        return;
      case "diff":
        // There is nothing that it could be the difference to.
        if (this.#setup.lastZxid === ZXID_NONE) return this.#leave("wrongPacket");
        if (this.#move("choice", "syncing", nowMs)) this.#settleAt(this.#lastLogged);
        return;
      case "trunc":
        return this.#onTrunc(event.zxid, nowMs);
      case "truncated":
        if (event.lastZxid !== this.#truncateTo) return this.#leave("truncateFailed");
        if (this.#move("truncating", "syncing", nowMs)) this.#settleAt(event.lastZxid);
        return;
      case "snap":
        if (event.zxid < 0 || epochOf(event.zxid) > this.#epoch) return this.#leave("wrongPacket");
        if (!this.#move("choice", "receiving", nowMs)) return;
        this.#effects.push({ kind: "receiveSnapshot", zxid: event.zxid });
        return;
      case "snapshotReceived":
        if (this.#phase === "receiving") this.#deadlineMs = Infinity;
        return;
      case "snapshotStored":
        if (this.#move("receiving", "syncing", nowMs)) this.#settleAt(event.lastZxid);
        return;
      case "newLeader":
        return this.#onNewLeader(event.epoch, nowMs);
      case "currentEpochStored":
        if (this.#phase === "storingCurrent") this.#offer(nowMs);
        return;
      case "upToDate":
        if (!this.#move("offered", "serving", nowMs)) return;
        this.#effects.push({ kind: "ackNewLeader", epoch: this.#epoch });
        this.#effects.push({ kind: "serve", epoch: this.#epoch });
        return;
      default:
        return unreachable(event);
    }
  }

  #onClosed(nowMs: number): void {
    if (this.#phase === "dialling") return this.#leave("cannotConnect");
    // It said nothing: what accepted may stand before a leader that does not listen yet.
    if (this.#phase !== "info" || nowMs >= this.#dialUntilMs) return this.#leave("closed");
    this.#phase = "dialling";
    this.#deadlineMs = this.#dialUntilMs;
    this.#effects.push({ kind: "dial" });
  }

  #onTrunc(zxid: Zxid, nowMs: number): void {
    // What is cut lies behind something that we have.
    if (zxid < 0 || zxid > this.#lastLogged) return this.#leave("wrongPacket");
    if (!this.#move("choice", "truncating", nowMs)) return;
    this.#truncateTo = zxid;
    this.#deadlineMs = Infinity;
    this.#effects.push({ kind: "truncate", zxid });
  }

  /** A packet out of its place ends the role. */
  #move(from: Phase, to: Phase, nowMs: number): boolean {
    if (this.#phase !== from) {
      this.#leave("wrongPacket");
      return false;
    }
    this.#phase = to;
    this.#heard(nowMs);
    return true;
  }

  #heard(nowMs: number): void {
    const { initLimitMs, syncLimitMs } = this.#setup;
    switch (this.#phase) {
      // What we wait for is our own disk.
      case "truncating":
      case "storingAccepted":
      case "settling":
      case "storingCurrent":
      case "left":
        this.#deadlineMs = Infinity;
        return;
      case "offered":
      case "serving":
        this.#deadlineMs = nowMs + syncLimitMs;
        return;
      default:
        this.#deadlineMs = nowMs + initLimitMs;
    }
  }

  // ------------------------------------------------------------------------------ discovery

  #onLeaderInfo(epoch: number, nowMs: number): void {
    const { acceptedEpoch } = this.#setup;
    if (epoch >= EPOCH_MAX) return this.#leave("epochFar");
    if (epoch < acceptedEpoch || epoch <= 0) return this.#leave("epochBehind");
    this.#epoch = epoch;
    if (epoch === acceptedEpoch) {
      if (this.#move("info", "storingAccepted", nowMs)) this.#ackEpoch(-1, nowMs);
    } else if (this.#move("info", "storingAccepted", nowMs)) {
      this.#effects.push({ kind: "storeAcceptedEpoch", epoch });
    }
  }

  /** @param currentEpoch -1: the same epoch was promised before */
  #ackEpoch(currentEpoch: number, nowMs: number): void {
    this.#phase = "choice";
    this.#heard(nowMs);
    this.#effects.push({ kind: "sendAckEpoch", currentEpoch, lastZxid: this.#setup.lastZxid });
  }

  /** The log ends here, and all of it is committed, applied and durable. */
  #settleAt(lastZxid: Zxid): void {
    this.#lastLogged =
      this.#durable =
      this.#committed =
      this.#acked =
        lastZxid;
  }

  // ------------------------------------------------------------------------------ txns

  get #takesTxns(): boolean {
    const phase = this.#phase;
    return phase === "serving" || phase === "syncing" || phase === "offered" ||
      phase === "settling" || phase === "storingCurrent";
  }

  #onProposal(zxid: Zxid, isCommitted: boolean, nowMs: number): void {
    if (!this.#takesTxns || zxid >= ZXID_MAX || epochOf(zxid) > this.#epoch || zxid < 0) {
      return this.#leave("wrongPacket");
    }
    this.#heard(nowMs);
    if (zxid <= this.#lastLogged) {
      this.#effects.push({ kind: "skip" });
      return;
    }
    if (zxid !== this.#lastLogged + 1 && epochOf(zxid) === epochOf(this.#lastLogged)) {
      return this.#leave("gap");
    }
    this.#lastLogged = zxid;
    this.#effects.push(APPEND);
    if (isCommitted) this.#commit(zxid);
  }

  #onCommit(zxid: Zxid, nowMs: number): void {
    if (!this.#takesTxns) return this.#leave("wrongPacket");
    this.#heard(nowMs);
    if (zxid > this.#lastLogged) return this.#leave("commitMismatch");
    if (zxid > this.#committed) this.#commit(zxid);
  }

  #commit(through: Zxid): void {
    this.#committed = through;
    this.#effects.push({ kind: "commit", through });
  }

  #onDurable(through: Zxid): void {
    if (through <= this.#durable) return;
    this.#durable = through;
    if (this.#phase === "settling") return this.#storeCurrent();
    if (this.#phase === "offered" || this.#phase === "serving") this.#ack();
  }

  #ack(): void {
    if (this.#setup.isObserver || this.#durable <= this.#acked) return;
    this.#effects.push({ kind: "ack", from: this.#acked, through: this.#durable });
    this.#acked = this.#durable;
  }

  // ------------------------------------------------------------------------------ the leader's history is taken over

  #onNewLeader(epoch: number, nowMs: number): void {
    if (epoch !== this.#epoch) return this.#leave("wrongPacket");
    if (!this.#move("syncing", "settling", nowMs)) return;
    // Bare proposals alone are acked one by one; the rest goes with NEWLEADER.
    this.#acked = this.#committed;
    this.#settleThrough = this.#lastLogged;
    this.#storeCurrent();
  }

  /** As soon as everything received so far is durable. */
  #storeCurrent(): void {
    if (this.#durable < this.#settleThrough) return;
    this.#phase = "storingCurrent";
    this.#effects.push({ kind: "storeCurrentEpoch", epoch: this.#epoch });
  }

  #offer(nowMs: number): void {
    this.#phase = "offered";
    this.#heard(nowMs);
    this.#effects.push({ kind: "ackNewLeader", epoch: this.#epoch });
    this.#ack();
  }

  #leave(reason: LearnerLeaveReason): void {
    if (this.#phase === "left") return;
    this.#phase = "left";
    this.#effects.push({ kind: "leave", reason });
  }
}
