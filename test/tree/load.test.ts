import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { JuteError, Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { OPEN_ACL, READ_ONLY_ACL } from "../../src/protocol/acl.ts";
import { CONTAINER_OWNER } from "../../src/tree/owner.ts";
import { NO_NODE } from "../../src/tree/tree.ts";
import {
  childrenOf,
  dataOf,
  loadInto,
  newTree,
  pathsIn,
  put,
  setData,
  snapshotOf,
  statOf,
  zx,
} from "./support.ts";

/** A full tree: every kind of node, data and ACL. */
function sample() {
  const tree = newTree();
  const acl = tree.acls.intern([{ perms: 3, scheme: "digest", id: "u:h" }]);
  put(tree, "/a", { data: "x", acl, zxid: 0x1_0000_0001, time: 1_700_000_000_000 });
  put(tree, "/a/null", { data: null, zxid: 2 });
  put(tree, "/a/big", { data: new Uint8Array(70_000).fill(5), zxid: 3 });
  put(tree, "/a/é", { owner: 42n, zxid: 4 });
  put(tree, "/c", { owner: CONTAINER_OWNER, zxid: 5 });
  setData(tree, "/a", "changed", 6);
  setData(tree, "/", "root data", 7);
  return { tree, acl };
}

test("a load gives the tree that was written: digest, stats, data, ACLs, ephemerals", () => {
  const { tree, acl } = sample();
  const copy = newTree();
  put(copy, "/a", { data: "stale", owner: 99n }); // storage-format §15 case 50: a used tree
  put(copy, "/old");
  loadInto(copy, snapshotOf(tree), tree.acls);
  assert.equal(copy.digest, tree.digest);
  assert.equal(copy.nodeCount, tree.nodeCount);
  assert.equal(copy.approximateDataBytes, tree.approximateDataBytes);
  assert.equal(copy.findPath("/old"), NO_NODE);
  for (const path of ["/", "/a", "/a/null", "/a/big", "/a/é", "/c", "/zookeeper/config"]) {
    assert.deepEqual(statOf(copy, path), statOf(tree, path), path);
    assert.equal(dataOf(copy, path), dataOf(tree, path), path);
  }
  assert.deepEqual(copy.ephemeralSessions(), [42n]);
  assert.deepEqual(copy.acls.get(copy.aclId(copy.findPath("/a"))), tree.acls.get(acl));
  assert.deepEqual([...copy.acls.entries()], [...tree.acls.entries()]);
  assert.deepEqual(copy.reapCandidates(100, 10), ["/c"]);
});

test("the nodes of Apache's empty snapshot are those of a new tree (storage-format §14.1)", () => {
  const bytes = snapshotOf(newTree());
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const stat = (aversion: string) => `${"0".repeat(80)}${aversion}${"0".repeat(32)}`;
  const node = (path: string, key: string, aversion: string) => {
    const name = [...new TextEncoder().encode(path)];
    const head = name.length.toString(16).padStart(8, "0");
    const text = name.map((byte) => byte.toString(16)).join("");
    return `${head}${text}00000000${key}${stat(aversion)}`;
  };
  const open = "f".repeat(16), config = "0000000000000001";
  const expected = [
    node("", open, "00000000"),
    node("/zookeeper", open, "00000000"),
    node("/zookeeper/config", config, "ffffffff"),
    node("/zookeeper/quota", open, "00000000"),
  ];
  assert.equal(hex, `${expected.join("")}000000012f`);
  assert.equal(bytes.length, 411 - 16 - 4 - (4 + 8 + 4 + 4 + 4 + 5 + 4 + 6));
});

test("ACL keys of a loaded tree do not collide with those in the file (storage-format §15 case 51)", () => {
  const { tree } = sample();
  const config = tree.findPath("/zookeeper/config");
  tree.remove(config);
  const copy = newTree();
  loadInto(copy, snapshotOf(tree), tree.acls);
  const added = copy.findPath("/zookeeper/config"), old = copy.aclId(copy.findPath("/a"));
  assert.deepEqual(copy.acls.get(copy.aclId(added)), READ_ONLY_ACL);
  assert.notEqual(copy.aclId(added), old);
  assert.equal(copy.aversion(added), -1);
  assert.equal(copy.digest, tree.digest);
});

test("a node whose ACL key the file lacks is closed until setAcl gives it a list (§15 case 31)", () => {
  const { tree } = sample();
  const copy = newTree();
  loadInto(copy, snapshotOf(tree));
  const a = copy.findPath("/a");
  assert.equal(copy.acls.allows(copy.aclId(a), 31, []), false);
  const fresh = copy.acls.intern([{ perms: 1, scheme: "world", id: "anyone" }]);
  assert.notEqual(fresh, copy.aclId(a));
  copy.setAcl(a, copy.acls.intern(OPEN_ACL), 0);
  assert.equal(copy.acls.allows(copy.aclId(a), 31, []), true);
});

test("a file without system nodes gets them", () => {
  const copy = newTree();
  const w = new Writer();
  w.ustring("/");
  loadInto(copy, w.written());
  assert.equal(copy.digest, newTree().digest);
  assert.deepEqual(childrenOf(copy, "/zookeeper"), ["config", "quota"]);
});

test("a record cut anywhere changes nothing, and loads when the rest has come", () => {
  const bytes = snapshotOf(sample().tree);
  const tree = newTree();
  tree.clear();
  const r = new Reader();
  let at = 0, end = 0;
  for (;;) {
    r.reset(bytes, at, Math.min(end, bytes.length));
    const before = tree.nodeCount, digest = tree.digest;
    try {
      if (!tree.load(r)) break;
      at = r.pos;
    } catch (error) {
      assert.ok(error instanceof JuteError);
      assert.deepEqual([tree.nodeCount, tree.digest], [before, digest]);
      end += end - at < 200 ? 1 : 9973;
    }
  }
  assert.deepEqual(pathsIn(snapshotOf(tree)).sort(), pathsIn(bytes).sort());
});

function record(
  path: string | null,
  change: (w: Writer, statAt: number) => void = () => {},
): Uint8Array {
  const w = new Writer();
  w.ustring(path);
  w.buffer(new Uint8Array(0));
  w.int64Number(-1);
  const statAt = w.pos;
  for (let i = 0; i < 15; i++) w.int32(0);
  change(w, statAt);
  return w.written().slice();
}

test("nodes that cannot be are refused by name", () => {
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [record(null), /its path is null/],
    [record("/x/y"), /"\/x\/y": its parent did not come before it/],
    [record("/zookeeper"), /"\/zookeeper": it came twice/],
    [record(""), /"": it came twice/],
    [record("a"), /"a": that is no path/],
    [record("//x"), /"\/\/x": that is no path/],
    [record("/zookeeper/"), /that is no path/],
    [record("/o", (w, at) => w.patchInt32(at + 44, -1)), /0xffffffff00000000 has an unknown type/],
    [record("/z", (w, at) => w.patchInt32(at, 0x20_0000)), /czxid has epoch 2097152/],
    [record("/z", (w, at) => w.patchInt32(at + 8, 0x7fff_ffff)), /mzxid has epoch/],
    [record("/z", (w, at) => w.patchInt32(at + 52, -0x20_0000)), /pzxid has epoch -2097152/],
  ];
  for (const [bytes, message] of cases) {
    const tree = newTree();
    const digest = tree.digest;
    const load = () => tree.load(new Reader().reset(bytes, 0, bytes.length));
    assert.throws(load, (error) => error instanceof CorruptionError && message.test(error.message));
    assert.equal(tree.digest, digest);
    assert.equal(tree.nodeCount, 4);
  }
});

