/** The engine's flags are the program's: what a collection takes it leaves as it was. */
import assert from "node:assert/strict";
import host from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { trimmer } from "../../runtimes/deno/collect.ts";
import { hostRuntime } from "../support/runtime.ts";
import { testUnless } from "../support/skip.ts";

const { name, process } = await hostRuntime();
const hasCollector = (): boolean => runInNewContext("typeof gc") === "function";

const reason = name === "bun" ? "Bun is not made to collect" : undefined;
testUnless(reason, "a program that runs with --expose-gc keeps its collector", () => {
  assert.equal(hasCollector(), false);
  setFlagsFromString("--expose-gc");
  try {
    process.collect?.();
    assert.equal(hasCollector(), true);
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
});

testUnless(
  name === "deno" && host.platform === "linux" ? undefined : "only Deno on Linux is told to trim",
  "malloc gives back what is free, where all is allowed",
  () => assert.notEqual(trimmer(), undefined),
);
