// Three servers in the simulator: they elect, serve and replicate.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inSimEnsemble } from "./support.ts";

test("three servers elect a leader and serve", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    assert.ok(leader >= 1 && leader <= 3);
    assert.deepEqual(ensemble.errors(), []);
  });
});
