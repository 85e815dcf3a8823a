/** Scenarios of the leader: test/scenarios/leader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { unreachable } from "../../src/base/invariant.ts";
import type {
  LeaderDropReason,
  LeaderEffect,
  LeaderEvent,
  LeaderLeaveReason,
  LinkId,
} from "../../src/zab/events.ts";
import { Leader } from "../../src/zab/leader.ts";
import { MajorityQuorum } from "../../src/zab/quorum.ts";
import { sid } from "./support.ts";
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

testScenarios("leader", begin);

test("every reason to drop a link or to leave occurs in a scenario", () => {
  const drops: Record<LeaderDropReason, true> = {
    configAhead: true,
    followerAhead: true,
    wrongPacket: true,
    replaced: true,
    alreadyHere: true,
    promisedElsewhere: true,
    initLimit: true,
    syncLimit: true,
    tooOld: true,
    epochFar: true,
  };
  const leaves: Record<LeaderLeaveReason, true> = {
    noQuorumConnecting: true,
    quorumLost: true,
    counterFull: true,
    epochsUsedUp: true,
    promisedElsewhere: true,
  };
  const answers = answersOf("leader").join("\n");
  for (const reason of Object.keys(drops)) {
    assert.match(answers, new RegExp(`drop [a-z]+: ${reason}$`, "m"));
  }
  for (const reason of Object.keys(leaves)) {
    assert.match(answers, new RegExp(`leave: ${reason}$`, "m"));
  }
});

/** `3 of 1 2 3`, or `3 of 1 2 3 + 3 4 5` while members change. */
function begin(words: readonly string[]): Player {
  const [own, , ...others] = words;
  const lists: number[][] = [[]];
  for (const word of others) {
    if (word === "+") lists.push([]);
    else if (/^\d+$/.test(word)) lists.at(-1)?.push(Number(word));
  }
  const leader = new Leader({
    sid: sid(Number(own)),
    quorums: lists.map((list) => new MajorityQuorum(list.map(sid))),
    acceptedEpoch: numberOption(words, "accepted", 0),
    currentEpoch: numberOption(words, "current", 0),
    lastZxid: parseZxid(option(words, "last") ?? "0:0"),
    configVersion: parseZxid(option(words, "config") ?? "0:0"),
    tickMs: 2000,
    initLimitMs: 20_000,
    syncLimitMs: 10_000,
    stay: 1,
  });
  return { step: (event, nowMs) => told(leader.step(eventOf(event), nowMs), show) };
}

/** Links are letters. */
function linkOf(name: string | undefined): LinkId {
  assert.match(name ?? "", /^[a-z]$/);
  return (name as string).charCodeAt(0) as LinkId;
}

function eventOf(words: readonly string[]): LeaderEvent {
  const [kind, first, second, third] = words;
  switch (kind) {
    case "info":
      return {
        kind: "learnerInfo",
        link: linkOf(first),
        sid: sid(Number(second)),
        isObserver: words.includes("observer"),
        acceptedEpoch: numberOption(words, "accepted", 0),
        protocolVersion: numberOption(words, "protocol", 0x10000),
        configVersion: parseZxid(option(words, "config") ?? "0:0"),
      };
    case "ackEpoch":
      return {
        kind,
        link: linkOf(first),
        currentEpoch: Number(second),
        lastZxid: parseZxid(third),
      };
    case "synced":
      return { kind, link: linkOf(first), through: parseZxid(second) };
    case "ack":
      return { kind, link: linkOf(first), zxid: parseZxid(second) };
    case "heard":
    case "closed":
      return { kind, link: linkOf(first) };
    case "proposed":
      return { kind, through: parseZxid(first) };
    case "durable":
      return { kind, stay: numberOption(words, "stay", 1), through: parseZxid(first) };
    case "start":
    case "counterFull":
    case "acceptedEpochStored":
    case "currentEpochStored":
    case "wake":
      return { kind };
    default:
      assert.fail(`no event: ${words.join(" ")}`);
  }
}

function show(effect: LeaderEffect): string {
  switch (effect.kind) {
    case "storeAcceptedEpoch":
    case "storeCurrentEpoch":
    case "serve":
      return `${effect.kind} ${effect.epoch}`;
    case "sendLeaderInfo":
      return `${effect.kind} ${effect.epoch} to ${nameOf(effect.link)}`;
    case "sync":
      return `sync ${nameOf(effect.link)} from ${showZxid(effect.lastZxid)}, epoch ${effect.epoch}`;
    case "goLive":
    case "ping":
      return `${effect.kind} ${nameOf(effect.link)}`;
    case "commit":
      return `commit ${showZxid(effect.through)}`;
    case "drop":
      return `drop ${nameOf(effect.link)}: ${effect.reason}`;
    case "leave":
      return `leave: ${effect.reason}`;
    default:
      return unreachable(effect);
  }
}

function nameOf(link: LinkId): string {
  return String.fromCharCode(link);
}
