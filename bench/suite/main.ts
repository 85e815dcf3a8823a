/**
 * `npm run bench`: our server on each runtime and Apache's in turn, the same load, durability and snapCount, round by
 * round; medians as ratios, a JSON file, charts. `npm run bench -- rows reads writes --quick` tries some rows out.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../../src/base/errors.ts";
import { runLoadProcess, startConstantServer } from "../support/load_process.ts";
import { type Provenance, provenance } from "../support/machine.ts";
import { machineLoad } from "../support/processes.ts";
import { drawCharts } from "./charts.ts";
import { behind, trio } from "./ensemble.ts";
import { million } from "./million.ts";
import { metrics, sessions } from "./others.ts";
import type { StageName } from "./rows.ts";
import { type Settings, settingsOf, SUITE_USAGE } from "./settings.ts";
import { type Measures, SERIAL, type Stage } from "./stage.ts";
import { standalone, starts } from "./standalone.ts";
import { formatVerdicts, type Rounds, type RowVerdict, verdictOf } from "./verdict.ts";

const STAGES: Readonly<Record<StageName, Stage>> = {
  standalone,
  starts,
  million,
  sessions,
  trio,
  behind,
  metrics,
};
/** Body of a read's reply: data of 1 KiB with its length, and the stat. */
const READ_BODY_BYTES = 1024 + 4 + 68;

export interface SuiteRecord extends Provenance {
  readonly settings: Settings;
  /** The generator against a server of constants: its own ceiling. */
  readonly ceiling: { readonly readsPerSecond: number; readonly p50Us: number };
  readonly verdicts: readonly RowVerdict[];
  readonly rounds: Readonly<Record<string, Rounds>>;
  /** What could not be measured. */
  readonly failures: readonly string[];
}

function note(text: string): void {
  process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
}

export async function suite(args: readonly string[]): Promise<void> {
  let settings: Settings;
  try {
    settings = settingsOf(args);
  } catch (error) {
    console.error(`${messageOf(error)}\n${SUITE_USAGE}`);
    process.exitCode = 2;
    return;
  }
  const from = provenance();
  const ceiling = await measureCeiling(settings);
  const failures: string[] = [];
  const stages = [...new Set(settings.rows.map(({ stage }) => stage))];
  const rounds: Record<string, Record<string, Measures[]>> = {};
  const turns = stages.flatMap((stage) =>
    Array.from(
      { length: settings.rounds },
      (_, round) => subjectsOf(stage, settings).map((subject) => ({ stage, round, subject })),
    ).flat()
  );
  for (const [index, { stage, round, subject }] of turns.entries()) {
    note(
      `[${index + 1}/${turns.length}] ${stage}, round ${
        round + 1
      } of ${settings.rounds}: ${subject} (load ${machineLoad().toFixed(1)})`,
    );
    const context = {
      settings,
      subject,
      wants: (row: string) => settings.rows.some(({ id }) => id === row),
      note: (text: string) => note(`  ${text}`),
      constantP50Us: () => constantP50Us(settings),
    };
    try {
      const measures = await STAGES[stage](context);
      const of = rounds[stage] ??= {};
      (of[subject] ??= []).push(measures);
    } catch (error) {
      failures.push(`${stage}, ${subject}, round ${round + 1}: ${messageOf(error)}`);
      note(`  failed: ${failures.at(-1)}`);
    }
  }
  const verdicts = settings.rows.map((row) =>
    verdictOf(row, subjectsOf(row.stage, settings), rounds[row.stage] ?? {})
  );
  const record: SuiteRecord = { ...from, settings, ceiling, verdicts, rounds, failures };
  printRecord(record);
  if (settings.out !== undefined) {
    writeFileSync(settings.out, `${JSON.stringify(record, undefined, 1)}\n`);
  }
  if (settings.charts !== undefined) {
    mkdirSync(settings.charts, { recursive: true });
    for (const path of await drawCharts(record, settings.charts)) note(`drew ${path}`);
  }
  if (failures.length > 0) process.exitCode = 1;
}

function subjectsOf(stage: StageName, { servers, trios }: Settings): readonly string[] {
  if (stage === "trio") return trios;
  if (stage === "behind") return trios.filter((name) => name !== "mixed");
  return stage === "metrics" ? servers.filter((name) => name !== "apache") : servers;
}

/** What generator, door and loopback allow. */
async function measureCeiling(settings: Settings): Promise<SuiteRecord["ceiling"]> {
  note("the generator against a server of constants");
  const stop = await startConstantServer(settings.port, READ_BODY_BYTES);
  try {
    const { opsPerSecond } = await constantLoad(settings, []);
    const { p50Us } = await constantLoad(settings, SERIAL);
    return { readsPerSecond: opsPerSecond, p50Us };
  } finally {
    await stop();
  }
}

/** Near the load that it is compared with in time, because the machine's pace changes. */
async function constantP50Us(settings: Settings): Promise<number> {
  const beside = { ...settings, port: settings.port + 3 };
  const stop = await startConstantServer(beside.port, READ_BODY_BYTES);
  try {
    return (await constantLoad(beside, SERIAL)).p50Us;
  } finally {
    await stop();
  }
}

function constantLoad(settings: Settings, args: readonly string[]) {
  const timing = [
    "--seconds",
    String(settings.seconds),
    "--warmup",
    String(settings.warmupSeconds),
  ];
  return runLoadProcess([
    "--connect",
    `127.0.0.1:${settings.port}`,
    "--constant",
    ...timing,
    ...args,
  ]);
}

function printRecord(record: SuiteRecord): void {
  const { settings, ceiling, verdicts, failures } = record;
  const versions = Object.entries(record.versions).map(([name, version]) => `${name} ${version}`);
  console.log(`${record.date}, commit ${record.commit}\n${record.machine}\n${versions.join(", ")}`);
  console.log(
    `medians of ${settings.rounds} rounds of ${settings.seconds} s after ${settings.warmupSeconds} s (the JVM: ` +
      `${settings.jvmWarmupSeconds} s more); snapCount ${settings.snapCount}; every write synced before its reply`,
  );
  console.log(
    `the generator on Bun against constants: ${
      Math.round(ceiling.readsPerSecond)
    } reads/s, 1 x 1 p50 ${ceiling.p50Us.toFixed(1)} us`,
  );
  const byColumns = new Map<string, RowVerdict[]>();
  for (const verdict of verdicts) {
    const columns = verdict.cells.map(({ subject }) => subject).join(",");
    byColumns.set(columns, [...(byColumns.get(columns) ?? []), verdict]);
  }
  for (const [columns, some] of byColumns) {
    console.log(`\n${formatVerdicts(columns.split(","), some)}`);
  }
  console.log("\nexpected: node; deno; bun");
  for (const { row } of verdicts) console.log(`  ${row.id}: ${row.expected}`);
  for (const failure of failures) console.log(`not measured: ${failure}`);
}
