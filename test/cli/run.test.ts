import assert from "node:assert/strict";
import { test } from "node:test";
import { plainServer } from "../../src/cli/run.ts";

test("the plain ways to start a server need no argument parser, all others do", () => {
  assert.deepEqual(plainServer([]), { file: undefined });
  assert.deepEqual(plainServer(["server"]), { file: undefined });
  assert.deepEqual(plainServer(["server", "zoo.cfg"]), { file: "zoo.cfg" });
  for (
    const args of [["--port", "1"], ["server", "--help"], ["server", "a", "b"], ["convert", "d"], [
      "help",
    ], ["x"]]
  ) assert.equal(plainServer(args), undefined, args.join(" "));
});
