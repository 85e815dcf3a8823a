/** Promise work of an event ends before the clock moves, on every engine and however deep it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import type { MonotonicMs } from "../../src/runtime.ts";

async function deep(depth: number): Promise<void> {
  for (let i = 0; i < depth; i++) await Promise.resolve();
}

async function* numbers(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) {
    await deep(i % 4);
    yield i;
  }
}

/** Every kind of promise work there is, some of it begun by other work. */
async function mixed(size: number): Promise<number> {
  let sum = 0;
  for await (const number of numbers(size)) {
    const results = await Promise.allSettled([
      deep(3),
      Promise.reject(new Error("expected")),
      new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve))),
      { then: (resolve: (value: number) => void) => resolve(number) },
    ]);
    sum += results.length;
  }
  return sum;
}

test("between two events all promise work is over, at every turn of 3000", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  let unfinished = 0;
  let late = 0;
  let rings = 0;
  const ring = (): void => {
    if (unfinished > 0) late++;
    unfinished++;
    void mixed(rings % 23).then(() => unfinished--);
    if (++rings < 3000) clock.soon(ring);
  };
  clock.soon(ring);
  await sim.run();
  assert.deepEqual([rings, late, unfinished], [3000, 0, 0]);
});

test("a chain of 100,000 steps is over before the next event", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  let isOver = false;
  clock.soon(() => void deep(100_000).then(() => isOver = true));
  let wasOver = false;
  clock.wakeAt(1 as MonotonicMs, () => wasOver = isOver);
  await sim.run();
  assert.ok(wasOver);
});

test("what runs between runs is over when the next begins", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  for (let round = 1; round <= 300; round++) {
    let isOver = false;
    void mixed(round % 17).then(() => isOver = true);
    let wasOver = false;
    clock.soon(() => wasOver = isOver);
    await sim.runUntil(() => wasOver || sim.nowMs > round * 100);
    assert.ok(wasOver, `round ${round}`);
  }
});

test("cancelled events leave the queue: a timer set anew a million times costs no memory and no time", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  let cancel = (): void => {};
  let rings = 0;
  const ring = (): void => {
    for (let i = 0; i < 1000; i++) {
      cancel();
      cancel = clock.wakeAt(1e9 as MonotonicMs, () => {});
    }
    if (++rings < 1000) clock.soon(ring);
  };
  clock.soon(ring);
  await sim.run(1000);
  assert.equal(rings, 1000);
  assert.ok(sim.waiting < 200, `${sim.waiting} events`);
});

test("an error of the code under simulation ends the run with it", async () => {
  const sim = createSim({ seed: 1 });
  sim.machine("a").runtime.clock.soon(() => {
    throw new Error("a bug");
  });
  await assert.rejects(sim.run(), /a bug/);
});
