import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import { Alarm } from "../../src/server/alarm.ts";
import type { MonotonicMs } from "../../src/runtime.ts";

test("rings at the earliest instant asked for, once; again when asked again; never after the end", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("one").runtime;
  const began = clock.monotonicMs();
  const rings: number[] = [];
  const alarm = new Alarm(clock, () => rings.push(Math.round(clock.monotonicMs() - began)));
  const until = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.wakeAt((began + ms) as MonotonicMs, () => resolve()));
  await sim.runUntil((async () => {
    alarm.by(began + 50);
    alarm.by(began + 20);
    alarm.by(began + 30);
    await until(100);
    assert.deepEqual(rings, [20]);
    alarm.by(began + 120);
    await until(200);
    assert.deepEqual(rings, [20, 120]);
    alarm.by(began + 250);
    alarm.stop();
    alarm.by(began + 260);
    await until(400);
    assert.deepEqual(rings, [20, 120]);
  })());
});
