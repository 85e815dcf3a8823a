/** Lists of children that are kept between reads: a reader sees what is there, never what was kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { ustring, vector } from "../../src/protocol/schema.ts";
import { ChildLists, CHILDREN_MIN, LIST_BYTES_MAX } from "../../src/tree/child_lists.ts";
import type { Tree } from "../../src/tree/tree.ts";
import { childrenOf, drop, loadInto, newTree, put, snapshotOf } from "./support.ts";

function readNames(tree: Tree, path: string): string[] {
  const w = new Writer(4);
  w.int32(-1); // what stands before the list in a reply
  tree.writeChildNames(tree.findPath(path), w);
  w.int32(0x12345678);
  const r = new Reader().reset(w.bytes, 0, w.pos);
  r.int32();
  const names = (vector(ustring).read(r) ?? []).map(String);
  assert.deepEqual([r.int32(), r.remaining], [0x12345678, 0]);
  return names.sort();
}

/** Three times: gathered, gathered and kept, copied. */
function checkAll(tree: Tree, paths: Iterable<string>): void {
  for (const path of paths) {
    const wanted = childrenOf(tree, path);
    for (let time = 0; time < 3; time++) assert.deepEqual(readNames(tree, path), wanted, path);
  }
}

function fill(tree: Tree, path: string, count: number, nameBytes = 1): void {
  put(tree, path);
  for (let n = 0; n < count; n++) put(tree, `${path}/${"x".repeat(nameBytes)}${n}`);
}

test("whatever comes, goes and is read in between, a list is that of its children", () => {
  const random = new Prng(5);
  const tree = newTree();
  // More parents than there are places, so that they displace each other; ids of removed ones come again.
  const parents = Array.from({ length: 100 }, (_, n) => `/p${n}`);
  for (const path of parents) fill(tree, path, CHILDREN_MIN + random.below(3) - 1);
  for (let step = 0; step < 5000; step++) {
    const path = parents[random.below(parents.length)] as string;
    const kind = random.below(20), names = childrenOf(tree, path);
    if (kind < 4) put(tree, `${path}/s${step}`);
    else if (kind < 7 && names.length > 0) {
      drop(tree, `${path}/${names[random.below(names.length)]}`);
    } else if (kind === 7) {
      drop(tree, path);
      fill(tree, path, CHILDREN_MIN + random.below(3));
    } else checkAll(tree, [path]);
  }
  checkAll(tree, parents);
});

test("lists of every size around the bounds are right", () => {
  const tree = newTree({ extendedTypes: false });
  for (let count = 0; count <= CHILDREN_MIN + 1; count++) fill(tree, `/few${count}`, count);
  const each = 4 + 1000 + 2;
  for (const count of [-1, 0, 1, 2]) {
    fill(tree, `/large${count}`, Math.floor(LIST_BYTES_MAX / each) + count, 1000);
  }
  checkAll(tree, childrenOf(tree, "/").map((name) => `/${name}`));
});

test("a tree that was loaded anew tells nothing of what was kept before", () => {
  const tree = newTree();
  fill(tree, "/p", 100);
  const bytes = snapshotOf(tree);
  for (let n = 0; n < 50; n++) drop(tree, `/p/x${n}`);
  checkAll(tree, ["/p"]);
  loadInto(tree, bytes);
  assert.equal(readNames(tree, "/p").length, 100);
  checkAll(tree, ["/p"]);
});

test("a list is kept from the second time on, within the bound, until a change or a new tree", () => {
  const lists = new ChildLists();
  const bytes = new Uint8Array(LIST_BYTES_MAX + 1).fill(7);
  const keep = (end: number): number | undefined => {
    lists.gathered(3, bytes, 0, end);
    return lists.of(3)?.length;
  };
  assert.deepEqual([keep(9), keep(9)], [undefined, 9]);
  lists.changed(3);
  assert.deepEqual([lists.of(3), keep(9), keep(LIST_BYTES_MAX)], [
    undefined,
    undefined,
    LIST_BYTES_MAX,
  ]);
  lists.clear();
  assert.deepEqual([lists.of(3), keep(9), keep(LIST_BYTES_MAX + 1)], [
    undefined,
    undefined,
    undefined,
  ]);
});
