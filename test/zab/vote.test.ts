import assert from "node:assert/strict";
import { test } from "node:test";
import { EPOCH_MAX, ZXID_MAX } from "../../src/base/zxid.ts";
import {
  areSameVotes,
  beats,
  isBelievable,
  MIN_VALUE,
  OBSERVER_VOTE,
  type ReceivedVote,
  ServerState,
} from "../../src/zab/vote.ts";
import { vote } from "./support.ts";

test("§7.2: epoch decides, then zxid, then sid; equal votes do not beat each other", () => {
  const ascending = [
    OBSERVER_VOTE,
    vote(3, 5, -1),
    vote(1, -1, 0),
    vote(2, 0, 0),
    vote(3, 0, 0),
    vote(1, 7, 0),
    vote(9, 0x1_0000_0000, 1),
    vote(1, 0x1_0000_0001, 1),
    vote(1, 0, 2),
    vote(2, 0, 2),
  ];
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) {
      assert.equal(beats(a, b), i > j, `${JSON.stringify(a)} beats ${JSON.stringify(b)}`);
    }
  }
});

test("§7.2: a server of weight 0 beats nobody", () => {
  assert.equal(beats(vote(3, 9, 9), vote(1, 0, 0), 0), false);
  assert.equal(beats(vote(3, 9, 9), vote(1, 0, 0), 5), true);
});

const { looking, following, leading } = ServerState;

function received(
  state: ReceivedVote["state"],
  [leader, zxid, epoch]: [number, number, number],
  electionEpoch: number,
  version: number,
): ReceivedVote {
  return { vote: vote(leader, zxid, epoch), electionEpoch, state, version };
}

test("§7.4: which votes are the same, row by row", () => {
  type Case = [same: boolean, a: ReceivedVote, b: ReceivedVote];
  const cases: Case[] = [
    // One of them looks: everything counts.
    [true, received(looking, [3, 7, 1], 4, 0), received(looking, [3, 7, 1], 4, 2)],
    [false, received(looking, [3, 7, 1], 4, 2), received(looking, [2, 7, 1], 4, 2)],
    [false, received(looking, [3, 7, 1], 4, 2), received(following, [3, 8, 1], 4, 2)],
    [false, received(leading, [3, 7, 1], 4, 2), received(looking, [3, 7, 1], 5, 2)],
    [false, received(looking, [3, 7, 1], 4, 2), received(following, [3, 7, 2], 4, 2)],
    // Neither looks, layouts of one age: leader and epoch.
    [true, received(following, [3, 7, 2], 4, 2), received(leading, [3, 9, 2], 6, 2)],
    [true, received(following, [3, 7, 2], 4, 0), received(following, [3, 9, 2], 6, 0)],
    [true, received(following, [3, 7, 2], 4, 1), received(following, [3, 9, 2], 6, 2)],
    [false, received(following, [3, 7, 1], 4, 2), received(leading, [3, 7, 2], 4, 2)],
    [false, received(following, [3, 7, 1], 4, 0), received(leading, [3, 7, 2], 4, 0)],
    [false, received(following, [3, 7, 1], 4, 2), received(leading, [1, 7, 1], 4, 2)],
    // One is old: the leader alone.
    [true, received(following, [3, 7, 1], 4, 0), received(leading, [3, 9, 2], 6, 2)],
    [false, received(following, [3, 7, 1], 4, 0), received(leading, [2, 7, 1], 4, 2)],
  ];
  for (const [same, a, b] of cases) {
    assert.equal(areSameVotes(a, b), same, JSON.stringify([a, b]));
    assert.equal(areSameVotes(b, a), same, `the other way: ${JSON.stringify([b, a])}`);
  }
});

test("numbers that we could not outdo are not believed; an observer's are", () => {
  assert.equal(isBelievable(OBSERVER_VOTE, 1), true);
  assert.equal(isBelievable(vote(1, 0, EPOCH_MAX - 1), 2 ** 52 - 1), true);
  assert.equal(isBelievable(vote(1, 0, EPOCH_MAX), 1), false);
  assert.equal(isBelievable(vote(1, ZXID_MAX, 1), 1), false);
  assert.equal(isBelievable(vote(1, 0, 1), 2 ** 52), false);
  assert.equal(isBelievable(vote(1, 0, 1), MIN_VALUE), true);
});