test("stored stats keep all 64 bits of times, so that digests agree", () => {
  const tree = newTree();
  const bytes = record("/t", (w, at) => w.patchInt32(at + 16, 0x7fff_ffff));
  assert.equal(tree.load(new Reader().reset(bytes, 0, bytes.length)), true);
  const w = new Writer();
  tree.writeStat(tree.findPath("/t"), w);
  assert.equal(w.view.getInt32(16), 0x7fff_ffff);
  const again = newTree();
  loadInto(again, snapshotOf(tree), tree.acls);
  assert.equal(again.digest, tree.digest);
  assert.equal(tree.czxid(tree.findPath("/t")), zx(0));
});

test("lists that no loaded node uses are dropped", () => {
  const { tree } = sample();
  const copy = newTree();
  copy.clear();
  for (const [id, list] of tree.acls.entries()) copy.acls.load(id, list);
  copy.acls.load(77, [{ perms: 9, scheme: "world", id: "anyone" }]);
  const bytes = snapshotOf(tree), r = new Reader().reset(bytes, 0, bytes.length);
  while (copy.load(r));
  copy.finishLoad();
  assert.equal(copy.acls.has(77), false);
  assert.equal(copy.acls.intern([{ perms: 9, scheme: "world", id: "anyone" }]), 78);
});
