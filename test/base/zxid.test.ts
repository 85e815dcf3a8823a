import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvariantError } from "../../src/base/invariant.ts";
import {
  COUNTER_MAX,
  counterOf,
  EPOCH_MAX,
  epochOf,
  formatZxid,
  hexOf,
  nextZxid,
  type Zxid,
  ZXID_MAX,
  ZXID_NONE,
  zxidFromHalves,
  zxidOf,
} from "../../src/base/zxid.ts";

const epoch = fc.integer({ min: 0, max: EPOCH_MAX });
const counter = fc.integer({ min: 0, max: COUNTER_MAX });

test("epoch and counter come back from a zxid", () => {
  fc.assert(fc.property(epoch, counter, (e, c) => {
    const zxid = zxidOf(e, c);
    assert.ok(Number.isSafeInteger(zxid));
    assert.deepEqual([epochOf(zxid), counterOf(zxid)], [e, c]);
    assert.equal(zxidFromHalves(e, c | 0), zxid);
  }));
});

test("the order of zxids is epoch first, then counter", () => {
  fc.assert(fc.property(epoch, counter, epoch, counter, (e1, c1, e2, c2) => {
    const wanted = e1 !== e2 ? e1 < e2 : c1 < c2;
    assert.equal(zxidOf(e1, c1) < zxidOf(e2, c2), wanted);
  }));
});

test("zxids out of reach are never built", () => {
  assert.throws(() => zxidOf(EPOCH_MAX + 1, 0), InvariantError);
  assert.throws(() => zxidOf(-1, 0), InvariantError);
  assert.throws(() => zxidOf(0, COUNTER_MAX + 1), InvariantError);
  assert.equal(zxidOf(EPOCH_MAX, COUNTER_MAX), ZXID_MAX);
});

test("hostile halves saturate", () => {
  assert.equal(zxidFromHalves(0x7fff_ffff, -1), ZXID_MAX);
  assert.equal(zxidFromHalves(EPOCH_MAX + 1, 0), ZXID_MAX);
  assert.equal(zxidFromHalves(-0x8000_0000, 0), -ZXID_MAX);
  assert.equal(zxidFromHalves(-1, -1), ZXID_NONE);
  assert.equal(zxidFromHalves(-EPOCH_MAX - 1, 0), -ZXID_MAX, "-2^53 is not exact");
  assert.equal(zxidFromHalves(-EPOCH_MAX - 1, 2), -ZXID_MAX + 1, "what is exact stays exact");
});

test("a full counter has no next zxid in its epoch", () => {
  assert.equal(nextZxid(zxidOf(3, 7)), zxidOf(3, 8));
  assert.throws(() => nextZxid(zxidOf(3, COUNTER_MAX)), InvariantError);
});

test("zxids print in hexadecimal, negative ones as 64 bits", () => {
  assert.equal(formatZxid(zxidOf(2, 3)), "0x200000003");
  assert.equal(hexOf(0 as Zxid), "0");
  assert.equal(hexOf(ZXID_NONE), "ffffffffffffffff");
});
