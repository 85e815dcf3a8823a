/** Whether a leader takes a learner that introduces itself (peer-protocol §10, steps 3 and 4), and what its promise may do. */
import { EPOCH_MAX, type Zxid } from "../base/zxid.ts";
import type { LeaderDropReason } from "./events.ts";
import { PROTOCOL_VERSION } from "./packets.ts";

/**
 * How far beyond ours the promise of an observer may raise the epoch, and that of a voter may end a leadership: whoever is
 * farther off would use up the epochs.
 */
const EPOCH_LEAD_MAX = 1024;
/** A voter's, before the epoch is decided: so many leaderships may have come to nothing without us, days of them. */
const VOTER_LEAD_MAX = 16_384;

export interface Introduction {
  readonly isVoter: boolean;
  readonly acceptedEpoch: number;
  readonly protocolVersion: number;
  readonly configVersion: Zxid;
}

export interface LeaderNow {
  /** Of the leadership, as far as it is known. */
  readonly epoch: number;
  /** LEADERINFO may have left: the epoch stays what it is. */
  readonly isDecided: boolean;
  /** Accepted before this leadership. */
  readonly acceptedEpoch: number;
  readonly configVersion: Zxid;
}

/** @returns why it is sent away */
export function faultOf(info: Introduction, now: LeaderNow): LeaderDropReason | undefined {
  const { isVoter, acceptedEpoch } = info;
  if (info.protocolVersion < PROTOCOL_VERSION) return "tooOld";
  const farthest = now.isDecided ? now.epoch + EPOCH_LEAD_MAX : now.acceptedEpoch + VOTER_LEAD_MAX;
  if ((isVoter && acceptedEpoch > farthest) || acceptedEpoch >= EPOCH_MAX || acceptedEpoch < -1) {
    return "epochFar";
  }
  return info.configVersion > now.configVersion ? "configAhead" : undefined;
}

/** An undecided epoch is above every promise that we are told of, but for an observer's that is beyond belief. */
export function mayRaise({ isVoter, acceptedEpoch }: Introduction, own: number): boolean {
  return isVoter || acceptedEpoch <= own + EPOCH_LEAD_MAX;
}
