// test-timeout: 600s
// Three of Apache's servers under load become ours and Apache's again, one by one; `npm run migrate-rounds` has all combinations.
import assert from "node:assert/strict";
import { roll } from "../migrate/rolling.ts";
import type { ServerKind } from "../support/real_ensemble.ts";
import { test } from "./reference.ts";

const own: ServerKind = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
const OURS = [own, own, own] as const;
const APACHE = ["apache-3.9.5", "apache-3.9.5", "apache-3.9.5"] as const;

test("Apache 3.9.5 becomes ours and Apache's again: nothing is lost, no session ends", async () => {
  const lines: string[] = [];
  const reports = await roll({
    from: APACHE,
    legs: [
      { to: OURS, data: "own" },
      { to: APACHE, data: "own" },
      { to: OURS, data: "empty" },
    ],
    print: (line) => lines.push(line),
  });
  console.log(lines.join("\n"));
  assert.equal(reports.length, 3);
  for (const { writes, znodes } of reports) assert.ok(writes > 512 && znodes > 100);
});
