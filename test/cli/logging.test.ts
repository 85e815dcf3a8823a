import assert from "node:assert/strict";
import { test } from "node:test";
import { programLog } from "../../src/cli/logging.ts";
import type { LogLevel } from "../../src/base/log.ts";
import { hostRuntime } from "../support/runtime.ts";

const WALL_MS = Date.UTC(2026, 10, 20, 9, 40, 32, 123);

async function logged(level: LogLevel, format: "text" | "json"): Promise<string> {
  const runtime = await hostRuntime();
  let text = "";
  let now = WALL_MS;
  const program = programLog({
    clock: { ...runtime.clock, wallMs: () => now++ },
    process: { ...runtime.process, stderr: (line) => text += line },
  }, { level, format });
  program.log.debug("Tiny");
  program.log.info("Session opened", {
    sessionId: 0x100000000000001n,
    remote: "127.0.0.1:5",
    why: 'a "b"',
    none: undefined,
  });
  assert.equal(text, "", "nothing is shown before the log is open");
  await program.open();
  program.log.warn("Slow\nsync\u001b[2J", { ms: 1500, isFatal: false });
  program.log.error("Broken\tznode=/a\\tb");
  await program.open();
  return text;
}

test("text lines have time, level, message and facts, and no control character of a client", async () => {
  assert.equal(
    await logged("info", "text"),
    `2026-11-20T09:40:32.123Z INFO  Session opened sessionId=0x100000000000001 remote=127.0.0.1:5 why="a \\"b\\""
2026-11-20T09:40:32.124Z WARN  Slow\\u000async\\u001b[2J ms=1500 isFatal=false
2026-11-20T09:40:32.125Z ERROR Broken\tznode=/a\\tb
`,
  );
});

test("JSON lines are one object each, with facts as properties", async () => {
  const lines = (await logged("debug", "json")).trimEnd().split("\n").map((line) =>
    JSON.parse(line) as Record<string, unknown>
  );
  assert.deepEqual(lines.map(({ level, message }) => [level, message]), [
    ["DEBUG", "Tiny"],
    ["INFO", "Session opened"],
    ["WARN", "Slow\nsync\u001b[2J"],
    ["ERROR", "Broken\tznode=/a\\tb"],
  ]);
  assert.deepEqual(lines[1]?.["properties"], {
    sessionId: "0x100000000000001",
    remote: "127.0.0.1:5",
    why: 'a "b"',
  });
  assert.equal(lines[1]?.["@timestamp"], "2026-11-20T09:40:32.124Z");
});

test("lines below the level are not shown", async () => {
  assert.equal((await logged("warn", "text")).split("\n").length, 3);
  assert.equal((await logged("error", "text")).split("\n").length, 2);
});
