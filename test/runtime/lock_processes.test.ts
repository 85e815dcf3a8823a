/** The directory lock between processes, on every pair of this host and a runtime that is installed here. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { programs, start } from "../support/children.ts";
import { failsWith } from "../support/conformance.ts";
import { hostRuntime } from "../support/runtime.ts";

const runtime = await hostRuntime();

async function inFolder(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "menagerie-lock-"));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const { name, command, args } of programs("test/runtime/lock_holder")) {
  test(`${runtime.name}: a lock held by a process on ${name} is BUSY, and free when it releases`, () =>
    inFolder(async (directory) => {
      const { child, firstLine, ended } = start(command, [...args, directory]);
      assert.equal(await firstLine, "held");
      const holder = new RegExp(`process ${child.pid} holds it`);
      await failsWith("BUSY", holder, runtime.fs.lock(directory));
      child.stdin?.write("release\n");
      await ended;
      const lock = await runtime.fs.lock(directory);
      const second = start(command, [...args, directory]);
      assert.equal(await second.firstLine, "BUSY");
      await second.ended;
      await lock.release();
      assert.deepEqual(readdirSync(directory), []);
    }));

  test(`${runtime.name}: a lock whose process on ${name} was killed is stale and taken over`, () =>
    inFolder(async (directory) => {
      const { child, firstLine, ended } = start(command, [...args, directory]);
      assert.equal(await firstLine, "held");
      child.kill("SIGKILL");
      await ended;
      assert.ok(readdirSync(directory).includes("menagerie.lock"), "what a dead holder leaves");
      const lock = await runtime.fs.lock(directory);
      await failsWith("BUSY", /holds it/, runtime.fs.lock(directory));
      await lock.release();
      assert.deepEqual(readdirSync(directory), []);
    }));
}

test(`${runtime.name}: a holder whose link was taken away still holds`, () =>
  inFolder(async (directory) => {
    const lock = await runtime.fs.lock(directory);
    rmSync(join(directory, "menagerie.lock"));
    await failsWith("BUSY", /holds it/, runtime.fs.lock(directory));
    await lock.release();
  }));

test(`${runtime.name}: a rival that gives up soon is waited for`, () =>
  inFolder(async (directory) => {
    const rival = createServer();
    await new Promise<void>((resolve) => {
      rival.listen(join(directory, "menagerie.lock.1-rival"), resolve);
    });
    const work = runtime.fs.lock(directory);
    setTimeout(() => rival.close(), 50);
    await (await work).release();
    assert.deepEqual(readdirSync(directory), []);
  }));

test(`${runtime.name}: a plain file in the lock's place is stale`, () =>
  inFolder(async (directory) => {
    const file = await runtime.fs.open(join(directory, "menagerie.lock"), "create");
    await file.close();
    await (await runtime.fs.lock(directory)).release();
    assert.deepEqual(readdirSync(directory), []);
  }));
