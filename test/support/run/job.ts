/** Runs one test file on one runtime in a process group of its own, and reads its report. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import type { Job } from "./plan.ts";
import { type CaseResult, parseJunit } from "./junit.ts";

export interface Tools {
  readonly root: string;
  /** Paths of the three executables. */
  readonly node: string;
  readonly deno: string;
  readonly bun: string;
}

export interface JobResult {
  readonly job: Job;
  readonly cases: readonly CaseResult[];
  /** What the process printed, both streams. */
  readonly output: string;
  readonly seconds: number;
}

/** Kept of a process's output: its end is what tells why it failed. */
const OUTPUT_CHARS_MAX = 200_000;
/** How long the last output may take after the process has ended. */
const PIPES_CLOSE_MS = 2_000;
const children = new Set<ChildProcess>();

/** @param folder an empty folder for the job alone; @param slot which of the places beside each other it has, from 0 */
export async function runJob(
  job: Job,
  tools: Tools,
  folder: string,
  slot: number,
): Promise<JobResult> {
  mkdirSync(`${folder}/tmp`, { recursive: true });
  const report = `${folder}/report.xml`;
  const started = performance.now();
  const [command, ...args] = commandOf(job, tools, report);
  const { ended, output } = await runProcess(command as string, args, job.timeoutMs, tools.root, {
    MENAGERIE_NODE: tools.node,
    MENAGERIE_DENO: tools.deno,
    MENAGERIE_BUN: tools.bun,
    MENAGERIE_TEST_SLOT: String(slot),
    TMPDIR: `${folder}/tmp`,
    NO_COLOR: "1",
  });
  const seconds = (performance.now() - started) / 1000;
  return { job, cases: casesOf(job, report, ended), output, seconds };
}

function commandOf(job: Job, tools: Tools, report: string): string[] {
  const compiled = `dist/${job.file.slice(0, -".ts".length)}.js`;
  switch (job.runtime) {
    case "node": {
      const reporter = ["--test-reporter=junit", `--test-reporter-destination=${report}`];
      return [tools.node, "--enable-source-maps", ...reporter, compiled];
    }
    case "deno": {
      // The packages are those that npm installed: the same on all three, and nothing to fetch.
      const flags = ["-A", "--no-check", "--node-modules-dir=manual", `--junit-path=${report}`];
      return [tools.deno, "test", ...flags, job.file];
    }
    case "bun": {
      // Bun's own limit of 5 s a test is off: the file's limit counts, as on the others.
      const flags = ["--timeout=86400000", "--reporter=junit", `--reporter-outfile=${report}`];
      return [tools.bun, "test", ...flags, `./${job.file}`];
    }
  }
}

/** How the process ended, or that it did not. */
type Ended = { code: number | null; signal: string | null } | "timeout";

function runProcess(
  command: string,
  args: readonly string[],
  timeoutMs: number,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ ended: Ended; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    children.add(child);
    let output = "";
    let timedOut = false;
    const collect = (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_CHARS_MAX);
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      killGroup(child);
      children.delete(child);
      const finish = () => resolve({ ended: timedOut ? "timeout" : { code, signal }, output });
      // A server that left the group may hold the pipes open for ever: "close" alone is not enough.
      const patience = setTimeout(finish, PIPES_CLOSE_MS);
      child.on("close", () => {
        clearTimeout(patience);
        finish();
      });
    });
  });
}

/** The process and all that it started, servers of a killed test too. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // None of the group is left.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Ends whatever runs: for Ctrl-C. */
export function killAll(): void {
  for (const child of children) killGroup(child);
}

function casesOf(job: Job, report: string, ended: Ended): CaseResult[] {
  const cases = parseJunit(readReport(report));
  const broken = (detail: string): CaseResult[] => [
    ...cases,
    { name: "(the file as a whole)", outcome: "failed", detail },
  ];
  if (ended === "timeout") {
    return broken(
      `Killed after ${
        job.timeoutMs / 1000
      } s; a file that needs longer says "// test-timeout: 300s"`,
    );
  }
  const anyFailed = cases.some((result) => result.outcome === "failed");
  if ((ended.code !== 0 || ended.signal !== null) && !anyFailed) {
    return broken(`The process ended with ${ended.signal ?? `code ${ended.code}`}`);
  }
  return cases.length === 0 ? broken("No test ran") : cases;
}

function readReport(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // The process ended before it wrote one, which counts as a failure by itself.
  }
}
