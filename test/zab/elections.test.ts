/** Elections of whole ensembles: every ranking of the votes, every order of starting, and what the network does meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { zxidOf } from "../../src/base/zxid.ts";
import { HierarchicalQuorum } from "../../src/zab/quorum.ts";
import { beats, type Sid, type Vote } from "../../src/zab/vote.ts";
import { Network, type NetworkOptions } from "./network.ts";

const three = [1, 2, 3] as Sid[];
const five = [1, 2, 3, 4, 5] as Sid[];
const S1 = 1 as Sid, S2 = 2 as Sid, S3 = 3 as Sid, S4 = 4 as Sid, S5 = 5 as Sid;

/** Strengths from 0 on, in every order and with every tie: 13 for three servers, 541 for five. */
function rankings(count: number): number[][] {
  const all: number[][] = [];
  const extend = (head: readonly number[]): void => {
    if (head.length < count) {
      for (let next = 0; next < count; next++) extend([...head, next]);
    } else if (head.every((rank) => rank === 0 || head.includes(rank - 1))) all.push([...head]);
  };
  extend([]);
  return all;
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((one, i) =>
    permutations([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [one, ...rest])
  );
}

/** A strength is a larger epoch (whatever the zxid), or a larger zxid of one epoch. */
const expressions: readonly ((strength: number) => { zxid: number; epoch: number })[] = [
  (strength) => ({ zxid: zxidOf(1, 10 + strength), epoch: 1 }),
  (strength) => ({ zxid: zxidOf(1, 10 - strength), epoch: 1 + strength }),
];

interface Ensemble {
  readonly network: Network;
  readonly votes: ReadonlyMap<Sid, Vote>;
}

function ensemble(
  options: NetworkOptions,
  ranks: readonly number[],
  express: (typeof expressions)[number],
): Ensemble {
  const network = new Network(options);
  const votes = new Map<Sid, Vote>();
  for (const [i, sid] of options.voters.entries()) {
    const { zxid, epoch } = express(ranks[i] as number);
    network.add(sid, zxid, epoch);
    votes.set(sid, { leader: sid, zxid: zxid as Vote["zxid"], peerEpoch: epoch });
  }
  return { network, votes };
}

/** The one that nobody among them beats. */
function best(votes: ReadonlyMap<Sid, Vote>, sids: readonly Sid[]): Sid {
  return sids.reduce((a, b) => beats(votes.get(b) as Vote, votes.get(a) as Vote) ? b : a);
}

/** Servers start one after the other, `gapMs` apart. */
function startAll({ network }: Ensemble, order: readonly Sid[], gapMs: number): void {
  for (const [i, sid] of order.entries()) network.at(i * gapMs, () => network.start(sid));
}

function assertLed(network: Network, sids: readonly Sid[], leader: Sid, about: string): void {
  assert.deepEqual(network.leaders, [leader], about);
  for (const sid of sids) {
    const role = sid === leader ? "leading" : "following";
    assert.equal(network.stateOf(sid), `${role} ${leader}`, `${sid}: ${about}`);
  }
}

/** At once: the best of all. A second apart: the best of the first that are a quorum, and the others find it. */
function playStart(
  voters: readonly Sid[],
  ranks: readonly number[],
  order: readonly Sid[],
  seed: number,
): void {
  for (const express of expressions) {
    for (const gapMs of [0, 1000]) {
      const started = ensemble({ voters, seed }, ranks, express);
      startAll(started, order, gapMs);
      started.network.run(order.length * gapMs + 5000);
      const first = gapMs === 0 ? order : order.slice(0, Math.floor(voters.length / 2) + 1);
      const about =
        `ranks ${ranks.join()}, started ${order.join()} every ${gapMs} ms, seed ${seed}`;
      assertLed(started.network, voters, best(started.votes, first), about);
      assert.equal(started.network.elections.length, voters.length, `once each: ${about}`);
    }
  }
}

test("three servers: every ranking of votes in every order of starting", () => {
  const all = rankings(3);
  assert.equal(all.length, 13);
  for (const ranks of all) {
    for (const [i, order] of permutations(three).entries()) playStart(three, ranks, order, i + 1);
  }
});

/** Of three parts of the 120 orders, which are 64,920 starts in all, each runtime plays one. */
const part = "Deno" in globalThis ? 1 : "Bun" in globalThis ? 2 : 0;

test(`five servers: every ranking of votes in every order of starting, part ${part + 1} of 3`, () => {
  const all = rankings(5);
  assert.equal(all.length, 541);
  for (const [i, order] of permutations(five).entries()) {
    if (i % 3 !== part) continue;
    for (const ranks of all) playStart(five, ranks, order, i + 1);
  }
});

test("a server that refuses a dial is not waited for; one that is silent gets its time to vote", () => {
  const ranks = [0, 1, 2];
  for (const express of expressions) {
    const refusing = ensemble({ voters: three, whoIsDown: "refuses" }, ranks, express);
    startAll(refusing, three, 0);
    refusing.network.at(0, () => refusing.network.crash(S3));
    refusing.network.run(100);
    assert.deepEqual(refusing.network.elections.map(({ sid }) => sid).sort(), [S1, S2]);
    const silent = ensemble({ voters: three, whoIsDown: "isSilent" }, ranks, express);
    startAll(silent, three.slice(0, 2), 0);
    silent.network.run(199);
    assert.deepEqual(silent.network.elections, []);
    silent.network.run(250);
    assert.deepEqual(silent.network.elections.map(({ sid }) => sid).sort(), [S1, S2]);
  }
});

test("the best vote that comes while a quorum is silent for too short wins", () => {
  for (const express of expressions) {
    const started = ensemble({ voters: three, whoIsDown: "isSilent" }, [0, 1, 2], express);
    startAll(started, three, 90);
    started.network.run(5000);
    assertLed(started.network, three, S3, "3 came 90 ms after 2");
    assert.equal(started.network.elections.length, 3);
  }
});

test("lost notifications are sent again", () => {
  const prng = new Prng(11);
  for (let seed = 1; seed <= 60; seed++) {
    const voters = seed % 2 === 0 ? five : three;
    const ranks = voters.map(() => prng.below(3));
    const options = { voters, seed, lossPercent: 40, delayMsMax: 150, maxIntervalMs: 2000 };
    const started = ensemble(options, ranks, expressions[seed % 4 >> 1] as never);
    startAll(started, permutations(voters)[prng.below(6)] as Sid[], prng.below(300));
    started.network.run(120_000);
    const [leader] = started.network.leaders;
    assert.ok(leader !== undefined, `seed ${seed}`);
    assertLed(started.network, voters, leader, `seed ${seed}`);
  }
});

test("the leader dies: the others elect the best of them, in a higher round, and it follows when it is back", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { network } = ensemble({ voters: five, seed }, [0, 0, 0, 0, 0], expressions[0] as never);
    for (const sid of five) network.start(sid);
    network.run(3000);
    assertLed(network, five, S5, `seed ${seed}`);
    network.crash(S5);
    network.run(6000);
    assertLed(network, five.slice(0, 4), S4, `seed ${seed}`);
    network.start(S5);
    network.run(9000);
    assertLed(network, five, S4, `seed ${seed}`);
    const rounds = network.elections.map(({ elected }) => elected.electionEpoch);
    assert.deepEqual(rounds, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
  }
});

