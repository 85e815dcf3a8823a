// `npm run simulate -- ARGS`: the campaign in the simulator, on the Bun of the gate: it is the fastest of the three.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensurePackages, ensureRuntimes } from "./lib/install.mjs";
import { root } from "./lib/root.mjs";

ensurePackages({ dev: true });
const { bun } = ensureRuntimes();
const script = join(root, "test/simulate/main.ts");
process.exitCode =
  spawnSync(bun, ["run", script, ...process.argv.slice(2)], { stdio: "inherit" }).status ?? 1;
