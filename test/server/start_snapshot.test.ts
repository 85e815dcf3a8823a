/** The snapshot that a start leaves behind when it replayed logs: beside the service, never in its way (storage-format §10.7). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RuntimeError } from "../../src/runtime.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import { childrenOf, create, done } from "../support/requests.ts";

const SLOW_MS = 5000;

async function names(stage: SimStage): Promise<string[]> {
  const found = await stage.machine.runtime.fs.readDir("/data/version-2");
  return found.filter((name) => name.startsWith("snapshot.")).sort();
}

/** A server that was killed with one session and five znodes in its log. */
async function killed(stage: SimStage): Promise<void> {
  const client = await stage.connect();
  for (let i = 0; i < 5; i++) await done(create(client, `/n${i}`));
  stage.end("kill");
}

test("clients are served while it is written, and the next start replays nothing", async () => {
  await inSim({}, async (stage) => {
    await killed(stage);
    stage.machine.files.slow({ kind: "rename", byMs: SLOW_MS });
    await stage.revive();
    const client = await stage.connect();
    await done(create(client, "/while"));
    assert.deepEqual(await names(stage), ["snapshot.0", "snapshot.6.tmp"]);
    await stage.sleep(2 * SLOW_MS);
    assert.deepEqual(await names(stage), ["snapshot.0", "snapshot.6"]);
    stage.machine.files.clear();
    stage.end("crash");
    await stage.revive();
    assert.equal((await childrenOf(await stage.connect(), "/")).length, 7);
  });
});

test("one that fails costs nothing but a replay; a stop does not wait for it", async () => {
  await inSim({}, async (stage) => {
    await killed(stage);
    stage.machine.files.failNext("rename", "NO_SPACE");
    await stage.revive();
    await stage.sleep(1000);
    assert.deepEqual(stage.errors().map(({ message }) => message.slice(0, 23)), [
      "Cannot write a snapshot",
    ]);
    assert.deepEqual(await names(stage), ["snapshot.0"]);
    await stage.restart();
    assert.equal((await childrenOf(await stage.connect(), "/")).length, 6);
    assert.equal(stage.errors().length, 1);
  });
});

/** Snapshots whose three newest look whole and do not load; the machine is up again, no server runs yet. */
async function damaged(stage: SimStage): Promise<number> {
  let znodes = 0;
  for (let k = 0; k < 4; k++) {
    const client = await stage.connect();
    for (let i = 0; i < 5; i++) await done(create(client, `/n${znodes++}`));
    await stage.server.control.takeSnapshot();
  }
  await done(create(await stage.connect(), `/n${znodes++}`));
  stage.end("kill");
  stage.serverRuntime = stage.machine.start();
  const { fs } = stage.machine.runtime, all = await names(stage);
  const byZxid = (name: string): number => Number.parseInt(name.slice("snapshot.".length), 16);
  all.sort((a, b) => byZxid(a) - byZxid(b));
  for (const name of all.slice(-3)) {
    const file = await fs.open(`/data/version-2/${name}`, "write");
    await file.write(new Uint8Array(8).fill(255), Math.floor(await file.size() / 2));
    await file.sync();
    await file.close();
  }
  return znodes;
}

test("a purge never takes the snapshot that a start fell back on before there is a newer good one", async () => {
  await inSim({ purgeIntervalHours: 1 }, async (stage) => {
    const znodes = await damaged(stage);
    stage.machine.files.slow({ kind: "rename", byMs: SLOW_MS });
    await stage.start();
    await stage.sleep(100);
    stage.machine.files.clear();
    stage.end("kill");
    await stage.revive();
    assert.equal((await childrenOf(await stage.connect(), "/")).length, znodes + 1);
  });
  await inSim({ purgeIntervalHours: 1 }, async (stage) => {
    const znodes = await damaged(stage);
    stage.machine.files.failNext("rename", "NO_SPACE");
    await assert.rejects(stage.start(), RuntimeError);
    await stage.start();
    assert.equal((await childrenOf(await stage.connect(), "/")).length, znodes + 1);
  });
});

test("a purge waits for it", async () => {
  await inSim({ purgeIntervalHours: 1 }, async (stage) => {
    for (let k = 0; k < 4; k++) {
      await done(create(await stage.connect(), `/p${k}`));
      await stage.server.control.takeSnapshot();
    }
    await killed(stage);
    stage.machine.files.slow({ kind: "rename", byMs: SLOW_MS });
    await stage.revive();
    await stage.sleep(SLOW_MS / 2);
    assert.equal((await names(stage)).filter((name) => !name.endsWith(".tmp")).length, 5);
    await stage.sleep(3 * SLOW_MS);
    assert.equal((await names(stage)).length, 3);
  });
});

test("one that would have to replay far more than snapCount comes first", async () => {
  await inSim({ snapCount: 1 << 20 }, async (stage) => {
    await killed(stage);
    stage.machine.files.slow({ kind: "rename", byMs: SLOW_MS });
    await stage.revive({ snapCount: 2 });
    assert.ok((await names(stage)).includes("snapshot.6"));
  });
});

test("it comes first when the directory changes its format, and its failure refuses the start", async () => {
  await inSim({ fileFormat: 2 }, async (stage) => {
    await killed(stage);
    stage.machine.files.failNext("rename", "NO_SPACE");
    await assert.rejects(stage.revive({ fileFormat: 3 }), RuntimeError);
    stage.end("kill");
    stage.machine.files.clear();
    await stage.revive();
    assert.deepEqual(await names(stage), ["snapshot.0", "snapshot.6"]);
    assert.equal(stage.snapshots(), 0, "nobody is served before it");
  });
});
