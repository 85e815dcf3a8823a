/** The door that a program gets for a client, or for a server of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostRuntime } from "../../src/client/host_runtime.ts";

test("nothing in a program collects the garbage of all of it", async () => {
  const { process } = await hostRuntime();
  assert.equal(process.collect, undefined);
  assert.ok(process.memory().residentBytes > 0 && process.pid > 0);
});
