/** What a preparing stage decides that no session of a client against Apache can show. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Zxid } from "../../src/base/zxid.ts";
import { JuteError } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import { ttlOwner } from "../../src/tree/owner.ts";
import { sequenceSuffix } from "../../src/txn/prepare_create.ts";
import {
  createBody,
  multiBody,
  pathOnly,
  pathVersion,
  setAclBody,
  setDataBody,
  ttlBody,
} from "../support/requests.ts";
import { codec, dump, Harness, newDatabase } from "./harness.ts";
import { Database } from "../../src/txn/database.ts";

const READ_ONLY = [{ perms: 1, scheme: "world", id: "anyone" }];
const NOBODY = [{ perms: 31, scheme: "digest", id: "nobody:x" }];
const digest = (id: string) => ({ scheme: "digest", id });

function pathOf({ db }: Harness, under: string): string[] {
  const parent = db.tree.findPath(under);
  const paths: string[] = [];
  db.tree.forEachChild(parent, (id) => paths.push(db.tree.pathOf(id)));
  return paths.sort();
}

test("a setACL still under way counts for the requests behind it", () => {
  const harness = new Harness();
  harness.run(Op.create, createBody("/a"));
  assert.equal(harness.prepare(Op.setAcl, setAclBody("/a", READ_ONLY)).txn.err, Code.ok);
  assert.equal(harness.prepare(Op.setData, setDataBody("/a", "x")).txn.err, Code.noAuth);
  assert.equal(harness.prepare(Op.create, createBody("/a/b")).txn.err, Code.noAuth);
  harness.applyAll();
  assert.equal(harness.run(Op.setData, setDataBody("/a", "x")), Code.noAuth);
});

test("an ACL that only a pending create refers to is kept until it is applied", () => {
  const harness = new Harness();
  harness.prepare(Op.create, createBody("/a", "", 0, NOBODY));
  // Enough other lists to push out whatever nobody holds.
  for (let i = 0; i < 3000; i++) {
    harness.db.tree.acls.intern([{ perms: 1, scheme: "digest", id: `user${i}:x` }]);
  }
  assert.equal(harness.prepare(Op.setData, setDataBody("/a", "x")).txn.err, Code.noAuth);
  harness.applyAll();
  const { tree } = harness.db;
  assert.deepEqual(tree.acls.get(tree.aclId(tree.findPath("/a"))), NOBODY);
});

test("an auth entry stands for each id of the caller, also when the same list came before from another", () => {
  const harness = new Harness();
  const auth = [{ perms: 31, scheme: "auth", id: "" }];
  const create = (path: string, ...ids: string[]) =>
    harness.run(Op.create, createBody(path, "", 0, auth), { identities: ids.map(digest) });
  assert.equal(create("/none"), Code.invalidAcl);
  assert.equal(create("/one", "u:1"), Code.ok);
  assert.equal(create("/two", "v:2", "w:3"), Code.ok);
  assert.equal(create("/none"), Code.invalidAcl);
  const { tree } = harness.db;
  const idsAt = (path: string) =>
    tree.acls.get(tree.aclId(tree.findPath(path))).map(({ id }) => id);
  assert.deepEqual([idsAt("/one"), idsAt("/two")], [["u:1"], ["v:2", "w:3"]]);
});

test("the suffix of sequential names has ten digits, a sign taking one of them", () => {
  assert.deepEqual(
    [0, 7, 2_147_483_647, -1, -2_147_483_648].map(sequenceSuffix),
    ["0000000000", "0000000007", "2147483647", "-000000001", "-2147483648"],
  );
});

test("behind the last sequence number names collide, and the stored counter stays", () => {
  const harness = new Harness();
  harness.run(Op.create, createBody("/s"));
  const { tree } = harness.db;
  tree.touchParent(tree.findPath("/s"), 0x7fff_ffff, 2 as Zxid);
  harness.preparer.overlay.reset();
  assert.equal(harness.run(Op.create, createBody("/s/n", "", 2)), Code.ok);
  assert.deepEqual(pathOf(harness, "/s"), ["/s/n2147483647"]);
  assert.equal(tree.storedCversion(tree.findPath("/s")), 0x7fff_ffff);
  assert.equal(harness.run(Op.create, createBody("/s/n", "", 2)), Code.nodeExists);
  assert.deepEqual(harness.mismatches, [], "prepared and applied digests agree there too");
});

test("data versions wrap from 2147483647, and from -2 go to -1, which no test can name", () => {
  const harness = new Harness();
  harness.run(Op.create, createBody("/v"));
  const { tree } = harness.db;
  const set = (version: number) => {
    tree.setData(tree.findPath("/v"), null, 0, 0, version, 5 as Zxid, 0, -1);
    harness.preparer.overlay.reset();
  };
  set(0x7fff_ffff);
  assert.equal(harness.run(Op.setData, setDataBody("/v", "", 0x7fff_ffff)), Code.ok);
  assert.equal(tree.version(tree.findPath("/v")), -0x8000_0000);
  set(-2);
  assert.equal(harness.run(Op.setData, setDataBody("/v", "", -2)), Code.ok);
  assert.equal(tree.version(tree.findPath("/v")), -1);
  assert.deepEqual(harness.mismatches, []);
});

test("a session's end takes its pending ephemerals too, and not those that another session took over", () => {
  const harness = new Harness();
  harness.run(Op.create, createBody("/old", "", 1), { session: 5n });
  harness.prepare(Op.create, createBody("/new", "", 1), { session: 5n });
  harness.prepare(Op.delete, pathVersion("/old"), { session: 6n });
  harness.prepare(Op.create, createBody("/old", "", 1), { session: 6n });
  harness.prepare(Op.closeSession, undefined, { session: 5n });
  harness.applyAll();
  assert.deepEqual(pathOf(harness, "/"), ["/old", "/zookeeper"]);
});

test("a container's removal: only containers and TTL nodes, only childless", () => {
  const harness = new Harness();
  harness.run(Op.create, createBody("/plain"));
  harness.run(Op.create, createBody("/mine", "", 1));
  harness.run(Op.createContainer, createBody("/box", "", 4));
  harness.run(Op.create, createBody("/box/in"));
  harness.run(Op.createTtl, ttlBody("/ttl", 1000));
  const remove = (path: string) => harness.run(Op.deleteContainer, pathOnly(path));
  assert.equal(remove("/plain"), Code.badVersion);
  assert.equal(remove("/mine"), Code.badVersion);
  assert.equal(remove("/box"), Code.notEmpty);
  assert.equal(remove("/"), Code.badArguments);
  assert.equal(remove("/gone"), Code.noNode);
  assert.equal(remove("/ttl"), Code.ok);
  harness.prepare(Op.delete, pathVersion("/box/in"));
  assert.equal(remove("/box"), Code.ok, "what is pending counts");
  assert.deepEqual(pathOf(harness, "/"), ["/mine", "/plain", "/zookeeper"]);
});

test("with 3.5.3's TTL nodes emulated: their owner's form, children below them, and their removal [68]", () => {
  const options = { extendedTypes: true, emulate353: true };
  const harness = new Harness(new Database(codec, { digest: true, ...options }));
  const { tree } = harness.db;
  assert.equal(harness.run(Op.createTtl, ttlBody("/t", 1000)), Code.ok);
  assert.equal(tree.owner(tree.findPath("/t")), ttlOwner(1000, options));
  assert.equal(harness.run(Op.create, createBody("/t/child")), Code.ok, "no session's own node");
  assert.equal(harness.run(Op.delete, pathVersion("/t/child")), Code.ok);
  assert.equal(harness.run(Op.deleteContainer, pathOnly("/t")), Code.ok);
  assert.deepEqual(harness.mismatches, []);
});

test("a refused body leaves no trace: no zxid, nothing pending, no list held", () => {
  const harness = new Harness();
  const whole = createBody("/a", "x", 0, NOBODY);
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => harness.prepare(Op.create, whole.subarray(0, end)), JuteError);
  }
  assert.equal(harness.preparer.overlay.size, 0);
  assert.equal(harness.prepare(Op.create, whole).txn.zxid, 1);
});

test("a multi cut anywhere is refused as a whole and leaves no trace", () => {
  const harness = new Harness();
  const whole = multiBody([
    [Op.create, createBody("/a")],
    [Op.setData, setDataBody("/a", "x")],
    [Op.delete, pathVersion("/a")],
  ]);
  for (let end = 0; end < whole.length; end++) {
    const entry = harness.prepare(Op.multi, whole.subarray(0, end));
    assert.deepEqual(
      [entry.txn.txnType, entry.txn.err],
      [Op.error, Code.marshallingError],
      `cut at ${end}`,
    );
  }
  assert.equal(harness.preparer.overlay.size, 0);
  harness.applyAll();
  assert.equal(harness.run(Op.multi, whole), Code.ok);
});

test("random bytes as bodies are refused or prepared, and never break a rule", () => {
  const harness = new Harness();
  const types = [
    Op.create,
    Op.create2,
    Op.createContainer,
    Op.createTtl,
    Op.delete,
    Op.setData,
    Op.setAcl,
    Op.multi,
  ];
  const whole = new Map<number, Uint8Array>([
    [Op.setData, setDataBody("/a", "x")],
    [Op.setAcl, setAclBody("/a", READ_ONLY)],
    [Op.delete, pathVersion("/a")],
    [Op.createTtl, ttlBody("/ttl", 5)],
    [Op.multi, multiBody([[Op.create, createBody("/a")], [Op.setData, setDataBody("/a", null)]])],
  ]);
  const change = fc.array(
    fc.tuple(fc.nat(80), fc.constantFrom(0, 1, 2, 4, 5, 14, 0x2f, 0x7f, 0xff)),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...types), change, (type, changes) => {
      const body = (whole.get(type) ?? createBody("/a", "x")).slice();
      for (const [at, byte] of changes) if (at < body.length) body[at] = byte;
      try {
        harness.prepare(type, body);
      } catch (error) {
        assert.ok(error instanceof JuteError, String(error));
      }
      harness.applyAll();
    }),
    { numRuns: 2000 },
  );
  assert.deepEqual(harness.mismatches, []);
  assert.equal(harness.preparer.overlay.size, 0);
});

test("a txn written into a region that is too small goes on elsewhere and is whole", () => {
  const ids = Array.from({ length: 50 }, (_, i) => digest(`user${i}:${"h".repeat(100)}`));
  const auth = [{ perms: 31, scheme: "auth", id: "" }];
  const harness = new Harness();
  const parts = Array.from(
    { length: 40 },
    (): [number, Uint8Array] => [Op.create, createBody("/n", "", 2, auth)],
  );
  const entry = harness.prepare(Op.multi, multiBody(parts), { identities: ids });
  assert.ok(entry.payload.length > 100_000);
  harness.applyAll();
  assert.equal(pathOf(harness, "/").length, 41);
  assert.deepEqual(harness.mismatches, []);
});

test("without digests no txn carries one", () => {
  const harness = new Harness(newDatabase(false));
  const withDigest = new Harness();
  const body = createBody("/a");
  assert.equal(
    withDigest.prepare(Op.create, body).payload.length -
      harness.prepare(Op.create, body).payload.length,
    12,
  );
  harness.applyAll();
  assert.ok(dump(harness.db).has("/a"));
});

test("quotas: hard limits refuse where enforced, and are reported either way", () => {
  for (const enforceQuota of [true, false]) {
    const harness = new Harness(newDatabase(), { enforceQuota });
    const verdicts: string[] = [];
    harness.preparer.onQuota = (path, verdict) => verdicts.push(`${path} ${verdict}`);
    harness.run(Op.create, createBody("/q"));
    harness.run(Op.create, createBody("/zookeeper/quota/q"));
    harness.run(
      Op.create,
      createBody(
        "/zookeeper/quota/q/zookeeper_limits",
        "count=-1,bytes=-1=;byteHardLimit=3;countHardLimit=-1",
      ),
    );
    harness.run(Op.create, createBody("/zookeeper/quota/q/zookeeper_stats", ""));
    const err = harness.run(Op.setData, setDataBody("/q", "four"));
    assert.equal(err, enforceQuota ? Code.quotaExceeded : Code.ok);
    assert.equal(verdicts.length, 1);
    assert.ok(verdicts[0]?.startsWith("/q "));
  }
});

test("bodies that claim more than they hold take no memory", () => {
  const harness = new Harness();
  const w = new Writer(64);
  w.ustring("/a");
  w.buffer(null);
  w.int32(0x7fff_ffff); // ACL entries that are not there
  assert.throws(() => harness.prepare(Op.create, w.written()), JuteError);
});