test("a server whose round is behind or ahead comes to the round of the others", () => {
  const { network } = ensemble({ voters: three }, [2, 1, 0], expressions[0] as never);
  // 1 and 2 have elected each other three times before 3 begins at round 1.
  network.start(S1);
  network.start(S2);
  for (let i = 1; i <= 3; i++) {
    network.at(i * 3000, () => network.cut(S1, S2));
    network.at(i * 3000 + 1000, () => network.heal(S1, S2));
  }
  network.at(9_500, () => network.start(S3));
  network.run(60_000);
  assertLed(network, three, network.leaders[0] as Sid, "3 was behind");
  const last = network.elections.filter(({ sid }) => sid === S3).at(-1);
  assert.ok((last?.elected.electionEpoch ?? 0) >= 3, "3 took over their round");
});

test("one round has one leader that a quorum follows", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const prng = new Prng(seed);
    const voters = prng.chance(1, 2) ? three : five;
    const ranks = voters.map(() => prng.below(3));
    const options = { voters, seed, delayMsMax: 1 + prng.below(200), maxIntervalMs: 2000 };
    const started = ensemble(options, ranks, expressions[prng.below(2)] as never);
    const { network } = started;
    startAll(started, voters, prng.below(400));
    for (let i = 0; i < 10; i++) {
      const a = voters[prng.below(voters.length)] as Sid,
        b = voters[prng.below(voters.length)] as Sid;
      if (a === b) continue;
      const atMs = prng.below(20_000);
      network.at(atMs, () => network.cut(a, b));
      network.at(atMs + prng.below(5000), () => network.heal(a, b));
    }
    network.run(60_000);
    const rounds = network.reigns.map(({ round }) => round);
    assert.equal(new Set(rounds).size, rounds.length, `seed ${seed}: rounds ${rounds.join()}`);
    assertLed(network, voters, network.leaders[0] as Sid, `seed ${seed}`);
  }
});

