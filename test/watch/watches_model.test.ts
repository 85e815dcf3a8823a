/** The watch tables against the model of client-protocol §6.3 taken literally: two tables of pairs, sets of modes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Zxid } from "../../src/base/zxid.ts";
import { Watches } from "../../src/watch/watches.ts";
import { OPEN, Recorder } from "./recorder.ts";

type Mode = "standard" | "persistent" | "recursive";
interface Entry {
  readonly path: string;
  readonly who: number;
  readonly mode: Mode;
}
const PATHS = ["/", "/a", "/a/b", "/a/b/c", "/a/bb", "/d"];
const parentOf = (path: string) => path.slice(0, Math.max(path.lastIndexOf("/"), 1));

class Model {
  data: Entry[] = [];
  child: Entry[] = [];
  readonly told = new Map<number, string[]>();

  add(table: Entry[], path: string, who: number, mode: Mode): void {
    if (!table.some((e) => same(e, { path, who, mode }))) table.push({ path, who, mode });
  }

  fire(
    table: "data" | "child",
    path: string,
    name: string,
    zxid: number,
    but: Set<number>,
  ): Set<number> {
    const hits = new Set<number>();
    for (const entry of this[table]) {
      const isBelow = path === entry.path ||
        path.startsWith(entry.path === "/" ? "/" : `${entry.path}/`);
      if (entry.path === path || (entry.mode === "recursive" && isBelow)) hits.add(entry.who);
    }
    this[table] = this[table].filter((e) => e.path !== path || e.mode !== "standard");
    for (const who of hits) {
      if (!but.has(who)) {
        this.told.set(who, [...this.told.get(who) ?? [], `${name} ${path} ${zxid}`]);
      }
    }
    return hits;
  }

  /** What op 17 looks at and what op 18 removes: §6.6. */
  matching(path: string, who: number, type: number, removing: boolean): Entry[] {
    const at = (e: Entry) => e.path === path && e.who === who;
    const data = this.data.filter(at), child = this.child.filter(at);
    const of = (list: Entry[], mode: Mode) => list.filter((e) => e.mode === mode);
    if (type === 1) return of(child, "standard");
    if (type === 2) return of(data, "standard");
    if (type === 3) return [...data, ...child];
    if (type === 4) {
      return [...of(data, "persistent"), ...(removing ? of(child, "persistent") : [])];
    }
    return of(data, "recursive");
  }

  drop(gone: (e: Entry) => boolean): void {
    this.data = this.data.filter((e) => !gone(e));
    this.child = this.child.filter((e) => !gone(e));
  }
}

function same(a: Entry, b: Entry): boolean {
  return a.path === b.path && a.who === b.who && a.mode === b.mode;
}

const step = fc.record({
  kind: fc.constantFrom(
    "addData",
    "addChild",
    "addPersistent",
    "addRecursive",
    "check",
    "remove",
    "drop",
    "created",
    "deleted",
    "changed",
  ),
  path: fc.constantFrom(...PATHS),
  who: fc.nat(4),
  type: fc.integer({ min: 1, max: 5 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function register(
  model: Model,
  watches: Watches,
  watcher: Recorder,
  { kind, path, who }: Step,
): void {
  switch (kind) {
    case "addData":
      watches.addData(path, watcher);
      return model.add(model.data, path, who, "standard");
    case "addChild":
      watches.addChild(path, watcher);
      return model.add(model.child, path, who, "standard");
    case "addPersistent":
      watches.addPersistent(path, watcher);
      model.add(model.data, path, who, "persistent");
      return model.add(model.child, path, who, "persistent");
    case "addRecursive":
      watches.addRecursive(path, watcher);
      return model.add(model.data, path, who, "recursive");
    default:
      throw new Error(`Not a registration: ${kind}`);
  }
}

function trigger(model: Model, watches: Watches, { kind, path }: Step, zxid: number): void {
  const none = new Set<number>();
  if (kind === "changed") {
    watches.nodeDataChanged(path, zxid as Zxid, OPEN);
    model.fire("data", path, "Data", zxid, none);
    return;
  }
  if (path === "/") return;
  const parent = parentOf(path);
  if (kind === "created") {
    watches.nodeCreated(path, parent, zxid as Zxid, OPEN, OPEN);
    model.fire("data", path, "Created", zxid, none);
  } else {
    watches.nodeDeleted(path, parent, zxid as Zxid, OPEN, OPEN);
    const told = model.fire("data", path, "Deleted", zxid, none);
    model.fire("child", path, "Deleted", zxid, told);
  }
  model.fire("child", parent, "Children", zxid, none);
}

function compareTables(model: Model, watches: Watches): void {
  const pairs = (list: Entry[]) => new Set(list.map((e) => `${e.who} ${e.path}`));
  assert.equal(watches.totalCount, pairs(model.data).size);
  assert.equal(watches.childCount, pairs(model.child).size);
  assert.equal(watches.connectionCount, new Set(model.data.map((e) => e.who)).size);
  assert.equal(watches.pathCount, new Set(model.data.map((e) => e.path)).size);
  assert.equal(watches.isEmpty, model.data.length + model.child.length === 0);
  const byWatcher = [...watches.byWatcher()].flatMap(([w, ps]) =>
    ps.map((p) => `${w.watcherId} ${p}`)
  );
  const byPath = [...watches.byPath()].flatMap(([p, ws]) => ws.map((w) => `${w.watcherId} ${p}`));
  assert.deepEqual(byWatcher.sort(), [...pairs(model.data)].sort());
  assert.deepEqual(byPath.sort(), [...pairs(model.data)].sort());
}

test("tables, events and counts agree with the plain model on any sequence", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      const watches = new Watches();
      const watchers = [0, 1, 2, 3, 4].map((id) => new Recorder(id));
      for (const [zxid, one] of steps.entries()) {
        const watcher = watchers[one.who] as Recorder;
        if (one.kind.startsWith("add")) register(model, watches, watcher, one);
        else if (one.kind === "check") {
          const wanted = model.matching(one.path, one.who, one.type, false).length > 0;
          assert.equal(watches.check(one.path, watcher, one.type), wanted);
        } else if (one.kind === "remove") {
          const gone = model.matching(one.path, one.who, one.type, true);
          assert.equal(watches.remove(one.path, watcher, one.type), gone.length > 0);
          model.drop((e) => gone.includes(e));
        } else if (one.kind === "drop") {
          watches.drop(watcher);
          model.drop((e) => e.who === one.who);
        } else trigger(model, watches, one, zxid);
        for (const each of watchers) {
          assert.deepEqual(each.take(), model.told.get(each.watcherId) ?? []);
        }
        model.told.clear();
        compareTables(model, watches);
      }
    }),
    { numRuns: 300 },
  );
});
