/**
 * What goes into the machines and what must happen out of them. A driver (src/server/ensemble) turns packets, files and
 * timers into events, and executes effects in order. Hot inputs (acks, proposals, commits, durable groups) are handed over
 * once per chunk or group, with the last zxid of a run. See docs/internals/ensemble.md.
 */
import type { Zxid } from "../base/zxid.ts";
import type { Notification } from "./notification.ts";
import type { Sid, Vote } from "./vote.ts";

/** One connection of a learner at the leader; never used again after `closed`. */
export type LinkId = number & { readonly __linkId: unique symbol };

export interface Step<Effect> {
  readonly effects: readonly Effect[];
  /** The machine wants a `wake` not before this; Infinity: none. */
  readonly wakeAtMs: number;
}

// ------------------------------------------------------------------------------------------ election

export type ElectionEvent =
  | { readonly kind: "start" }
  /** From a link; also of servers that are not voters. */
  | { readonly kind: "notification"; readonly from: Sid; readonly notification: Notification }
  /** `refused`: a fresh dial was answered by nobody; `down`: an open link ended. */
  | { readonly kind: "link"; readonly sid: Sid; readonly state: "up" | "down" | "refused" }
  | { readonly kind: "wake" };

export type ElectionEffect =
  | { readonly kind: "send"; readonly to: Sid; readonly notification: Notification }
  /** Dial every voter that has no link. */
  | { readonly kind: "dial" }
  /** Dial it although there may be a link: nothing was heard on it. */
  | { readonly kind: "call"; readonly to: Sid }
  | {
    readonly kind: "elected";
    readonly role: "leading" | "following" | "observing";
    /** `leader`, zxid, epochs as of the election; later notifications of this server repeat it. */
    readonly vote: Vote;
    readonly electionEpoch: number;
  };

// ------------------------------------------------------------------------------------------ leader

export type LeaderEvent =
  | { readonly kind: "start" }
  /** The replica could not sequence a write: the epoch's counter is used up. */
  | { readonly kind: "counterFull" }
  /** FOLLOWERINFO or OBSERVERINFO. */
  | {
    readonly kind: "learnerInfo";
    readonly link: LinkId;
    readonly sid: Sid;
    readonly isObserver: boolean;
    readonly acceptedEpoch: number;
    readonly protocolVersion: number;
    readonly configVersion: Zxid;
  }
  /** `currentEpoch` -1: already promised, not to be counted. */
  | {
    readonly kind: "ackEpoch";
    readonly link: LinkId;
    readonly currentEpoch: number;
    readonly lastZxid: Zxid;
  }
  | { readonly kind: "acceptedEpochStored" }
  | { readonly kind: "currentEpochStored" }
  /**
   * The sync of this link is written, NEWLEADER included; it holds all of the history through this zxid. While it is being
   * written each step that the learner took is to be told as `heard`: one that stands still for initLimit is dropped.
   */
  | { readonly kind: "synced"; readonly link: LinkId; readonly through: Zxid }
  /** The last ACK of a chunk, or one with counter 0 (NEWLEADER, UPTODATE) on its own. */
  | { readonly kind: "ack"; readonly link: LinkId; readonly zxid: Zxid }
  /** Any packet came from it. Once per chunk. */
  | { readonly kind: "heard"; readonly link: LinkId }
  | { readonly kind: "closed"; readonly link: LinkId }
  /** The replica sequenced txns up to here; they are in the history. */
  | { readonly kind: "proposed"; readonly through: Zxid }
  | { readonly kind: "durable"; readonly stay: number; readonly through: Zxid }
  | { readonly kind: "wake" };

export type LeaderEffect =
  | { readonly kind: "storeAcceptedEpoch"; readonly epoch: number }
  | { readonly kind: "sendLeaderInfo"; readonly link: LinkId; readonly epoch: number }
  | { readonly kind: "storeCurrentEpoch"; readonly epoch: number }
  /** Choose DIFF, TRUNC or SNAP for a learner that has this, send it, then NEWLEADER; answer with `synced`. */
  | {
    readonly kind: "sync";
    readonly link: LinkId;
    readonly lastZxid: Zxid;
    readonly epoch: number;
  }
  /** A quorum has taken over our history: clients are served, writes sequenced from (epoch, 1) on. */
  | { readonly kind: "serve"; readonly epoch: number }
  /** UPTODATE, then everything from the link's cursor on. */
  | { readonly kind: "goLive"; readonly link: LinkId }
  /** To learners as COMMIT or INFORM; applied here once durable. */
  | { readonly kind: "commit"; readonly through: Zxid }
  | { readonly kind: "ping"; readonly link: LinkId }
  | { readonly kind: "drop"; readonly link: LinkId; readonly reason: LeaderDropReason }
  | { readonly kind: "leave"; readonly reason: LeaderLeaveReason };

