import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { InvariantError } from "../../src/base/invariant.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { OPEN_ACL, READ_ONLY_ACL } from "../../src/protocol/acl.ts";
import { ustring, vector } from "../../src/protocol/schema.ts";
import { CONTAINER_OWNER, ttlOwner } from "../../src/tree/owner.ts";
import { NO_NODE, OwnerKind } from "../../src/tree/tree.ts";
import { childrenOf, dataOf, drop, newTree, put, setData, statOf, zx } from "./support.ts";

test("a new tree holds the preset nodes as clients of Apache see them", () => {
  const tree = newTree();
  assert.equal(tree.nodeCount, 4);
  assert.deepEqual(childrenOf(tree, "/"), ["zookeeper"]);
  assert.deepEqual(childrenOf(tree, "/zookeeper"), ["config", "quota"]);
  const zero = {
    czxid: 0,
    mzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLength: 0,
    numChildren: 0,
    pzxid: 0,
  };
  assert.deepEqual(statOf(tree, "/"), { ...zero, cversion: -1, numChildren: 1 });
  assert.deepEqual(statOf(tree, "/zookeeper"), { ...zero, cversion: -2, numChildren: 2 });
  assert.deepEqual(statOf(tree, "/zookeeper/quota"), zero);
  assert.deepEqual(statOf(tree, "/zookeeper/config"), { ...zero, aversion: -1 });
  assert.deepEqual(tree.acls.get(tree.aclId(tree.root)), OPEN_ACL);
  assert.deepEqual(tree.acls.get(tree.aclId(tree.findPath("/zookeeper/config"))), READ_ONLY_ACL);
  assert.equal(dataOf(tree, "/zookeeper/config"), "");
});

test("paths are found by their bytes; malformed ones are nowhere", () => {
  const tree = newTree();
  put(tree, "/a");
  put(tree, "/a/é");
  for (const path of ["/", "", "/a", "/a/é"]) {
    const id = tree.findPath(path);
    assert.notEqual(id, NO_NODE, path);
    assert.equal(tree.pathOf(id), path === "" ? "/" : path);
  }
  for (const path of ["a", "/a/", "//", "//a", "/a//é", "/b", "/a/e", "/a/é/x", "/aa"]) {
    assert.equal(tree.findPath(path), NO_NODE, path);
  }
  const bytes = utf8Encode("xx/a/éyy");
  assert.equal(tree.find(bytes, 2, bytes.length - 2), tree.findPath("/a/é"));
  assert.equal(tree.findChild(tree.root, bytes, 3, 4), tree.findPath("/a"));
});

test("a created node's stat, and its parent's (client-protocol §11 cases 47 to 51)", () => {
  const tree = newTree();
  put(tree, "/p", { zxid: 5, time: 100 });
  put(tree, "/p/c", {
    zxid: 0x2_0000_0006,
    time: 1_700_000_000_000,
    owner: -0x1234_5678_9abc_def0n,
    data: "xyz",
  });
  assert.deepEqual(statOf(tree, "/p/c"), {
    czxid: 0x2_0000_0006,
    mzxid: 0x2_0000_0006,
    ctime: 1_700_000_000_000,
    mtime: 1_700_000_000_000,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: -0x1234_5678_9abc_def0n,
    dataLength: 3,
    numChildren: 0,
    pzxid: 0x2_0000_0006,
  });
  const parent = statOf(tree, "/p");
  assert.deepEqual([parent.cversion, parent.numChildren, parent.pzxid], [1, 1, 0x2_0000_0006]);
  assert.deepEqual([parent.mzxid, parent.version, parent.mtime], [5, 0, 100]);
});

test("the shown cversion counts creates and deletes (client-protocol §11 S2)", () => {
  const tree = newTree();
  put(tree, "/p", { zxid: 1 });
  for (let i = 0; i < 10; i++) {
    put(tree, `/p/${i}`, { zxid: 2 + i });
    const { cversion, numChildren } = statOf(tree, "/p");
    assert.deepEqual([cversion, numChildren], [i + 1, i + 1]);
  }
  drop(tree, "/p/3", 50);
  const { cversion, numChildren, pzxid, mzxid } = statOf(tree, "/p");
  assert.deepEqual([cversion, numChildren, pzxid, mzxid], [11, 9, 50, 1]);
  assert.equal(tree.storedCversion(tree.findPath("/p")), 10);
});

