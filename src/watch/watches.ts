/**
 * Who is told what when the tree changes (client-protocol §6.3 to §6.6). ZooKeeper speaks of a data table and a child
 * table whose entries carry modes; here each mode has its own table, since then a one-shot trigger takes a whole bucket
 * away and nothing else is touched:
 *   data table  = #data (one-shot) + #persistent + #recursive
 *   child table = #child (one-shot) + #persistent      (persistent watches are always in both, so they are held once)
 *
 * Deliveries happen inside the trigger, after the tables were changed. `deliver` may add, remove or drop watches: who
 * was registered when the trigger fired gets the event, except connections dropped meanwhile.
 */
import type { Zxid } from "../base/zxid.ts";
import { invariant, unreachable } from "../base/invariant.ts";
import { EventType, WatcherType } from "../protocol/watch_types.ts";
import { membersOf, ModeTable, type OneOrMany } from "./mode_table.ts";
import type { Watcher } from "./watcher.ts";

export type { Watcher } from "./watcher.ts";

/** What happened to a node, as every watcher of it is told. */
interface Change {
  readonly type: EventType;
  readonly path: string;
  readonly zxid: Zxid;
  readonly aclId: number;
}

/** Told how many watches one change fires, before they are delivered. */
type OnFired = (type: EventType, watches: number) => void;

export class Watches {
  readonly #data = new ModeTable();
  readonly #child = new ModeTable();
  readonly #persistent = new ModeTable();
  readonly #recursive = new ModeTable();
  readonly #tables = [this.#data, this.#child, this.#persistent, this.#recursive];
  #deliveryDepth = 0;
  readonly #droppedMeanwhile = new Set<Watcher>();
  readonly #onFired: OnFired;

  constructor(onFired: OnFired = () => {}) {
    this.#onFired = onFired;
  }

  /** Nobody watches anything: triggers may be skipped, and the path strings they need. */
  get isEmpty(): boolean {
    return this.#data.size === 0 && this.#child.size === 0 && this.#persistent.size === 0 &&
      this.#recursive.size === 0;
  }

  // ---------------------------------------------------------------------------- registration

  /** One-shot: getData, exists. */
  addData(path: string, watcher: Watcher): void {
    this.#data.add(path, watcher);
  }

  /** One-shot: getChildren. */
  addChild(path: string, watcher: Watcher): void {
    this.#child.add(path, watcher);
  }

  /** addWatch mode 0. */
  addPersistent(path: string, watcher: Watcher): void {
    this.#persistent.add(path, watcher);
  }

  /** addWatch mode 1. */
  addRecursive(path: string, watcher: Watcher): void {
    this.#recursive.add(path, watcher);
  }

  /** Whether there is such a watch (§6.6). @param type 1..5, checked by the caller */
  check(path: string, watcher: Watcher, type: number): boolean {
    return this.#tablesOf(type).some((table) => table.has(path, watcher));
  }

