/** Adds up results and lays them out: failures, reasons of skips, the table runtime by runtime, the closing line. */
import type { JobResult } from "./job.ts";
import { type RuntimeName, RUNTIMES } from "./plan.ts";

export interface Count {
  passed: number;
  failed: number;
  skipped: number;
  seconds: number;
}

/** A step of the gate that is not a test file: format, lint, types. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

const zero = (): Count => ({ passed: 0, failed: 0, skipped: 0, seconds: 0 });

function add(to: Count, result: JobResult): void {
  for (const { outcome } of result.cases) to[outcome] += 1;
  to.seconds += result.seconds;
}

export function totals(checks: readonly CheckResult[], results: readonly JobResult[]): Count {
  const sum = zero();
  for (const { ok } of checks) sum[ok ? "passed" : "failed"] += 1;
  for (const result of results) add(sum, result);
  return sum;
}

/** The line that CI reads; nothing may follow it. */
export function closingLine(count: Count): string {
  return `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`;
}

/** One row per group, one column per runtime. */
export function table(checks: readonly CheckResult[], results: readonly JobResult[]): string {
  const shown = RUNTIMES.filter((name) => results.some((result) => result.job.runtime === name));
  const groups = [...new Set(results.map((result) => result.job.group))].sort();
  const select = (runtime: RuntimeName, group?: string) =>
    results.filter(({ job }) =>
      job.runtime === runtime && (group === undefined || job.group === group)
    );
  const row = (title: string, group?: string) => [
    title,
    ...shown.map((runtime) => cell(select(runtime, group))),
  ];
  const rows = [["passed/failed/skipped", ...shown.map(title)], ...groups.map((g) => row(g, g))];
  if (groups.length > 1) rows.push(row("all"));
  if (checks.length > 0) rows.push(["checks", checksCell(checks)]);
  return layOut(rows);
}

const title = (name: string) => name[0]?.toUpperCase() + name.slice(1);

function cell(results: readonly JobResult[]): string {
  if (results.length === 0) return "-";
  const count = zero();
  for (const result of results) add(count, result);
  return `${count.passed}/${count.failed}/${count.skipped} ${count.seconds.toFixed(1)} s`;
}

function checksCell(checks: readonly CheckResult[]): string {
  const { passed, failed } = totals(checks, []);
  const seconds = checks.reduce((sum, check) => sum + check.seconds, 0);
  return `${passed}/${failed}/0 ${seconds.toFixed(1)} s`;
}

function layOut(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length));
  const widths = Array.from({ length: columns }, (_, column) => width(column));
  return rows
    .map((row) =>
      row.map((text, at) => at === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[at] ?? 0))
        .join("  ")
    )
    .join("\n");
}

/** Every failed test with its reason, and the end of what its process printed. */
export function failureTexts(results: readonly JobResult[]): string[] {
  return results.filter(hasFailed).map(({ job, cases, output }) => {
    const failed = cases.filter(({ outcome }) => outcome === "failed");
    const blocks = failed.map(({ name, detail }) => `  ${name}\n${indent(detail, "    ")}`);
    const printed = output.trim().split("\n").slice(-60).join("\n");
    const said = printed === "" ? "" : `\n  its output ends:\n${indent(printed, "    | ")}`;
    return `FAILED ${job.file} on ${title(job.runtime)}\n${blocks.join("\n")}${said}`;
  });
}

export function hasFailed(result: JobResult): boolean {
  return result.cases.some(({ outcome }) => outcome === "failed");
}

function indent(text: string, by: string): string {
  return text.replace(/^/gm, by);
}

/** Why tests were skipped, each reason once with its tests. */
export function skipTexts(results: readonly JobResult[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { job, cases } of results) {
    for (const { name, outcome, detail } of cases) {
      if (outcome !== "skipped") continue;
      const reason = detail === "" ? "no reason given" : detail;
      const tests = byReason.get(reason) ?? [];
      byReason.set(reason, tests);
      tests.push(`    ${job.runtime} ${job.file}: ${name}`);
    }
  }
  return [...byReason].map(([reason, tests]) => `  ${reason}\n${tests.join("\n")}`);
}
