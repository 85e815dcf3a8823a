/** Scenarios of a follower or observer: test/scenarios/learner. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { unreachable } from "../../src/base/invariant.ts";
import type { LearnerEffect, LearnerEvent, LearnerLeaveReason } from "../../src/zab/events.ts";
import { Learner } from "../../src/zab/learner.ts";
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

testScenarios("learner", begin);

test("every reason to leave occurs in a scenario", () => {
  const reasons: Record<LearnerLeaveReason, true> = {
    cannotConnect: true,
    closed: true,
    leaderSilent: true,
    epochBehind: true,
    epochFar: true,
    wrongPacket: true,
    gap: true,
    commitMismatch: true,
    truncateFailed: true,
  };
  const answers = answersOf("learner").join("\n");
  for (const reason of Object.keys(reasons)) {
    assert.match(answers, new RegExp(`leave: ${reason}$`, "m"));
  }
});

function begin(words: readonly string[]): Player {
  const learner = new Learner({
    isObserver: words.includes("observer"),
    acceptedEpoch: numberOption(words, "accepted", 0),
    currentEpoch: numberOption(words, "current", 0),
    lastZxid: parseZxid(option(words, "last") ?? "0:0"),
    initLimitMs: 20_000,
    syncLimitMs: 10_000,
    stay: 1,
  });
  return { step: (event, nowMs) => told(learner.step(eventOf(event), nowMs), show) };
}

function eventOf(words: readonly string[]): LearnerEvent {
  const [kind, first] = words;
  switch (kind) {
    case "leaderInfo":
      return { kind, epoch: Number(first), protocolVersion: 0x10000 };
    case "newLeader":
      return { kind, epoch: Number(first) };
    case "diff":
    case "trunc":
    case "snap":
    case "commit":
      return { kind, zxid: parseZxid(first) };
    case "truncated":
    case "snapshotStored":
      return { kind, lastZxid: parseZxid(first) };
    case "proposal":
    case "inform":
      return { kind: "proposal", zxid: parseZxid(first), isCommitted: kind === "inform" };
    case "durable":
      return { kind, stay: numberOption(words, "stay", 1), through: parseZxid(first) };
    case "start":
    case "connected":
    case "acceptedEpochStored":
    case "snapshotReceived":
    case "currentEpochStored":
    case "upToDate":
    case "ping":
    case "heard":
    case "closed":
    case "wrongPacket":
    case "wake":
      return { kind };
    default:
      assert.fail(`no event: ${words.join(" ")}`);
  }
}

function show(effect: LearnerEffect): string {
  switch (effect.kind) {
    case "dial":
    case "append":
    case "skip":
    case "pong":
      return effect.kind;
    case "sendInfo":
      return `sendInfo ${effect.acceptedEpoch}`;
    case "storeAcceptedEpoch":
    case "storeCurrentEpoch":
    case "ackNewLeader":
    case "serve":
      return `${effect.kind} ${effect.epoch}`;
    case "sendAckEpoch":
      return `sendAckEpoch ${effect.currentEpoch} last ${showZxid(effect.lastZxid)}`;
    case "truncate":
    case "receiveSnapshot":
      return `${effect.kind} ${showZxid(effect.zxid)}`;
    case "commit":
      return `commit ${showZxid(effect.through)}`;
    case "ack":
      return `ack ${showZxid(effect.from)} .. ${showZxid(effect.through)}`;
    case "leave":
      return `leave: ${effect.reason}`;
    default:
      return unreachable(effect);
  }
}
