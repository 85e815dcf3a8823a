/** `npm run crash -- --rounds 50 --runtime all --seed N`: the campaign of kill -9, on one runtime or on all. */
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/root.ts";
import { type RuntimeName, RUNTIMES } from "../support/run/plan.ts";
import { hostRuntime } from "../support/runtime.ts";
import { runCampaign } from "./campaign.ts";

const USAGE = `npm run crash -- [--rounds 50] [--runtime node|deno|bun|all] [--seed N]

Kills a server under writes, restarts it and compares. The seed decides what is written and when it is killed, as far
as clocks let it; a failure keeps its directory.`;

interface Installer {
  ensureRuntimes(): { readonly deno: string; readonly bun: string };
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "50" },
      runtime: { type: "string", default: "all" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const rounds = Number(values.rounds),
    seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const runtimes = RUNTIMES.filter((name) => values.runtime === "all" || values.runtime === name);
  if (
    values.help || !Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed) ||
    runtimes.length === 0
  ) {
    console.log(USAGE);
    return values.help;
  }
  const installer = pathToFileURL(join(projectRoot(), ".ci/lib/install.mjs")).href;
  const { ensureRuntimes }: Installer = await import(installer);
  const { deno, bun } = ensureRuntimes();
  process.env["MENAGERIE_DENO"] ??= deno;
  process.env["MENAGERIE_BUN"] ??= bun;
  console.log(`seed ${seed}`);
  const lines: string[] = [];
  for (const runtime of runtimes) lines.push(await runOne(runtime, rounds, seed));
  for (const line of lines) console.log(line);
  return lines.every((line) => !line.startsWith("FAILED"));
}

async function runOne(runtime: RuntimeName, rounds: number, seed: number): Promise<string> {
  const beganMs = performance.now();
  const seconds = (): string => ((performance.now() - beganMs) / 1000).toFixed(1);
  try {
    const report = await runCampaign(await hostRuntime(), {
      runtime,
      rounds,
      seed,
      print: console.log,
    });
    const { kills, tails, seen, ...sums } = report;
    console.log(JSON.stringify({ kills, tails, seen }));
    return `ok     ${runtime.padEnd(4)} ${JSON.stringify(sums)} in ${seconds()} s`;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return `FAILED ${runtime.padEnd(4)} after ${seconds()} s`;
  }
}

process.exitCode = await main() ? 0 : 1;
