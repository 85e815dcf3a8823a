// 64-bit integers in halves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatInt64, highHalf, int64Of, lowHalf } from "../../src/base/int64.ts";

test("halves give back what they were taken from", () => {
  const values = [
    0n,
    1n,
    -1n,
    0xffff_ffffn,
    0x1_0000_0000n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    -(2n ** 32n),
  ];
  for (const value of values) assert.equal(int64Of(highHalf(value), lowHalf(value)), value);
});

test("a low half may be given unsigned", () => {
  assert.equal(int64Of(0, 0xffff_ffff), 0xffff_ffffn);
  assert.equal(int64Of(0xffff_ffff, 0xffff_ffff), -1n);
});

test("negative ids print as their pattern", () => {
  assert.equal(formatInt64(-1n), "0xffffffffffffffff");
  assert.equal(formatInt64(0x100n), "0x100");
});
