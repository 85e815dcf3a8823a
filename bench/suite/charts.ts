/** The charts of a suite's record, for the README: throughput by read ratio, latency percentiles, memory by znodes. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { median } from "../figures.ts";
import type { MeasuredLoad } from "../load/main.ts";
import type { Chart } from "./chart.ts";
import type { SuiteRecord } from "./main.ts";

const READ_RATIOS = [["writes", "0"], ["half", "50"], ["ninety", "90"], ["reads", "100"]] as const;
const PERCENTILES = [["p50Us", "p50"], ["p90Us", "p90"], ["p99Us", "p99"], [
  "p999Us",
  "p99.9",
]] as const;

/** Those for which everything was measured. @returns the files written */
export async function drawCharts(record: SuiteRecord, folder: string): Promise<string[]> {
  const { drawChart } = await import("./chart.ts");
  const charts = {
    "read_ratio.svg": readRatioChart(record),
    "read_latency.svg": latencyChart(record, "reads", "Reads"),
    "write_latency.svg": latencyChart(record, "writes", "Durable writes"),
    "memory.svg": memoryChart(record),
  };
  return Object.entries(charts).flatMap(([name, chart]) => {
    if (chart === undefined) return [];
    const path = join(folder, name);
    writeFileSync(path, drawChart(chart));
    return [path];
  });
}

function under({ date, commit, machine }: SuiteRecord): string {
  return `${machine}; ${date.slice(0, 10)}, commit ${commit}`;
}

function valueOf(record: SuiteRecord, row: string, subject: string): number {
  const verdict = record.verdicts.find((one) => one.row.id === row);
  return verdict?.cells.find((cell) => cell.subject === subject)?.median ?? NaN;
}

export function readRatioChart(record: SuiteRecord): Chart | undefined {
  const { servers } = record.settings;
  const series = servers.map((name) => ({
    name,
    values: READ_RATIOS.map(([row]) => valueOf(record, row, name)),
  }));
  if (series.some(({ values }) => values.some(Number.isNaN))) return undefined;
  return {
    title: "Operations a second by share of reads: one server, 10 connections x 100, 1 KiB",
    subtitle: under(record),
    kind: "bars",
    categories: READ_RATIOS.map(([, percent]) => `${percent} %`),
    xTitle: "reads",
    yTitle: "a second",
    series,
  };
}

export function latencyChart(record: SuiteRecord, row: string, words: string): Chart | undefined {
  const { servers } = record.settings;
  const rounds = record.rounds["standalone"] ?? {};
  const series = servers.map((name) => ({
    name,
    values: PERCENTILES.map(([field]) =>
      median(
        (rounds[name] ?? []).flatMap((measures) =>
          (measures[row]?.detail as MeasuredLoad | undefined)?.[field] ?? []
        ),
      ) / 1000
    ),
  }));
  if (series.some(({ values }) => values.some(Number.isNaN))) return undefined;
  return {
    title: `${words}: latency with 1,000 requests outstanding, ms (logarithmic)`,
    subtitle: under(record),
    kind: "bars",
    categories: PERCENTILES.map(([, words]) => words),
    xTitle: "of the requests",
    yTitle: "ms",
    isLogarithmic: true,
    series,
  };
}

export function memoryChart(record: SuiteRecord): Chart | undefined {
  const { servers, znodes } = record.settings;
  const series = servers.map((name) => ({ name, values: [valueOf(record, "memory", name)] }));
  if (series.some(({ values }) => values.some(Number.isNaN))) return undefined;
  return {
    title: `Resident memory with ${znodes.toLocaleString("en")} znodes of 100 bytes, MiB`,
    subtitle: under(record),
    kind: "bars",
    categories: [""],
    xTitle: "settled, Apache's after a full collection",
    yTitle: "MiB",
    series,
  };
}
