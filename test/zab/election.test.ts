/** The election machine alone, event by event (test/scenarios/election), and what a server in a role answers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { answerInRole, Election } from "../../src/zab/election.ts";
import type { ElectionEffect, ElectionEvent } from "../../src/zab/events.ts";
import type { Notification } from "../../src/zab/notification.ts";
import { HierarchicalQuorum, MajorityQuorum, type Quorum } from "../../src/zab/quorum.ts";
import {
  MIN_VALUE,
  OBSERVER_VOTE,
  ROUND_MAX,
  ServerState,
  type Sid,
  type Vote,
} from "../../src/zab/vote.ts";
import {
  answersOf,
  numberOption,
  option,
  parseZxid,
  type Player,
  showZxid,
  testScenarios,
  told,
} from "./scenario.ts";
import { sid, vote } from "./support.ts";

const CONFIG = "server.1=a:1:2:participant\nversion=0";

/**
 *     election 2 of 1 2 3 zxid=1:5 epoch=1    server 2; also `observer`, `clock=N`, `weight=SID`: 0, `and=1,4,5`: a second quorum
 *     0 link 3 up | down | refused
 *     0 3 looking 3 1:7 epoch=1 round=1       notification of 3: state, leader, zxid; `v0` for the layouts before 3.5
 */
function begin(words: readonly string[]): Player {
  const own = Number(words[0]) as Sid;
  const voters = words.slice(2).map(Number).filter((one) => one > 0) as Sid[];
  const epoch = numberOption(words, "epoch", 1);
  const ownVote = {
    leader: own,
    zxid: parseZxid(option(words, "zxid") ?? "1:5"),
    peerEpoch: epoch,
  };
  const isObserver = words.includes("observer");
  const election = new Election({
    sid: own,
    ownVote: isObserver ? OBSERVER_VOTE : ownVote,
    isObserver,
    quorums: quorumsOf(voters, words),
    config: CONFIG,
    logicalClock: numberOption(words, "clock", 0),
    minIntervalMs: 200,
    maxIntervalMs: 60_000,
    finalizeWaitMs: 200,
  });
  return { step: (event, nowMs) => told(election.step(parse(event), nowMs), show) };
}

function quorumsOf(voters: readonly Sid[], words: readonly string[]): Quorum[] {
  const without = option(words, "weight"), second = option(words, "and");
  const first = without === undefined ? new MajorityQuorum(voters) : new HierarchicalQuorum(
    voters,
    new Map(voters.map((one) => [one, 1])),
    new Map([[Number(without) as Sid, 0]]),
  );
  if (second === undefined) return [first];
  return [first, new MajorityQuorum(second.split(",").map(Number) as Sid[])];
}

function parse(words: readonly string[]): ElectionEvent {
  const [name = "", state = "", leader, last] = words;
  if (name === "start" || name === "wake") return { kind: name };
  if (name === "link") {
    return { kind: "link", sid: Number(state) as Sid, state: leader as "up" | "down" | "refused" };
  }
  assert.ok(state in ServerState, `no event ${words.join(" ")}`);
  const notification: Notification = {
    state: ServerState[state as keyof typeof ServerState],
    vote: leader === "nobody"
      ? OBSERVER_VOTE
      : vote(Number(leader), parseZxid(last), numberOption(words, "epoch", 1)),
    electionEpoch: numberOption(words, "round", 1),
    version: words.includes("v0") ? 0 : 2,
    config: CONFIG,
  };
  return { kind: "notification", from: Number(name) as Sid, notification };
}

function show(effect: ElectionEffect): string {
  switch (effect.kind) {
    case "dial":
      return "dial";
    case "call":
      return `call ${effect.to}`;
    case "send":
      assert.equal(effect.notification.state, ServerState.looking);
      assert.equal(effect.notification.config, CONFIG);
      return `send ${effect.to} ${
        ballot(effect.notification.vote)
      } round=${effect.notification.electionEpoch}`;
    case "elected":
      return `elected ${effect.role} ${ballot(effect.vote)} round=${effect.electionEpoch}`;
  }
}

