import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../../runtimes/sim/index.ts";
import type { Connection } from "../../../src/runtime.ts";
import { Handshakes } from "../../../src/server/ensemble/handshakes.ts";

function connection(): Connection & { isOpen: boolean } {
  const one = { isOpen: true, close: () => void (one.isOpen = false) };
  return one as unknown as Connection & { isOpen: boolean };
}

test("each has its time; one that is set up is left alone", async () => {
  const sim = createSim({ seed: 1 }), { clock } = sim.machine("a").runtime;
  const handshakes = new Handshakes(clock, 1000, 10), why: string[] = [];
  const silent = connection(), quick = connection();
  handshakes.add(silent, (reason) => why.push(reason));
  const stop = handshakes.add(quick, (reason) => why.push(reason));
  stop();
  stop();
  await sim.run(sim.nowMs + 999);
  assert.deepEqual([silent.isOpen, why.length], [true, 0]);
  await sim.run(sim.nowMs + 2);
  assert.deepEqual([silent.isOpen, quick.isOpen, handshakes.size], [false, true, 0]);
  assert.deepEqual(why, ["it did not say who it is within the time allowed"]);
});

test("when there are too many the oldest makes room", async () => {
  const sim = createSim({ seed: 1 }), { clock } = sim.machine("a").runtime;
  const handshakes = new Handshakes(clock, 1000, 3), why: string[] = [];
  const all = Array.from({ length: 5 }, connection);
  for (const one of all) handshakes.add(one, (reason) => why.push(reason));
  assert.deepEqual(all.map(({ isOpen }) => isOpen), [false, false, true, true, true]);
  assert.equal(why.length, 2);
  handshakes.close();
  assert.deepEqual([handshakes.size, all.some(({ isOpen }) => isOpen)], [0, false]);
  await sim.run(sim.nowMs + 2000);
  assert.equal(why.length, 2, "nobody else is told");
});
