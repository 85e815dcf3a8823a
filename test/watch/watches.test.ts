import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zxid } from "../../src/base/zxid.ts";
import { EventType, WatcherType } from "../../src/protocol/watch_types.ts";
import { Watches } from "../../src/watch/watches.ts";
import { OPEN, Recorder, UNREADABLE } from "./recorder.ts";

const { children, data, any, persistent, persistentRecursive } = WatcherType;
const ALL_TYPES = [children, data, any, persistent, persistentRecursive];

/** The tables, one connection, and changes to a tree in which every node is readable unless told otherwise. */
function scene() {
  const watches = new Watches();
  const one = new Recorder();
  let zxid = 0;
  const next = () => ++zxid as Zxid;
  const parentOf = (path: string) => path.slice(0, Math.max(path.lastIndexOf("/"), 1));
  const create = (path: string, acl = OPEN, parentAcl = OPEN) =>
    watches.nodeCreated(path, parentOf(path), next(), acl, parentAcl);
  const remove = (path: string, acl = OPEN, parentAcl = OPEN) =>
    watches.nodeDeleted(path, parentOf(path), next(), acl, parentAcl);
  const set = (path: string, acl = OPEN) => watches.nodeDataChanged(path, next(), acl);
  return { watches, one, create, remove, set };
}

// ------------------------------------------------------------------ §6.4: what each kind of watch sees

test("an exists watch on a missing node tells of its creation with the zxid of the create, once (case 83)", () => {
  const { watches, one, create, set } = scene();
  watches.addData("/foo", one);
  create("/foo");
  set("/foo");
  assert.deepEqual(one.take(), ["Created /foo 1"]);
  assert.equal(watches.isEmpty, true);
});

test("a change with no watch registered tells nobody (case 84)", () => {
  const { watches, one, create } = scene();
  watches.addData("/other", one);
  create("/foo");
  assert.deepEqual(one.take(), []);
});

test("child watches tell of children and of their own node's end, never of data (case 85)", () => {
  const { watches, one, remove, set } = scene();
  watches.addChild("/foo", one);
  watches.addChild("/foo/bar", one);
  set("/foo");
  watches.addData("/foo", one);
  remove("/foo/bar");
  remove("/foo");
  assert.deepEqual(one.take(), ["Deleted /foo/bar 2", "Children /foo 2", "Deleted /foo 3"]);
});

test("two data watches of one connection on one path are one notification (case 86)", () => {
  const { watches, one, set } = scene();
  watches.addData("/a", one);
  watches.addData("/a", one);
  set("/a");
  set("/a");
  assert.deepEqual(one.take(), ["Data /a 1"]);
});

test("a child watch fires once for ten children (case 87)", () => {
  const { watches, one, create } = scene();
  watches.addChild("/p", one);
  for (let i = 0; i < 10; i++) create(`/p/${i}`);
  assert.deepEqual(one.take(), ["Children /p 1"]);
});

test("a watch set again after it fired tells the next change, in order (case 88)", () => {
  const { watches, one, remove, set } = scene();
  watches.addData("/a", one);
  set("/a");
  watches.addData("/a", one);
  remove("/a");
  assert.deepEqual(one.take(), ["Data /a 1", "Deleted /a 2"]);
});

test("a persistent watch follows a node through creation, change, children, end and return (case 89)", () => {
  const { watches, one, create, remove, set } = scene();
  watches.addPersistent("/a/b", one);
  create("/a/b");
  create("/a/b/c");
  set("/a/b/c");
  set("/a/b");
  remove("/a/b/c");
  remove("/a/b");
  create("/a/b");
  assert.deepEqual(one.take(), [
    "Created /a/b 1",
    "Children /a/b 2",
    "Data /a/b 4",
    "Children /a/b 5",
    "Deleted /a/b 6",
    "Created /a/b 7",
  ]);
});

test("a persistent watch on the root tells of its children, not of their data (case 90)", () => {
  const { watches, one, create, set } = scene();
  watches.addPersistent("/", one);
  create("/a");
  set("/a");
  create("/b");
  assert.deepEqual(one.take(), ["Children / 1", "Children / 3"]);
});

test("a recursive watch tells every change below with its own path and zxid (case 92)", () => {
  const { watches, one, create, remove, set } = scene();
  watches.addRecursive("/a/b", one);
  create("/a");
  create("/a/b");
  create("/a/b/c");
  create("/a/b/c/d");
  create("/a/bb");
  set("/a/b/c/d");
  remove("/a/b/c/d");
  create("/a/b/c/d");
  assert.deepEqual(one.take(), [
    "Created /a/b 2",
    "Created /a/b/c 3",
    "Created /a/b/c/d 4",
    "Data /a/b/c/d 6",
    "Deleted /a/b/c/d 7",
    "Created /a/b/c/d 8",
  ]);
});

