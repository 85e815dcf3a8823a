/** Other processes for tests: each runtime that is installed here, running a file of this project. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** The project's top folder, from its source and from its build (dist/) alike. */
const here = fileURLToPath(new URL("../..", import.meta.url));
const top = /[/\\]dist[/\\]?$/.test(here) ? join(here, "..") : here;

/** How to run a file on each runtime found. @param file such as `test/runtime/lock_holder`, without ending */
export function programs(file: string): Program[] {
  const found: Program[] = [];
  const add = (name: string, command: string | undefined, args: readonly string[]) => {
    const last = args.at(-1);
    if (command !== undefined && last !== undefined && existsSync(last)) {
      found.push({ name, command, args });
    }
  };
  const source = join(top, `${file}.ts`);
  add("node", find("node"), [join(top, "dist", `${file}.js`)]);
  add("deno", find("deno"), ["run", "-A", "--no-check", source]);
  add("bun", find("bun"), ["run", source]);
  return found;
}

function find(name: string): string | undefined {
  const folders = [
    join(top, ".ci/runtimes/node_modules/.bin"),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Starts a program. @returns the child, and its first line of output */
export function start(
  command: string,
  args: readonly string[],
): { child: ChildProcess; firstLine: Promise<string>; ended: Promise<void> } {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const firstLine = new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk);
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`"${command}" ended after "${text}"`)));
  });
  return { child, firstLine, ended };
}
