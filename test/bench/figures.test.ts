import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFigure, median } from "../../bench/figures.ts";

test("the median is the middle one, or the mean of the middle two", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([]), NaN);
});

test("figures have three significant digits and thousands apart", () => {
  const figures = [1_234_567.8, 999, 12.345, 0.123, NaN];
  assert.deepEqual(figures.map(formatFigure), ["1,234,568", "999", "12.3", "0.12", "-"]);
});
