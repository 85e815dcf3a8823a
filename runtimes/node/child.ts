/** Programs started beside this one. */
import { type ChildProcess, spawn as start } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { Child, SpawnOptions } from "../../src/runtime.ts";
import { mapError } from "./errors.ts";

export function spawn(command: readonly string[], options: SpawnOptions): Child {
  const [executable = "", ...args] = command;
  let output: number;
  try {
    output = openSync(options.outputFile, "a");
  } catch (error) {
    throw mapError(error, `open "${options.outputFile}"`);
  }
  const env = { ...process.env };
  for (const name of options.withoutVariables ?? []) delete env[name];
  const child: ChildProcess = start(executable, args, { stdio: ["ignore", output, output], env });
  closeSync(output);
  let isRunning = true;
  const ended = new Promise<number | string>((resolve) => {
    child.on("error", (error) => {
      isRunning = false;
      resolve(error.message);
    });
    child.on("exit", (code, signal) => {
      isRunning = false;
      resolve(code ?? signal ?? -1);
    });
  });
  return {
    pid: child.pid ?? -1,
    ended,
    kill(signal) {
      // Not child.kill: Deno then reports the signal as the end even of a process that exits by itself with 0.
      if (isRunning && child.pid !== undefined) process.kill(child.pid, signal);
    },
  };
}
