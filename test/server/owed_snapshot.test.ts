/** A snapshot that came due while another was being written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import { Prng } from "../../src/base/random.ts";
import type { MonotonicMs } from "../../src/runtime.ts";
import { OwedSnapshot } from "../../src/server/owed_snapshot.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import { create, done, getData, setData } from "../support/requests.ts";

const SNAP_COUNT = 1000;
const SLOW_MS = 30_000;

async function snapshots(stage: SimStage): Promise<string[]> {
  const found = await stage.machine.runtime.fs.readDir("/data/version-2");
  return found.filter((name) => /^snapshot\.[0-9a-f]+$/.test(name)).sort();
}

/** One snapshot is long under way, and more than snapCount txns came behind it. @returns the zxid of the last txn */
async function burst(stage: SimStage, before = 0): Promise<number> {
  stage.machine.files.slow({ kind: "rename", byMs: SLOW_MS });
  const client = await stage.connect();
  await done(create(client, `/n${before}`));
  const count = 2 * SNAP_COUNT + 50;
  await Promise.all(
    Array.from({ length: count }, (_, i) => done(setData(client, `/n${before}`, `${i}`))),
  );
  assert.equal((await snapshots(stage)).length, 1);
  return count + 2;
}

async function restore(stage: SimStage, bytes: Uint8Array): Promise<void> {
  let at = 0;
  const read = (into: Uint8Array): Promise<number> => {
    const piece = bytes.subarray(at, at + into.length);
    into.set(piece);
    at += piece.length;
    return Promise.resolve(piece.length);
  };
  await stage.server.control.restore?.({ read });
}

test("it is taken once little is written, so that a start replays next to nothing", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    const last = await burst(stage);
    await stage.sleep(SLOW_MS + 100);
    assert.equal((await snapshots(stage)).length, 2, "the first one ends");
    await stage.sleep(SLOW_MS + 2000);
    const [, newest = ""] = (await snapshots(stage)).at(-1)?.split(".") ?? [];
    assert.ok(Number.parseInt(newest, 16) >= last, newest);
    stage.end("kill");
    stage.machine.files.clear();
    await stage.revive();
    assert.equal(stage.server.view.stats.summaries.txnsReplayed.max, 0);
  });
});

test("one that is half due is taken once nothing is written, and not before", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    let client = await stage.connect();
    await done(create(client, "/n"));
    const writes = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => done(setData(client, "/n", "."))));
    await writes(100);
    await stage.sleep(600_000);
    assert.equal((await snapshots(stage)).length, 1, "a tenth is no half");
    client = await stage.connect();
    await writes(SNAP_COUNT / 2 - 140);
    // Three a second are no lull.
    for (let i = 0; i < 30; i++) {
      await done(setData(client, "/n", "."));
      await stage.sleep(300);
    }
    const busy = (await snapshots(stage)).length;
    await stage.sleep(6000);
    const quiet = await snapshots(stage);
    await stage.sleep(600_000);
    assert.deepEqual([busy, quiet.length], [1, 2]);
    assert.deepEqual(await snapshots(stage), quiet);
    stage.end("kill");
    await stage.revive();
    // The end of its session came behind it.
    assert.ok((stage.server.view.stats.summaries.txnsReplayed.max ?? 0) <= 1);
  });
});

test("it waits for readers, one that is due for a minute", async () => {
  for (const owed of ["soon", "now"] as const) {
    const sim = createSim({ seed: 1 });
    const { clock } = sim.machine("a").runtime;
    const sleep = (ms: number) =>
      sim.runUntil(
        new Promise<void>((wake) => clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, wake)),
      );
    let readsEnd = Infinity;
    const taken: number[] = [];
    const late = new OwedSnapshot({
      clock,
      random: new Prng(1),
      snapCount: SNAP_COUNT,
      requests: () => 2 * Math.min(clock.monotonicMs(), readsEnd),
      take: () => taken.push(clock.monotonicMs()) > 0,
    });
    late.owe(owed);
    await sleep(59_000);
    assert.equal(taken.length, 0);
    await sleep(3000);
    assert.equal(taken.length, owed === "now" ? 1 : 0);
    readsEnd = clock.monotonicMs();
    await sleep(5000);
    assert.equal(taken.length, 1);
    late.stop();
  }
});

test("one that is due is no longer half due, and is put off for a minute from then on", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  const sleep = (ms: number) =>
    sim.runUntil(
      new Promise<void>((wake) => clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, wake)),
    );
  const taken: number[] = [];
  const owed = new OwedSnapshot({
    clock,
    random: new Prng(1),
    snapCount: SNAP_COUNT,
    requests: () => 2 * clock.monotonicMs(),
    take: () => taken.push(clock.monotonicMs()) > 0,
  });
  owed.owe("soon");
  await sleep(59_000);
  owed.owe("now");
  owed.owe("soon");
  await sleep(59_000);
  assert.equal(taken.length, 0);
  await sleep(3000);
  assert.equal(taken.length, 1);
  owed.stop();
});

