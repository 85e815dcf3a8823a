/** The decision at start: every input meets exactly one row (storage-format §10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decide,
  type Decision,
  type Found,
  RECOVERY_TABLE,
  rowsFor,
} from "../../src/storage/recovery_table.ts";

function* inputs(): Iterable<Found> {
  const bools = [false, true];
  for (const snapshot of ["none", "loaded", "broken"] as const) {
    for (const hasRecords of bools) {
      for (const initialize of bools) {
        for (const dbAutocreate of bools) {
          for (const trustEmpty of bools) {
            yield { snapshot, hasRecords, initialize, dbAutocreate, trustEmpty };
          }
        }
      }
    }
  }
}

test("every input meets exactly one row of the recovery table, and every row is met", () => {
  const met = new Set<unknown>();
  let count = 0;
  for (const found of inputs()) {
    const rows = rowsFor(found);
    assert.equal(rows.length, 1, JSON.stringify(found));
    met.add(rows[0]);
    count++;
  }
  assert.equal(count, 48);
  assert.equal(met.size, RECOVERY_TABLE.length);
});

const nothing: Found = {
  snapshot: "none",
  hasRecords: false,
  initialize: false,
  dbAutocreate: true,
  trustEmpty: false,
};
const CASES: readonly (readonly [string, Partial<Found>, Decision])[] = [
  ["a new directory gets an empty database", {}, "create"],
  [
    "without db.autocreate nobody vouches for an empty directory",
    { dbAutocreate: false },
    "untrusted",
  ],
  ["the file `initialize` vouches for it", { dbAutocreate: false, initialize: true }, "create"],
  ["logs without a snapshot are refused", { hasRecords: true }, "refuseNoSnapshot"],
  ["`initialize` does not make logs without a snapshot good", {
    hasRecords: true,
    initialize: true,
  }, "refuseNoSnapshot"],
  [
    "logs without a snapshot are taken when trusted",
    { hasRecords: true, trustEmpty: true },
    "replayFromEmpty",
  ],
  ["trust does not matter where there is nothing", { trustEmpty: true }, "create"],
  ["a snapshot is enough", { snapshot: "loaded", dbAutocreate: false }, "replay"],
  [
    "snapshots that are all damaged are refused",
    { snapshot: "broken", trustEmpty: true },
    "refuseBroken",
  ],
];
for (const [name, found, decision] of CASES) {
  test(name, () => assert.equal(decide({ ...nothing, ...found }), decision));
}