test("cversion wraps at 32 bits, as shown and as stored", () => {
  const tree = newTree();
  const p = put(tree, "/p");
  tree.touchParent(p, 0x4000_0000, zx(2));
  assert.equal(statOf(tree, "/p").cversion, -0x8000_0000);
  tree.touchParent(p, 0x7fff_ffff, zx(3));
  assert.equal(statOf(tree, "/p").cversion, -2);
  tree.touchParent(p, (0x7fff_ffff + 1) | 0, zx(4));
  assert.equal(tree.storedCversion(p), -0x8000_0000);
});

test("pzxid rises with a higher zxid and stays with a lower one (storage-format §15 case 29)", () => {
  const tree = newTree();
  const p = put(tree, "/p", { zxid: 10 });
  const digest = tree.digest;
  tree.raisePzxid(p, zx(9));
  assert.equal(tree.pzxid(p), 10);
  assert.equal(tree.digest, digest);
  tree.raisePzxid(p, zx(11));
  assert.equal(tree.pzxid(p), 11);
  assert.notEqual(tree.digest, digest);
});

test("setData changes data, version, mzxid, mtime and nothing else; versions wrap", () => {
  const tree = newTree();
  const id = put(tree, "/a", { zxid: 3, time: 7, data: "old" });
  const before = statOf(tree, "/a"), longer = utf8Encode("..much longer than it was..");
  tree.setData(id, longer, 2, longer.length - 2, -0x8000_0000, zx(9), 8, -1);
  assert.deepEqual(statOf(tree, "/a"), {
    ...before,
    version: -0x8000_0000,
    mzxid: 9,
    mtime: 8,
    dataLength: longer.length - 4,
  });
  assert.equal(dataOf(tree, "/a"), "much longer than it was");
  const data = utf8Encode("silent"), stat = statOf(tree, "/a");
  tree.setDataSilently(id, data);
  assert.deepEqual(statOf(tree, "/a"), { ...stat, dataLength: 6 });
});

test("null and empty data stay distinct, and both show length 0 (client-protocol §11 case 46)", () => {
  const tree = newTree();
  put(tree, "/null", { data: null });
  put(tree, "/empty", { data: "" });
  assert.equal(dataOf(tree, "/null"), null);
  assert.equal(dataOf(tree, "/empty"), "");
  assert.equal(statOf(tree, "/null").dataLength, 0);
  const w = new Writer();
  tree.writeData(tree.findPath("/null"), w);
  tree.writeData(tree.findPath("/empty"), w);
  assert.deepEqual([...w.written()], [255, 255, 255, 255, 0, 0, 0, 0]);
  for (const next of ["x", null, "", null, "y", ""]) {
    setData(tree, "/null", next);
    assert.equal(dataOf(tree, "/null"), next);
  }
});

test("children are written as a vector of names", () => {
  const tree = newTree();
  for (const name of ["a", "ü", "a much longer name than the others have"]) put(tree, `/${name}`);
  const w = new Writer(4);
  tree.writeChildNames(tree.root, w);
  const names = vector(ustring).read(new Reader().reset(w.bytes, 0, w.pos));
  assert.deepEqual(names?.sort(), [
    "a",
    "a much longer name than the others have",
    "zookeeper",
    "ü",
  ]);
});

test("names of all lengths are written to the byte, and nothing beyond them counts", () => {
  for (let length = 1; length <= 80; length++) {
    const tree = newTree({ extendedTypes: false });
    const wanted = ["x", "y", "z"].map((letter) => letter.repeat(length));
    put(tree, "/p");
    for (const name of wanted) put(tree, `/p/${name}`);
    const w = new Writer(4);
    tree.writeChildNames(tree.findPath("/p"), w);
    w.int32(0x12345678);
    const r = new Reader().reset(w.bytes, 0, w.pos);
    assert.deepEqual(vector(ustring).read(r)?.sort(), wanted);
    assert.deepEqual([r.int32(), r.remaining], [0x12345678, 0]);
  }
});

