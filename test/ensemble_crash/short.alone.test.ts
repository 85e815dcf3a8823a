// test-timeout: 240s
// A short round of `npm run ensemble-crash` on the runtime that runs the test; the command has all bad days.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerKind } from "../support/real_ensemble.ts";
import { BAD_DAYS, runCampaign } from "./rounds.ts";

const kind: ServerKind = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
const DAYS = [
  "kill -9 of the leader",
  "all killed at once",
  "the leader cut off, both ways",
  "a follower with an emptied disk",
];

test("four bad days of three real servers: nothing acknowledged is lost, all agree", async () => {
  const days = DAYS.map((name) => BAD_DAYS.findIndex(([one]) => one === name));
  assert.ok(!days.includes(-1));
  const lines = await runCampaign({
    kinds: [kind, kind, kind],
    rounds: DAYS.length,
    days,
    print: () => {},
  });
  assert.deepEqual(lines.map((line) => line.replace(/: leader .*$/, "")), DAYS);
});
