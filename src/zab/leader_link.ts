/** What the leader knows of one learner's connection. */
import { type Zxid, ZXID_NONE, ZXID_ZERO } from "../base/zxid.ts";
import type { LeaderDropReason } from "./events.ts";
import type { Sid } from "./vote.ts";

export type LinkPhase =
  | "info" // waits for the epoch
  | "informed" // LEADERINFO is sent
  | "acked" // ACKEPOCH came: waits for the sync
  | "syncing" // the driver sends
  | "offered" // NEWLEADER is sent
  | "taken" // NEWLEADER is acked: waits for a quorum
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
  /** Largest zxid acknowledged on this connection: it has all before it, too. */
  acked: Zxid = ZXID_ZERO;
  /** The sync held everything through this. */
  syncedThrough: Zxid = ZXID_ZERO;
  /** Its ack of NEWLEADER came before we were told that NEWLEADER is written. */
  isTakenEarly = false;
  #heardAtMs = -Infinity;
  /** Infinity: it waits for us. */
  #deadlineMs = Infinity;
  /** One proposal at a time is watched for its ack. */
  #tracked: Zxid = ZXID_ZERO;
  #trackedSinceMs = 0;

  constructor(sid: Sid, isVoter: boolean) {
    this.sid = sid;
    this.isVoter = isVoter;
  }

  /** From NEWLEADER on. */
  get isPinged(): boolean {
    return this.phase === "offered" || this.phase === "taken" || this.phase === "live";
  }

  /** Packets of the sync may have reached it before `synced` reaches us. */
  get mayAck(): boolean {
    return this.isPinged || this.phase === "syncing";
  }

  move(to: LinkPhase, nowMs: number, limits: Limits): void {
    this.phase = to;
    this.heard(nowMs, limits);
  }

  heard(nowMs: number, { initLimitMs, syncLimitMs }: Limits): void {
    this.#heardAtMs = nowMs;
    if (this.phase === "live") this.#deadlineMs = nowMs + syncLimitMs;
    else if (this.phase === "informed" || this.phase === "syncing" || this.phase === "offered") {
      this.#deadlineMs = nowMs + initLimitMs;
    } else this.#deadlineMs = Infinity;
  }

  /** It is live, and answered one of the last two pings. */
  isThere(nowMs: number, { tickMs }: { readonly tickMs: number }): boolean {
    return this.phase === "live" && nowMs < this.#heardAtMs + tickMs;
  }

  /** Why it is to be dropped at this tick. */
  problem(nowMs: number, { syncLimitMs }: Limits, proposed: Zxid): LeaderDropReason | undefined {
    const isLive = this.phase === "live";
    if (nowMs >= this.#deadlineMs) return isLive ? "syncLimit" : "initLimit";
    if (!isLive || !this.isVoter) return undefined;
    if (this.acked < this.#tracked) {
      return nowMs - this.#trackedSinceMs >= syncLimitMs ? "syncLimit" : undefined;
    }
    this.#tracked = proposed > this.acked ? proposed : ZXID_ZERO;
    this.#trackedSinceMs = nowMs;
    return undefined;
  }
}
