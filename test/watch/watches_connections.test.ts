import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zxid } from "../../src/base/zxid.ts";
import { WatcherType } from "../../src/protocol/watch_types.ts";
import { Watches } from "../../src/watch/watches.ts";
import { OPEN, Recorder } from "./recorder.ts";

const { any } = WatcherType;

/** The tables, one connection, and changes to a tree in which every node is readable. */
function scene() {
  const watches = new Watches();
  const one = new Recorder();
  let zxid = 0;
  const create = (path: string, parent: string) =>
    watches.nodeCreated(path, parent, ++zxid as Zxid, OPEN, OPEN);
  const set = (path: string) => watches.nodeDataChanged(path, ++zxid as Zxid, OPEN);
  return { watches, one, create, set };
}

// ------------------------------------------------------------------ connections that come and go

test("a lost connection takes all its watches with it and nobody else's", () => {
  const { watches, one, create, set } = scene();
  const two = new Recorder(2);
  for (const watcher of [one, two]) {
    watches.addData("/a", watcher);
    watches.addData("/b", watcher);
    watches.addChild("/a", watcher);
    watches.addPersistent("/c", watcher);
    watches.addRecursive("/", watcher);
  }
  watches.drop(one);
  watches.drop(one);
  create("/a/x", "/a");
  set("/b");
  assert.deepEqual(one.take(), []);
  assert.deepEqual(two.take(), ["Created /a/x 1", "Children /a 1", "Data /b 2"]);
  watches.drop(two);
  assert.equal(watches.isEmpty, true);
  assert.equal(watches.watchCount, 0);
});

test("a connection that is dropped while an event goes out is not told any more", () => {
  for (const add of ["addData", "addPersistent", "addRecursive"] as const) {
    const { watches, one, set } = scene();
    const two = new Recorder(2);
    const three = new Recorder(3);
    for (const watcher of [one, two, three]) watches[add]("/a", watcher);
    one.onDeliver = () => watches.drop(two);
    set("/a");
    assert.deepEqual([one, two, three].map((w) => w.take().length), [1, 0, 1]);
    watches.addData("/a", two); // the memory of the drop ends with the delivery
    watches.addData("/a", one);
    one.onDeliver = undefined;
    set("/a");
    assert.equal(two.take().length, 1);
  }
});

test("a connection that registers while an event goes out waits for the next one", () => {
  for (const add of ["addData", "addPersistent", "addRecursive"] as const) {
    const { watches, one, set } = scene();
    const two = new Recorder(2);
    const late = new Recorder(3);
    for (const watcher of [one, two]) watches[add]("/a", watcher);
    one.onDeliver = () => {
      watches[add]("/a", late);
      watches[add]("/a", one);
      watches[add]("/a", two);
    };
    set("/a");
    assert.deepEqual([one, two, late].map((w) => w.take()), [["Data /a 1"], ["Data /a 1"], []]);
    set("/a");
    assert.deepEqual([one, two, late].map((w) => w.take().length), [1, 1, 1]);
  }
});

test("a connection that removes its own watch while an event goes out leaves the tables whole", () => {
  const { watches, one, set } = scene();
  const two = new Recorder(2);
  for (const watcher of [one, two]) watches.addPersistent("/a", watcher);
  one.onDeliver = () => watches.remove("/a", one, any);
  set("/a");
  set("/a");
  assert.deepEqual(one.take(), ["Data /a 1"]);
  assert.deepEqual(two.take(), ["Data /a 1", "Data /a 2"]);
  assert.equal(watches.totalCount, 1);
});

test("a hundred thousand watches on one node fire in one go and leave nothing behind", () => {
  const { watches, set } = scene();
  let told = 0;
  const count = 100_000;
  for (let i = 0; i < count; i++) {
    watches.addData("/a", { watcherId: i, deliver: () => told++ });
  }
  assert.equal(watches.watchCount, count);
  set("/a");
  assert.equal(told, count);
  assert.equal(watches.isEmpty, true);
});

// ------------------------------------------------------------------ counts and listings (operations §2.2)

test("the data table counts each connection, path and pair once; child watches count for watch_count only", () => {
  const { watches, one } = scene();
  const two = new Recorder(2);
  watches.addData("/a", one);
  watches.addPersistent("/a", one); // in both tables
  watches.addRecursive("/a", one);
  watches.addData("/b", one);
  watches.addRecursive("/a", two);
  watches.addChild("/a", one);
  watches.addChild("/c", new Recorder(3));
  assert.equal(watches.connectionCount, 2);
  assert.equal(watches.pathCount, 2);
  assert.equal(watches.totalCount, 3);
  assert.equal(watches.childCount, 2);
  assert.equal(watches.watchCount, 5);
});

test("watches are listed by connection and by path, without child watches", () => {
  const { watches, one } = scene();
  const two = new Recorder(2);
  watches.addData("/a", one);
  watches.addPersistent("/b", one);
  watches.addPersistent("/a", two);
  watches.addRecursive("/a", one);
  watches.addChild("/only-children", two);
  const byWatcher = [...watches.byWatcher()].map(([w, paths]) => [w.watcherId, paths]);
  assert.deepEqual(byWatcher, [[1, ["/a", "/b"]], [2, ["/a"]]]);
  const byPath = [...watches.byPath()].map(([path, ws]) => [path, ws.map((w) => w.watcherId)]);
  assert.deepEqual(byPath, [["/a", [1, 2]], ["/b", [1]]]);
});