test("a recursive watch brings no child event, a child watch beside it does (case 93)", () => {
  const { watches, one, create } = scene();
  watches.addRecursive("/", one);
  watches.addChild("/a", one);
  create("/a/b");
  create("/a/c");
  assert.deepEqual(one.take(), ["Created /a/b 1", "Children /a 1", "Created /a/c 2"]);
});

test("every kind of watch on one node is told of its end once (case 94)", () => {
  const { watches, one, remove } = scene();
  watches.addData("/a", one);
  watches.addChild("/a", one);
  watches.addPersistent("/a", one);
  watches.addRecursive("/a", one);
  remove("/a");
  assert.deepEqual(one.take(), ["Deleted /a 1"]);
  assert.equal(watches.check("/a", one, data), false);
  assert.equal(watches.check("/a", one, children), false);
  assert.equal(watches.check("/a", one, persistent), true);
  assert.equal(watches.check("/a", one, persistentRecursive), true);
});

test("recursive watches on several ancestors tell one connection once", () => {
  const { watches, one, set } = scene();
  for (const path of ["/", "/a", "/a/b"]) watches.addRecursive(path, one);
  watches.addData("/a/b", one);
  set("/a/b");
  assert.deepEqual(one.take(), ["Data /a/b 1"]);
});

test("the end of a node tells those with data watches first, then those with only child watches", () => {
  const { watches, one, remove } = scene();
  const order: number[] = [];
  const two = new Recorder(2);
  const three = new Recorder(3);
  for (const watcher of [one, two, three]) watcher.onDeliver = () => order.push(watcher.watcherId);
  watches.addChild("/a", one);
  watches.addChild("/a", two);
  watches.addData("/a", two);
  watches.addChild("/", three);
  remove("/a");
  assert.deepEqual(order, [2, 1, 3]);
  assert.equal(watches.isEmpty, true);
});

test("the child watch of the root fires with the path of the root", () => {
  const { watches, one, create } = scene();
  watches.addChild("/", one);
  create("/xyz");
  assert.deepEqual(one.take(), ["Children / 1"]);
});

// ------------------------------------------------------------------ §6.6: check and remove

test("asking for any watch leaves a recursive one as it is (case 95)", () => {
  const { watches, one, create } = scene();
  watches.addRecursive("/a", one);
  assert.equal(watches.check("/a", one, any), true);
  create("/a/b");
  assert.deepEqual(one.take(), ["Created /a/b 1"]);
});

test("a persistent watch is not a data watch, and stays when that is removed (case 96)", () => {
  const { watches, one, set } = scene();
  watches.addPersistent("/a", one);
  assert.equal(watches.check("/a", one, data), false);
  assert.equal(watches.remove("/a", one, data), false);
  assert.equal(watches.check("/a", one, children), false);
  assert.equal(watches.remove("/a", one, children), false);
  set("/a");
  assert.deepEqual(one.take(), ["Data /a 1"]);
});

test("removing one kind leaves the others, removing any leaves none (case 97)", () => {
  const kinds = [children, data, persistent, persistentRecursive];
  for (const removed of kinds) {
    const { watches, one } = scene();
    watches.addData("/a", one);
    watches.addChild("/a", one);
    watches.addPersistent("/a", one);
    watches.addRecursive("/a", one);
    assert.equal(watches.remove("/a", one, removed), true);
    for (const kind of kinds) assert.equal(watches.check("/a", one, kind), kind !== removed);
    assert.equal(watches.remove("/a", one, any), true);
    for (const kind of ALL_TYPES) assert.equal(watches.check("/a", one, kind), false);
    assert.equal(watches.isEmpty, true);
  }
});

test("removing the persistent watch ends its child events too", () => {
  const { watches, one, create } = scene();
  watches.addPersistent("/a", one);
  watches.remove("/a", one, persistent);
  create("/a/b");
  assert.deepEqual(one.take(), []);
});

test("without a watch there is nothing to check or remove, of any kind (case 98)", () => {
  const { watches, one } = scene();
  const other = new Recorder(2);
  watches.addPersistent("/a", other);
  watches.addData("/a", other);
  for (const type of ALL_TYPES) {
    assert.equal(watches.check("/a", one, type), false);
    assert.equal(watches.remove("/a", one, type), false);
  }
});

test("an exists watch on a missing node is a data watch (case 99)", () => {
  const { watches, one } = scene();
  watches.addData("/missing", one);
  assert.equal(watches.check("/missing", one, data), true);
});

