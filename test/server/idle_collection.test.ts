/** Memory is given back when a server that did much falls idle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import type { MonotonicMs } from "../../src/runtime.ts";
import { IdleCollection } from "../../src/server/idle_collection.ts";
import type { ServerStats } from "../../src/server/stats.ts";
import { inSim } from "../support/in_process.ts";
import { create, done, ping } from "../support/requests.ts";

/**
 * Requests per second, second by second; negative: they are counted anew, from 0. @param before counted already
 * @param connections opened in the second second
 * @returns the seconds in which garbage was collected
 */
async function collections(
  seconds: readonly number[],
  before = 0,
  connections = 0,
): Promise<number[]> {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  let requests = before, second = 0;
  const at: number[] = [];
  const opened = (): number => second < 1 ? 0 : connections;
  const idle = new IdleCollection(clock, () => requests, opened, () => void at.push(second));
  for (const count of seconds) {
    if (count < 0) requests = 0;
    for (let tenth = 0; tenth < 10; tenth++) {
      if (count > 0) idle.onTurn();
      requests += Math.max(count, 0) / 10;
      const until = (clock.monotonicMs() + 100) as MonotonicMs;
      await sim.runUntil(new Promise<void>((wake) => clock.wakeAt(until, wake)));
    }
    second++;
  }
  idle.stop();
  return at;
}

const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

test("twice, when nothing is asked any more", async () => {
  const at = await collections([100_000, 50_000, 0, 0, ...zeros(100)]);
  assert.deepEqual(at, [13, 19]);
});

test("not while something is asked, not after a little, and a few requests are nothing", async () => {
  assert.deepEqual(await collections(Array.from({ length: 60 }, () => 20_000)), []);
  assert.deepEqual(await collections([90_000, ...zeros(60)]), []);
  const each = (count: number) =>
    collections([150_000, ...Array.from({ length: 60 }, () => count)]);
  assert.equal((await each(5)).length, 2);
  assert.deepEqual(await each(20), []);
});

test("not where a little is asked every few seconds: idle seconds count in a row", async () => {
  const gaps = Array.from({ length: 40 }, (_, i) => i % 8 === 7 ? 100 : 0);
  assert.deepEqual(await collections([150_000, ...gaps]), []);
});

test("after many connections too, which leave more behind than requests, once for the same ones", async () => {
  assert.deepEqual(await collections([1, 1, ...zeros(100), 1, ...zeros(60)], 0, 5_000), [12, 18]);
  assert.deepEqual(await collections([1, 1, ...zeros(60)], 0, 4_000), []);
});

test("again after as much as the first time", async () => {
  const rest = zeros(25);
  const again = await collections([150_000, ...rest, 50_000, ...rest, 60_000, ...rest]);
  assert.deepEqual(again, [12, 18, 64, 70]);
  const early = await collections([150_000, ...zeros(15), 50_000, ...rest, 60_000, ...rest]);
  assert.deepEqual(early, [12, 54, 60], "no second one where something was asked meanwhile");
});

test("what was done before another role is not done again, and counts that start anew forget nothing", async () => {
  assert.deepEqual(await collections([10, ...zeros(60)], 5_000_000), []);
  const reset = await collections([90_000, -1, 60_000, ...zeros(60)]);
  assert.equal(reset.length, 2);
  const late = await collections([150_000, 0, -1, ...zeros(60)]);
  assert.equal(late.length, 2);
});

test("none for whoever has stopped", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  let requests = 0, collected = 0;
  const idle = new IdleCollection(clock, () => requests, () => 0, () => void collected++);
  idle.onTurn();
  requests = 200_000;
  idle.stop();
  idle.onTurn();
  const until = (clock.monotonicMs() + 60_000) as MonotonicMs;
  await sim.runUntil(new Promise<void>((wake) => clock.wakeAt(until, wake)));
  assert.equal(collected, 0);
});

test("a server collects garbage once many requests are followed by pings alone, and not after its end", async () => {
  await inSim({}, async (stage) => {
    let collected = 0;
    const runtime = stage.serverRuntime;
    const collect = (): void => void collected++;
    await stage.stop();
    stage.serverRuntime = { ...runtime, process: { ...runtime.process, collect } };
    await stage.start();
    const client = await stage.connect();
    const work = async (): Promise<void> => {
      await done(create(client, `/n${collected}`));
      (stage.server.view.stats as ServerStats).received(100_000);
    };
    await work();
    for (let i = 0; i < 600; i++) {
      await done(ping(client));
      await stage.sleep(50);
    }
    assert.equal(collected, 2);
    await work();
    await stage.stop();
    await stage.sleep(60_000);
    assert.equal(collected, 2);
  });
});
