/**
 * FastLeaderElection (peer-protocol §6.4, §7): one instance is one election of one server, from LOOKING to a vote that a
 * quorum shares. Beyond Apache: it does not wait for better votes once none can come, that is when every other voter
 * was heard in this round or has no link and refused a fresh dial.
 */
import { unreachable } from "../base/invariant.ts";
import { ZXID_NONE } from "../base/zxid.ts";
import type { ElectionEffect, ElectionEvent, Step } from "./events.ts";
import type { Notification } from "./notification.ts";
import { haveQuorum, type Quorum } from "./quorum.ts";
import {
  areSameVotes,
  beats,
  isBelievable,
  type ReceivedVote,
  ROUND_MAX,
  ServerState,
  type Sid,
  type Vote,
} from "./vote.ts";

export interface ElectionSetup {
  readonly sid: Sid;
  /** The own sid, last logged zxid and currentEpoch; OBSERVER_VOTE for an observer. */
  readonly ownVote: Vote;
  readonly isObserver: boolean;
  /** One, or two while a change of members is under way: all must be satisfied. */
  readonly quorums: readonly Quorum[];
  /** Text of the committed configuration. */
  readonly config: string;
  /** Of this process; raised by one at `start`. */
  readonly logicalClock: number;
  readonly minIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly finalizeWaitMs: number;
}

/** Servers outside the configuration that one election remembers having answered. */
const STRANGERS_MAX = 255;

/** A process that ends may still accept: the next dial finds it gone. */
const REDIAL_MS = 10;

export class Election {
  readonly #setup: ElectionSetup;
  readonly #voters: ReadonlySet<Sid>;
  #clock: number;
  #proposal: Vote;
  /** Votes of this round by sender, own included. */
  readonly #round = new Map<Sid, ReceivedVote>();
  /** Votes of servers that follow or lead. */
  readonly #settled = new Map<Sid, ReceivedVote>();
  readonly #links = new Map<Sid, "up" | "down" | "refused">();
  /** Servers that are no voters, and when they may be answered again: two that do not know each other would never end. */
  readonly #strangers = new Map<Sid, number>();
  #dialledAtMs = -Infinity;
  #hasRedialled = false;
  /** A link went down just after a dial; Infinity: none did. */
  #redialAtMs = Infinity;
  #intervalMs: number;
  #resendAtMs = Infinity;
  #sentAtMs = 0;
  /** Voters heard since then. */
  readonly #heard = new Set<Sid>();
  /** Without a better vote until then the election ends; Infinity: no quorum yet. */
  #finalizeAtMs = Infinity;
  #isOver = false;
  #effects: ElectionEffect[] = [];

  constructor(setup: ElectionSetup) {
    this.#setup = setup;
    this.#voters = new Set(setup.quorums.flatMap(({ voters }) => [...voters]));
    this.#clock = setup.logicalClock;
    this.#proposal = setup.ownVote;
    this.#intervalMs = setup.minIntervalMs;
  }

  /** The round; the next election of this process starts from it. */
  get logicalClock(): number {
    return this.#clock;
  }

  step(event: ElectionEvent, nowMs: number): Step<ElectionEffect> {
    if (!this.#isOver) this.#take(event, nowMs);
    const effects = this.#effects;
    this.#effects = [];
    const wakeAtMs = this.#isOver
      ? Infinity
      : Math.min(this.#resendAtMs, this.#finalizeAtMs, this.#redialAtMs);
    return { effects, wakeAtMs };
  }

  #take(event: ElectionEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        // At the very end rounds are told apart no more, rather than refused by everybody.
        this.#clock = Math.min(this.#clock + 1, ROUND_MAX - 1);
        this.#dial(nowMs);
        this.#propose(this.#setup.ownVote);
        this.#sentAtMs = nowMs;
        this.#putOff(nowMs);
        return this.#judge(nowMs);
      case "notification":
        return this.#onNotification(event.from, event.notification, nowMs);
      case "link":
        return this.#onLink(event.sid, event.state, nowMs);
      case "wake":
        return this.#onWake(nowMs);
      default:
        return unreachable(event);
    }
  }

