/** A process whose test servers have stopped ends by itself: nothing of them is left. */
// test-timeout: 60s
import assert from "node:assert/strict";
import { test } from "node:test";
import { programs, start } from "../support/children.ts";
import { hostRuntime } from "../support/runtime.ts";

const runtime = await hostRuntime();

for (const { name, command, args } of programs("test/testing/leaver")) {
  if (name !== runtime.name) continue; // each runtime asks its own
  test(`${name}: a process ends when its test servers are stopped`, async () => {
    const { child, firstLine, ended } = start(command, args);
    assert.equal(await firstLine, "stopped");
    await ended;
    assert.equal(child.exitCode, 0);
  });
}
