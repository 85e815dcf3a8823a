import assert from "node:assert/strict";
import { test } from "node:test";
import { Fifo } from "../../src/server/fifo.ts";
import { Prng } from "../../src/base/random.ts";

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
