import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLoad } from "../../bench/load/flags.ts";

test("options are checked, and a refusal says what is wanted", () => {
  const options = parseLoad([
    "--connect",
    "localhost:22600,b:1",
    "--mix",
    "setData",
    "--seconds",
    "0.5",
  ]);
  assert.deepEqual(options.servers, [{ host: "localhost", port: 22600 }, { host: "b", port: 1 }]);
  assert.deepEqual([options.mix, options.seconds, options.keep], [{ setData: 1 }, 0.5, true]);
  assert.throws(() => parseLoad(["--mix", "fly"]), /"fly" is no share of a mix/);
  assert.throws(() => parseLoad(["--window", "0"]), /--window "0": wanted a number from 1/);
  assert.throws(() => parseLoad(["--connect", "localhost:x"]), /a port is 1 to 65535/);
});
