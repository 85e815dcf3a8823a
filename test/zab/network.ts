/**
 * Elections of several servers over links in memory, under a clock that the test moves. Beside each election there is as
 * much of a role as elections depend on: whoever was elected without a quorum behind it, or elected somebody who does not
 * lead, looks again; a leader that a quorum follows serves, and its epoch is in all their votes.
 */
import assert from "node:assert/strict";
import { Prng } from "../../src/base/random.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { answerInRole, Election } from "../../src/zab/election.ts";
import type { ElectionEffect, ElectionEvent } from "../../src/zab/events.ts";
import type { Notification } from "../../src/zab/notification.ts";
import { haveQuorum, MajorityQuorum, type Quorum } from "../../src/zab/quorum.ts";
import { OBSERVER_VOTE, ServerState, type Sid, type Vote } from "../../src/zab/vote.ts";
import { Agenda } from "./agenda.ts";

export interface NetworkOptions {
  readonly voters: readonly Sid[];
  readonly quorum?: Quorum;
  readonly seed?: number;
  /** Of a message, a dial or a refusal: 1 to this. */
  readonly delayMsMax?: number;
  /** So many of a hundred notifications never arrive. */
  readonly lossPercent?: number;
  /** Whether the host of a server that is down answers a dial, or nobody does. */
  readonly whoIsDown?: "refuses" | "isSilent";
  readonly maxIntervalMs?: number;
}

export type Elected = Extract<ElectionEffect, { kind: "elected" }>;

interface Server {
  readonly sid: Sid;
  readonly isObserver: boolean;
  zxid: Zxid;
  currentEpoch: number;
  isUp: boolean;
  logicalClock: number;
  election: Election | undefined;
  elected: Elected | undefined;
  /** Of the role, as it is told to others. */
  vote: Vote;
  isServing: boolean;
  /** Raised whenever what was planned before is void. */
  life: number;
  wakeAtMs: number;
}

const DIAL_TIMEOUT_MS = 5000;
const FOLLOWER_PATIENCE_MS = 400;
const LEADER_PATIENCE_MS = 2000;

