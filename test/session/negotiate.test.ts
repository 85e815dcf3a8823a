import assert from "node:assert/strict";
import { test } from "node:test";
import { negotiateTimeoutMs } from "../../src/session/negotiate.ts";

test("the default limits are 2 and 20 ticks: 4, 1, 30 ticks give 4, 2, 20 (case 1)", () => {
  const tick = 3000;
  const limits = { minSessionTimeoutMs: 2 * tick, maxSessionTimeoutMs: 20 * tick };
  const given = [4 * tick, tick, 30 * tick].map((wanted) => negotiateTimeoutMs(wanted, limits));
  assert.deepEqual(given, [4 * tick, 2 * tick, 20 * tick]);
});

test("configured limits hold (case 2)", () => {
  const limits = { minSessionTimeoutMs: 20_000, maxSessionTimeoutMs: 240_000 };
  const given = [120_000, 10_000, 480_000].map((wanted) => negotiateTimeoutMs(wanted, limits));
  assert.deepEqual(given, [120_000, 20_000, 240_000]);
});

test("zero and negative timeouts are raised like any short one", () => {
  const limits = { minSessionTimeoutMs: 6000, maxSessionTimeoutMs: 60_000 };
  for (const wanted of [0, -1, -0x8000_0000]) {
    assert.equal(negotiateTimeoutMs(wanted, limits), 6000);
  }
});
