/**
 * `npm run bench -- micro [--runtimes node,deno,bun] [--save]`: each hot function by itself, on each runtime, beside the
 * baseline kept for it in bench/baseline/micro_RUNTIME.json; --save makes what was measured the baseline.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { UsageError } from "../../src/base/errors.ts";
import { projectRoot } from "../../test/support/root.ts";
import { formatFigure } from "../figures.ts";
import { type Provenance, provenance } from "../support/machine.ts";
import { machineLoad } from "../support/processes.ts";
import { bunCommand, denoCommand } from "../support/servers.ts";
import type { MicroRecord } from "./run.ts";

interface Baseline extends MicroRecord {
  readonly from: Provenance;
  /** Of the machine, one minute. */
  readonly machineLoad: number;
}

const RUNTIMES = ["node", "deno", "bun"] as const;
type RuntimeName = (typeof RUNTIMES)[number];

export function micro(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runtimes: { type: "string", default: RUNTIMES.join(",") },
      save: { type: "boolean", default: false },
    },
  });
  const from = provenance();
  console.log(`${from.date}, commit ${from.commit}\n${from.machine}`);
  for (const name of values.runtimes.split(",")) {
    const runtime = RUNTIMES.find((known) => known === name);
    if (runtime === undefined) {
      throw new UsageError(`Cannot take --runtimes "${name}": wanted ${RUNTIMES}`);
    }
    const record = { ...measure(runtime), from, machineLoad: machineLoad() };
    const path = join(projectRoot(), `bench/baseline/micro_${runtime}.json`);
    const before = existsSync(path)
      ? JSON.parse(readFileSync(path, "utf8")) as Baseline
      : undefined;
    console.log(`\n${formatMicro(record, before)}`);
    if (values.save) writeFileSync(path, `${JSON.stringify(record, undefined, 1)}\n`);
  }
}

function measure(runtime: RuntimeName): MicroRecord {
  const root = projectRoot();
  const source = join(root, "bench/micro/run.ts");
  const [command, args]: [string, string[]] = {
    node: [process.execPath, ["--max-semi-space-size=256", join(root, "dist/bench/micro/run.js")]],
    deno: [denoCommand, ["run", "-A", "--v8-flags=--max-semi-space-size=256", source]],
    bun: [bunCommand, ["run", source]],
  }[runtime] as [string, string[]];
  const run = spawnSync(command, args, { encoding: "utf8", cwd: root, maxBuffer: 1 << 24 });
  if (run.status !== 0) {
    throw new Error(`The micro-benchmarks failed on ${runtime}:\n${run.stderr}`);
  }
  return JSON.parse(run.stdout) as MicroRecord;
}

/** Markdown; in brackets the baseline's share. */
export function formatMicro(now: Baseline, before: Baseline | undefined): string {
  const beside = (value: number, old: number | undefined): string =>
    old === undefined
      ? formatFigure(value)
      : `${formatFigure(value)} (${formatFigure(value / old)})`;
  const bytes = (value: number | null): string => value === null ? "" : formatFigure(value);
  const lines = [
    `${now.runtime} ${now.version}, load ${now.machineLoad.toFixed(1)}` +
    (before === undefined
      ? ""
      : `; in brackets: of the baseline, commit ${before.from.commit}, load ${
        before.machineLoad.toFixed(1)
      }`),
    "",
    "| function | ns a call | bytes allocated |",
    "|---|---|---|",
    ...Object.entries(now.cases).map(([name, { ns, allocatedBytes }]) =>
      `| ${name} | ${beside(ns, before?.cases[name]?.ns)} | ${bytes(allocatedBytes)} |`
    ),
    "",
    "| request, whole server | ns of CPU | syncs | log bytes | sent | copied | copies | allocated |",
    "|---|---|---|---|---|---|---|---|",
    ...Object.entries(now.requests).map(([name, one]) =>
      `| ${name} | ${
        [
          beside(one.cpuNs, before?.requests[name]?.cpuNs),
          one.syncs.toFixed(4),
          formatFigure(one.logBytes),
          formatFigure(one.sentBytes),
          formatFigure(one.copiedBytes),
          one.copies.toFixed(2),
          bytes(one.allocatedBytes),
        ].join(" | ")
      } |`
    ),
  ];
  return lines.join("\n");
}
