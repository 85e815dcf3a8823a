// Drives a real client as a child process and compares what it prints with what it printed against Apache 3.9.5.
// MENAGERIE_REFERENCE=3.9.5 MENAGERIE_CAPTURE=1 writes the expectations (test/interop/expected) anew.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { projectRoot } from "../support/root.ts";

export interface Driven {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface DriveOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** All of its standard input. */
  readonly input?: string;
  /** Lines of its standard input, each with what it prints then: the next line waits for it. */
  readonly paced?: readonly (readonly [line: string, until?: RegExp])[];
  /** For a line `@name` the client prints: does what it asks for; the client gets a line back when it is done. */
  readonly onRequest?: (name: string) => Promise<void>;
  readonly timeoutMs?: number;
}

/** Runs a client to its end. @throws {Error} with all it printed, when it does not end in time */
export function drive(
  command: string,
  args: readonly string[],
  options: DriveOptions = {},
): Promise<Driven> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      cwd: options.cwd ?? projectRoot(),
    });
    const output = { stdout: "", stderr: "" };
    let answered = 0;
    const answer = (): void => {
      for (;;) {
        const end = output.stdout.indexOf("\n", answered);
        if (end < 0) return;
        const line = output.stdout.slice(answered, end);
        answered = end + 1;
        if (!line.startsWith("@") || options.onRequest === undefined) continue;
        options.onRequest(line.slice(1)).then(() => child.stdin.write("done\n"), reject);
      }
    };
    const paced = [...options.paced ?? []];
    let until: RegExp | undefined;
    let seen = 0;
    const count = (): number =>
      until === undefined
        ? 0
        : [...(output.stdout + output.stderr).matchAll(new RegExp(until, "gm"))].length;
    const pace = (): void => {
      while (paced.length > 0 && (until === undefined || count() > seen)) {
        const [line, next] = paced.shift() ?? [""];
        until = next;
        seen = count();
        child.stdin.write(line + "\n");
      }
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
      answer();
      pace();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
      pace();
    });
    child.stdin.on("error", () => {});
    if (options.paced !== undefined) pace();
    else if (options.onRequest === undefined) child.stdin.end(options.input ?? "");
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(
        new Error(
          `${command} did not end in time (${paced.length} lines unsent):\n${output.stdout}\n${output.stderr}`,
        ),
      );
    }, options.timeoutMs ?? 60_000);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...output, code: code ?? -1 });
    });
  });
}

/** Demands that `text` is what the same client printed against Apache 3.9.5. */
export function sameAsApache(name: string, text: string): void {
  const file = join(projectRoot(), "test", "interop", "expected", `${name}.txt`);
  const capturing = process.env["MENAGERIE_CAPTURE"] !== undefined &&
    process.env["MENAGERIE_REFERENCE"] === "3.9.5";
  if (capturing) writeFileSync(file, text);
  assert.deepEqual(text.split("\n"), readFileSync(file, "utf8").split("\n"));
}
