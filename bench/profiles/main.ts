/**
 * `npm run bench -- profiles [--runtimes node,deno,bun] [--workloads reads,...] [--top N] [--keep FOLDER] [--quick]
 * [--port N] [--folder F]`: a CPU profile of each workload on each runtime, and where its time goes: functions by their own
 * share of the busy time, in percent, and how much of the time was idle, which Bun does not tell. `--keep` leaves the
 * .cpuprofile files, which a browser's tools open. `(anonymous)` is our code without a name, `(host's)` the runtime's.
 *
 * Six workloads are of the whole server in process, without kernel and disk; the others of server processes under load.
 * Of these a profile is cut to the time of the load that is counted: without the server's start, filling and warm-up.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { messageOf, UsageError } from "../../src/base/errors.ts";
import { provenance } from "../support/machine.ts";
import { machineLoad } from "../support/processes.ts";
import { portFrom } from "../support/refusal.ts";
import { withWorkFolder } from "../support/servers.ts";
import { inProcess } from "./in_process.ts";
import { cellOf, type Profile, type RuntimeName, RUNTIMES } from "./profile.ts";
import { behind, grow, million, sessions, standalone, starts, trio } from "./stages.ts";
import {
  type ProfileContext,
  type ProfileRows,
  type ProfileSettings,
  type ProfileStage,
  settingsOf,
  type StageName,
  type Workload,
  WORKLOADS,
} from "./workloads.ts";

const STAGES: Readonly<Record<StageName, ProfileStage>> = {
  inProcess,
  standalone,
  starts,
  million,
  sessions,
  trio,
  behind,
};

interface Asked {
  readonly settings: ProfileSettings;
  readonly runtimes: readonly RuntimeName[];
  readonly workloads: readonly Workload[];
  readonly top: number;
  readonly keep: string | undefined;
}

export async function profiles(args: readonly string[]): Promise<void> {
  const asked = parse(args);
  const { settings, runtimes, workloads } = asked;
  const { date, commit, machine, versions } = provenance();
  const named = runtimes.map((name) => `${name} ${versions[name]}`);
  console.log(`${date}, commit ${commit}, load ${machineLoad().toFixed(1)}\n${machine}\n`);
  console.log(`| | ${named.join(" | ")} |\n|---|${"---|".repeat(runtimes.length)}`);
  await withWorkFolder(settings.folder, async (folder) => {
    let grown: Promise<string> | undefined;
    const growOnce = () => grown ??= grow(settings, folder);
    for (const stage of new Set(workloads.map((one) => one.stage))) {
      const wanted = workloads.filter((one) => one.stage === stage);
      const byRuntime: ProfileRows[] = [];
      for (const runtime of runtimes) {
        const wants = (id: string) => wanted.some((one) => one.id === id);
        byRuntime.push(await run(stage, { settings, runtime, wants, note, grown: growOnce }));
      }
      for (const workload of wanted) print(workload, byRuntime, asked);
    }
  });
}

/** @throws {UsageError} */
function parse(args: readonly string[]): Asked {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      runtimes: { ...text, default: RUNTIMES.join(",") },
      workloads: { ...text, default: WORKLOADS.map(({ id }) => id).join(",") },
      top: { ...text, default: "10" },
      keep: text,
      quick: { type: "boolean", default: false },
      port: { ...text, default: "22650" },
      folder: { ...text, default: tmpdir() },
    },
  });
  const top = Number(values.top);
  if (!Number.isInteger(top) || top < 1) throw new UsageError(`Cannot take --top "${values.top}"`);
  const ids = values.workloads.split(",").map((name) =>
    known(name, WORKLOADS.map(({ id }) => id), "--workloads")
  );
  return {
    settings: settingsOf(values.quick, portFrom(values.port), values.folder),
    runtimes: values.runtimes.split(",").map((name) => known(name, RUNTIMES, "--runtimes")),
    workloads: WORKLOADS.filter(({ id }) => ids.includes(id)),
    top,
    keep: values.keep,
  };
}

function known<T extends string>(name: string, all: readonly T[], flag: string): T {
  const found = all.find((one) => one === name.trim());
  if (found === undefined) {
    throw new UsageError(`Cannot take ${flag} "${name}": wanted some of ${all.join(", ")}`);
  }
  return found;
}

function note(text: string): void {
  process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
}

/** What fails is told and left out, the rest goes on. */
async function run(stage: StageName, context: ProfileContext): Promise<ProfileRows> {
  note(`${stage}: ${context.runtime} (load ${machineLoad().toFixed(1)})`);
  try {
    return await STAGES[stage](context);
  } catch (error) {
    note(`${stage}, ${context.runtime}: failed: ${messageOf(error)}`);
    process.exitCode = 1;
    return {};
  }
}

function print({ id, titles }: Workload, rows: readonly ProfileRows[], asked: Asked): void {
  titles.forEach((title, at) => {
    const found = rows.map((one) => one[id]?.[at] ?? []);
    const cells = found.map((profiles) => cellOf(profiles, asked.top));
    console.log(`| ${title} | ${cells.join(" | ")} |`);
    asked.runtimes.forEach((runtime, i) => keepAll(`${runtime}_${title}`, found[i] ?? [], asked));
  });
}

function keepAll(title: string, profiles: readonly Profile[], { keep }: Asked): void {
  if (keep === undefined) return;
  mkdirSync(keep, { recursive: true });
  profiles.forEach((profile, at) => {
    const name = title.replace(/\W+/g, "_") + (profiles.length > 1 ? `_${at + 1}` : "");
    writeFileSync(join(keep, `${name}.cpuprofile`), JSON.stringify(profile));
  });
}
