import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Histogram } from "../../src/load/histogram.ts";

test("quantiles are within 1.6 % of those of the sorted values", () => {
  const values = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), {
    minLength: 1,
    maxLength: 300,
  });
  fc.assert(fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
    const histogram = new Histogram();
    for (const value of all) histogram.add(value);
    const sorted = [...all].sort((a, b) => a - b);
    const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number;
    const found = histogram.quantile(share);
    assert.ok(Math.abs(found - exact) <= 0.05 + exact * 0.016, `${found} for ${exact}`);
  }));
});

test("a count stands for as many values", () => {
  const histogram = new Histogram();
  histogram.add(10, 99);
  histogram.add(5000, 1);
  assert.equal(histogram.total, 100);
  assert.equal(histogram.quantile(0.99), 10);
  assert.equal(histogram.quantile(1), 5000);
  assert.equal(histogram.maxMicroseconds, 5000);
});

test("after a reset nothing is left", () => {
  const histogram = new Histogram();
  histogram.add(10);
  histogram.reset();
  assert.deepEqual([histogram.total, histogram.quantile(0.5), histogram.maxMicroseconds], [
    0,
    0,
    0,
  ]);
});
