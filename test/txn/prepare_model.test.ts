/** Random writes, prepared far ahead of what is applied, against a plain model; and their log, replayed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Zxid } from "../../src/base/zxid.ts";
import { Op } from "../../src/protocol/ops.ts";
import { Applier } from "../../src/txn/apply.ts";
import type { Database } from "../../src/txn/database.ts";
import {
  createBody,
  multiBody,
  pathVersion,
  setAclBody,
  setDataBody,
} from "../support/requests.ts";
import { loadInto, snapshotOf } from "../tree/support.ts";
import { dump, Harness, newDatabase } from "./harness.ts";
import { Model, type Write } from "./model.ts";

const path = fc.constantFrom("/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/1");
const version = fc.constantFrom(-1, -1, -1, 0, 1, 2);
const data = fc.constantFrom("", "1", "twenty-two");
/** Mostly open; now and then without one of the permissions that writes ask for. */
const perms = fc.constantFrom(31, 31, 31, 31, 31 - 2, 31 - 4, 31 - 8, 31 - 16, 31 - 1);

const part: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      path,
      data,
      mode: fc.constantFrom(
        "plain" as const,
        "plain" as const,
        "ephemeral" as const,
        "sequential" as const,
      ),
      perms,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), path, version }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("setData" as const), path, data, version }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("check" as const), path, version }) },
);
const single: fc.Arbitrary<Write> = fc.oneof(
  { weight: 10, arbitrary: part.filter((op) => op.kind !== "check") },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("setAcl" as const), path, perms, version }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("closeSession" as const) }) },
);
const step = fc.record({
  session: fc.constantFrom(1n, 2n, 3n),
  what: fc.oneof(
    { weight: 5, arbitrary: single },
    { weight: 2, arbitrary: fc.array(part, { minLength: 1, maxLength: 5 }) },
  ),
  applied: fc.constantFrom(0, 0, 0, 1, 2, 100),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const steps = fc.array(step, { minLength: 1, maxLength: 60, size: "max" });

function worldAcl(mask: number) {
  return [{ perms: mask, scheme: "world", id: "anyone" }];
}

function requestOf(op: Write): [type: number, body: Uint8Array] {
  switch (op.kind) {
    case "create": {
      const flags = op.mode === "plain" ? 0 : op.mode === "ephemeral" ? 1 : 2;
      return [Op.create, createBody(op.path, op.data, flags, worldAcl(op.perms))];
    }
    case "delete":
      return [Op.delete, pathVersion(op.path, op.version)];
    case "setData":
      return [Op.setData, setDataBody(op.path, op.data, op.version)];
    case "setAcl":
      return [Op.setAcl, setAclBody(op.path, worldAcl(op.perms), op.version)];
    case "check":
      return [Op.check, pathVersion(op.path, op.version)];
    case "closeSession":
      return [Op.closeSession, new Uint8Array(0)];
  }
}

/** One step on both; the codes that the preparing stage found must be the model's. */
function take(harness: Harness, model: Model, { session, what }: Step): () => void {
  if (!Array.isArray(what)) {
    const [type, body] = requestOf(what);
    const entry = harness.prepare(type, body, { session });
    assert.equal(entry.txn.err, model.write(what, session, entry.txn.zxid), JSON.stringify(what));
    return () => {};
  }
  const entry = harness.prepare(Op.multi, multiBody(what.map(requestOf)), { session });
  const wanted = model.multi(what, session, entry.txn.zxid);
  return () => assert.deepEqual(entry.parts, wanted, JSON.stringify(what));
}

function runAll(list: readonly Step[]): { harness: Harness; model: Model } {
  const harness = new Harness(), model = new Model();
  const checks: (() => void)[] = [];
  for (const one of list) {
    checks.push(take(harness, model, one));
    for (let i = 0; i < one.applied; i++) harness.applyOne();
  }
  harness.applyAll();
  for (const check of checks) check();
  return { harness, model };
}

/** The tree says what the model says. */
function sameAs(model: Model, { tree }: Database): void {
  const found = new Map<string, unknown>(), wanted = new Map<string, unknown>();
  tree.forEachInSubtree(tree.findPath("/"), (id) => {
    const at = tree.pathOf(id);
    if (at.startsWith("/zookeeper")) return;
    found.set(at, {
      data: new TextDecoder().decode(tree.copyData(id) ?? new Uint8Array(0)),
      perms: tree.acls.get(tree.aclId(id))[0]?.perms,
      version: tree.version(id),
      cversion: tree.storedCversion(id),
      aversion: tree.aversion(id),
      owner: tree.owner(id),
      czxid: tree.czxid(id),
      mzxid: tree.mzxid(id),
      pzxid: tree.pzxid(id),
      children: tree.childCount(id),
    });
  });
  for (const [at, node] of model.nodes) {
    if (!at.startsWith("/zookeeper")) wanted.set(at, { ...node, children: model.childCount(at) });
  }
  assert.deepEqual([...found].sort(), [...wanted].sort());
}

test("writes prepared ahead of those applied end as if each had waited for the one before", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const { harness, model } = runAll(list);
      sameAs(model, harness.db);
    }),
    { numRuns: 300 },
  );
});

test("each txn carries the digest that its application leads to, and the overlay ends empty", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const { harness: { db, preparer, mismatches } } = runAll(list);
      assert.deepEqual(mismatches, []);
      assert.equal(preparer.overlay.size, 0, "what is applied need not be kept");
      assert.deepEqual(
        [preparer.overlay.sum.hi | 0, preparer.overlay.sum.lo | 0],
        [db.tree.digestHi | 0, db.tree.digestLo | 0],
      );
    }),
    { numRuns: 150 },
  );
});

test("the log alone rebuilds the same tree, whatever was pending when it was written", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const { harness } = runAll(list);
      const again = newDatabase();
      const mismatches: Zxid[] = [];
      const applier = new Applier(again, { onDigestMismatch: (zxid) => mismatches.push(zxid) });
      for (const { payload } of harness.log) applier.apply(payload, 0, payload.length);
      assert.deepEqual(dump(again), dump(harness.db));
      assert.deepEqual(mismatches, []);
      assert.equal(again.lastZxid, harness.db.lastZxid);
    }),
    { numRuns: 150 },
  );
});

test("txns applied twice over a fuzzy snapshot end where they ended first", () => {
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
      const { harness } = runAll(list);
      const from = Math.floor(share * harness.log.length);
      const began = (harness.log[from - 1]?.txn.zxid ?? 0) as Zxid;
      // All of the tree as it is at the end, without what was created after the snapshot began.
      const again = newDatabase();
      loadInto(again.tree, snapshotOf(harness.db.tree, began), harness.db.tree.acls);
      const applier = new Applier(again);
      applier.compareDigests = false;
      for (const { payload } of harness.log.slice(from)) applier.apply(payload, 0, payload.length);
      assert.deepEqual(dump(again), dump(harness.db));
      assert.equal(again.tree.digest, harness.db.tree.digest);
    }),
    { numRuns: 300 },
  );
});
