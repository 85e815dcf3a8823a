/** Txns that grow beyond their requests: what is logged must be readable again, whatever a client asks for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TXN_BYTES_MAX } from "../../src/base/limits.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import { createBody, multiBody } from "../support/requests.ts";
import { Harness } from "./harness.ts";

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
  assert.equal(harness.run(Op.create, createBody("/n", "", 0, many.slice(0, 20)), caller), Code.ok);
});

test("a session's end lists what fits and takes all", () => {
  const harness = new Harness();
  const count = 80, length = 900_000;
  for (let i = 0; i < count; i++) {
    harness.run(Op.create, createBody(`/${i}${"e".repeat(length)}`, "", 1));
  }
  const entry = harness.prepare(Op.closeSession);
  assert.ok(
    entry.payload.length > TXN_BYTES_MAX && entry.payload.length < TXN_BYTES_MAX + 2 * length,
  );
  harness.applyAll();
  assert.equal(harness.db.tree.childCount(harness.db.tree.findPath("/")), 1);
  assert.deepEqual([harness.mismatches, harness.preparer.overlay.size], [[], 0]);
});
