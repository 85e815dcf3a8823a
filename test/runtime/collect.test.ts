/** The engine's flags are the program's: what a collection takes it leaves as it was. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { hostRuntime } from "../support/runtime.ts";

const { name, process } = await hostRuntime();
const hasCollector = (): boolean => runInNewContext("typeof gc") === "function";

test("a program that runs with --expose-gc keeps its collector", {
  skip: name === "node" ? false : "the host collects by itself",
}, () => {
  assert.equal(hasCollector(), false);
  setFlagsFromString("--expose-gc");
  try {
    process.collect?.();
    assert.equal(hasCollector(), true);
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
});
