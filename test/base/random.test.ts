import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";

/** Of this generator, as first run; any other number is a change of every simulation. */
const FIRST_OF_1 = [2_389_465_496, 1_575_593_595, 1_274_286_549, 253_980_949];

function first(seed: readonly number[], count = 8): number[] {
  const prng = new Prng(...seed);
  return Array.from({ length: count }, () => prng.uint32());
}

test("a seed gives the same numbers on every engine", () => {
  assert.deepEqual(first([1], 4), FIRST_OF_1);
  assert.deepEqual(first([1]), first([1]));
});

test("each part of a seed changes the sequence", () => {
  const seeds = [[], [1], [2], [1, 0], [1, 1], [0, 1], [2 ** 40], [2 ** 40 + 1], [-1], [2 ** 32], [
    2 ** 33,
  ]];
  const sequences = new Set(seeds.map((seed) => first(seed).join()));
  assert.equal(sequences.size, seeds.length);
});

test("numbers below a bound stay below it and reach all of it", () => {
  const prng = new Prng(7);
  for (const bound of [1, 2, 3, 10, 255]) {
    const seen = new Set<number>();
    for (let i = 0; i < bound * 40; i++) seen.add(prng.below(bound));
    assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: bound }, (_, i) => i));
  }
  assert.ok(prng.below(2 ** 32) >= 0);
});

test("a chance of 0 never comes, one of 1 always", () => {
  const prng = new Prng(9);
  for (let i = 0; i < 100; i++) {
    assert.equal(prng.chance(0, 5), false);
    assert.equal(prng.chance(5, 5), true);
  }
});

test("bytes are filled from the same sequence", () => {
  const one = new Uint8Array(9), other = new Uint8Array(9);
  new Prng(3).fill(one);
  new Prng(3).fill(other);
  assert.deepEqual(one, other);
  assert.ok(new Set(one).size > 3);
});
