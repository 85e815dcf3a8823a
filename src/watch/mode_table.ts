/**
 * The watches of one kind: who watches a path, and which paths a connection watches. Both ways, so that firing costs
 * in proportion to the watchers of the path and a lost connection in proportion to its own watches. The common case,
 * one member, is held without a Set.
 * Invariant: a pair is in both maps or in neither; no empty Set stays behind.
 */
import type { Watcher } from "./watcher.ts";

/** One member, or two and more (a Set that shrank is kept as it is until it is empty). */
export type OneOrMany<T extends string | Watcher> = T | Set<T>;

export class ModeTable {
  readonly #watchersAt = new Map<string, OneOrMany<Watcher>>();
  readonly #pathsOf = new Map<Watcher, OneOrMany<string>>();
  #size = 0;

  /** Pairs of path and watcher. */
  get size(): number {
    return this.#size;
  }

  has(path: string, watcher: Watcher): boolean {
    const held = this.#watchersAt.get(path);
    return held instanceof Set ? held.has(watcher) : held === watcher;
  }

  /** The watchers of exactly this path; the table's own Set: copy it before anything may change the table. */
  at(path: string): OneOrMany<Watcher> | undefined {
    return this.#watchersAt.get(path);
  }

  pathsOf(watcher: Watcher): OneOrMany<string> | undefined {
    return this.#pathsOf.get(watcher);
  }

  paths(): IterableIterator<string> {
    return this.#watchersAt.keys();
  }

  watchers(): IterableIterator<Watcher> {
    return this.#pathsOf.keys();
  }

  /** Registering twice is registering once. */
  add(path: string, watcher: Watcher): void {
    if (!addTo(this.#watchersAt, path, watcher)) return;
    addTo(this.#pathsOf, watcher, path);
    this.#size++;
  }

  /** @returns whether it was there */
  remove(path: string, watcher: Watcher): boolean {
    if (!removeFrom(this.#watchersAt, path, watcher)) return false;
    removeFrom(this.#pathsOf, watcher, path);
    this.#size--;
    return true;
  }

  /** Removes every watch of a path and hands them over: the Set is the caller's. */
  take(path: string): OneOrMany<Watcher> | undefined {
    const taken = this.#watchersAt.get(path);
    if (taken === undefined) return undefined;
    this.#watchersAt.delete(path);
    if (taken instanceof Set) {
      for (const watcher of taken) removeFrom(this.#pathsOf, watcher, path);
      this.#size -= taken.size;
    } else {
      removeFrom(this.#pathsOf, taken, path);
      this.#size--;
    }
    return taken;
  }

  drop(watcher: Watcher): void {
    const paths = this.#pathsOf.get(watcher);
    if (paths === undefined) return;
    this.#pathsOf.delete(watcher);
    for (const path of membersOf(paths)) {
      removeFrom(this.#watchersAt, path, watcher);
      this.#size--;
    }
  }
}

export function membersOf<T extends string | Watcher>(held: OneOrMany<T> | undefined): Iterable<T> {
  if (held === undefined) return [];
  return held instanceof Set ? held : [held];
}

type Members<K, V extends string | Watcher> = Map<K, OneOrMany<V>>;

function addTo<K, V extends string | Watcher>(map: Members<K, V>, key: K, value: V): boolean {
  const held = map.get(key);
  if (held === undefined) {
    map.set(key, value);
    return true;
  }
  if (held instanceof Set) {
    if (held.has(value)) return false;
    held.add(value);
    return true;
  }
  if (held === value) return false;
  map.set(key, new Set<V>([held, value]));
  return true;
}

function removeFrom<K, V extends string | Watcher>(map: Members<K, V>, key: K, value: V): boolean {
  const held = map.get(key);
  if (held instanceof Set) {
    if (!held.delete(value)) return false;
    if (held.size === 0) map.delete(key);
    return true;
  }
  if (held === undefined || held !== value) return false;
  map.delete(key);
  return true;
}