function ballot({ leader, zxid: last, peerEpoch }: Vote): string {
  if (leader === MIN_VALUE) return "nobody";
  return `${leader} ${showZxid(last)} epoch=${peerEpoch}`;
}

testScenarios("election", begin);

test("every effect and every role occurs in a scenario", () => {
  const answers = answersOf("election");
  for (
    const one of [
      "dial",
      "call",
      "send",
      "elected leading",
      "elected following",
      "elected observing",
    ]
  ) {
    assert.ok(answers.some((line) => line.includes(one)), one);
  }
});

test("in a role, all that look are answered: voters with the round of the role, others with the newest", () => {
  const own = {
    state: ServerState.following,
    vote: vote(3, 0x1_0000_0005, 2),
    electionEpoch: 7,
    logicalClock: 9,
    config: CONFIG,
  };
  const looking: Notification = {
    state: ServerState.looking,
    vote: vote(1, 0x1_0000_0004, 1),
    electionEpoch: 1,
    version: 0,
    config: undefined,
  };
  const answer = { state: own.state, vote: own.vote, version: 2, config: CONFIG };
  assert.deepEqual(answerInRole(own, true, looking), { ...answer, electionEpoch: 7 });
  assert.deepEqual(answerInRole(own, false, looking), { ...answer, electionEpoch: 9 });
  for (const state of [ServerState.following, ServerState.leading, ServerState.observing]) {
    assert.equal(answerInRole(own, true, { ...looking, state }), undefined);
    assert.equal(answerInRole(own, false, { ...looking, state }), undefined);
  }
});

test("many servers outside the configuration are answered, and no more of them are remembered than there can be", () => {
  const election = new Election({
    sid: sid(1),
    ownVote: vote(1, 5, 1),
    isObserver: false,
    quorums: [new MajorityQuorum([1, 2, 3] as Sid[])],
    config: CONFIG,
    logicalClock: 3,
    minIntervalMs: 200,
    maxIntervalMs: 60_000,
    finalizeWaitMs: 200,
  });
  election.step({ kind: "start" }, 0);
  assert.equal(election.logicalClock, 4);
  const ask = (from: number): number => {
    const notification: Notification = {
      state: ServerState.looking,
      vote: OBSERVER_VOTE,
      electionEpoch: 1,
      version: 2,
      config: CONFIG,
    };
    return election.step({ kind: "notification", from: sid(from), notification }, 1).effects.length;
  };
  for (let from = 10; from < 265; from++) assert.equal(ask(from), 1);
  assert.equal(ask(10), 0, "remembered");
  assert.equal(ask(1000), 1);
  assert.equal(ask(10), 1, "forgotten");
});

test("a round raised to the last there is ends no election for good", () => {
  const make = (own: number): Election =>
    new Election({
      sid: own as Sid,
      ownVote: vote(own, 5, 1),
      isObserver: false,
      quorums: [new MajorityQuorum([1, 2, 3] as Sid[])],
      config: CONFIG,
      logicalClock: ROUND_MAX - 1,
      minIntervalMs: 200,
      maxIntervalMs: 60_000,
      finalizeWaitMs: 200,
    });
  const machines = new Map([[1, make(1)], [2, make(2)]]);
  const elected: string[] = [];
  const play = (own: number, event: ElectionEvent, nowMs: number): void => {
    for (const effect of machines.get(own)?.step(event, nowMs).effects ?? []) {
      if (effect.kind === "elected") elected.push(`${own} ${effect.role} ${effect.vote.leader}`);
      if (effect.kind !== "send") continue;
      const { to, notification } = effect;
      play(to, { kind: "notification", from: own as Sid, notification }, nowMs);
    }
  };
  for (const own of [1, 2]) play(own, { kind: "start" }, 0);
  for (const own of [1, 2]) play(own, { kind: "wake" }, 500);
  assert.deepEqual(elected.sort(), ["1 following 2", "2 leading 2"]);
});
