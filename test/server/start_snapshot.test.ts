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
