// test-timeout: 600s
// The campaign's part in the gate, three minutes of a core on the three runtimes: every seed that ever failed, and a stretch of
// others that changes with the source. The length is a count, so that every machine sees the same: `npm run simulate -- --seed N`.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../support/root.ts";
import { ruleBroken, runSeed } from "./campaign.ts";
import { drawPlan } from "./plan.ts";

const FRESH = 700;
const RUNTIMES = ["node", "deno", "bun"];
const runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** Of everything that runs in the simulation. */
function sourceHash(): number {
  let hash = 0x811c9dc5;
  for (const folder of ["src", "runtimes/sim"]) {
    const top = join(projectRoot(), folder);
    const files = readdirSync(top, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts")).sort();
    for (const file of files) {
      for (const byte of readFileSync(join(top, file))) hash = Math.imul(hash ^ byte, 0x01000193);
    }
  }
  return hash >>> 0;
}

async function check(seed: string): Promise<void> {
  const result = await runSeed(drawPlan(seed));
  const rule = ruleBroken(result);
  if (rule === undefined) return;
  const words = result instanceof Error ? result.stack : result.violations[0]?.message;
  assert.fail(
    `seed ${seed} breaks "${rule}": ${words}; see it with npm run simulate -- --seed ${seed}`,
  );
}

test("seeds that failed once do not fail again", async () => {
  const lines = readFileSync(join(projectRoot(), "test/simulate/seeds.txt"), "utf8").split("\n");
  const seeds = lines.filter((line) => /^\d/.test(line)).map((line) =>
    line.split(" ")[0] as string
  );
  assert.ok(seeds.length > 0);
  for (const seed of seeds) await check(seed);
});

test("a stretch of seeds of this source breaks no rule", async (context) => {
  const first = BigInt(sourceHash()) * 10_000n + BigInt(RUNTIMES.indexOf(runtime) * FRESH);
  context.diagnostic(`seeds ${first} to ${first + BigInt(FRESH - 1)}`);
  for (let index = 0; index < FRESH; index++) await check(String(first + BigInt(index)));
});
