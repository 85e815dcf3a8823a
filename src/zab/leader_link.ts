/** What the leader knows of one learner's connection. */
import type { Zxid } from "../base/zxid.ts";
import { ZXID_NONE, ZXID_ZERO } from "../base/zxid.ts";
import type { LeaderDropReason } from "./events.ts";
import type { Sid } from "./vote.ts";

export type LinkPhase =
  | "info" // waits for the epoch
  | "informed" // LEADERINFO is sent
  | "acked" // ACKEPOCH came: waits for the sync
  | "syncing" // the driver sends
  | "offered" // NEWLEADER is sent
  | "taken" // NEWLEADER is acked
  | "live";

interface Limits {
  readonly initLimitMs: number;
  readonly syncLimitMs: number;
}

export class LearnerLink {
  readonly sid: Sid;
  readonly isVoter: boolean;
  phase: LinkPhase = "info";
  lastZxid: Zxid = ZXID_NONE;
  /** Largest zxid of this epoch acknowledged on this connection, and all before it. */
  acked: Zxid = ZXID_ZERO;
  /** The sync held everything through this. */
  syncedThrough: Zxid = ZXID_ZERO;
  #deadlineMs: number;
  /** One proposal at a time is watched for its ack. */
  #tracked: Zxid = ZXID_ZERO;
  #trackedSinceMs = 0;

  constructor(sid: Sid, isVoter: boolean, deadlineMs: number) {
    this.sid = sid;
    this.isVoter = isVoter;
    this.#deadlineMs = deadlineMs;
  }

  /** From NEWLEADER on it is pinged, and may ack. */
  get mayAck(): boolean {
    return this.phase === "offered" || this.phase === "taken" || this.phase === "live";
  }

  move(from: LinkPhase, to: LinkPhase, nowMs: number, limits: Limits): void {
    if (this.phase !== from) return;
    this.phase = to;
    this.heard(nowMs, limits);
  }

  heard(nowMs: number, { initLimitMs, syncLimitMs }: Limits): void {
    const isWaitingForUs = this.phase === "acked" || this.phase === "syncing";
    if (this.phase === "live" || this.phase === "taken") this.#deadlineMs = nowMs + syncLimitMs;
    else this.#deadlineMs = isWaitingForUs ? Infinity : nowMs + initLimitMs;
  }

  /** Why it is to be dropped at this tick. */
  problem(nowMs: number, { syncLimitMs }: Limits, proposed: Zxid): LeaderDropReason | undefined {
    const isLive = this.phase === "live";
    if (nowMs >= this.#deadlineMs) return isLive ? "syncLimit" : "initLimit";
    if (!isLive || !this.isVoter) return undefined;
    if (this.#tracked !== ZXID_ZERO && this.acked < this.#tracked) {
      return nowMs - this.#trackedSinceMs >= syncLimitMs ? "syncLimit" : undefined;
    }
    this.#tracked = proposed > this.acked ? proposed : ZXID_ZERO;
    this.#trackedSinceMs = nowMs;
    return undefined;
  }
}
