// The end of a log, however long it is.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lastLines } from "../../src/cli/last_lines.ts";
import { hostRuntime } from "../support/runtime.ts";
import { withFolder } from "./cli.ts";

const runtime = await hostRuntime();

test("the last five lines are given, of a long file, an empty one and none", () =>
  withFolder(async (folder) => {
    const path = join(folder, "log");
    assert.match(await lastLines(runtime, path), /^ {2}\(.*log.*\)$/);
    writeFileSync(path, "");
    assert.equal(await lastLines(runtime, path), "  (nothing)");
    writeFileSync(path, "one\ntwo\u001b[H\n");
    assert.equal(await lastLines(runtime, path), "  one\n  two\\u001b[H");
    const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i}`);
    writeFileSync(path, lines.join("\n") + "\n");
    assert.equal(
      await lastLines(runtime, path),
      lines.slice(-5).map((line) => `  ${line}`).join("\n"),
    );
  }));