export type LeaderDropReason =
  | "configAhead" // its configuration is newer than ours
  | "followerAhead" // its history is more recent than ours
  | "wrongPacket"
  | "replaced" // the same server connected again
  | "alreadyHere" // the same server is connected, and answers
  | "promisedElsewhere" // as below, but the leadership is young
  | "initLimit" // discovery or sync took too long
  | "syncLimit" // silent, or a proposal unacknowledged for too long
  | "tooOld" // speaks the protocol of 3.4
  | "epochFar"; // an epoch that no number can hold, or beyond belief

export type LeaderLeaveReason =
  | "noQuorumConnecting" // no quorum of infos came in time, or of epoch acks or NEWLEADER acks within initLimit
  | "quorumLost"
  | "counterFull"
  | "epochsUsedUp" // no number can hold the next one
  | "promisedElsewhere"; // a voter promised a higher epoch: only a new election lets it join

// ------------------------------------------------------------------------------------------ learner

export type LearnerEvent =
  | { readonly kind: "start" }
  | { readonly kind: "connected" }
  | { readonly kind: "leaderInfo"; readonly epoch: number; readonly protocolVersion: number }
  | { readonly kind: "acceptedEpochStored" }
  | { readonly kind: "diff"; readonly zxid: Zxid }
  | { readonly kind: "trunc"; readonly zxid: Zxid }
  | { readonly kind: "truncated"; readonly lastZxid: Zxid }
  | { readonly kind: "snap"; readonly zxid: Zxid }
  /** All of the stream is here: what is waited for from now on is our own disk. */
  | { readonly kind: "snapshotReceived" }
  /** The received tree is swapped in and its snapshot is on the disk. */
  | { readonly kind: "snapshotStored"; readonly lastZxid: Zxid }
  /** PROPOSAL, or INFORM (`isCommitted`). Each is given, in order; the machine answers `append`. */
  | { readonly kind: "proposal"; readonly zxid: Zxid; readonly isCommitted: boolean }
  /** COMMIT; of a run of them the last, when nothing else came between. */
  | { readonly kind: "commit"; readonly zxid: Zxid }
  | { readonly kind: "newLeader"; readonly epoch: number }
  | { readonly kind: "currentEpochStored" }
  | { readonly kind: "upToDate" }
  | { readonly kind: "ping" }
  /** Any other packet of the leader's that is legal while serving (REVALIDATE, SYNC): a sign of life. */
  | { readonly kind: "heard" }
  | { readonly kind: "durable"; readonly stay: number; readonly through: Zxid }
  /** The connection could not be made (after the retries), or ended. */
  | { readonly kind: "closed" }
  /** A packet that has no place here. */
  | { readonly kind: "wrongPacket" }
  | { readonly kind: "wake" };

export type LearnerEffect =
  | { readonly kind: "dial" }
  | { readonly kind: "sendInfo"; readonly acceptedEpoch: number }
  | { readonly kind: "storeAcceptedEpoch"; readonly epoch: number }
  | { readonly kind: "sendAckEpoch"; readonly currentEpoch: number; readonly lastZxid: Zxid }
  /** Cut the log behind this zxid and load the tree anew; reading pauses until `truncated`. */
  | { readonly kind: "truncate"; readonly zxid: Zxid }
  /**
   * What follows on the connection is a snapshot; reading packets goes on after `snapshotStored`. Each chunk of it is
   * `heard`, and its end `snapshotReceived`.
   */
  | { readonly kind: "receiveSnapshot"; readonly zxid: Zxid }
  /** Log the proposal just given. */
  | { readonly kind: "append" }
  /** Known already (in the tree or the log): skip it. */
  | { readonly kind: "skip" }
  /** Everything logged up to here is committed: applied once durable. */
  | { readonly kind: "commit"; readonly through: Zxid }
  | { readonly kind: "storeCurrentEpoch"; readonly epoch: number }
  /** ACK(epoch, 0): of NEWLEADER, and once more of UPTODATE just before `serve`. */
  | { readonly kind: "ackNewLeader"; readonly epoch: number }
  /** One ACK packet per logged zxid in (from, through], ascending. */
  | { readonly kind: "ack"; readonly from: Zxid; readonly through: Zxid }
  /** Serve clients as soon as everything committed is applied. */
  | { readonly kind: "serve"; readonly epoch: number }
  | { readonly kind: "pong" }
  | { readonly kind: "leave"; readonly reason: LearnerLeaveReason };

export type LearnerLeaveReason =
  | "cannotConnect"
  | "closed"
  | "leaderSilent" // no packet for initLimit (syncing) or syncLimit (after NEWLEADER)
  | "epochBehind" // LEADERINFO with an epoch below the one we promised
  | "epochFar"
  | "wrongPacket"
  | "gap" // a proposal that is no successor of the one before
  | "commitMismatch" // COMMIT of something that is not there
  | "truncateFailed";