test("who may have lost its data is not elected and elects nobody, but joins a quorum that stands", () => {
  const network = new Network({ voters: three });
  network.add(S1, zxidOf(1, 1), 1);
  network.add(S2, zxidOf(1, 2), 1);
  network.add(S3, -1, 0);
  network.start(S3);
  network.start(S1);
  network.run(20_000);
  assert.deepEqual(network.elections, [], "1 and 3 are no quorum");
  network.at(network.nowMs, () => network.start(S2));
  network.run(90_000);
  assertLed(network, three, S2, "3 found them");
  const empty = new Network({ voters: three });
  for (const sid of three) empty.add(sid, -1, 0);
  for (const sid of three) empty.start(sid);
  empty.run(60_000);
  assert.deepEqual(empty.elections, [], "nobody can vouch for anything");
});

test("an observer finds the leader and is never counted", () => {
  const network = new Network({ voters: three });
  for (const sid of three) network.add(sid, zxidOf(1, sid), 1);
  network.add(S4, zxidOf(9, 9), 9, true);
  network.start(S4);
  network.start(S1);
  network.run(10_000);
  assert.deepEqual(network.elections, [], "one voter and an observer");
  network.at(network.nowMs, () => network.start(S2));
  network.run(40_000);
  assertLed(network, [S1, S2], S2, "without 3");
  assert.equal(network.stateOf(S4), "observing 2");
  network.crash(S2);
  network.start(S3);
  network.run(90_000);
  assertLed(network, [S1, S3], network.leaders[0] as Sid, "2 is gone");
  assert.equal(network.stateOf(S4), `observing ${network.leaders[0]}`);
});

test("weight 0 is never elected and decides nothing; groups are what decides", () => {
  const groups = new Map([[S1, 1], [S2, 1], [S3, 1], [S4, 2], [S5, 2]]);
  const weights = new Map([[S5, 0]]);
  const quorum = new HierarchicalQuorum(five, groups, weights);
  const network = new Network({ voters: five, quorum });
  for (const sid of five) network.add(sid, zxidOf(1, sid), sid);
  for (const sid of [S1, S2, S3, S5]) network.start(sid);
  network.run(10_000);
  assert.deepEqual(network.elections, [], "of group 2 only weight 0 is here");
  network.at(network.nowMs, () => network.start(S4));
  network.run(90_000);
  assertLed(network, five, S4, "5 has the best vote and no weight");
});