test("descendants are counted without the node itself (client-protocol §11 case 139)", () => {
  const tree = newTree();
  put(tree, "/a");
  for (let i = 0; i < 9; i++) put(tree, `/a/${i}`);
  put(tree, "/a/3/deep");
  put(tree, "/after");
  assert.equal(tree.descendantCount(tree.root), 15);
  assert.equal(tree.descendantCount(tree.findPath("/a")), 10);
  assert.equal(tree.descendantCount(tree.findPath("/a/3")), 1);
  assert.equal(tree.descendantCount(tree.findPath("/a/4")), 0);
});

test("the root is not removed, nor a node that is gone", () => {
  const tree = newTree();
  assert.throws(() => tree.remove(tree.root), InvariantError);
  const id = put(tree, "/a");
  tree.remove(id);
  assert.throws(() => tree.remove(id), InvariantError);
  assert.throws(() => tree.remove(1_000_000), InvariantError);
});

test("what is under a removed node goes with it, with its owners and bytes (storage-format §8)", () => {
  const tree = newTree(), { digest, approximateDataBytes } = tree;
  put(tree, "/a");
  for (const path of ["/a/b", "/a/b/c", "/a/b/d", "/a/e"]) {
    put(tree, path, { owner: 7n, data: "x" });
  }
  const cursor = tree.openCursor(zx(9)), w = new Writer();
  cursor.writeSome(w, 300);
  tree.remove(tree.findPath("/a"));
  while (!cursor.writeSome(w, 1));
  cursor.close();
  assert.equal(tree.nodeCount, 4);
  assert.equal(tree.ephemeralCount, 0);
  assert.equal(tree.approximateDataBytes, approximateDataBytes);
  tree.touchParent(tree.root, 0, zx(0));
  assert.equal(tree.digest, digest);
});

test("sessions know their ephemerals, and are forgotten with the last one", () => {
  const tree = newTree();
  put(tree, "/p");
  for (const name of ["a", "b", "c"]) put(tree, `/p/${name}`, { owner: 7n });
  put(tree, "/other", { owner: 8n });
  put(tree, "/container", { owner: CONTAINER_OWNER });
  assert.deepEqual(tree.ephemeralsOf(7n).sort(), ["/p/a", "/p/b", "/p/c"]);
  assert.deepEqual(tree.ephemeralSessions(), [7n, 8n]);
  assert.equal(tree.ephemeralCount, 4);
  for (const path of ["/p/b", "/p/c", "/p/a"]) drop(tree, path);
  assert.deepEqual(tree.ephemeralsOf(7n), []);
  assert.deepEqual(tree.ephemeralSessions(), [8n]);
  assert.equal(tree.ephemeralCount, 1);
});

test("clients see no owner on containers and TTL nodes; the stored one is kept", () => {
  const tree = newTree();
  const ttl = ttlOwner(1000, tree.options);
  assert.ok(ttl !== undefined);
  const container = put(tree, "/c", { owner: CONTAINER_OWNER }),
    timed = put(tree, "/t", { owner: ttl });
  assert.equal(statOf(tree, "/c").ephemeralOwner, 0n);
  assert.equal(statOf(tree, "/t").ephemeralOwner, 0n);
  assert.deepEqual([tree.owner(container), tree.owner(timed)], [CONTAINER_OWNER, ttl]);
  assert.deepEqual(
    [tree.ownerKind(container), tree.ownerKind(timed)],
    [OwnerKind.container, OwnerKind.ttl],
  );
  const plain = newTree({ extendedTypes: false });
  put(plain, "/t", { owner: ttl });
  assert.equal(statOf(plain, "/t").ephemeralOwner, ttl);
  assert.deepEqual(plain.ephemeralsOf(ttl), ["/t"]);
});

