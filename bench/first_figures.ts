/**
 * A first figure beside Apache's: reads and durable writes of 10 connections x 100, serial latencies, start time,
 * resident memory. The servers take turns, round by round; medians are printed and kept:
 *
 *   npm run bench -- first-figures [--out FILE] [--rounds 3] [--seconds 5] [--servers apache,node,deno,bun]
 *
 * What was expected, and what came of it: docs/internals/performance.md.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { formatTable, median, type Row } from "./figures.ts";
import type { MeasuredLoad as LoadResult } from "./load/main.ts";
import { runLoadProcess, startConstantServer } from "./support/load_process.ts";
import { provenance } from "./support/machine.ts";
import { type ServerName, SERVERS, startBenchServer } from "./support/servers.ts";

const WIDE = ["--connections", "10", "--window", "100"];
const SERIAL = ["--connections", "1", "--window", "1"];
const LOADS = {
  reads: ["--mix", "getData", ...WIDE],
  writes: ["--mix", "setData", ...WIDE],
  serialReads: ["--mix", "getData", ...SERIAL],
  serialWrites: ["--mix", "setData", ...SERIAL],
} as const;
type LoadName = keyof typeof LOADS;
const LOAD_NAMES = Object.keys(LOADS) as LoadName[];
/** Body of a read's reply: data of 1 KiB with its length, and the stat. */
const READ_BODY_BYTES = 1024 + 4 + 68;

interface Round {
  readonly loads: Readonly<Record<LoadName, LoadResult>>;
  readonly residentMib: number;
}

interface Settings {
  readonly servers: readonly ServerName[];
  readonly rounds: number;
  readonly starts: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly jvmWarmupSeconds: number;
  readonly port: number;
  readonly folder: string;
  readonly out: string | undefined;
}

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      servers: { type: "string", default: SERVERS.join(",") },
      rounds: { type: "string", default: "3" },
      starts: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      warmup: { type: "string", default: "3" },
      "jvm-warmup": { type: "string", default: "30" },
      port: { type: "string", default: "22650" },
      folder: { type: "string", default: tmpdir() },
      out: { type: "string" },
    },
  });
  const servers = values.servers.split(",").map((name) => {
    const known = SERVERS.find((server) => server === name);
    if (known === undefined) {
      throw new Error(`Cannot take --servers "${name}": wanted some of ${SERVERS}`);
    }
    return known;
  });
  return {
    servers,
    rounds: Number(values.rounds),
    starts: Number(values.starts),
    seconds: Number(values.seconds),
    warmupSeconds: Number(values.warmup),
    jvmWarmupSeconds: Number(values["jvm-warmup"]),
    port: Number(values.port),
    folder: values.folder,
    out: values.out,
  };
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function timing(settings: Settings, port: number): string[] {
  const { seconds, warmupSeconds } = settings;
  return [
    "--connect",
    `127.0.0.1:${port}`,
    "--seconds",
    String(seconds),
    "--warmup",
    String(warmupSeconds),
  ];
}

async function measureRound(name: ServerName, settings: Settings): Promise<Round> {
  const server = await startBenchServer(name, settings.port, settings.folder);
  try {
    const pid = ["--pid", String(server.process.pid)];
    if (name === "apache" && settings.jvmWarmupSeconds > 0) {
      const jvm = ["--seconds", "0.1", "--warmup", String(settings.jvmWarmupSeconds)];
      await runLoadProcess([
        "--connect",
        `127.0.0.1:${settings.port}`,
        "--mix",
        "getData,setData",
        ...WIDE,
        ...jvm,
      ]);
    }
    const loads: Partial<Record<LoadName, LoadResult>> = {};
    for (const load of LOAD_NAMES) {
      const result = await runLoadProcess([
        ...LOADS[load],
        ...timing(settings, settings.port),
        ...pid,
      ]);
      note(
        `  ${name} ${load}: ${Math.round(result.opsPerSecond)}/s, p50 ${
          result.p50Us.toFixed(0)
        } us`,
      );
      loads[load] = result;
    }
    return { loads: loads as Record<LoadName, LoadResult>, residentMib: server.residentMib() };
  } finally {
    await server.stop();
  }
}

