/** What a purge takes and keeps (storage-format §11, §15 cases 69 and 70), and when snapshots are due (67, 68). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { namesOf } from "../../src/storage/names.ts";
import { SnapshotPolicy } from "../../src/storage/policy.ts";
import { Autopurge, choosePurge, purge } from "../../src/storage/retention.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { putFile } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { contextOf, Heard } from "./support.ts";

function choose(
  snapshots: readonly string[],
  logs: readonly string[],
  retain: number,
  broken: readonly string[] = [],
) {
  const all = namesOf("snapshot", snapshots);
  const complete = new Set(snapshots.filter((name) => !broken.includes(name)));
  return choosePurge(all, complete, [], namesOf("log", logs), retain);
}

test("the newest are kept, and the log that reaches into the oldest of them", () => {
  const snapshots = ["snapshot.0", "snapshot.a", "snapshot.14", "snapshot.1e", "snapshot.28"];
  const logs = ["log.1", "log.b", "log.15", "log.1f", "log.29"];
  assert.deepEqual(choose(snapshots, logs, 3), {
    snapshots: ["snapshot.0", "snapshot.a"],
    logs: ["log.1"],
  });
  assert.deepEqual(choose(snapshots, ["log.1", "log.5", "log.12", "log.14", "log.30"], 3).logs, [
    "log.1",
    "log.5",
    "log.12",
  ]);
  assert.deepEqual(choose(snapshots, ["log.1"], 3).logs, [], "one log that overlaps all");
});

test("fewer than three are never kept", () => {
  const snapshots = ["snapshot.1", "snapshot.2", "snapshot.3", "snapshot.4"];
  for (const retain of [-1, 0, 1, 2, 3]) {
    assert.deepEqual(choose(snapshots, [], retain).snapshots, ["snapshot.1"]);
  }
  assert.deepEqual(choose(snapshots, [], 4).snapshots, []);
});

test("snapshots that are not complete do not count; newer ones stay", () => {
  const snapshots = [
    "snapshot.1",
    "snapshot.2",
    "snapshot.3",
    "snapshot.4",
    "snapshot.5",
    "snapshot.6",
  ];
  assert.deepEqual(choose(snapshots, ["log.1", "log.4"], 3, ["snapshot.5", "snapshot.6"]), {
    snapshots: ["snapshot.1"],
    logs: [],
  });
  assert.deepEqual(choose(snapshots, ["log.1"], 3, snapshots), { snapshots: [], logs: [] });
});

const WHOLE = Uint8Array.of(0x5a, 0x4b, 0x53, 0x4e, 0, 0, 0, 2, 0, 0, 0, 1, 0x2f);

test("a purge removes files, unfinished ones too, and leaves what is no log or snapshot", async () => {
  const sim = createSim({ seed: 1 });
  const { runtime } = sim.machine("a");
  for (let n = 1; n <= 6; n++) {
    await sim.runUntil(putFile(runtime, `${FOLDER}/snapshot.${n}`, WHOLE));
    await sim.runUntil(putFile(runtime, `${FOLDER}/log.${n}`, WHOLE));
  }
  for (const name of ["snapshot.2.tmp", "snapshot.9.tmp", "currentEpoch", "snapshot.a"]) {
    await sim.runUntil(putFile(runtime, `${FOLDER}/${name}`, Uint8Array.of(1)));
  }
  const options = { snapshots: FOLDER, logs: FOLDER, purgeRetainCount: 3 };
  const gone = await sim.runUntil(purge(contextOf(runtime), options));
  assert.deepEqual(gone.snapshots, ["snapshot.1", "snapshot.2", "snapshot.3", "snapshot.2.tmp"]);
  assert.deepEqual(gone.logs, ["log.1", "log.2", "log.3"]);
  assert.deepEqual((await sim.runUntil(runtime.fs.readDir(FOLDER))).sort(), [
    "currentEpoch",
    "log.4",
    "log.5",
    "log.6",
    "snapshot.4",
    "snapshot.5",
    "snapshot.6",
    "snapshot.9.tmp",
    "snapshot.a",
  ]);
});

test("autopurge runs at start and then every interval; 0 and less is off; a failure is told and tried again", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const { runtime } = machine;
  const heard = new Heard();
  const options = { snapshots: FOLDER, logs: FOLDER, purgeRetainCount: 3 };
  for (const hours of [0, -1]) {
    const off = new Autopurge(contextOf(runtime), { ...options, purgeIntervalHours: hours });
    off.start();
    assert.equal(off.isRunning, false);
  }
  const put = async (from: number) => {
    for (let n = from; n < from + 4; n++) {
      await sim.runUntil(putFile(runtime, `${FOLDER}/snapshot.${n}`, WHOLE));
    }
  };
  const names = async () => (await sim.runUntil(runtime.fs.readDir(FOLDER))).length;
  await put(1);
  const purging = new Autopurge(contextOf(runtime, heard), { ...options, purgeIntervalHours: 2 });
  purging.start();
  await sim.run(sim.nowMs + 1000);
  assert.equal(await names(), 3);
  await put(5);
  await sim.run(sim.nowMs + 7_100_000);
  assert.equal(await names(), 7);
  machine.files.failNext("remove");
  await sim.run(sim.nowMs + 200_000);
  assert.match(heard.lines.join("\n"), /Cannot purge/);
  await sim.run(sim.nowMs + 7_200_000);
  assert.equal(await names(), 3);
  await sim.runUntil(purging.stop());
  await put(9);
  await sim.run(sim.nowMs + 20_000_000);
  assert.equal(await names(), 7);
});

test("snapshots come after half of snapCount and up to all of it, at random", () => {
  const policy = new SnapshotPolicy({ snapCount: 100, snapSizeLimitBytes: -1 }, new Prng(3));
  const distances: number[] = [];
  for (let n = 0, since = 0; n < 10_000; n++) {
    since++;
    if (!policy.onAppend(1000)) continue;
    distances.push(since);
    since = 0;
  }
  assert.ok(Math.min(...distances) > 50 && Math.max(...distances) <= 100, distances.join(" "));
  assert.ok(new Set(distances).size > 20);
});

test("snapCount below 2 counts as 2; bytes count when there is a limit", () => {
  const often = new SnapshotPolicy({ snapCount: 0, snapSizeLimitBytes: 0 }, new Prng(1));
  assert.deepEqual([1, 2, 3, 4].map(() => often.onAppend(1)), [false, true, false, true]);
  const bySize = new SnapshotPolicy(
    { snapCount: 100_000, snapSizeLimitBytes: 10_000 },
    new Prng(1),
  );
  let taken = 0;
  for (let n = 0; n < 100; n++) if (bySize.onAppend(1000)) taken++;
  assert.ok(taken >= 10 && taken <= 20, `${taken}`);
});

test("one is half due behind a quarter of snapCount at the earliest, and before it is due", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const policy = new SnapshotPolicy(
      { snapCount: 1000, snapSizeLimitBytes: 0 },
      new Prng(seed),
    );
    for (let round = 0; round < 3; round++) {
      let count = 0, half = 0;
      while (!policy.onAppend(1)) {
        count++;
        if (policy.isHalfDue && half === 0) half = count;
      }
      assert.equal(half, Math.floor(count / 2) + 1, `${half} of ${count}`);
      assert.ok(half > 250 && !policy.isHalfDue);
    }
  }
});
