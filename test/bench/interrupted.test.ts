import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { programs, start } from "../support/children.ts";

/** Benches run on Node. */
const node = programs("test/bench/interrupted_bench").find(({ name }) => name === "node");

/** One that has ended and waits for init to take notice is not. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !/^State:\s+Z/m.test(statusOf(pid));
}

/** Empty where the system has no such file. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  test(`a bench that gets ${signal} leaves no server and no data`, async () => {
    assert.ok(node !== undefined, "Node is there, and the build");
    const folder = mkdtempSync(join(tmpdir(), "menagerie-test-"));
    const { child, firstLine, ended } = start(node.command, [...node.args, folder]);
    const { pid, work } = JSON.parse(await firstLine) as { pid: number; work: string };
    assert.deepEqual([isRunning(pid), existsSync(work)], [true, true]);
    process.kill(child.pid as number, signal); // child.kill: Deno then reports no exit code
    await ended;
    assert.equal(child.exitCode, code);
    // It was killed: that it is gone may show a moment later.
    while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
    rmdirSync(folder); // throws unless it is empty
  });
}
