/** Servers under the profiler of their runtime, which writes the profile when they end by SIGTERM. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runLoadProcess } from "../support/load_process.ts";
import { type BenchServer, startBenchServer } from "../support/servers.ts";
import { cut, type Profile, profileClock, type RuntimeName, type Window } from "./profile.ts";
import type { ProfileContext } from "./workloads.ts";

/** The runtimes' own. */
const INTERVAL_US = 1000;
/** Of what lasts some tenths of a second. */
export const FINE_US = 250;

/** @param folder of one server's profile alone */
export function flagsFor(folder: string, intervalUs = INTERVAL_US): string[] {
  return ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${intervalUs}`];
}

/** @throws {Error} when there is none */
export function profileIn(folder: string): Profile {
  const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("The runtime left no profile");
  return JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile;
}

/** @throws {Error} when nothing was sampled within the windows, as with a clock other than expected */
export function profileWithin(
  folder: string,
  runtime: RuntimeName,
  windows: readonly Window[],
): Profile {
  const clock = profileClock(runtime, Number(process.hrtime.bigint() / 1000n), Date.now());
  const found = cut(profileIn(folder), windows, clock);
  if (found.samples.length === 0) throw new Error("The profile has nothing of the load's time");
  return found;
}

export interface ProfiledServer {
  readonly server: BenchServer;
  /** From the spawn to the first reply. */
  readonly start: Window;
  /** To be asked for when the server has stopped. */
  readonly within: (windows: readonly Window[]) => Profile;
}

/** @param folder of the server: what is in `data` is its data directory */
export async function startProfiled(
  { runtime, settings }: ProfileContext,
  folder: string,
  intervalUs?: number,
): Promise<ProfiledServer> {
  const profiles = join(folder, "profiles");
  mkdirSync(profiles);
  const fromMs = Date.now();
  const server = await startBenchServer(runtime, {
    port: settings.port,
    folder,
    config: [`snapCount=${settings.snapCount}`],
    flags: flagsFor(profiles, intervalUs),
  });
  return {
    server,
    start: { fromMs, toMs: fromMs + server.startMs },
    within: (windows) => profileWithin(profiles, runtime, windows),
  };
}

/** A load after its warm-up. @returns when it was counted */
export async function loadWindow(
  { settings, runtime, note }: ProfileContext,
  connect: string,
  args: readonly string[],
  seconds = settings.seconds,
): Promise<Window> {
  const timing = ["--seconds", String(seconds), "--warmup", String(settings.warmupSeconds)];
  const { counted, opsPerSecond } = await runLoadProcess([
    "--connect",
    connect,
    ...timing,
    ...args,
  ]);
  const words = args.join(" ").replaceAll("--", "");
  note(`${runtime}: ${words}: ${Math.round(opsPerSecond)}/s under the profiler`);
  return counted;
}
