/** `npm run simulate -- --seeds N --minutes M [--seed S] [--jobs J]`: the campaign, on Bun where it is, else on Node. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { count, newTally, ruleBroken, runSeed, shrink, type Tally, traceOf } from "./campaign.ts";
import { drawPlan, type Plan } from "./plan.ts";

const USAGE = `npm run simulate -- [--seeds 1000] [--minutes 60] [--seed S] [--jobs 1]

Runs an ensemble in the simulator, one seed after the other: servers, clients and faults are drawn from the seed, and every rule of
the service is checked afterwards. --seed S begins there (alone: runs that one). A violation prints its seed, is shrunk, and leaves
a trace. Exit code 1 when there was one.`;

const SHRINK_RUNS_MAX = 150;
const PROGRESS_MS = 5000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    minutes: { type: "string", default: "60" },
    seed: { type: "string" },
    jobs: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const seeds = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1));
const jobs = Number(values.jobs);
const first = BigInt(values.seed ?? Math.floor(Math.random() * 2 ** 40));
const untilMs = Date.now() + Number(values.minutes) * 60_000;

if (jobs > 1) process.exitCode = await inChildren();
else process.exitCode = await runHere();

/** Each with a stretch of the seeds. */
async function inChildren(): Promise<number> {
  const share = Math.ceil(seeds / jobs);
  const codes = await Promise.all(Array.from({ length: jobs }, (_, index) => {
    const from = first + BigInt(index * share);
    const args = ["--seeds", `${share}`, "--minutes", values.minutes, "--seed", `${from}`];
    const child = spawn(process.execPath, [process.argv[1] ?? "", ...args], { stdio: "inherit" });
    return new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 1)));
  }));
  return Math.max(...codes);
}

async function runHere(): Promise<number> {
  const tally = newTally(), beganMs = Date.now(), cpu = process.cpuUsage();
  let toldMs = beganMs;
  console.log(`seeds ${first} to ${first + BigInt(seeds - 1)}`);
  for (let index = 0n; index < BigInt(seeds) && Date.now() < untilMs; index++) {
    const plan = drawPlan(String(first + index));
    const result = await runSeed(plan);
    if (result instanceof Error) {
      tally.seeds++;
      tally.failed.push(plan.seed);
    } else count(tally, result);
    const rule = ruleBroken(result);
    if (rule !== undefined) await tell(plan.seed, rule);
    if (Date.now() - toldMs < PROGRESS_MS) continue;
    toldMs = Date.now();
    console.log(summary(tally, beganMs, cpu));
  }
  console.log(summary(tally, beganMs, cpu));
  const faults = [...tally.faults].sort((a, b) => b[1] - a[1]);
  console.log(`faults: ${faults.map(([name, times]) => `${name} ${times}`).join(", ")}`);
  if (tally.failed.length > 0) console.log(`FAILED seeds: ${tally.failed.join(" ")}`);
  return tally.failed.length === 0 ? 0 : 1;
}

function summary(tally: Tally, beganMs: number, began: NodeJS.CpuUsage): string {
  const seconds = (Date.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(began);
  const cpuMinutes = (user + system) / 60e6;
  return `${tally.seeds} seeds, ${tally.failed.length} failed, ${
    (tally.seeds / seconds).toFixed(1)
  } a second, ${Math.round(tally.seeds / cpuMinutes)} a CPU-minute, ${
    (tally.virtualMs / 3_600_000).toFixed(2)
  } simulated hours, ${tally.txns} txns, ${tally.calls} calls`;
}

async function tell(seed: string, rule: string): Promise<void> {
  console.log(`VIOLATION seed ${seed}: ${rule}`);
  const isBad = async (plan: Plan): Promise<boolean> => ruleBroken(await runSeed(plan)) === rule;
  const small = await shrink(drawPlan(seed), SHRINK_RUNS_MAX, isBad);
  const folder = join(tmpdir(), "menagerie-simulate");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `seed-${seed}.txt`);
  writeFileSync(file, await traceOf(small));
  console.log(
    `  shrunk to ${small.faults.length} faults and ${small.clients.length} clients; trace: ${file}; again: npm run simulate -- --seed ${seed}`,
  );
}