test("containers are due once empty again, TTL nodes when idle (client-protocol §3.5)", () => {
  const tree = newTree();
  const ttl = ttlOwner(1000, tree.options) ?? 0n;
  put(tree, "/never", { owner: CONTAINER_OWNER, time: 100 });
  put(tree, "/used", { owner: CONTAINER_OWNER, time: 100 });
  put(tree, "/used/c", { owner: CONTAINER_OWNER, time: 100 });
  put(tree, "/used/c/leaf");
  put(tree, "/ttl", { owner: ttl, time: 100 });
  put(tree, "/busy", { owner: ttl, time: 100 });
  put(tree, "/busy/child");
  const due = (now: number, neverUsed: number) => tree.reapCandidates(now, neverUsed).sort();
  assert.deepEqual(due(1100, 0), []);
  assert.deepEqual(due(1101, 0), ["/ttl"]);
  assert.deepEqual(due(1100, 1000), []);
  assert.deepEqual(due(1101, 1000), ["/never", "/ttl"]);
  tree.setData(tree.findPath("/ttl"), null, 0, 0, 1, zx(5), 500, -1);
  assert.deepEqual(due(1500, 0), []);
  drop(tree, "/used/c/leaf");
  drop(tree, "/busy/child");
  assert.deepEqual(due(1500, 0), ["/busy", "/used/c"]); // one level per pass
  for (const path of ["/busy", "/used/c"]) assert.ok(tree.isReapable(path, 1500, 0), path);
  for (const path of ["/used", "/never", "/ttl", "/gone", "/"]) {
    assert.equal(tree.isReapable(path, 1500, 0), false, path);
  }
  drop(tree, "/used/c");
  assert.deepEqual(due(1500, 0), ["/busy", "/used"]);
});

test("bytes of paths and data are counted", () => {
  const tree = newTree();
  const empty = tree.approximateDataBytes;
  assert.equal(empty, "/zookeeper/zookeeper/quota/zookeeper/config".length);
  put(tree, "/a", { data: "12345" });
  assert.equal(tree.approximateDataBytes, empty + 7);
  setData(tree, "/a", "1");
  assert.equal(tree.approximateDataBytes, empty + 3);
  setData(tree, "/a", null);
  drop(tree, "/a");
  assert.equal(tree.approximateDataBytes, empty);
});

test("a node re-created where one was starts anew", () => {
  const tree = newTree();
  put(tree, "/a", { zxid: 1, data: "x", owner: 9n });
  setData(tree, "/a", "yy", 2);
  put(tree, "/a/b");
  drop(tree, "/a/b");
  drop(tree, "/a", 3);
  const clean = newTree();
  put(tree, "/a", { zxid: 4, data: "z" });
  put(clean, "/a", { zxid: 4, data: "z" });
  assert.deepEqual(statOf(tree, "/a"), statOf(clean, "/a"));
  assert.equal(
    tree.nodeDigest(tree.findPath("/a")),
    clean.nodeDigest(clean.findPath("/a")),
  );
  assert.deepEqual(tree.ephemeralSessions(), []);
});

test("a tree that creates and deletes without end does not grow", () => {
  const tree = newTree({ digest: false });
  const name = utf8Encode("node-0000000000"), data = new Uint8Array(100);
  const parent = put(tree, "/p");
  const round = (count: number) => {
    for (let i = 0; i < count; i++) {
      let rest = i;
      for (let at = 14; at >= 8; at--) {
        name[at] = 48 + (rest % 10);
        rest = Math.floor(rest / 10);
      }
      const size = i % 101;
      const id = tree.insert(parent, name, 0, 15, data, 0, size, -1, 0n, zx(i), i, -1);
      assert.ok(id < 64);
      if (i % 20 === 19) {
        for (let child = tree.firstChild(parent); child >= 0; child = tree.firstChild(parent)) {
          tree.remove(child);
        }
      }
    }
  };
  round(10_000);
  const bytes = tree.arenaBytes;
  round(1_000_000);
  assert.equal(tree.arenaBytes, bytes);
  assert.equal(tree.nodeCount, 5);
});

test("an owner of an unknown extended type is held as an ephemeral and stops nothing", () => {
  const tree = newTree();
  put(tree, "/odd", { owner: -1n });
  assert.deepEqual(tree.ephemeralsOf(-1n), ["/odd"]);
  drop(tree, "/odd");
  assert.equal(tree.ephemeralCount, 0);
});
