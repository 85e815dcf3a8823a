// test-timeout: 600s
// An upgrade between versions of ours: three servers under load are ended and started again one by one, on the runtime of this test,
// and then each on another runtime than before. `npm run migrate-rounds` has all combinations.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerKind } from "../support/real_ensemble.ts";
import { roll } from "./rolling.ts";

const own: ServerKind = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

test("a rolling restart of ours: nothing is lost, no session ends", async () => {
  const same = [own, own, own] as const, mixed = ["node", "deno", "bun"] as const;
  const lines: string[] = [];
  const reports = await roll({
    from: same,
    legs: [
      { to: same, data: "own" },
      { to: mixed, data: "own" },
      { to: ["deno", "bun", "node"], data: "own" },
    ],
    print: (line) => lines.push(line),
  });
  console.log(lines.join("\n"));
  assert.equal(reports.length, 3);
  for (const { writes, znodes } of reports) assert.ok(writes > 512 && znodes > 100);
});
