// Programs from outside npm that try the HTTP door. CI brings them and demands them; on a machine without them these tests
// are skipped, with the one command that changes it.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cacheFolder } from "../support/root.ts";
import { testUnless } from "../support/skip.ts";

const tools = join(cacheFolder(), "http_tools");
const platform = `${process.platform}-${process.arch === "x64" ? "64" : process.arch}`;
export const PROGRAMS = {
  promtool: join(tools, "promtool"),
  schemathesis: join(tools, "venv", "bin", "schemathesis"),
  // Itself, not the script of npm's that would run it: it is ended by its own pid.
  workerd: join(tools, `workerd/node_modules/@cloudflare/workerd-${platform}/bin/workerd`),
  chromium: "/usr/bin/chromium",
} as const;

/** A test that is skipped where the program is not; never in CI, where it must fail instead. */
export function testWith(
  program: keyof typeof PROGRAMS,
  name: string,
  body: () => Promise<void>,
): void {
  const isHere = Boolean(process.env["CI"]) || existsSync(PROGRAMS[program]);
  const reason = `${program} is not installed; "sh test/gateway/install.sh" brings it`;
  testUnless(isHere ? undefined : reason, name, body);
}

export interface Run {
  readonly code: number | null;
  /** Standard output and error. */
  readonly output: string;
}

/** Runs a program to its end. @throws {Error} it cannot be started */
export function run(
  program: string,
  args: readonly string[],
  { input = "", cwd }: { readonly input?: string; readonly cwd?: string } = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(program, args, cwd === undefined ? {} : { cwd });
    let output = "";
    const collect = (chunk: unknown): void => {
      output += String(chunk);
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
    child.stdin?.on("error", () => {}); // it may end before it has read all
    child.stdin?.end(input);
  });
}
