/** What a stage is: a server, or several, brought into a state in which some of the rows are measured. */
import { spawnSync } from "node:child_process";
import type { MeasuredLoad } from "../load/main.ts";
import { runLoadProcess } from "../support/load_process.ts";
import { machineLoad } from "../support/processes.ts";
import type { BenchServer, BenchServerOptions } from "../support/servers.ts";
import type { Settings } from "./settings.ts";

export interface Measure {
  readonly value: number;
  /** The machine's load (one minute) when it was taken. */
  readonly machineLoad: number;
  /** Whatever else was seen. */
  readonly detail?: unknown;
}

/** By row. */
export type Measures = Record<string, Measure>;

export interface StageContext {
  readonly settings: Settings;
  /** Whose turn it is. */
  readonly subject: string;
  readonly wants: (row: string) => boolean;
  readonly note: (text: string) => void;
  /** p50 of single reads from a server of constants, in microseconds. */
  readonly constantP50Us: () => Promise<number>;
}

export type Stage = (context: StageContext) => Promise<Measures>;

export function measure(value: number, detail?: unknown): Measure {
  return { value, machineLoad: machineLoad(), ...(detail === undefined ? {} : { detail }) };
}

export const WIDE = ["--connections", "10", "--window", "100"];
export const SERIAL = ["--connections", "1", "--window", "1"];

/** The same for all servers, and snapCount too. */
export function serverOptions({ port, snapCount }: Settings, folder: string): BenchServerOptions {
  return { port, folder, config: [`snapCount=${snapCount}`] };
}

/** A load against `connect`, for the seconds asked for. */
export function load(
  { settings, note, subject }: StageContext,
  connect: string,
  args: readonly string[],
): Promise<MeasuredLoad> {
  const timing = [
    "--seconds",
    String(settings.seconds),
    "--warmup",
    String(settings.warmupSeconds),
  ];
  return runLoadProcess(["--connect", connect, ...timing, ...args]).then((result) => {
    const { opsPerSecond, p50Us, p99Us, generatorCpu } = result;
    note(
      `${subject}: ${args.join(" ").replaceAll("--", "")}: ${Math.round(opsPerSecond)}/s, p50 ${
        p50Us.toFixed(0)
      } us, p99 ${p99Us.toFixed(0)} us, generator ${generatorCpu.toFixed(2)} of a core`,
    );
    return result;
  });
}

/** Mixed work, until the JVM has compiled what it will; nothing for the others, whose loads warm up by themselves. */
export async function warmJvm(
  context: StageContext,
  connect: string,
  znodes: readonly string[] = [],
): Promise<void> {
  const { settings, subject, note } = context;
  if (subject !== "apache" || settings.jvmWarmupSeconds === 0) return;
  note(`${subject}: warming the JVM for ${settings.jvmWarmupSeconds} s`);
  const seconds = ["--seconds", "0.1", "--warmup", String(settings.jvmWarmupSeconds)];
  await runLoadProcess([
    "--connect",
    connect,
    "--mix",
    "getData,setData",
    ...WIDE,
    ...znodes,
    ...seconds,
  ]);
}

const SETTLE_MS = 1000;
const SETTLE_TURNS_MAX = 60;
/** An idle server collects its garbage after twelve and eighteen, and V8 keeps pages for eight more. */
const SETTLED_TURNS = 28;

/**
 * Resident memory once it has stood still (within 1 %) for so long, or after a minute. Apache's after a full collection,
 * which gives memory back and which an idle JVM does not make.
 */
export async function settledMib(server: BenchServer): Promise<number> {
  if (server.name === "apache") {
    const run = spawnSync("jcmd", [String(server.pid), "GC.run"], { stdio: "ignore" });
    if (run.status !== 0) throw new Error("Cannot run jcmd for a full collection");
  }
  let last = server.residentMib(), still = 0;
  for (let turn = 0; turn < SETTLE_TURNS_MAX && still < SETTLED_TURNS; turn++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const now = server.residentMib();
    still = Math.abs(now - last) <= last / 100 ? still + 1 : 0;
    last = now;
  }
  return last;
}
