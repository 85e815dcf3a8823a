/**
 * Who waits for what, by full path: a mirror of what the server holds for this session, because a server forgets watches
 * with the connection and is told them again (client-protocol §6.3, §6.4, §6.7). Pure.
 * Invariant: no set in a table is empty.
 */
import { EventType } from "../protocol/watch_types.ts";
import type { ZkError } from "./errors.ts";
import { SET_WATCHES_BYTES } from "./limits.ts";
import type { Chroot } from "./paths.ts";
import {
  type ChangeType,
  type EndedEvent,
  guarded,
  type WatchEvent,
  type WatchSink,
} from "./watch_events.ts";

/** One-shot tables, then persistent ones; the order is that of SetWatches2. */
export const WATCH_KINDS = ["data", "exists", "child", "persistent", "recursive"] as const;
export type WatchKind = (typeof WATCH_KINDS)[number];
/** What removeWatches and checkWatches are about. */
export type WatchType = "children" | "data" | "any" | "persistent" | "persistentRecursive";
export const KINDS_OF: Readonly<Record<WatchType, readonly WatchKind[]>> = {
  children: ["child"],
  data: ["data", "exists"],
  any: WATCH_KINDS,
  persistent: ["persistent"],
  persistentRecursive: ["recursive"],
};
export const TYPE_OF: Readonly<Record<WatchKind, WatchType>> = {
  data: "data",
  exists: "data",
  child: "children",
  persistent: "persistent",
  recursive: "persistentRecursive",
};
type Table = Map<string, Set<WatchSink>>;

/** One setWatches request: paths by kind. */
export type WatchPaths = Readonly<Record<WatchKind, string[]>>;

const CHANGES: ReadonlyMap<number, ChangeType> = new Map<number, ChangeType>([
  [EventType.nodeCreated, "created"],
  [EventType.nodeDeleted, "deleted"],
  [EventType.nodeDataChanged, "dataChanged"],
  [EventType.nodeChildrenChanged, "childrenChanged"],
]);
/** The one-shot watches that an event uses up. */
const USED_UP: Readonly<Record<ChangeType, readonly WatchKind[]>> = {
  created: ["data", "exists"],
  dataChanged: ["data", "exists"],
  deleted: ["data", "exists", "child"],
  childrenChanged: ["child"],
};

export class WatchRegistry {
  readonly #tables: Readonly<Record<WatchKind, Table>> = {
    data: new Map(),
    exists: new Map(),
    child: new Map(),
    persistent: new Map(),
    recursive: new Map(),
  };
  readonly #chroot: Chroot;

  constructor(chroot: Chroot) {
    this.#chroot = chroot;
  }

  add(kind: WatchKind, path: string, sink: WatchSink): void {
    const table = this.#tables[kind];
    const sinks = table.get(path);
    if (sinks === undefined) table.set(path, new Set([sink]));
    else sinks.add(sink);
  }

  has(kinds: readonly WatchKind[], path: string): boolean {
    return kinds.some((kind) => this.#tables[kind].has(path));
  }

  /** @returns whether it was the last of its kind on the path */
  remove(kind: WatchKind, path: string, sink: WatchSink): boolean {
    const table = this.#tables[kind];
    const sinks = table.get(path);
    if (sinks === undefined || !sinks.delete(sink)) return false;
    if (sinks.size > 0) return false;
    table.delete(path);
    return true;
  }

  /**
   * A sink that wants no one-shot event of the path any more.
   * @returns the server's watches that would now fire into nothing; one of data is for both of our tables
   */
  forget(path: string, sink: WatchSink): ("data" | "children")[] {
    const { data, exists } = this.#tables;
    const ofData = [this.remove("data", path, sink), this.remove("exists", path, sink)];
    const idle: ("data" | "children")[] = [];
    if (ofData.includes(true) && !data.has(path) && !exists.has(path)) idle.push("data");
    if (this.remove("child", path, sink)) idle.push("children");
    return idle;
  }

  /** Those who waited are told. */
  removeAll(kinds: readonly WatchKind[], path: string): void {
    const sinks = new Set<WatchSink>();
    for (const kind of kinds) this.#takeOut(kind, path, sinks);
    for (const sink of sinks) guarded(() => sink.ended("removed", undefined));
  }

  /**
   * Tells an event from the wire to all who wait for it, each once.
   * @param isCatchUp answers setWatches: persistent watches, which hear of a gap instead, do not get it
   */
  dispatch(type: number, path: string, zxid: number, isCatchUp: boolean): void {
    const change = CHANGES.get(type);
    if (change === undefined) return; // of a later protocol
    const sinks = new Set<WatchSink>();
    for (const kind of USED_UP[change]) this.#takeOut(kind, path, sinks);
    if (!isCatchUp) this.#collectLasting(change, path, sinks);
    if (sinks.size === 0) return;
    const event: WatchEvent = { type: change, path: this.#chroot.own(path), zxid };
    tell(sinks, event);
  }

  /** Persistent watches heard nothing while the connection was away. */
  tellGap(): void {
    const sinks = new Set<WatchSink>();
    for (const kind of ["persistent", "recursive"] as const) {
      for (const set of this.#tables[kind].values()) for (const sink of set) sinks.add(sink);
    }
    tell(sinks, { type: "gap", reason: "reconnected" });
  }

  end(reason: EndedEvent["reason"], error: ZkError | undefined): void {
    const sinks = new Set<WatchSink>();
    for (const kind of WATCH_KINDS) {
      for (const set of this.#tables[kind].values()) for (const sink of set) sinks.add(sink);
      this.#tables[kind].clear();
    }
    for (const sink of sinks) guarded(() => sink.ended(reason, error));
  }

  /** All watches as setWatches requests, each of at most `bytesMax` of path text with its lengths, or of one path. */
  chunks(bytesMax: number = SET_WATCHES_BYTES): WatchPaths[] {
    const chunks: WatchPaths[] = [];
    let bytes = Infinity;
    for (const kind of WATCH_KINDS) {
      for (const path of this.#tables[kind].keys()) {
        const pathBytes = 4 + utf8Bytes(path);
        if (bytes + pathBytes > bytesMax) {
          chunks.push({ data: [], exists: [], child: [], persistent: [], recursive: [] });
          bytes = 0;
        }
        (chunks.at(-1) as WatchPaths)[kind].push(path);
        bytes += pathBytes;
      }
    }
    return chunks;
  }

  /** Watches by kind and path, for tests. */
  count(): number {
    return WATCH_KINDS.reduce((sum, kind) => sum + this.#tables[kind].size, 0);
  }

  #takeOut(kind: WatchKind, path: string, into: Set<WatchSink>): void {
    const sinks = this.#tables[kind].get(path);
    if (sinks === undefined) return;
    for (const sink of sinks) into.add(sink);
    this.#tables[kind].delete(path);
  }

  #collectLasting(change: ChangeType, path: string, into: Set<WatchSink>): void {
    const { persistent, recursive } = this.#tables;
    for (const sink of persistent.get(path) ?? []) into.add(sink);
    if (recursive.size === 0 || change === "childrenChanged") return;
    for (let at: string | undefined = path; at !== undefined; at = above(at)) {
      for (const sink of recursive.get(at) ?? []) into.add(sink);
    }
  }
}

/** Sinks run code of the caller's. */
function tell(sinks: ReadonlySet<WatchSink>, event: WatchEvent): void {
  for (const sink of sinks) guarded(() => sink.event(event));
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= 0x7f) continue;
    // The two halves of a pair share four bytes.
    bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

function above(path: string): string | undefined {
  if (path.length <= 1) return undefined;
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}
