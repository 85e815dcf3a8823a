/** Txns that grow beyond their requests: what is logged must be readable again, whatever a client asks for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import { createBody, multiBody, setAclBody, setDataBody } from "../support/requests.ts";
import { Harness, TXN_BYTES_MAX } from "./harness.ts";

const ids = (count: number, length: number) =>
  Array.from(
    { length: count },
    (_, i) => ({ scheme: "digest", id: `${"u".repeat(length)}${i}:h` }),
  );
const AUTH = { perms: 31, scheme: "auth", id: "" };

test("a multi that would fill the memory with its caller's ids is refused as a whole", () => {
  const harness = new Harness();
  const parts = Array.from(
    { length: 20_000 },
    (): [number, Uint8Array] => [Op.create, createBody("/n", "", 2, [AUTH])],
  );
  const entry = harness.prepare(Op.multi, multiBody(parts), { identities: ids(1000, 200) });
  assert.deepEqual([entry.txn.txnType, entry.txn.err], [Op.error, Code.marshallingError]);
  assert.ok(entry.payload.length < 100);
  assert.equal(harness.preparer.overlay.size, 0);
  harness.applyAll();
  assert.equal(harness.run(Op.create, createBody("/n", "", 2)), Code.ok);
  assert.ok(harness.db.tree.findPath("/n0000000000") >= 0, "no number was used");
  assert.deepEqual(harness.mismatches, []);
});

test("a list that names the caller's ids too often is no valid list", () => {
  const harness = new Harness();
  const many = Array.from({ length: 30_000 }, (_, perms) => ({ ...AUTH, perms }));
  const caller = { identities: ids(1000, 200) };
  assert.equal(harness.run(Op.create, createBody("/n", "", 0, many), caller), Code.invalidAcl);
  assert.equal(harness.run(Op.create, createBody("/n", "", 0, many.slice(0, 5)), caller), Code.ok);
});

test("a write whose ids alone make its txn too long is refused, and nothing has happened", () => {
  const harness = new Harness();
  assert.equal(harness.run(Op.create, createBody("/n", "")), Code.ok);
  const caller = { identities: ids(1000, 500) };
  const lists = Array.from({ length: 5 }, (_, perms) => ({ ...AUTH, perms: perms + 1 }));
  const version = harness.db.tree.aversion(harness.db.tree.findPath("/n"));
  for (
    const [type, body] of [
      [Op.create, createBody("/large", "", 0, lists)],
      [Op.create2, createBody("/large", "", 0, lists)],
      [Op.setAcl, setAclBody("/n", lists)],
      [Op.multi, multiBody([[Op.create, createBody("/large", "", 0, lists)]])],
    ] as const
  ) {
    const entry = harness.prepare(type, body, caller);
    assert.deepEqual([entry.txn.txnType, entry.txn.err], [Op.error, Code.marshallingError]);
    assert.ok(entry.payload.length < 100);
    harness.applyAll();
    assert.equal(harness.preparer.overlay.size, 0);
  }
  assert.equal(harness.db.tree.findPath("/large"), -1);
  assert.equal(harness.db.tree.aversion(harness.db.tree.findPath("/n")), version);
  assert.equal(
    harness.run(Op.create, createBody("/large", "", 0, lists.slice(0, 3)), caller),
    Code.ok,
  );
  assert.deepEqual(harness.mismatches, []);
});

test("a txn is as long as a learner takes, and no longer", () => {
  const harness = new Harness();
  const most = TXN_BYTES_MAX - harness.prepare(Op.create, createBody("/most", "")).payload.length;
  harness.applyAll();
  const seen: number[] = [];
  for (let length = most - 20; length <= most + 20; length++) {
    const entry = harness.prepare(Op.setData, setDataBody("/most", "x".repeat(length)));
    harness.applyAll();
    if (entry.txn.err === Code.ok) seen.push(entry.payload.length);
    else assert.equal(entry.txn.err, Code.marshallingError);
  }
  assert.ok(seen.length > 0 && seen.length < 41, `${seen.length} of 41 were taken`);
  assert.ok(Math.max(...seen) <= TXN_BYTES_MAX, `the longest has ${Math.max(...seen)}`);
});

test("a session's end lists what fits and takes all", () => {
  const harness = new Harness();
  const count = 8, length = 900_000;
  for (let i = 0; i < count; i++) {
    harness.run(Op.create, createBody(`/${i}${"e".repeat(length)}`, "", 1));
  }
  const entry = harness.prepare(Op.closeSession);
  assert.ok(entry.payload.length > length && entry.payload.length <= TXN_BYTES_MAX);
  harness.applyAll();
  assert.equal(harness.db.tree.childCount(harness.db.tree.findPath("/")), 1);
  assert.deepEqual([harness.mismatches, harness.preparer.overlay.size], [[], 0]);
});
