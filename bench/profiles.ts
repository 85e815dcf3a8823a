/**
 * `npm run bench -- profiles [--runtimes node,deno,bun] [--workloads reads,...] [--top N] [--keep FOLDER]`: a CPU profile of
 * each workload on each runtime, of the whole server in process (load/in_process.ts), and where its time goes: functions by
 * their own share of the busy time, in percent. `--keep` leaves the .cpuprofile files, which a browser's tools open.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { UsageError } from "../src/base/errors.ts";
import { projectRoot } from "../test/support/root.ts";
import { provenance } from "./support/machine.ts";
import { machineLoad } from "./support/processes.ts";
import { bunCommand, denoCommand } from "./support/servers.ts";

/** Arguments of in_process.ts: mix, requests, bytes of data. */
const WORKLOADS: Readonly<Record<string, readonly string[]>> = {
  reads: ["getData", "6000000", "1024"],
  "90 % reads": ["getData=9,setData=1", "4000000", "1024"],
  "50 % reads": ["getData=1,setData=1", "2000000", "1024"],
  writes: ["setData", "1200000", "1024"],
  creates: ["create", "600000", "100"],
  children: ["getChildren", "600000", "8"],
};
const RUNTIMES = ["node", "deno", "bun"] as const;
type RuntimeName = (typeof RUNTIMES)[number];

/** As all three write it. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export function profiles(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runtimes: { type: "string", default: RUNTIMES.join(",") },
      workloads: { type: "string", default: Object.keys(WORKLOADS).join(",") },
      top: { type: "string", default: "10" },
      keep: { type: "string" },
    },
  });
  const runtimes = values.runtimes.split(",").map((name) => known(name, RUNTIMES, "--runtimes"));
  const names = Object.keys(WORKLOADS);
  const workloads = values.workloads.split(",").map((name) => known(name, names, "--workloads"));
  const top = Number(values.top);
  if (!Number.isInteger(top) || top < 1) throw new UsageError(`Cannot take --top "${values.top}"`);
  const { date, commit, machine } = provenance();
  console.log(`${date}, commit ${commit}, load ${machineLoad().toFixed(1)}\n${machine}\n`);
  console.log(`| | ${runtimes.join(" | ")} |\n|---|${"---|".repeat(runtimes.length)}`);
  for (const workload of workloads) {
    const cells = runtimes.map((runtime) => cellOf(take(runtime, workload, values.keep), top));
    console.log(`| ${workload} | ${cells.join(" | ")} |`);
  }
}

function known<T extends string>(name: string, all: readonly T[], flag: string): T {
  const found = all.find((one) => one === name);
  if (found === undefined) throw new UsageError(`Cannot take ${flag} "${name}": wanted ${all}`);
  return found;
}

function take(runtime: RuntimeName, workload: string, keep: string | undefined): Profile {
  const root = projectRoot(), folder = mkdtempSync(join(tmpdir(), "menagerie-profile-"));
  const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  const source = join(root, "bench/load/in_process.ts");
  const [command, args]: [string, string[]] = {
    node: [process.execPath, [...flags, join(root, "dist/bench/load/in_process.js")]],
    deno: [denoCommand, ["run", "-A", ...flags, source]],
    bun: [bunCommand, [...flags, "run", source]],
  }[runtime] as [string, string[]];
  try {
    const run = spawnSync(command, [...args, ...WORKLOADS[workload] as readonly string[]], {
      encoding: "utf8",
      cwd: root,
    });
    const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
    if (run.status !== 0 || file === undefined) {
      throw new Error(`No profile of ${workload} on ${runtime}: ${run.stderr || run.stdout}`);
    }
    const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as Profile;
    if (keep !== undefined) {
      mkdirSync(keep, { recursive: true });
      const name = `${runtime}_${workload.replace(/\W+/g, "_")}.cpuprofile`;
      renameSync(join(folder, file), resolve(keep, name));
    }
    return profile;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The functions that take most, `name share, …`. */
function cellOf({ nodes, samples, timeDeltas }: Profile, top: number): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const own = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, i) => {
    const name = names.get(id);
    if (name === undefined) return;
    const us = timeDeltas[i] ?? 0;
    own.set(name, (own.get(name) ?? 0) + us);
    busy += us;
  });
  return [...own].sort(([, a], [, b]) => b - a).slice(0, top)
    .map(([name, us]) => `${name} ${(us * 100 / busy).toFixed(0)}`).join(", ");
}

/** @returns undefined while nothing runs */
function nameOf({ functionName, url }: Profile["nodes"][number]["callFrame"]): string | undefined {
  if (functionName === "(idle)") return undefined;
  if (url.startsWith("wasm:") || functionName.includes("wasm-function")) return "codec (wasm)";
  if (functionName === "(garbage collector)") return "garbage";
  if (functionName === "(program)") return "the host";
  return functionName === "" ? "(anonymous)" : functionName;
}
