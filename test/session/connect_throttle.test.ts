import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { ConnectThrottle } from "../../src/session/connect_throttle.ts";

/** A source that always draws the same part of the range. */
const drawing = (share: number) => ({
  fill: () => {},
  uint32: () => Math.floor(share * 0x1_0000_0000),
});
const admitted = (throttle: ConnectThrottle, tries: number, nowMs: number) => {
  let count = 0;
  for (let i = 0; i < tries; i++) if (throttle.admits("global", nowMs)) count++;
  return count;
};

test("without tokens configured every connect passes", () => {
  assert.equal(admitted(new ConnectThrottle({}, new Prng(1), 0), 1000, 0), 1000);
});

test("a bucket of five lets five pass, and as many again as time refills", () => {
  const throttle = new ConnectThrottle(
    { tokens: 5, fillTimeMs: 100, fillCount: 2 },
    new Prng(1),
    0,
  );
  assert.equal(admitted(throttle, 10, 0), 5);
  assert.equal(throttle.deficit, 5);
  assert.equal(admitted(throttle, 10, 99), 1);
  assert.equal(admitted(throttle, 10, 100), 1); // the half token of before was kept
  assert.equal(admitted(throttle, 10, 1_000_000), 5);
});

test("weights: the bucket grows by the global weight, kinds cost their own", () => {
  const options = { tokens: 2, fillTimeMs: 1000, weightEnabled: true };
  const count = (kind: "global" | "local" | "renew") => {
    const throttle = new ConnectThrottle(options, new Prng(1), 0);
    let passed = 0;
    while (throttle.admits(kind, 0)) passed++;
    return passed;
  };
  assert.deepEqual([count("global"), count("renew"), count("local")], [2, 3, 6]);
});

test("weights below the local one are raised to it", () => {
  const options = { tokens: 1, weightEnabled: true, localWeight: 4, renewWeight: 1 };
  const throttle = new ConnectThrottle(options, new Prng(1), 0);
  assert.equal(throttle.admits("renew", 0), true);
  assert.equal(throttle.deficit, 4);
});

test("the chance of refusal grows while the bucket is empty and shrinks while it is full", () => {
  const options = {
    tokens: 1,
    fillTimeMs: 1_000_000,
    freezeTimeMs: 10,
    dropIncrease: 0.25,
    dropDecrease: 0.5,
  };
  const throttle = new ConnectThrottle(options, drawing(0.9), 0);
  assert.equal(throttle.admits("global", 0), true);
  for (
    const [nowMs, chance] of [[5, 0], [11, 0.25], [15, 0.25], [22, 0.5], [33, 0.75], [
      44,
      1,
    ]] as const
  ) {
    throttle.admits("global", nowMs);
    assert.equal(throttle.dropChance, chance);
  }
  throttle.admits("global", 55);
  assert.equal(throttle.dropChance, 1);
  assert.equal(throttle.admits("global", 2_000_000), true); // refilled: 1 - 0.5, and 0.9 was drawn
  assert.equal(throttle.dropChance, 0.5);
});

test("a drawn number below the chance refuses although there are tokens", () => {
  const options = {
    tokens: 1,
    fillTimeMs: 100,
    freezeTimeMs: 10,
    dropIncrease: 0.5,
    dropDecrease: 0,
  };
  const throttle = new ConnectThrottle(options, drawing(0.4), 0);
  assert.equal(throttle.admits("global", 0), true);
  assert.equal(throttle.admits("global", 20), false);
  assert.equal(throttle.admits("global", 200), false);
  assert.equal(throttle.deficit, 0);
});
