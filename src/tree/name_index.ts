/**
 * From parent id and name bytes to the child's id: open addressing in 128 sub-tables chosen by the hash's upper bits,
 * which grow alone, so that no insertion rehashes everything (performance-notes §4); with more of them the tables'
 * own objects would compete for the caches. A slot is two words: the hash, and id + 1 (0: empty). Removal shifts the run
 * back; there are no tombstones.
 */
const TABLES_SHIFT = 25;
const TABLES = 1 << (32 - TABLES_SHIFT);
const FIRST_SLOTS = 16;
/** Of a table's slots; more, and runs get long. */
const FILL_MAX = 0.75;
/** A file's length may lie; beyond this tables grow as usual. */
const RESERVED_MAX = 4_000_000;
const EMPTY_TABLE = new Int32Array(0);

/** Hash of a parent id and the name's bytes. */
export function nameHash(
  seed: number,
  parent: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let hash = Math.imul(seed ^ parent, 0x9e3779b1) ^ (end - start);
  let at = start;
  for (const stop = end - 3; at < stop; at += 4) {
    const word = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    hash = Math.imul(hash ^ word, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}

/** Tells whether `id` is the child asked for; the index knows hashes only. */
export type IsNamed = (
  id: number,
  parent: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => boolean;

export class NameIndex {
  readonly #tables: Int32Array[] = [];
  readonly #counts = new Int32Array(TABLES);
  readonly #isNamed: IsNamed;

  constructor(isNamed: IsNamed) {
    this.#isNamed = isNamed;
    this.clear();
  }

  clear(): void {
    for (let i = 0; i < TABLES; i++) this.#tables[i] = EMPTY_TABLE;
    this.#counts.fill(0);
  }

  /** @returns the id, or -1 */
  find(hash: number, parent: number, bytes: Uint8Array, start: number, end: number): number {
    const table = this.#tables[hash >>> TABLES_SHIFT] as Int32Array;
    const mask = table.length - 1;
    if (mask < 0) return -1;
    for (let at = (hash << 1) & mask;; at = (at + 2) & mask) {
      const found = table[at + 1] as number;
      if (found === 0) return -1;
      if (table[at] === hash && this.#isNamed(found - 1, parent, bytes, start, end)) {
        return found - 1;
      }
    }
  }

  /** Room for so many entries, so that the tables need not grow one step after the other. */
  reserve(entries: number): void {
    const wanted = Math.min(entries, RESERVED_MAX) / TABLES / FILL_MAX;
    let slots = FIRST_SLOTS;
    while (slots < wanted) slots *= 2;
    for (let which = 0; which < TABLES; which++) {
      const table = this.#tables[which] as Int32Array;
      if (table.length < slots * 2) this.#enlarge(which, table, slots * 2);
    }
  }

  /** What lies where the hash points, so that it is at hand for a look-up soon; it says nothing. */
  touch(hash: number): number {
    const table = this.#tables[hash >>> TABLES_SHIFT] as Int32Array;
    return table.length === 0 ? 0 : table[(hash << 1) & (table.length - 1)] as number;
  }

  /** An id whose name has this hash, most likely the one; -1 when there is none. */
  candidate(hash: number): number {
    const table = this.#tables[hash >>> TABLES_SHIFT] as Int32Array;
    const mask = table.length - 1;
    if (mask < 0) return -1;
    for (let at = (hash << 1) & mask;; at = (at + 2) & mask) {
      const found = table[at + 1] as number;
      if (found === 0 || table[at] === hash) return found - 1;
    }
  }

  /** The caller knows that it is not there yet. */
  add(hash: number, id: number): void {
    const which = hash >>> TABLES_SHIFT;
    let table = this.#tables[which] as Int32Array;
    const count = this.#counts[which] as number;
    // A table's length is two words per slot.
    if ((count + 1) * 2 > table.length * FILL_MAX) {
      table = this.#enlarge(which, table, Math.max(table.length * 2, FIRST_SLOTS * 2));
    }
    this.#counts[which] = count + 1;
    place(table, hash, id + 1);
  }

  /** @returns whether it was there */
  remove(hash: number, id: number): boolean {
    const which = hash >>> TABLES_SHIFT;
    const table = this.#tables[which] as Int32Array;
    const mask = table.length - 1;
    if (mask < 0) return false;
    let at = (hash << 1) & mask;
    while (table[at + 1] !== id + 1) {
      if (table[at + 1] === 0) return false;
      at = (at + 2) & mask;
    }
    this.#counts[which] = (this.#counts[which] as number) - 1;
    closeGap(table, at);
    return true;
  }

  #enlarge(which: number, table: Int32Array, length: number): Int32Array {
    const larger = new Int32Array(length);
    for (let at = 0; at < table.length; at += 2) {
      const held = table[at + 1] as number;
      if (held !== 0) place(larger, table[at] as number, held);
    }
    this.#tables[which] = larger;
    return larger;
  }
}

function place(table: Int32Array, hash: number, held: number): void {
  const mask = table.length - 1;
  let at = (hash << 1) & mask;
  while (table[at + 1] !== 0) at = (at + 2) & mask;
  table[at] = hash;
  table[at + 1] = held;
}

/** Moves later entries of the run into the gap unless that would put one before its home. */
function closeGap(table: Int32Array, gap: number): void {
  const mask = table.length - 1;
  for (let at = (gap + 2) & mask; table[at + 1] !== 0; at = (at + 2) & mask) {
    const home = ((table[at] as number) << 1) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    table[gap] = table[at] as number;
    table[gap + 1] = table[at + 1] as number;
    gap = at;
  }
  table[gap] = 0;
  table[gap + 1] = 0;
}
