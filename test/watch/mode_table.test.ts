import assert from "node:assert/strict";
import { test } from "node:test";
import { membersOf, ModeTable } from "../../src/watch/mode_table.ts";
import { Recorder } from "./recorder.ts";

test("a path with one watcher holds it bare, with more in a Set", () => {
  const table = new ModeTable();
  const one = new Recorder(1);
  table.add("/a", one);
  assert.equal(table.at("/a"), one);
  table.add("/a", new Recorder(2));
  assert.equal(table.at("/a") instanceof Set, true);
});

test("a taken bucket is cut off from the table", () => {
  const table = new ModeTable();
  const watchers = [new Recorder(1), new Recorder(2)];
  for (const watcher of watchers) table.add("/a", watcher);
  const taken = table.take("/a");
  table.add("/a", new Recorder(3));
  assert.deepEqual([...membersOf(taken)], watchers);
  assert.equal(table.size, 1);
  assert.equal(table.take("/none"), undefined);
});

test("nothing is left of paths and watchers whose last pair went", () => {
  const table = new ModeTable();
  const one = new Recorder(1), two = new Recorder(2);
  for (const path of ["/a", "/b", "/c"]) {
    for (const watcher of [one, two]) table.add(path, watcher);
  }
  assert.equal(table.remove("/a", one), true);
  assert.equal(table.remove("/a", one), false);
  table.take("/b");
  table.drop(two);
  assert.deepEqual([...table.paths()], ["/c"]);
  assert.deepEqual([...table.watchers()], [one]);
  assert.equal(table.remove("/c", one), true);
  assert.deepEqual([table.size, [...table.paths()], [...table.watchers()]], [0, [], []]);
});
