/** The gate's steps beside the tests: format, lint, types, tidy, generated files. */
import { spawn } from "node:child_process";
import type { Step } from "../../test/support/run/main.ts";
import type { Tools } from "../../test/support/run/job.ts";
import { checkTidy } from "../tidy/main.ts";
import { checkGenerated } from "./generated.ts";

export function gateSteps({ root, deno }: Tools): Step[] {
  const node = (tool: string, ...args: string[]) => [
    process.execPath,
    `node_modules/${tool}`,
    ...args,
  ];
  const types = (project: string) => {
    const cache = `dist/.cache/${project}.tsbuildinfo`;
    const args = ["-p", project, "--pretty", "false", "--incremental", "--tsBuildInfoFile", cache];
    return node("typescript/bin/tsc", ...args);
  };
  return [
    command(root, "format (deno fmt)", [deno, "fmt", "--check"]),
    command(root, "lint (deno lint)", [deno, "lint"]),
    command(root, "types of the core, no host", types("tsconfig.core.json")),
    command(root, "types of the client, web types alone", types("tsconfig.edge.json")),
    command(root, "types of all", types("tsconfig.json")),
    command(root, "types of the tools", types("tsconfig.tools.json")),
    command(
      root,
      "lint (typescript-eslint)",
      node("eslint/bin/eslint.js", "--max-warnings=0", "--no-error-on-unmatched-pattern", "."),
    ),
    step("tidy", () => checkTidy(root)),
    step("generated files", () => checkGenerated(root)),
  ];
}

/** A step from a function that lists what is wrong. */
function step(name: string, problems: () => readonly string[]): Step {
  return {
    name,
    run: () => {
      const found = problems();
      return Promise.resolve({ ok: found.length === 0, output: found.join("\n") });
    },
  };
}

function command(root: string, name: string, [file, ...args]: readonly string[]): Step {
  return {
    name,
    run: () =>
      new Promise((resolve, reject) => {
        const env = { ...process.env, NO_COLOR: "1" };
        const child = spawn(file as string, args, {
          cwd: root,
          env,
          stdio: ["ignore", "pipe", "pipe"],
        });
        let output = "";
        const collect = (chunk: string) => {
          output += chunk;
        };
        child.stdout.setEncoding("utf8").on("data", collect);
        child.stderr.setEncoding("utf8").on("data", collect);
        child.on("error", reject);
        child.on("close", (code) => resolve({ ok: code === 0, output }));
      }),
  };
}
