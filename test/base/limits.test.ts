// Bounds that rest on each other: changing one must not silently undo another.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as limits from "../../src/base/limits.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";

test("an output may hold many buffers before its input stops, and more before it is closed", () => {
  assert.ok(limits.OUTPUT_BUFFER_BYTES * 8 <= limits.OUTPUT_PENDING_BYTES_MAX);
  assert.ok(limits.OUTPUT_PENDING_BYTES_MAX * 8 <= limits.OUTPUT_HARD_BYTES_MAX);
});

test("the largest reply to an ordinary request fits below the bound that closes a connection", () => {
  assert.ok(DEFAULT_OPTIONS.juteMaxBufferBytes * 8 < limits.OUTPUT_HARD_BYTES_MAX);
});

test("a TTL fits its five bytes", () => {
  assert.equal(limits.TTL_MS_MAX, 2 ** 40 - 1);
});