  /** @param type 1..5, checked by the caller @returns whether anything was there */
  remove(path: string, watcher: Watcher, type: number): boolean {
    let found = false;
    for (const table of this.#tablesOf(type)) found = table.remove(path, watcher) || found;
    return found;
  }

  /** The connection is gone: all its watches go, and events under way no longer reach it. */
  drop(watcher: Watcher): void {
    for (const table of this.#tables) table.drop(watcher);
    if (this.#deliveryDepth > 0) this.#droppedMeanwhile.add(watcher);
  }

  #tablesOf(type: number): readonly ModeTable[] {
    invariant(Number.isInteger(type) && type >= 1 && type <= 5, "Watcher type is 1..5", { type });
    const known = type as WatcherType;
    switch (known) {
      case WatcherType.children:
        return [this.#child];
      case WatcherType.data:
        return [this.#data];
      case WatcherType.any:
        return this.#tables;
      case WatcherType.persistent:
        return [this.#persistent];
      case WatcherType.persistentRecursive:
        return [this.#recursive];
      default:
        return unreachable(known);
    }
  }

  // ---------------------------------------------------------------------------- triggers (§6.4)

  nodeCreated(
    path: string,
    parentPath: string,
    zxid: Zxid,
    aclId: number,
    parentAclId: number,
  ): void {
    this.#fireData(EventType.nodeCreated, path, zxid, aclId);
    this.#fireChildren(parentPath, zxid, parentAclId);
  }

  nodeDataChanged(path: string, zxid: Zxid, aclId: number): void {
    this.#fireData(EventType.nodeDataChanged, path, zxid, aclId);
  }

  /** @param aclId the node's as of the delete */
  nodeDeleted(
    path: string,
    parentPath: string,
    zxid: Zxid,
    aclId: number,
    parentAclId: number,
  ): void {
    const childWatchers = this.#child.take(path);
    if (childWatchers === undefined) {
      this.#fireData(EventType.nodeDeleted, path, zxid, aclId);
    } else {
      // Persistent watches of the child table are those of the data table: told already.
      const told = new Set(membersOf(this.#takeData(path)));
      const rest: Watcher[] = [];
      for (const watcher of membersOf(childWatchers)) if (!told.has(watcher)) rest.push(watcher);
      this.#onFired(EventType.nodeDeleted, told.size + rest.length);
      this.#deliver([...told, ...rest], { type: EventType.nodeDeleted, path, zxid, aclId });
    }
    this.#fireChildren(parentPath, zxid, parentAclId);
  }

  #fireData(type: EventType, path: string, zxid: Zxid, aclId: number): void {
    const watchers = this.#takeData(path);
    if (watchers !== undefined) this.#deliverTo(watchers, { type, path, zxid, aclId });
  }

  #fireChildren(path: string, zxid: Zxid, aclId: number): void {
    const oneShot = this.#child.take(path);
    const persistent = this.#persistent.size === 0 ? undefined : this.#persistent.at(path);
    const watchers = union(oneShot, persistent);
    if (watchers === undefined) return;
    this.#deliverTo(watchers, { type: EventType.nodeChildrenChanged, path, zxid, aclId });
  }

  /** Everyone whom a data trigger concerns, each once; the one-shot watches are used up. Never a table's own Set. */
  #takeData(path: string): OneOrMany<Watcher> | undefined {
    let watchers = this.#data.take(path);
    if (this.#persistent.size > 0) watchers = union(watchers, this.#persistent.at(path));
    if (this.#recursive.size > 0) {
      for (let at: string | undefined = path; at !== undefined; at = parentOf(at)) {
        watchers = union(watchers, this.#recursive.at(at));
      }
    }
    return watchers;
  }

  #deliverTo(watchers: OneOrMany<Watcher>, change: Change): void {
    this.#onFired(change.type, watchers instanceof Set ? watchers.size : 1);
    if (!(watchers instanceof Set)) {
      return watchers.deliver(change.type, change.path, change.zxid, change.aclId);
    }
    this.#deliver(watchers, change);
  }

  #deliver(watchers: Iterable<Watcher>, change: Change): void {
    const { type, path, zxid, aclId } = change;
    const dropped = this.#droppedMeanwhile;
    this.#deliveryDepth++;
    try {
      for (const watcher of watchers) {
        if (dropped.size > 0 && dropped.has(watcher)) continue;
        watcher.deliver(type, path, zxid, aclId);
      }
    } finally {
      this.#deliveryDepth--;
      if (this.#deliveryDepth === 0 && dropped.size > 0) dropped.clear();
    }
  }

  // ---------------------------------------------------------------------------- counts and listings

  /** `wchs`: connections with a watch in the data table. Walks the persistent and recursive ones. */
  get connectionCount(): number {
    return countUnion(this.#dataTables(), (table) => table.watchers());
  }

  /** `wchs`: paths with a watch in the data table. */
  get pathCount(): number {
    return countUnion(this.#dataTables(), (table) => table.paths());
  }

  /** `wchs`: pairs of connection and path in the data table, however many modes a pair has. */
  get totalCount(): number {
    let count = this.#data.size;
    count += countPairs(this.#persistent, (path, w) => !this.#data.has(path, w));
    count += countPairs(
      this.#recursive,
      (path, w) => !this.#data.has(path, w) && !this.#persistent.has(path, w),
    );
    return count;
  }

  /** Pairs in the child table. */
  get childCount(): number {
    return this.#child.size + countPairs(this.#persistent, (path, w) => !this.#child.has(path, w));
  }

  /** `mntr` watch_count: both tables. */
  get watchCount(): number {
    return this.totalCount + this.childCount;
  }

  /** `wchc`: the data table, by connection; each path once. */
  *byWatcher(): IterableIterator<readonly [watcher: Watcher, paths: readonly string[]]> {
    const tables = this.#dataTables();
    for (const watcher of unionOf(tables.map((table) => table.watchers()))) {
      yield [watcher, [...unionOf(tables.map((table) => membersOf(table.pathsOf(watcher))))]];
    }
  }

  /** `wchp`: the data table, by path; each connection once. */
  *byPath(): IterableIterator<readonly [path: string, watchers: readonly Watcher[]]> {
    const tables = this.#dataTables();
    for (const path of unionOf(tables.map((table) => table.paths()))) {
      yield [path, [...unionOf(tables.map((table) => membersOf(table.at(path))))]];
    }
  }

  #dataTables(): readonly ModeTable[] {
    return [this.#data, this.#persistent, this.#recursive];
  }
}

/** `taken` is ours to extend, `live` belongs to a table and is copied. */
function union(
  taken: OneOrMany<Watcher> | undefined,
  live: OneOrMany<Watcher> | undefined,
): OneOrMany<Watcher> | undefined {
  if (live === undefined) return taken;
  if (taken === undefined) return live instanceof Set ? new Set(live) : live;
  if (!(taken instanceof Set)) {
    if (taken === live) return taken;
    taken = new Set([taken]);
  }
  for (const watcher of membersOf(live)) taken.add(watcher);
  return taken;
}

/** The path above, "/" above a top-level one, nothing above "/" (or above a text without a slash). */
function parentOf(path: string): string | undefined {
  const slash = path.lastIndexOf("/");
  if (slash < 0 || path.length === 1) return undefined;
  return slash === 0 ? "/" : path.slice(0, slash);
}

function unionOf<T>(parts: readonly Iterable<T>[]): Set<T> {
  const all = new Set<T>();
  for (const part of parts) for (const item of part) all.add(item);
  return all;
}

function countUnion<T>(
  tables: readonly ModeTable[],
  keys: (table: ModeTable) => Iterable<T>,
): number {
  return unionOf(tables.map(keys)).size;
}

function countPairs(table: ModeTable, counts: (path: string, watcher: Watcher) => boolean): number {
  let count = 0;
  for (const path of table.paths()) {
    for (const watcher of membersOf(table.at(path))) if (counts(path, watcher)) count++;
  }
  return count;
}
