/** A disk that is full or fails: the server stops before it acknowledges anything that is not on it (issue 2, 10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuntimeErrorCode } from "../../src/runtime.ts";
import type { FileOperation } from "../../runtimes/sim/index.ts";
import type { TestClient } from "../support/client.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import { childrenOf, create, done, exists, ping } from "../support/requests.ts";

/** Writes from two clients until the server is gone. @returns the names acknowledged */
async function writeUntilGone(clients: readonly TestClient[]): Promise<string[]> {
  const answered: string[] = [];
  await Promise.all(clients.map(async (client, who) => {
    for (let i = 0; i < 2000 && !client.isGone; i++) {
      const name = `n${who}-${i}`;
      try {
        const { err } = await create(client, `/${name}`, "x".repeat(100));
        if (err === 0) answered.push(name);
      } catch {
        return; // gone: this one may or may not be there
      }
    }
  }));
  assert.ok(clients.every((client) => client.isGone), "the server ends every connection");
  return answered;
}

async function allThere(stage: SimStage, names: readonly string[]): Promise<void> {
  const client = await stage.connect();
  const found = new Set(await childrenOf(client, "/"));
  assert.deepEqual(names.filter((name) => !found.has(name)), [], "acknowledged and lost");
  await done(create(client, "/after"));
}

const FAULTS: readonly (readonly [FileOperation, RuntimeErrorCode])[] = [
  ["syncData", "IO"],
  ["write", "IO"],
  ["write", "NO_SPACE"],
];

for (const [operation, code] of FAULTS) {
  test(`${operation} fails with ${code}: the server stops, nothing acknowledged is lost after the next start`, async () => {
    for (const skip of [0, 1, 2, 7, 30]) {
      for (const how of ["kill", "crash"] as const) {
        await inSim({}, async (stage) => {
          const clients = [await stage.connect(), await stage.connect()];
          const failed = stage.server.failed;
          stage.machine.files.failNext(operation, code, { skip });
          const answered = await writeUntilGone(clients);
          assert.ok((await failed) instanceof Error);
          assert.ok(stage.errors().length > 0, "it says why");
          stage.machine.files.clear();
          stage.end(how);
          await stage.revive();
          await allThere(stage, answered);
        }, skip + 1);
      }
    }
  });
}

test("a full disk stops the server; with room again it starts with all that it acknowledged", async () => {
  await inSim({ preAllocBytes: 4096 }, async (stage) => {
    const { disk } = stage.machine;
    const clients = [await stage.connect(), await stage.connect()];
    const failed = stage.server.failed;
    disk.capacityBytes = disk.usedBytes + 40_000;
    const answered = await writeUntilGone(clients);
    assert.ok(answered.length > 20, `${answered.length} fitted`);
    await failed;
    disk.capacityBytes = Infinity;
    stage.end("kill");
    await stage.revive();
    await allThere(stage, answered);
  });
});

test("after a failed sync no later write is acknowledged, also of those that were under way", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    stage.machine.files.failNext("syncData", "IO");
    const replies = Array.from({ length: 50 }, (_, i) => create(client, `/n${i}`));
    const reads = Array.from({ length: 5 }, () => ping(client));
    const outcomes = await Promise.allSettled([...replies, ...reads]);
    assert.deepEqual(outcomes.map(({ status }) => status), outcomes.map(() => "rejected"));
    await stage.server.failed;
    await assert.rejects(stage.connect(), "no one is served");
    await stage.stop();
  });
});

test("a snapshot that cannot be written costs nothing: the server goes on from its log", async () => {
  await inSim({ snapCount: 10 }, async (stage) => {
    const client = await stage.connect();
    stage.machine.files.failNext("rename", "IO", { times: 3 });
    for (let i = 0; i < 60; i++) await done(create(client, `/n${i}`));
    await stage.sleep(100);
    await done(exists(client, "/n59"));
    stage.machine.files.clear();
    stage.end("crash");
    await stage.revive();
    assert.equal((await childrenOf(await stage.connect(), "/")).length, 61);
  });
});

test("syncs slower than the threshold are counted until the counts are reset", async () => {
  await inSim({ fsyncWarningMs: 5 }, async (stage) => {
    const client = await stage.connect();
    stage.machine.files.syncUs = [100];
    const { stats } = stage.server.view;
    stats.reset();
    await done(create(client, "/quick"));
    stage.machine.files.syncUs = [8000];
    for (let i = 0; i < 3; i++) await done(create(client, `/slow${i}`));
    await stage.sleep(100);
    assert.equal(stats.slowFsyncs, 3);
    stats.reset();
    assert.equal(stats.slowFsyncs, 0);
  });
});
