/** Which test files run where: found by walking, never listed by hand. Their first folder under test/ is their group. */
import { readdirSync, readFileSync } from "node:fs";

export type RuntimeName = "node" | "deno" | "bun";
export const RUNTIMES: readonly RuntimeName[] = ["node", "deno", "bun"];

/** One file on one runtime: one process. */
export interface Job {
  readonly runtime: RuntimeName;
  /** Relative to the root, as in `test/tree/path.test.ts`. */
  readonly file: string;
  readonly group: string;
  readonly timeoutMs: number;
  /** Runs with nothing beside it: `*.alone.test.ts`. */
  readonly alone: boolean;
}

export interface Filter {
  readonly runtimes: readonly RuntimeName[];
  /** Names of groups or of sets of groups; empty: all. */
  readonly groups: readonly string[];
  /** Parts of file paths, any of which must occur; empty: all. */
  readonly files: readonly string[];
}

const FILE_TIMEOUT_SECONDS = 120;

/** Groups that need a whole server, and groups that need clients or servers of others; the rest are `unit`. */
const SERVER_GROUPS: readonly string[] = ["server", "golden", "crash", "cli", "admin", "hostile"];
const CLIENT_GROUPS: readonly string[] = ["interop", "clients"];

/** The set that a group belongs to, which `--group` takes too. */
export function setOf(group: string): "unit" | "server" | "clients" {
  if (SERVER_GROUPS.includes(group)) return "server";
  return CLIENT_GROUPS.includes(group) ? "clients" : "unit";
}

/** Test files below `root`/test, sorted. */
export function findTests(root: string): string[] {
  return readdirSync(`${root}/test`, { recursive: true, encoding: "utf8" })
    .map((path) => `test/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".test.ts") && !path.includes("/node_modules/"))
    .sort();
}

/** Jobs in the order in which they start: quick sets first, and those that run alone at the end. */
export function planJobs(root: string, filter: Filter): Job[] {
  const jobs = findTests(root)
    .filter((file) => wanted(file, filter))
    .flatMap((file) => {
      const text = readFileSync(`${root}/${file}`, "utf8");
      return filter.runtimes.map((runtime) => jobOf(runtime, file, text));
    });
  const order = ["unit", "server", "clients"];
  const rank = (job: Job) => (job.alone ? order.length : 0) + order.indexOf(setOf(job.group));
  return jobs.sort((a, b) => rank(a) - rank(b));
}

function wanted(file: string, filter: Filter): boolean {
  const group = groupOf(file);
  const inGroup = filter.groups.length === 0 ||
    filter.groups.some((name) => name === group || name === setOf(group));
  return inGroup &&
    (filter.files.length === 0 || filter.files.some((part) => file.includes(part)));
}

function jobOf(runtime: RuntimeName, file: string, text: string): Job {
  return {
    runtime,
    file,
    group: groupOf(file),
    timeoutMs: timeoutSeconds(text) * 1000,
    alone: file.endsWith(".alone.test.ts"),
  };
}

function groupOf(file: string): string {
  const parts = file.split("/");
  return parts.length > 2 ? parts[1] as string : "test";
}

/** A file that needs longer says so at the start of a line: `// test-timeout: 300s`. */
export function timeoutSeconds(text: string): number {
  const found = /^\/\/ test-timeout: (\d+)s$/m.exec(text);
  return found === null ? FILE_TIMEOUT_SECONDS : Number(found[1]);
}
