/** The whole server in process (load/in_process.ts): all of its time is the load's. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { projectRoot } from "../../test/support/root.ts";
import { bunCommand, denoCommand, withWorkFolder } from "../support/servers.ts";
import type { Profile, RuntimeName } from "./profile.ts";
import { flagsFor, profileIn } from "./servers.ts";
import type { ProfileStage } from "./workloads.ts";

/** Arguments of in_process.ts: mix, requests, bytes of data. */
const LOADS: Readonly<Record<string, readonly [mix: string, requests: number, bytes: number]>> = {
  "reads": ["getData", 6_000_000, 1024],
  "90 % reads": ["getData=9,setData=1", 4_000_000, 1024],
  "50 % reads": ["getData=1,setData=1", 2_000_000, 1024],
  "writes": ["setData", 1_200_000, 1024],
  "creates": ["create", 600_000, 100],
  "children": ["getChildren", 600_000, 8],
};
const QUICK_DIVISOR = 10;

export const inProcess: ProfileStage = async ({ settings, runtime, wants }) => {
  const root = projectRoot(), source = join(root, "bench/load/in_process.ts");
  const rows: Record<string, Profile[][]> = {};
  for (const [workload, [mix, full, bytes]] of Object.entries(LOADS)) {
    if (!wants(workload)) continue;
    const requests = settings.quick ? full / QUICK_DIVISOR : full;
    await withWorkFolder(settings.folder, (folder) => {
      const flags = flagsFor(folder);
      const commands: Readonly<Record<RuntimeName, readonly [string, readonly string[]]>> = {
        node: [process.execPath, [...flags, join(root, "dist/bench/load/in_process.js")]],
        deno: [denoCommand, ["run", "-A", ...flags, source]],
        bun: [bunCommand, ["run", ...flags, source]],
      };
      const [command, args] = commands[runtime];
      const run = spawnSync(command, [...args, mix, String(requests), String(bytes)], {
        encoding: "utf8",
        cwd: root,
      });
      if (run.status !== 0) throw new Error(`${workload}: ${run.stderr || run.stdout}`);
      rows[workload] = [[profileIn(folder)]];
      return Promise.resolve();
    });
  }
  return rows;
};
