import assert from "node:assert/strict";
import { test } from "node:test";
import { Fifo } from "../../src/base/fifo.ts";
import { Prng } from "../../src/base/random.ts";
import { hostRuntime } from "../support/runtime.ts";

test("first in, first out, as an array that is shifted", () => {
  const random = new Prng(1, 2);
  const fifo = new Fifo<number>(), twin: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    // Phases that fill and drain it, so that it is compacted with items left, and empties.
    const fills = Math.floor(i / 3000) % 2 === 0;
    if (random.chance(fills ? 3 : 1, 4)) {
      fifo.push(i);
      twin.push(i);
    } else assert.equal(fifo.shift(), twin.shift());
    assert.equal(fifo.size, twin.length);
    assert.equal(fifo.peek(), twin[0]);
  }
  assert.ok(twin.length > 0);
  assert.deepEqual([...fifo], twin);
  fifo.clear();
  assert.deepEqual([fifo.size, fifo.peek(), fifo.shift()], [0, undefined, undefined]);
});

test("it keeps nothing of what was taken, though it is never quite empty", async () => {
  const { process } = await hostRuntime(), fifo = new Fifo<number>();
  const before = process.memory().residentBytes;
  fifo.push(0);
  for (let i = 1; i <= 20_000_000; i++) {
    fifo.push(i);
    assert.equal(fifo.shift(), i - 1);
  }
  // The places alone would be 160 MB.
  const grown = process.memory().residentBytes - before;
  assert.ok(grown < 100_000_000, `${grown} bytes`);
});
