// A process is killed between write and sync of a group, its successor reads the group, and then power fails: what the
// successor logged must not rest on bytes that never reached the disk.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inSim, type SimStage } from "../support/in_process.ts";
import { childrenOf, create, done } from "../support/requests.ts";

async function live(stage: SimStage, instantMs: number): Promise<void> {
  const client = await stage.connect();
  for (let i = 0; i < 20; i++) create(client, `/a${i}`, new Uint8Array(3000)).catch(() => {});
  await stage.sleep(instantMs);
  stage.end("kill");
  await stage.revive();
  const next = await stage.connect();
  await done(create(next, "/b"));
  const seen = await childrenOf(next, "/");
  stage.end("crash");
  await stage.revive();
  const last = await stage.connect();
  assert.deepEqual(await childrenOf(last, "/"), seen);
  assert.deepEqual(stage.errors(), []);
}

test("what a killed process wrote is on the disk before anything rests on it", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    await inSim({ preAllocBytes: 65_536 }, (stage) => live(stage, 0.1 + seed % 20 / 10), seed);
  }
});
