import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError, messageOf, ProtocolError, UsageError } from "../../src/base/errors.ts";
import { invariant, InvariantError, unreachable } from "../../src/base/invariant.ts";
import { silentLog } from "../../src/base/log.ts";

test("a fact that does not hold is thrown with what should have held and what was found", () => {
  invariant(true, "Holds");
  assert.throws(
    () => invariant(false, "Zxids rise", { before: 5, after: 4 }),
    (error) =>
      error instanceof InvariantError && error.message.includes("Zxids rise") &&
      error.message.includes("before=5, after=4") && error.facts["after"] === 4,
  );
  assert.throws(() => unreachable("new kind" as never), /new kind/);
});

test("bad input and our own bugs are told apart by their class and name", () => {
  const all = [new ProtocolError("p"), new CorruptionError("c"), new UsageError("u")];
  assert.deepEqual(all.map(({ name }) => name), ["ProtocolError", "CorruptionError", "UsageError"]);
  for (const error of all) assert.ok(!(error instanceof InvariantError));
});

test("anything thrown has a text", () => {
  assert.equal(messageOf(new UsageError("no room")), "no room");
  assert.equal(messageOf("a word"), "a word");
  assert.equal(messageOf(undefined), "undefined");
});

test("the silent log takes every level and says nothing", () => {
  for (const level of ["debug", "info", "warn", "error"] as const) silentLog[level]("x", { a: 1 });
});
