import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, codeName } from "../../src/protocol/codes.ts";
import {
  CreateMode,
  isEphemeralMode,
  isSequentialMode,
  isTtlMode,
  Op,
  OP_SHORT_NAMES,
} from "../../src/protocol/ops.ts";

test("codes have the names that operators know, and others their number", () => {
  assert.equal(codeName(0), "OK");
  assert.equal(codeName(-101), "NO_NODE");
  assert.equal(codeName(-108), "NO_CHILDREN_FOR_EPHEMERALS");
  assert.equal(codeName(-99), "CODE -99");
});

test("every code and every operation is its own number", () => {
  for (const table of [Code, Op]) {
    const numbers = Object.values(table);
    assert.equal(new Set(numbers).size, numbers.length);
  }
});

test("seven create modes: which are ephemeral, sequential, of limited life", () => {
  const of = (is: (flags: number) => boolean) => Object.values(CreateMode).filter(is);
  assert.deepEqual(of(isEphemeralMode), [1, 3]);
  assert.deepEqual(of(isSequentialMode), [2, 3, 6]);
  assert.deepEqual(of(isTtlMode), [5, 6]);
});

test("each operation that a client may send has a short name", () => {
  for (const [name, type] of Object.entries(Op)) {
    if (name === "error") continue;
    assert.ok(OP_SHORT_NAMES.has(type), name);
  }
});
