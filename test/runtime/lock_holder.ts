/** A process that locks a directory and tells: run by lock_processes.test.ts, on any runtime. */
import process from "node:process";
import { RuntimeError } from "../../src/runtime.ts";
import { hostRuntime } from "../support/runtime.ts";

const runtime = await hostRuntime();
const [directory = "."] = runtime.process.args;
try {
  const lock = await runtime.fs.lock(directory);
  process.stdin.on("data", () => {
    void lock.release().then(() => runtime.process.exit(0));
  });
  runtime.process.stdout("held\n");
} catch (error) {
  runtime.process.stdout(`${error instanceof RuntimeError ? error.code : String(error)}\n`);
  runtime.process.exit(1);
}
