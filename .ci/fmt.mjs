// `npm run fmt -- [FILE...]`: formats with the Deno of the gate.
import { spawnSync } from "node:child_process";
import { ensureRuntimes } from "./lib/install.mjs";
import { root } from "./lib/root.mjs";

const { deno } = ensureRuntimes();
const files = process.argv.slice(2);
process.exitCode = spawnSync(deno, ["fmt", ...files], { cwd: root, stdio: "inherit" }).status ?? 1;