test("a server's reads put off what is half due", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    const client = await stage.connect();
    await done(create(client, "/n"));
    await Promise.all(
      Array.from({ length: SNAP_COUNT / 2 - 4 }, () => done(setData(client, "/n", "."))),
    );
    for (let i = 0; i < 50; i++) {
      await Promise.all(Array.from({ length: 200 }, () => done(getData(client, "/n"))));
      await stage.sleep(100);
    }
    assert.equal((await snapshots(stage)).length, 1);
    await stage.sleep(2000);
    assert.equal((await snapshots(stage)).length, 2);
  });
});

test("it waits while much is written, and is not taken twice", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    await burst(stage);
    stage.machine.files.clear();
    const client = await stage.connect();
    // 40 txns a second are no lull; fewer than the next snapshot needs.
    for (let i = 0; i < 350; i++) {
      await done(setData(client, "/n0", "."));
      await stage.sleep(25);
    }
    const busy = (await snapshots(stage)).length;
    await stage.sleep(SLOW_MS + 5000);
    const quiet = await snapshots(stage);
    await stage.sleep(600_000);
    assert.deepEqual([busy, quiet.length], [1, 3]);
    assert.deepEqual(await snapshots(stage), quiet);
  });
});

test("an operator's snapshot is the one that was owed", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    stage.machine.files.slow({ kind: "rename", byMs: SLOW_MS });
    const client = await stage.connect();
    await done(create(client, "/n"));
    const writes = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => done(setData(client, "/n", "."))));
    await writes(2 * SNAP_COUNT + 50);
    stage.machine.files.clear();
    // No lull before the operator asks.
    let before: readonly string[] = [];
    while ((before = await snapshots(stage)).length === 1) {
      await writes(1);
      await stage.sleep(20);
    }
    const file = await stage.server.control.takeSnapshot();
    assert.deepEqual(await snapshots(stage), [...before, file?.name].sort());
    await stage.sleep(60_000);
    assert.deepEqual(await snapshots(stage), [...before, file?.name].sort());
    assert.equal(stage.snapshots(), 2);
  });
});

test("a database that takes the place of the tree owes nothing, and neither does a server that stops", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    const file = await stage.server.control.takeSnapshot();
    const bytes = await stage.machine.runtime.fs.readFile(file?.path ?? "");
    await burst(stage);
    stage.machine.files.clear();
    await restore(stage, bytes);
    const installed = await snapshots(stage);
    assert.equal(installed.length, 1);
    await stage.sleep(60_000);
    assert.deepEqual(await snapshots(stage), installed);
    await burst(stage, 1);
    await stage.stop();
    await stage.sleep(60_000);
    assert.deepEqual(stage.errors(), []);
  });
});

test("a snapshot for another reason is the one that was half due", async () => {
  await inSim({ snapCount: SNAP_COUNT }, async (stage) => {
    const client = await stage.connect();
    await done(create(client, "/n"));
    const writes = (count: number): Promise<unknown> =>
      Promise.all(Array.from({ length: count }, () => done(setData(client, "/n", "."))));
    await writes(SNAP_COUNT / 2 - 4);
    const file = await stage.server.control.takeSnapshot();
    await writes(1);
    await stage.sleep(5000);
    assert.equal((await snapshots(stage)).at(-1), file?.name, "an operator's");
    const bytes = await stage.machine.runtime.fs.readFile(file?.path ?? "");
    const other = await stage.connect();
    await Promise.all(
      Array.from({ length: SNAP_COUNT / 2 - 4 }, () => done(setData(other, "/n", "."))),
    );
    await restore(stage, bytes);
    const installed = await snapshots(stage);
    await done(setData(await stage.connect(), "/n", "."));
    await stage.sleep(5000);
    assert.deepEqual(await snapshots(stage), installed, "one that took the place of the tree");
  });
});

test("counts that start anew are not taken for a lull of reads", async () => {
  const sim = createSim({ seed: 1 });
  const { clock } = sim.machine("a").runtime;
  const sleep = (ms: number) =>
    sim.runUntil(
      new Promise<void>((wake) => clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, wake)),
    );
  let resetAtMs = 0;
  const taken: number[] = [];
  const owed = new OwedSnapshot({
    clock,
    random: new Prng(1),
    snapCount: SNAP_COUNT,
    requests: () => 10 * (clock.monotonicMs() - resetAtMs),
    take: () => taken.push(clock.monotonicMs()) > 0,
  });
  owed.owe("soon");
  for (let i = 0; i < 20; i++) {
    await sleep(5000);
    resetAtMs = clock.monotonicMs();
  }
  assert.deepEqual(taken, []);
  owed.stop();
});

test("one that is owed anew waits as long as the first", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const sim = createSim({ seed });
    const { clock } = sim.machine("a").runtime;
    const sleep = (ms: number) =>
      sim.runUntil(
        new Promise<void>((wake) => clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, wake)),
      );
    const taken: number[] = [];
    const owed = new OwedSnapshot({
      clock,
      random: new Prng(seed),
      snapCount: SNAP_COUNT,
      requests: () => 0,
      take: () => taken.push(clock.monotonicMs()) > 0,
    });
    owed.owe("now");
    await sleep(400);
    owed.settle();
    owed.owe("now");
    const againMs = clock.monotonicMs();
    await sleep(2000);
    assert.equal(taken.length, 1);
    assert.ok(
      (taken[0] ?? 0) - againMs >= 500,
      `seed ${seed}: after ${(taken[0] ?? 0) - againMs} ms`,
    );
    owed.stop();
  }
});