test("a kind registered twice is gone after one removal (case 100)", () => {
  const { watches, one } = scene();
  for (let i = 0; i < 2; i++) {
    watches.addData("/a", one);
    watches.addChild("/a", one);
    watches.addPersistent("/a", one);
    watches.addRecursive("/a", one);
  }
  for (const type of [data, children, persistent, persistentRecursive]) {
    assert.equal(watches.remove("/a", one, type), true);
    assert.equal(watches.remove("/a", one, type), false);
  }
  assert.equal(watches.isEmpty, true);
});

test("a watcher type that the caller should have refused is our bug", () => {
  const { watches, one } = scene();
  for (const type of [0, 6, -1, 1.5]) {
    assert.throws(() => watches.check("/a", one, type), /Watcher type/);
  }
});

// ------------------------------------------------------------------ §6.5: whose ACL an event carries

test("events carry the ACL of the node, child events that of the parent", () => {
  const seen: string[] = [];
  const watcher = {
    watcherId: 1,
    deliver: (type: number, path: string, _zxid: Zxid, aclId: number) => {
      seen.push(`${type} ${path} acl ${aclId}`);
    },
  };
  const watches = new Watches();
  watches.addPersistent("/p", watcher);
  watches.addRecursive("/p/n", watcher);
  watches.nodeCreated("/p/n", "/p", 1 as Zxid, 7, 8);
  watches.nodeDataChanged("/p/n", 2 as Zxid, 9);
  watches.addChild("/p/n", { ...watcher });
  watches.nodeDeleted("/p/n", "/p", 3 as Zxid, 10, 11);
  assert.deepEqual(seen, [
    "1 /p/n acl 7",
    "4 /p acl 8",
    "3 /p/n acl 9",
    "2 /p/n acl 10",
    "2 /p/n acl 10",
    "4 /p acl 11",
  ]);
});

test("a persistent watch on an unreadable node is mute (case 101)", () => {
  const { watches, one, create, remove, set } = scene();
  watches.addPersistent("/a", one);
  create("/a", UNREADABLE);
  create("/a/b", OPEN, UNREADABLE);
  set("/a", UNREADABLE);
  remove("/a/b", OPEN, UNREADABLE);
  remove("/a", UNREADABLE);
  assert.deepEqual(one.take(), []);
});

test("a recursive watch on an unreadable node tells of its readable child (case 102)", () => {
  const { watches, one, create, remove, set } = scene();
  watches.addRecursive("/a", one);
  create("/a", UNREADABLE);
  create("/a/b", OPEN, UNREADABLE);
  set("/a/b");
  remove("/a/b", OPEN, UNREADABLE);
  remove("/a", UNREADABLE);
  assert.deepEqual(one.take(), ["Created /a/b 2", "Data /a/b 3", "Deleted /a/b 4"]);
});

test("a readable parent tells that its unreadable child came and went (case 103)", () => {
  const { watches, one, create, remove } = scene();
  watches.addPersistent("/a", one);
  create("/a/b", UNREADABLE);
  remove("/a/b", UNREADABLE);
  assert.deepEqual(one.take(), ["Children /a 1", "Children /a 2"]);
});

test("a one-shot watch whose event is filtered out is used up all the same (S11)", () => {
  const { watches, one, set } = scene();
  watches.addData("/a", one);
  set("/a", UNREADABLE);
  set("/a");
  assert.deepEqual(one.take(), []);
  assert.equal(watches.check("/a", one, any), false);
});

// ------------------------------------------------------------------ how many a change fires

test("each change tells how many watches it fires, each watcher once, and nothing where nobody watches", () => {
  const fired: [number, number][] = [];
  const watches = new Watches((type, count) => void fired.push([type, count]));
  const [one, two] = [new Recorder(), new Recorder()];
  const changes = () => {
    watches.nodeCreated("/a/b", "/a", 1 as Zxid, OPEN, OPEN);
    watches.nodeDataChanged("/a/b", 2 as Zxid, OPEN);
    watches.nodeDeleted("/a/b", "/a", 3 as Zxid, OPEN, OPEN);
  };
  changes();
  assert.deepEqual(fired, []);
  watches.addRecursive("/a", one);
  watches.addPersistent("/a/b", two);
  watches.addPersistent("/a", two);
  watches.addChild("/a/b", one);
  changes();
  assert.deepEqual(fired, [
    [EventType.nodeCreated, 2],
    [EventType.nodeChildrenChanged, 1],
    [EventType.nodeDataChanged, 2],
    [EventType.nodeDeleted, 2],
    [EventType.nodeChildrenChanged, 1],
  ]);
});
