/**
 * Look-ups to come, fetched into the processor's caches together. In a tree beyond the caches a read waits half a dozen
 * times for memory, each time for the answer of the time before; of many reads each such step can be waited for at once.
 * Nothing is found or decided here.
 */
import * as L from "./layout.ts";
import { type NodeStore, ROOT } from "./node_store.ts";

/** Below this many znodes the caches hold what is read often. */
export const PREFETCH_NODES_MIN = 65_536;
/** More than the caches could keep until they are used. */
export const PREFETCH_MAX = 256;
const LINE_BYTES = 64;
const SLASH = 0x2f;

export class Prefetch {
  readonly #nodes: NodeStore;
  /** Hashes of names first, then ids or -1. */
  readonly #places = new Int32Array(PREFETCH_MAX);
  readonly #refs = new Int32Array(PREFETCH_MAX);
  #count = 0;
  #parent = ROOT;
  /** Where the path of the parent at hand lies. */
  #parentStart = 0;
  #parentEnd = 0;
  /** What was fetched: kept, so that no compiler leaves the fetching out. */
  touched = 0;

  constructor(nodes: NodeStore) {
    this.#nodes = nodes;
  }

  get isFull(): boolean {
    return this.#count === PREFETCH_MAX;
  }

  /** `add` and `run` come in the same turn, and all paths lie in the same bytes. */
  begin(): void {
    this.#count = 0;
    this.#parentStart = this.#parentEnd = 0;
    this.#parent = ROOT;
  }

  /** The path of a look-up to come; a malformed or unknown one costs nothing. */
  add(bytes: Uint8Array, start: number, end: number): void {
    let slash = end - 1;
    while (slash > start && bytes[slash] !== SLASH) slash--;
    if (slash < start) return;
    if (!this.#isParentAtHand(bytes, start, slash)) {
      this.#parent = this.#nodes.find(bytes, start, slash);
      this.#parentStart = start;
      this.#parentEnd = slash;
    }
    if (this.#parent < 0) return;
    this.#places[this.#count++] = this.#nodes.hashOf(this.#parent, bytes, slash + 1, end);
  }

  /** A loop for each wait, as short as can be: so many fetches are under way as fit the processor's look-ahead. */
  run(): void {
    const nodes = this.#nodes, places = this.#places, count = this.#count;
    let touched = 0;
    for (let i = 0; i < count; i++) touched |= nodes.touch(places[i] as number);
    for (let i = 0; i < count; i++) places[i] = nodes.candidate(places[i] as number);
    for (let i = 0; i < count; i++) {
      const id = places[i] as number;
      if (id >= 0) touched |= nodes.word(id, L.NAME_REF);
    }
    this.touched |= touched | this.#touchBytes(count);
  }

  /** Name, data and rest of each. */
  #touchBytes(count: number): number {
    const { arena } = this.#nodes, nodes = this.#nodes, places = this.#places, refs = this.#refs;
    let touched = 0;
    for (let i = 0; i < count; i++) {
      const id = places[i] as number;
      if (id < 0) continue;
      const name = nodes.word(id, L.NAME_REF);
      refs[i] = nodes.word(id, L.DATA_REF);
      touched |= arena.segmentOf(name)[arena.offsetOf(name)] as number;
    }
    for (let i = 0; i < count; i++) {
      const id = places[i] as number;
      if (id < 0) continue;
      const length = nodes.word(id, L.DATA_LENGTH), rest = nodes.word(id, L.REST);
      if (rest !== 0) touched |= nodes.restWords(rest)[nodes.restAt(rest)] as number;
      if (length <= 0) continue;
      const ref = refs[i] as number, at = arena.offsetOf(ref), data = arena.segmentOf(ref);
      touched |= (data[at] as number) | (data[at + Math.min(length - 1, LINE_BYTES)] as number);
    }
    return touched;
  }

  #isParentAtHand(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start, from = this.#parentStart;
    if (length !== this.#parentEnd - from) return false;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== bytes[start + i]) return false;
    return true;
  }
}