/** What generator, door and loopback allow. */
async function measureCeiling(
  settings: Settings,
): Promise<{ reads: LoadResult; serial: LoadResult }> {
  const stop = await startConstantServer(settings.port, READ_BODY_BYTES);
  try {
    const common = [...timing(settings, settings.port), "--constant"];
    const reads = await runLoadProcess([...LOADS.reads, ...common]);
    const serial = await runLoadProcess([...LOADS.serialReads, ...common]);
    return { reads, serial };
  } finally {
    await stop();
  }
}

async function measureStarts(settings: Settings): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = {};
  for (let i = 0; i < settings.starts; i++) {
    for (const name of settings.servers) {
      const server = await startBenchServer(name, settings.port, settings.folder);
      (times[name] ??= []).push(server.startMs);
      await server.stop();
    }
  }
  return times;
}

type Rounds = Readonly<Record<string, readonly Round[]>>;

function rowsOf(settings: Settings, rounds: Rounds, starts: Record<string, number[]>): Row[] {
  const of = (pick: (round: Round) => number) =>
    settings.servers.map((name) => median((rounds[name] ?? []).map(pick)));
  const ops = (name: LoadName) => of(({ loads }) => loads[name].opsPerSecond);
  const us = (name: LoadName, field: "p50Us" | "p99Us" | "serverCpuUs") =>
    of(({ loads }) => loads[name][field] ?? NaN);
  const fairness = of(({ loads: { reads } }) =>
    reads.perConnection.min / reads.perConnection.median
  );
  const unit = "us";
  return [
    { name: "reads 10 x 100", unit: "per second", values: ops("reads"), target: ">= 15" },
    { name: "reads 10 x 100 p99", unit, values: us("reads", "p99Us") },
    { name: "reads, server's CPU", unit: "us each", values: us("reads", "serverCpuUs") },
    {
      name: "least served connection",
      unit: "of the median",
      values: fairness,
      target: "(>= 0.5 of itself)",
    },
    { name: "durable writes 10 x 100", unit: "per second", values: ops("writes"), target: ">= 7" },
    { name: "durable writes 10 x 100 p99", unit, values: us("writes", "p99Us") },
    { name: "durable writes, server's CPU", unit: "us each", values: us("writes", "serverCpuUs") },
    { name: "read 1 x 1 p50", unit, values: us("serialReads", "p50Us") },
    {
      name: "durable write 1 x 1 p50",
      unit,
      values: us("serialWrites", "p50Us"),
      target: "<= 0.8",
    },
    {
      name: "start to first reply",
      unit: "ms",
      values: settings.servers.map((name) => median(starts[name] ?? [])),
      target: "<= 0.6",
    },
    { name: "resident memory after it", unit: "MiB", values: of((round) => round.residentMib) },
  ];
}

export async function firstFigures(args: readonly string[]): Promise<void> {
  const settings = settingsOf(args);
  const from = provenance();
  note("the generator against a server of constants");
  const ceiling = await measureCeiling(settings);
  const rounds: Record<string, Round[]> = {};
  for (let round = 1; round <= settings.rounds; round++) {
    for (const name of settings.servers) {
      note(`round ${round} of ${settings.rounds}: ${name}`);
      (rounds[name] ??= []).push(await measureRound(name, settings));
    }
  }
  note("starts");
  const starts = await measureStarts(settings);
  const rows = rowsOf(settings, rounds, starts);
  const versions = Object.entries(from.versions).map(([name, version]) => `${name} ${version}`)
    .join(", ");
  console.log(`${from.date}, commit ${from.commit}\n${from.machine}\n${versions}`);
  console.log(
    `data of 1 KiB, 1,000 znodes; medians of ${settings.rounds} rounds of ${settings.seconds} s after ` +
      `${settings.warmupSeconds} s (the JVM: ${settings.jvmWarmupSeconds} s more), starts: of ${settings.starts}`,
  );
  console.log(
    `the generator on Bun against constants: ${Math.round(ceiling.reads.opsPerSecond)} reads/s, ` +
      `1 x 1 p50 ${ceiling.serial.p50Us.toFixed(1)} us\n`,
  );
  console.log(formatTable(settings.servers, rows));
  if (settings.out === undefined) return;
  const record = { ...from, settings, ceiling, table: rows, rounds, starts };
  writeFileSync(settings.out, `${JSON.stringify(record, undefined, 2)}\n`);
}
