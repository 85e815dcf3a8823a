// Bounds that rest on each other: changing one must not silently undo another.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as limits from "../../src/base/limits.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";

test("an output may hold many buffers before its input stops, and more before it is closed", () => {
  assert.ok(limits.OUTPUT_BUFFER_BYTES * 8 <= limits.OUTPUT_PENDING_BYTES_MAX);
  assert.ok(limits.OUTPUT_PENDING_BYTES_MAX * 8 <= limits.OUTPUT_NOTIFY_BYTES_MAX);
  assert.ok(limits.OUTPUT_NOTIFY_BYTES_MAX * 8 <= limits.OUTPUT_HARD_BYTES_MAX);
});

test("every read that may wait behind a write can be answered with the largest value there is", () => {
  const { juteMaxBufferBytes } = DEFAULT_OPTIONS;
  assert.ok(limits.DEFERRED_READS_MAX * juteMaxBufferBytes < limits.OUTPUT_HARD_BYTES_MAX);
});

test("a TTL fits its five bytes", () => {
  assert.equal(limits.TTL_MS_MAX, 2 ** 40 - 1);
});
