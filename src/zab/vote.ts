/** Votes and their order (peer-protocol §7.1, §7.2, §7.4). */
import { EPOCH_MAX, type Zxid, ZXID_MAX } from "../base/zxid.ts";

/** Server id: 0 to 255 in a configuration; messages may carry any i64 (readers saturate). */
export type Sid = number & { readonly __sid: unique symbol };

export interface Vote {
  readonly leader: Sid;
  readonly zxid: Zxid;
  /** `currentEpoch` of the proposed leader; the new epoch once it serves. */
  readonly peerEpoch: number;
}

/** Java's Long.MIN_VALUE as we hold it: all three parts of an observer's vote. */
export const MIN_VALUE = -ZXID_MAX;
export const OBSERVER_VOTE: Vote = Object.freeze({
  leader: MIN_VALUE as Sid,
  zxid: MIN_VALUE as Zxid,
  peerEpoch: MIN_VALUE,
});

/** On the wire an ordinal. */
export const ServerState = { looking: 0, following: 1, leading: 2, observing: 3 } as const;
export type ServerState = (typeof ServerState)[keyof typeof ServerState];

/** Whether `next` is preferred: epoch, then zxid, then sid. A server of weight 0 is never elected. */
export function beats(next: Vote, current: Vote, weightOfNext = 1): boolean {
  if (weightOfNext === 0) return false;
  if (next.peerEpoch !== current.peerEpoch) return next.peerEpoch > current.peerEpoch;
  if (next.zxid !== current.zxid) return next.zxid > current.zxid;
  return next.leader > current.leader;
}

/** Beyond it a round cannot be raised for ever: nobody counts so far, and a number holds no more. */
export const ROUND_MAX = 2 ** 52;

/** Whether a message's numbers are ones that we can repeat and outdo. */
export function isBelievable(vote: Vote, electionEpoch: number): boolean {
  return vote.peerEpoch < EPOCH_MAX && vote.zxid < ZXID_MAX && electionEpoch < ROUND_MAX;
}

/** A vote as it was received, for the sets of §7.3. */
export interface ReceivedVote {
  readonly vote: Vote;
  readonly electionEpoch: number;
  readonly state: ServerState;
  /** Of the notification's layout; 0 for the votes of a round (§7.4). */
  readonly version: number;
}

/** §7.4: what counts as the same vote depends on states and layouts. */
export function areSameVotes(a: ReceivedVote, b: ReceivedVote): boolean {
  if (a.vote.leader !== b.vote.leader) return false;
  if (a.state === ServerState.looking || b.state === ServerState.looking) {
    return a.vote.zxid === b.vote.zxid && a.electionEpoch === b.electionEpoch &&
      a.vote.peerEpoch === b.vote.peerEpoch;
  }
  if (a.version > 0 !== b.version > 0) return true;
  return a.vote.peerEpoch === b.vote.peerEpoch;
}