  #onLink(sid: Sid, state: "up" | "down" | "refused", nowMs: number): void {
    if (!this.#voters.has(sid)) return;
    this.#links.set(sid, state);
    if (state === "up") this.#send(sid);
    else if (state === "down") this.#redial(nowMs);
    this.#endIfNobodyIsMissing();
  }

  #onWake(nowMs: number): void {
    if (nowMs >= this.#finalizeAtMs) return this.#end(this.#proposal);
    if (nowMs >= this.#redialAtMs) this.#dial(nowMs);
    if (nowMs < this.#resendAtMs) return;
    this.#dial(nowMs);
    if (this.#intervalMs > this.#setup.minIntervalMs) this.#callSilent();
    this.#heard.clear();
    this.#sendAll();
    this.#intervalMs = Math.min(2 * this.#intervalMs, this.#setup.maxIntervalMs);
    this.#sentAtMs = nowMs;
    this.#putOff(nowMs);
  }

  /** What is heard puts off the next sending, but not for ever. */
  #putOff(nowMs: number): void {
    const interval = this.#intervalMs;
    this.#resendAtMs = Math.min(nowMs + interval, this.#sentAtMs + 2 * interval);
  }

  /** Everybody who is there answers: behind a link that says nothing may be somebody else, or nobody. */
  #callSilent(): void {
    for (const sid of this.#voters) {
      const state = this.#links.get(sid), isGone = state === "down" || state === "refused";
      if (sid === this.#setup.sid || isGone || this.#heard.has(sid)) continue;
      this.#effects.push({ kind: "call", to: sid });
    }
  }

  #onNotification(from: Sid, n: Notification, nowMs: number): void {
    if (!this.#voters.has(from)) return this.#answerStranger(from, n, nowMs);
    if (!isBelievable(n.vote, n.electionEpoch)) return;
    this.#heard.add(from);
    this.#putOff(nowMs);
    const isLooking = n.state === ServerState.looking;
    if (isLooking && n.electionEpoch < this.#clock) return this.#send(from);
    if (!this.#voters.has(n.vote.leader) || n.state === ServerState.observing) return;
    if (isLooking) this.#onLooking(from, n, nowMs);
    else this.#onSettled(from, n);
  }

  /** Observers and servers that are to join learn of our vote; they have none (§6.4, §7.5). */
  #answerStranger(from: Sid, { state }: Notification, nowMs: number): void {
    if (state !== ServerState.looking || nowMs < (this.#strangers.get(from) ?? -Infinity)) return;
    if (this.#strangers.size >= STRANGERS_MAX) this.#strangers.clear();
    this.#strangers.set(from, nowMs + this.#setup.minIntervalMs);
    this.#send(from);
  }

  // ------------------------------------------------------------------------------ a round

  #onLooking(from: Sid, { vote, electionEpoch }: Notification, nowMs: number): void {
    // Whoever may have lost data takes no part in a round (§7.1): it joins a quorum that stands.
    if (vote.zxid === ZXID_NONE || this.#setup.ownVote.zxid === ZXID_NONE) return;
    if (electionEpoch > this.#clock) {
      this.#clock = electionEpoch;
      this.#round.clear();
      this.#propose(this.#beats(vote, this.#setup.ownVote) ? vote : this.#setup.ownVote);
    } else if (this.#beats(vote, this.#proposal)) this.#propose(vote);
    // It has not heard ours, or heard it while it still had a role and threw it away: Apache's waits to be asked again.
    else if (this.#beats(this.#proposal, vote)) this.#send(from);
    this.#round.set(from, { vote, electionEpoch, state: ServerState.looking, version: 0 });
    this.#judge(nowMs);
  }

  #beats(vote: Vote, current: Vote): boolean {
    const isElectable = this.#setup.quorums.some((quorum) => quorum.weightOf(vote.leader) > 0);
    return isElectable && beats(vote, current);
  }

  #propose(proposal: Vote): void {
    this.#proposal = proposal;
    if (proposal.zxid !== ZXID_NONE) this.#round.set(this.#setup.sid, this.#ownEntry());
    this.#finalizeAtMs = Infinity;
    this.#sendAll();
  }

  #ownEntry(): ReceivedVote {
    const state = ServerState.looking;
    return { vote: this.#proposal, electionEpoch: this.#clock, state, version: 0 };
  }

  /** Whether a quorum shares our proposal; then silence ends the election. */
  #judge(nowMs: number): void {
    if (!this.#isShared(this.#round, this.#ownEntry())) {
      this.#finalizeAtMs = Infinity;
      return;
    }
    // From the vote that made it a quorum on: who repeats itself holds up nobody.
    if (this.#finalizeAtMs === Infinity) this.#finalizeAtMs = nowMs + this.#setup.finalizeWaitMs;
    this.#endIfNobodyIsMissing();
  }

  #endIfNobodyIsMissing(): void {
    if (this.#isOver || this.#finalizeAtMs === Infinity) return;
    for (const sid of this.#voters) {
      if (this.#round.has(sid) || this.#links.get(sid) === "refused") continue;
      return;
    }
    this.#end(this.#proposal);
  }

  #isShared(votes: ReadonlyMap<Sid, ReceivedVote>, vote: ReceivedVote): boolean {
    const sids = new Set<Sid>();
    for (const [sid, other] of votes) if (areSameVotes(other, vote)) sids.add(sid);
    return haveQuorum(this.#setup.quorums, sids);
  }

  // ------------------------------------------------------------------------------ a quorum that stands

  /** §7.4 */
  #onSettled(from: Sid, { vote, electionEpoch, state, version }: Notification): void {
    const received: ReceivedVote = { vote, electionEpoch, state, version };
    if (electionEpoch === this.#clock) {
      this.#round.set(from, { ...received, version: 0 });
      if (this.#stands(this.#round, received)) return this.#end(vote);
    }
    this.#settled.set(from, received);
    if (!this.#stands(this.#settled, received)) return;
    this.#clock = electionEpoch;
    this.#end(vote);
  }

  #stands(votes: ReadonlyMap<Sid, ReceivedVote>, received: ReceivedVote): boolean {
    if (!this.#isShared(votes, received)) return false;
    const { leader } = received.vote;
    if (leader === this.#setup.sid) return this.#clock === received.electionEpoch;
    return votes.get(leader)?.state === ServerState.leading;
  }

  #end(vote: Vote): void {
    this.#isOver = true;
    const { sid, isObserver } = this.#setup;
    const role = vote.leader === sid ? "leading" : isObserver ? "observing" : "following";
    this.#effects.push({ kind: "elected", role, vote, electionEpoch: this.#clock });
  }

  // ------------------------------------------------------------------------------ out

  /** At once, for an election may wait for the refusal; one that accepts and ends every connection is dialled at a pace. */
  #redial(nowMs: number): void {
    const atMs = this.#dialledAtMs + REDIAL_MS;
    if (this.#hasRedialled && nowMs < atMs) this.#redialAtMs = Math.min(this.#redialAtMs, atMs);
    else this.#dial(nowMs);
    this.#hasRedialled = true;
  }

  #dial(nowMs: number): void {
    this.#dialledAtMs = nowMs;
    this.#redialAtMs = Infinity;
    this.#effects.push({ kind: "dial" });
  }

  #sendAll(): void {
    for (const sid of this.#voters) if (sid !== this.#setup.sid) this.#send(sid);
  }

  #send(to: Sid): void {
    const notification: Notification = {
      state: ServerState.looking,
      vote: this.#proposal,
      electionEpoch: this.#clock,
      version: 2,
      config: this.#setup.config,
    };
    this.#effects.push({ kind: "send", to, notification });
  }
}

/** What a server that is in a role answers to a notification (§6.4); undefined: nothing, as to all that do not look. */
export function answerInRole(
  own: {
    readonly state: ServerState;
    readonly vote: Vote;
    /** Of the vote. */
    readonly electionEpoch: number;
    readonly logicalClock: number;
    readonly config: string;
  },
  isVoter: boolean,
  asked: Notification,
): Notification | undefined {
  if (asked.state !== ServerState.looking) return undefined;
  const { state, vote, config } = own;
  const electionEpoch = isVoter ? own.electionEpoch : own.logicalClock;
  return { state, vote, electionEpoch, version: 2, config };
}