export class Network {
  /** All that were elected, in order. */
  readonly elections: { readonly sid: Sid; readonly atMs: number; readonly elected: Elected }[] =
    [];
  /** Those whom a quorum followed, once for each time. */
  readonly reigns: { readonly sid: Sid; readonly round: number; readonly epoch: number }[] = [];
  readonly quorum: Quorum;
  sent = 0;
  readonly #options: NetworkOptions;
  readonly #prng: Prng;
  readonly #agenda = new Agenda();
  readonly #servers = new Map<Sid, Server>();
  /** `a-b`, a < b. */
  readonly #links = new Set<string>();
  readonly #cuts = new Set<string>();
  readonly #dialling = new Set<string>();
  readonly #last = new Map<string, Notification>();
  /** When the last message of this direction arrives. */
  readonly #arrivals = new Map<string, number>();

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.quorum = options.quorum ?? new MajorityQuorum(options.voters);
    this.#prng = new Prng(options.seed ?? 1);
  }

  /** @param zxid -1: an empty database that nobody vouches for */
  add(sid: Sid, zxid: number, currentEpoch: number, isObserver = false): void {
    this.#servers.set(sid, {
      sid,
      isObserver,
      zxid: zxid as Zxid,
      currentEpoch,
      isUp: false,
      logicalClock: 0,
      election: undefined,
      elected: undefined,
      vote: OBSERVER_VOTE,
      isServing: false,
      life: 0,
      wakeAtMs: Infinity,
    });
  }

  start(sid: Sid): void {
    const server = this.server(sid);
    server.isUp = true;
    server.logicalClock = 0;
    this.#look(server);
  }

  crash(sid: Sid): void {
    const server = this.server(sid);
    server.isUp = false;
    server.life++;
    server.election = server.elected = undefined;
    server.isServing = false;
    for (const other of this.#servers.keys()) this.#unlink(sid, other);
  }

  /** No connection between the two until `heal`. */
  cut(a: Sid, b: Sid): void {
    this.#cuts.add(pair(a, b));
    this.#unlink(a, b);
  }

  heal(a: Sid, b: Sid): void {
    this.#cuts.delete(pair(a, b));
  }

  get nowMs(): number {
    return this.#agenda.nowMs;
  }

  at(atMs: number, work: () => void): void {
    this.#agenda.at(atMs, work);
  }

  run(untilMs: number): void {
    this.#agenda.run(untilMs);
  }

  server(sid: Sid): Server {
    const server = this.#servers.get(sid);
    assert.ok(server !== undefined, `no server ${sid}`);
    return server;
  }

  /** Sids that lead and serve. */
  get leaders(): Sid[] {
    return [...this.#servers.values()].filter(({ elected, isServing }) =>
      isServing && elected?.role === "leading"
    ).map(({ sid }) => sid);
  }

  /** What a server is now: `looking`, or a role and whose. */
  stateOf(sid: Sid): string {
    const { isUp, elected } = this.server(sid);
    if (!isUp) return "down";
    return elected === undefined ? "looking" : `${elected.role} ${elected.vote.leader}`;
  }

  // ------------------------------------------------------------------------------ elections

  #look(server: Server): void {
    const { sid, isObserver, zxid, currentEpoch } = server;
    server.life++;
    server.elected = undefined;
    server.isServing = false;
    const ownVote = { leader: sid, zxid, peerEpoch: currentEpoch };
    server.election = new Election({
      sid,
      ownVote: isObserver ? OBSERVER_VOTE : ownVote,
      isObserver,
      quorums: [this.quorum],
      config: "server.1=a:1:2:participant\nversion=0",
      logicalClock: server.logicalClock,
      minIntervalMs: 200,
      maxIntervalMs: this.#options.maxIntervalMs ?? 60_000,
      finalizeWaitMs: 200,
    });
    this.#step(server, { kind: "start" });
  }

  #step(server: Server, event: ElectionEvent): void {
    const { election, life } = server;
    if (election === undefined) return;
    const { effects, wakeAtMs } = election.step(event, this.nowMs);
    for (const effect of effects) this.#execute(server, effect);
    if (server.life !== life || wakeAtMs === Infinity) return;
    assert.ok(wakeAtMs > this.nowMs || event.kind !== "wake", "a wake that changes nothing");
    server.wakeAtMs = wakeAtMs;
    this.at(Math.max(wakeAtMs, this.nowMs), () => {
      if (server.life === life && server.wakeAtMs === wakeAtMs) {
        this.#step(server, { kind: "wake" });
      }
    });
  }

  #execute(server: Server, effect: ElectionEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#send(server.sid, effect.to, effect.notification);
      case "dial":
        for (const sid of this.quorum.voters) this.#dial(server.sid, sid);
        return;
      case "call":
        return this.#call(server.sid, effect.to);
      case "elected":
        return this.#onElected(server, effect);
    }
  }

  /** A new connection takes the place of the one there is. */
  #call(from: Sid, to: Sid): void {
    if (!this.#links.has(pair(from, to))) return;
    this.at(this.nowMs + this.#delayMs(), () => {
      if (this.#cuts.has(pair(from, to)) || !this.#links.has(pair(from, to))) return;
      this.#unlink(from, to);
      this.#link(from, to);
    });
  }

  #onElected(server: Server, elected: Elected): void {
    const { sid } = server;
    server.life++;
    server.logicalClock = (server.election as Election).logicalClock;
    server.election = undefined;
    server.elected = elected;
    server.vote = elected.vote;
    this.elections.push({ sid, atMs: this.nowMs, elected });
    for (const key of [...this.#last.keys()]) {
      if (key.startsWith(`${sid}>`)) this.#last.delete(key);
    }
    const { life } = server;
    const patience = elected.role === "leading" ? LEADER_PATIENCE_MS : FOLLOWER_PATIENCE_MS;
    this.at(this.nowMs + 50, () => this.#trySync(server, life));
    this.at(this.nowMs + patience, () => {
      if (server.life === life && !server.isServing) this.#look(server);
    });
  }

  // ------------------------------------------------------------------------------ roles, as far as elections see them

  /** A leader with a quorum begins its epoch; a learner joins a leader that serves. */
  #trySync(server: Server, life: number): void {
    if (server.life !== life || server.isServing || server.elected === undefined) return;
    const leader = this.#servers.get(server.elected.vote.leader);
    if (leader?.elected?.role === "leading") {
      const learners = [...this.#servers.values()].filter(({ elected, sid }) =>
        elected?.vote.leader === leader.sid && this.#areLinked(sid, leader.sid)
      );
      const sids = new Set(learners.filter((one) => !one.isObserver).map(({ sid }) => sid));
      if (leader.isServing) this.#serve(server, leader, leader.currentEpoch);
      else if (haveQuorum([this.quorum], sids)) {
        const epoch = 1 + Math.max(...learners.map(({ currentEpoch }) => currentEpoch));
        this.reigns.push({ sid: leader.sid, round: leader.elected.electionEpoch, epoch });
        for (const learner of learners) this.#serve(learner, leader, epoch);
      }
    }
    if (!server.isServing) this.at(this.nowMs + 20, () => this.#trySync(server, life));
  }

  #serve(server: Server, leader: Server, epoch: number): void {
    server.isServing = true;
    server.zxid = leader.zxid;
    server.currentEpoch = epoch;
    server.vote = { ...server.vote, peerEpoch: epoch };
    const { life } = server, leaderLife = leader.life;
    const watch = (): void => {
      if (server.life !== life) return;
      if (server === leader ? !this.#hasQuorum(leader) : leader.life !== leaderLife) {
        return this.#look(server);
      }
      if (server !== leader && !this.#areLinked(server.sid, leader.sid)) return this.#look(server);
      this.at(this.nowMs + 100, watch);
    };
    this.at(this.nowMs + 100, watch);
  }

  #hasQuorum(leader: Server): boolean {
    const sids = [...this.#servers.values()].filter(({ sid, elected, isServing, isUp }) =>
      isUp && isServing && elected?.vote.leader === leader.sid && this.#areLinked(sid, leader.sid)
    ).map(({ sid }) => sid);
    return haveQuorum([this.quorum], new Set(sids));
  }

  #areLinked(a: Sid, b: Sid): boolean {
    return a === b || !this.#cuts.has(pair(a, b));
  }

  // ------------------------------------------------------------------------------ links

  #delayMs(): number {
    return 1 + this.#prng.below(this.#options.delayMsMax ?? 5);
  }

  /** One attempt at a time in each direction. */
  #dial(from: Sid, to: Sid): void {
    const key = pair(from, to), attempt = `${from}>${to}`;
    if (from === to || this.#links.has(key) || this.#dialling.has(attempt)) return;
    const { life } = this.server(from);
    const end = (): void => {
      this.#dialling.delete(attempt);
      const dialler = this.server(from);
      if (!dialler.isUp || this.#links.has(key)) return;
      if (!this.#cuts.has(key) && this.server(to).isUp) return this.#link(from, to);
      if (dialler.life === life) this.#step(dialler, { kind: "link", sid: to, state: "refused" });
    };
    this.#dialling.add(attempt);
    this.at(this.nowMs + this.#delayMs(), () => {
      const isAnswered = !this.#cuts.has(key) &&
        (this.server(to).isUp || this.#options.whoIsDown !== "isSilent");
      if (isAnswered) return end();
      this.at(this.nowMs + DIAL_TIMEOUT_MS, end);
    });
  }

  #link(a: Sid, b: Sid): void {
    this.#links.add(pair(a, b));
    for (const [own, other] of [[a, b], [b, a]] as const) {
      const last = this.#last.get(`${own}>${other}`);
      this.#step(this.server(own), { kind: "link", sid: other, state: "up" });
      if (last !== undefined && this.#last.get(`${own}>${other}`) === last) {
        this.#send(own, other, last);
      }
    }
  }

  #unlink(a: Sid, b: Sid): void {
    if (!this.#links.delete(pair(a, b))) return;
    for (const [own, other] of [[a, b], [b, a]] as const) {
      this.#arrivals.delete(`${own}>${other}`);
      const server = this.server(own);
      if (server.isUp) this.#step(server, { kind: "link", sid: other, state: "down" });
    }
  }

  #send(from: Sid, to: Sid, notification: Notification): void {
    const key = `${from}>${to}`;
    this.#last.set(key, notification);
    if (!this.#links.has(pair(from, to))) return this.#dial(from, to);
    this.sent++;
    if (this.#prng.chance(this.#options.lossPercent ?? 0, 100)) return;
    const atMs = Math.max(this.#arrivals.get(key) ?? 0, this.nowMs + this.#delayMs());
    this.#arrivals.set(key, atMs);
    this.at(atMs, () => {
      if (this.#links.has(pair(from, to))) this.#arrive(from, this.server(to), notification);
    });
  }

  #arrive(from: Sid, server: Server, notification: Notification): void {
    if (server.election !== undefined) {
      return this.#step(server, { kind: "notification", from, notification });
    }
    const { elected, vote, logicalClock } = server;
    if (elected === undefined) return;
    const { role, electionEpoch } = elected;
    const state = ServerState[role], { config } = notification;
    const answer = answerInRole(
      { state, vote, electionEpoch, logicalClock, config: config as string },
      this.quorum.voters.has(from),
      notification,
    );
    if (answer !== undefined) this.#send(server.sid, from, answer);
  }
}

function pair(a: Sid, b: Sid): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
