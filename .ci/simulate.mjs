// `npm run simulate -- ARGS` and `npm run simulate:planted`: in the simulator, on the Bun of the gate, which is the fastest.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensurePackages, ensureRuntimes } from "./lib/install.mjs";
import { root } from "./lib/root.mjs";

ensurePackages({ dev: true });
const { bun } = ensureRuntimes();
const args = process.argv.slice(2);
const isPlanted = args[0] === "planted";
const script = join(
  root,
  isPlanted ? "test/simulate/planted/main.ts" : "test/simulate/main.ts",
);
const command = ["run", script, ...args.slice(isPlanted ? 1 : 0)];
process.exitCode = spawnSync(bun, command, { stdio: "inherit" }).status ?? 1;
