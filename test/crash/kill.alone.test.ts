// Kill -9 under writes on the runtime that runs the test, a few rounds with a new seed; `npm run crash` runs many.
// test-timeout: 300s
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RuntimeName } from "../support/run/plan.ts";
import { hostRuntime } from "../support/runtime.ts";
import { runCampaign } from "./campaign.ts";

const ROUNDS = 5;

test("killed at random moments under writes, a server has every acknowledged write, and its digest agrees", async () => {
  const runtime = await hostRuntime();
  const seed = runtime.random.uint32();
  console.log(`seed ${seed}`);
  const options = {
    runtime: runtime.name as RuntimeName,
    rounds: ROUNDS,
    seed,
    print: console.log,
  };
  const report = await runCampaign(runtime, options);
  assert.equal(report.rounds, ROUNDS);
  assert.ok(report.acknowledged > 0, "writes were acknowledged between the kills");
});
