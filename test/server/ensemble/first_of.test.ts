import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Sim } from "../../../runtimes/sim/index.ts";
import { firstOf, type Place } from "../../../src/server/ensemble/first_of.ts";

const NOWHERE: Place = { host: "10.9.9.9", port: 1 }; // swallows packets
const CLOSED: Place = { host: "there", port: 2 };
const THERE: Place = { host: "there", port: 1 };

async function stage(): Promise<{
  sim: Sim;
  dial: (headStartMs: number, ...places: Place[]) => Promise<string>;
  opened: () => number;
  open: () => number;
}> {
  const sim = createSim({ seed: 3 }), there = sim.machine("there"), here = sim.machine("here");
  let opened = 0, open = 0;
  await sim.runUntil(there.runtime.net.listen({ port: 1 }, (connection) => {
    opened++;
    open++;
    connection.onData(() => {});
    connection.onEnd(() => connection.end());
    connection.onClose(() => open--);
  }));
  return {
    sim,
    opened: () => opened,
    open: () => open,
    dial: async (headStartMs, ...places) => {
      const failed: string[] = [], { net, clock } = here.runtime;
      const connection = await sim.runUntil(firstOf({ net, clock }, places, {
        timeoutMs: 5000,
        headStartMs,
        onFailed: ({ port }) => failed.push(String(port)),
      }));
      return `${connection === undefined ? "none" : "one"}${
        failed.map((one) => ` ${one}`).join("")
      }`;
    },
  };
}

test("the first that answers, whatever the others do", async () => {
  const { sim, dial, open, opened } = await stage();
  assert.equal(await dial(100, THERE, NOWHERE), "one");
  assert.equal(await dial(100, CLOSED, THERE), "one 2");
  assert.ok(sim.nowMs < 100, "a refusal is not waited for");
  assert.equal(await dial(100, NOWHERE, THERE), "one");
  assert.ok(sim.nowMs >= 100 && sim.nowMs < 300, `${sim.nowMs} ms`);
  await sim.run(sim.nowMs + 10);
  assert.equal(opened(), 3, "nobody else was called");
  assert.equal(await dial(0, THERE, THERE, NOWHERE), "one");
  await sim.run(sim.nowMs + 10_000);
  assert.deepEqual([opened(), open()], [4, 4], "the second is given up");
});

test("none", async () => {
  const { sim, dial } = await stage();
  assert.equal(await dial(100), "none");
  assert.equal(await dial(100, CLOSED, CLOSED), "none 2 2");
  assert.equal(await dial(100, NOWHERE, CLOSED), "none 2 1");
  assert.ok(sim.nowMs >= 5000 && sim.nowMs < 6000, `${sim.nowMs} ms`);
});
