/** The real command line as a child process, on the runtime that runs the test. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type ServerProcess, startProcess } from "../support/child.ts";
import { menagerieCommand } from "../support/server.ts";

/** Without the variables of whoever runs the tests. */
function cleanEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("MENAGERIE_"));
  return { ...Object.fromEntries(own) as Record<string, string>, NO_COLOR: "1", ...more };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that ends by itself; one that does not within a minute is killed (code null). */
export function runCommand(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const env = cleanEnvironment(variables);
  const [command, ...before] = menagerieCommand();
  const child = spawn(command, [...before, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: unknown) => stdout += String(chunk));
  child.stderr.on("data", (chunk: unknown) => stderr += String(chunk));
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  return new Promise((resolve) => {
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

/** Starts a server; `startProcess` keeps what it writes. */
export function startServerCommand(
  args: readonly string[],
  options: { readonly cwd?: string; readonly variables?: Readonly<Record<string, string>> } = {},
): ServerProcess {
  const { cwd, variables = {} } = options;
  const where = cwd === undefined ? {} : { cwd };
  const [command, ...before] = menagerieCommand();
  return startProcess(command, [...before, ...args], {
    ...where,
    env: cleanEnvironment(variables),
  });
}

/** Resolves with the first match in what the process writes. @throws {Error} when it ends without one */
export async function untilWritten(
  server: ServerProcess,
  pattern: RegExp,
): Promise<RegExpExecArray> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = pattern.exec(server.log());
    if (found !== null) return found;
    if (!server.running() || Date.now() > deadline) {
      await server.kill();
      throw new Error(`The server never wrote ${pattern}; it wrote:\n${server.log()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A fresh folder for the test, removed after it. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-cli-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
