import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError, PortError, UsageError } from "../../src/base/errors.ts";
import { InvariantError } from "../../src/base/invariant.ts";
import { failureOf } from "../../src/cli/failure.ts";
import { RuntimeError, type RuntimeErrorCode } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";

const options = { ...DEFAULT_OPTIONS, clientPort: 22_000, dataDir: "/d", dataLogDir: "/d" };

test("what the host refuses becomes one line that says what to do, with Apache's exit codes", () => {
  const rows: readonly (readonly [RuntimeErrorCode, number, RegExp])[] = [
    [
      "ADDRESS_IN_USE",
      1,
      /^Cannot listen on every address, port 22000: another process listens there; /,
    ],
    ["ADDRESS_NOT_AVAILABLE", 1, /^Cannot listen on .*: this machine has no such address; /],
    ["NAME_NOT_FOUND", 1, /^Cannot listen on .*: no such name is known; correct clientPortAddress/],
    ["BUSY", 3, /^Cannot use data directory \/d: another server uses it; /],
    ["ACCESS", 3, /^Cannot use data directory \/d: no permission /],
    ["NOT_FOUND", 3, /^Cannot use data directory \/d: /],
    ["NOT_DIRECTORY", 3, /^Cannot use data directory \/d: /],
    ["NO_SPACE", 1, /^Cannot write to \/d: the disk is full; /],
    ["IO", 1, /^words of the host$/],
  ];
  for (const [code, exit, expected] of rows) {
    const failure = failureOf(new RuntimeError(code, "words of the host"), options);
    assert.equal(failure.code, exit, code);
    assert.match(failure.message, expected);
    assert.ok(!failure.message.includes("\n"));
  }
});

test("a port that needs permission is told from a directory that does", () => {
  const failure = failureOf(
    new RuntimeError("ACCESS", "listen EACCES: permission denied 0.0.0.0:80"),
    options,
  );
  assert.equal(failure.code, 1);
  assert.match(failure.message, /^Cannot listen on .*: no permission; choose a port above 1023$/);
});

test("wrong use is 2 before there is a configuration, and about the directory after", () => {
  assert.deepEqual(failureOf(new UsageError("x")), { code: 2, message: "x" });
  assert.deepEqual(failureOf(new UsageError("x"), options), { code: 3, message: "x" });
});

test("a port between servers that is taken is no matter of the directory", () => {
  assert.deepEqual(failureOf(new PortError("x"), options), { code: 1, message: "x" });
});

test("damage and everything else is 1, a bug asks to be reported", () => {
  assert.deepEqual(failureOf(new CorruptionError("log.1 is damaged"), options), {
    code: 1,
    message: "log.1 is damaged",
  });
  assert.deepEqual(failureOf(new Error("other")), { code: 1, message: "other" });
  assert.match(failureOf(new InvariantError("A holds", {})).message, /please report it/);
});

test("no text of a file or of the host ends the line", () => {
  const failure = failureOf(new UsageError("a\nb\u001b[31mc\u2028d\u0085e"));
  assert.equal(failure.message, "a\\u000ab\\u001b[31mc\\u2028d\\u0085e");
});
