import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "../../src/base/invariant.ts";
import { Prng } from "../../src/base/random.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { parentOf } from "../../src/tree/path.ts";
import type { Tree } from "../../src/tree/tree.ts";
import { childrenOf, drop, newTree, pathsIn, put, snapshotOf, zx } from "./support.ts";

const SYSTEM = ["", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"];

function finish(tree: Tree, w: Writer, cursor: ReturnType<Tree["openCursor"]>): string[] {
  while (!cursor.writeSome(w, 1));
  cursor.close();
  w.ustring("/");
  assert.ok(tree.nodeCount > 0);
  return pathsIn(w.written());
}

test("records come depth first, parents before children, each once", () => {
  const tree = newTree();
  for (const path of ["/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f"]) put(tree, path);
  const paths = pathsIn(snapshotOf(tree));
  assert.deepEqual(
    [...paths].sort(),
    [...SYSTEM, "/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f"].sort(),
  );
  paths.forEach((path, i) => {
    if (path === "") return assert.equal(i, 0);
    const parent = parentOf(path) === "/" ? "" : parentOf(path);
    assert.ok(paths.indexOf(parent) < i, path);
  });
});

test("a piece stays within its budget unless one record alone passes it", () => {
  const tree = newTree();
  put(tree, "/big", { data: new Uint8Array(5000) });
  for (let i = 0; i < 50; i++) put(tree, `/n${i}`, { data: new Uint8Array(i) });
  const cursor = tree.openCursor(zx(9));
  const w = new Writer();
  for (let isDone = false; !isDone;) {
    w.pos = 0;
    const first = cursor.nextBytes;
    isDone = cursor.writeSome(w, 700);
    assert.ok(w.pos <= Math.max(700, first));
    assert.ok(w.pos > 400 || isDone || cursor.nextBytes > 300);
  }
  assert.equal(cursor.nextBytes, 0);
  assert.equal(cursor.writeSome(w, 700), true);
  cursor.close();
});

test("nodes newer than the snapshot are left out with all under them; system nodes are not", () => {
  const tree = newTree();
  put(tree, "/old", { zxid: 5 });
  put(tree, "/new", { zxid: 6 });
  put(tree, "/new/x", { zxid: 7 });
  put(tree, "/old/new", { zxid: 8 });
  put(tree, "/old/other", { zxid: 4 });
  assert.deepEqual(pathsIn(snapshotOf(tree, 5)).sort(), [...SYSTEM, "/old", "/old/other"].sort());
  assert.deepEqual(pathsIn(snapshotOf(tree, -1)).sort(), SYSTEM);
});

test("a record says what the node holds when its turn comes", () => {
  const tree = newTree();
  put(tree, "/a", { data: "x".repeat(100) });
  const cursor = tree.openCursor(zx(9));
  const w = new Writer();
  cursor.writeSome(w, 1);
  drop(tree, "/a");
  const paths = finish(tree, w, cursor);
  assert.deepEqual(paths.sort(), SYSTEM);
});

test("under random changes the cursor writes every node that stayed, none twice, parents first", () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Prng(seed), tree = newTree({ digest: false });
    const paths = ["/"];
    const add = (zxid: number) => {
      const parent = paths[random.below(paths.length)] as string;
      const path = `${parent === "/" ? "" : parent}/${random.below(1_000_000)}`;
      if (tree.findPath(path) >= 0) return;
      put(tree, path, { zxid });
      paths.push(path);
    };
    const removed = new Set<string>();
    const removeOne = () => {
      const at = random.below(paths.length), path = paths[at] as string;
      if (path === "/" || childrenOf(tree, path).length > 0) return;
      drop(tree, path);
      paths.splice(at, 1);
      removed.add(path);
    };
    for (let i = 0; i < 80; i++) add(1);
    const before = paths.slice(1);
    const cursor = tree.openCursor(zx(1)), second = tree.openCursor(zx(1));
    const w = new Writer(), w2 = new Writer();
    for (let isDone = false; !isDone;) {
      isDone = cursor.writeSome(w, random.below(400));
      if (random.chance(1, 3)) second.writeSome(w2, 1);
      for (let i = random.below(8); i > 0; i--) random.chance(1, 3) ? add(2) : removeOne();
    }
    cursor.close();
    w.ustring("/");
    const written = pathsIn(w.written());
    assert.equal(new Set(written).size, written.length);
    written.forEach((path, i) => {
      if (i === 0 || SYSTEM.includes(path)) return;
      assert.ok(before.includes(path), `${path} is new`);
      const parent = parentOf(path);
      assert.ok(parent === "/" || written.indexOf(parent) < i);
    });
    for (const path of before) if (!removed.has(path)) assert.ok(written.includes(path), path);
    const late = finish(tree, w2, second);
    assert.equal(new Set(late).size, late.length);
  }
});

test("an open cursor keeps the tree from being cleared, and a closed one is not read", () => {
  const tree = newTree();
  const cursor = tree.openCursor(zx(1));
  assert.throws(() => tree.clear(), InvariantError);
  cursor.close();
  cursor.close();
  assert.throws(() => cursor.writeSome(new Writer(), 10), InvariantError);
  tree.clear();
});

test("a newer node is left out when a removal moves the cursor to it", () => {
  const tree = newTree();
  put(tree, "/newer", { zxid: 9 });
  put(tree, "/older", { zxid: 1 });
  const cursor = tree.openCursor(zx(1)), w = new Writer();
  cursor.writeSome(w, 1);
  drop(tree, "/older");
  assert.deepEqual(finish(tree, w, cursor).sort(), SYSTEM);
});

test("a list that is unknown since a load has no key that a reader may give to another", () => {
  const tree = newTree();
  put(tree, "/gap", { acl: 7 });
  const bytes = snapshotOf(tree), r = new Reader().reset(bytes, 0, bytes.length);
  const keys = new Map<string | null, number>();
  for (let path = r.ustring(); path !== "/"; path = r.ustring()) {
    r.bufferSpan();
    keys.set(path, r.int64Number());
    r.skip(60);
  }
  assert.equal(keys.get("/gap"), 0);
});
