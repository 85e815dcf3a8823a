// `npm test`, the one gate: installs what is missing, builds dist/, then checks and tests on Node, Deno and Bun.
import { parseArgs } from "node:util";
import { ensurePackages, ensureRuntimes } from "./lib/install.mjs";
import { root } from "./lib/root.mjs";
import { allFolders, buildFolders } from "./lib/transpile.mjs";

const USAGE = `npm test [-- OPTIONS] [FILE...]

With no argument: every check, then every test on Node, Deno and Bun.

  --runtime NAME   node, deno or bun; may be given again
  --group NAME     unit, server or clients, or a folder of test/; may be given again
  --check-only     format, lint, types, layering, no test (npm run check)
  FILE             test files whose path contains this`;

const RUNTIMES = ["node", "deno", "bun"];

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        runtime: { type: "string", multiple: true, default: [] },
        group: { type: "string", multiple: true, default: [] },
        "check-only": { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const unknown = values.runtime.find((name) => !RUNTIMES.includes(name));
if (unknown !== undefined) {
  console.error(`Unknown runtime "${unknown}"; it is one of ${RUNTIMES.join(", ")}`);
  process.exit(2);
}

process.chdir(root);
ensurePackages({ dev: true });
const tools = { root, node: process.execPath, ...ensureRuntimes() };
await buildFolders(allFolders);

/** @param {string} path */
const built = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { runGate } = await built("test/support/run/main.js");
const { gateSteps } = await built(".ci/checks/steps.js");

const filtered = values.runtime.length + values.group.length + positionals.length > 0;
const filter = values["check-only"] ? undefined : {
  runtimes: values.runtime.length > 0 ? values.runtime : RUNTIMES,
  groups: values.group,
  files: positionals,
};
const steps = filtered && !values["check-only"] ? [] : gateSteps(tools);
process.exitCode = (await runGate(steps, filter, tools)) ? 0 : 1;
