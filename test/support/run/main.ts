/** The runner behind `npm test`: jobs side by side, progress as they end, then failures, skips, the table, the totals. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type JobResult, killAll, runJob, type Tools } from "./job.ts";
import { type Filter, type Job, planJobs } from "./plan.ts";
import { runPool } from "./pool.ts";
import {
  type CheckResult,
  closingLine,
  failureTexts,
  hasFailed,
  skipTexts,
  table,
  totals,
} from "./tally.ts";

export interface Step {
  readonly name: string;
  run(): Promise<{ ok: boolean; output: string }>;
}

/** Jobs beside each other: the machines of developers and CI have two cores. */
const SLOTS = 2;
const SILENCE_MS = 30_000;

/** Runs checks, then tests; prints everything; returns whether all is well. */
export async function runGate(
  steps: readonly Step[],
  filter: Filter | undefined,
  tools: Tools,
): Promise<boolean> {
  const checks = await runSteps(steps);
  const results = filter === undefined ? [] : await runTests(filter, tools);
  print([
    "",
    ...checks.filter(({ ok }) => !ok).map(({ name, output }) => `FAILED ${name}\n${output}`),
  ]);
  print(failureTexts(results).map((text) => `${text}\n`));
  const skips = skipTexts(results);
  if (skips.length > 0) print(["skipped, because:", ...skips, ""]);
  if (results.length > 0 || checks.length > 0) print([table(checks, results), ""]);
  const sum = totals(checks, results);
  const empty = filter !== undefined && results.length === 0;
  if (empty) print(["No test file matches the filters"]);
  print([closingLine(sum)]);
  return sum.failed === 0 && !empty;
}

async function runSteps(steps: readonly Step[]): Promise<CheckResult[]> {
  const checks: CheckResult[] = [];
  await runPool(steps.map((step) => ({ alone: false, step })), SLOTS, async ({ step }) => {
    const started = performance.now();
    const { ok, output } = await step.run();
    const seconds = (performance.now() - started) / 1000;
    checks.push({ name: step.name, ok, output, seconds });
    print([`${ok ? "ok    " : "FAILED"} check ${step.name}  ${seconds.toFixed(1)} s`]);
  });
  return checks;
}

async function runTests(filter: Filter, tools: Tools): Promise<JobResult[]> {
  const jobs = planJobs(tools.root, filter);
  const folder = mkdtempSync(`${tmpdir()}/menagerie-test-`);
  const stop = (signal: string) => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const results: JobResult[] = [];
  const running = new Map<Job, number>();
  const beat = heartbeat(running, () => results.length, jobs.length);
  try {
    await runPool(jobs, SLOTS, async (job, slot, index) => {
      running.set(job, performance.now());
      const result = await runJob(job, tools, `${folder}/${index}`, slot);
      running.delete(job);
      results.push(result);
      beat.heard();
      print([progressLine(result, results.length, jobs.length)]);
    });
  } finally {
    beat.stop();
    killAll();
    rmSync(folder, { recursive: true, force: true });
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
  return results;
}

function progressLine(result: JobResult, done: number, all: number): string {
  const count = totals([], [result]);
  const parts = [
    `${count.passed} passed`,
    ...(count.failed > 0 ? [`${count.failed} failed`] : []),
    ...(count.skipped > 0 ? [`${count.skipped} skipped`] : []),
  ];
  const mark = hasFailed(result) ? "FAILED" : "ok    ";
  const { runtime, file } = result.job;
  const of = `[${String(done).padStart(String(all).length)}/${all}]`;
  return `${mark} ${of} ${runtime.padEnd(4)} ${file}  ${parts.join(", ")}  ${
    result.seconds.toFixed(1)
  } s`;
}

/** Says what is running when nothing has ended for a while, so that a long file does not look like a hang. */
function heartbeat(running: ReadonlyMap<Job, number>, done: () => number, all: number) {
  let heardAt = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - heardAt < SILENCE_MS) return;
    const now = performance.now();
    const what = [...running].map(([{ runtime, file }, since]) =>
      `${runtime} ${file} for ${((now - since) / 1000).toFixed(0)} s`
    );
    print([`       [${done()}/${all}] still running: ${what.join(", ")}`]);
    heardAt = now;
  }, SILENCE_MS);
  timer.unref();
  return {
    heard: () => {
      heardAt = performance.now();
    },
    stop: () => clearInterval(timer),
  };
}

function print(lines: readonly string[]): void {
  for (const line of lines) console.log(line);
}
