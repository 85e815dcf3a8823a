/**
 * Lists of children as clients are sent them, kept from one read to the next. Names lie all over the arena: gathering
 * 1,000 takes ten times the copy of the list. What is kept is bounded, and a list is kept once it was read twice without
 * a change between, so that a parent whose children come and go costs nothing.
 */

/** A power of two: a list has one place, by its parent's id. */
const PLACES = 64;
/** Fewer are gathered as fast as they are looked up. */
export const CHILDREN_MIN = 16;
export const LIST_BYTES_MAX = 128 * 1024;

export class ChildLists {
  /** The parent last read in each place; -1 for none. */
  readonly #parents = new Int32Array(PLACES).fill(-1);
  readonly #lists: (Uint8Array | undefined)[] = Array.from({ length: PLACES }, () => undefined);

  /** The whole jute vector, if it is kept. */
  of(parent: number): Uint8Array | undefined {
    const place = parent & (PLACES - 1);
    return this.#parents[place] === parent ? this.#lists[place] : undefined;
  }

  /** After a list was gathered into `bytes`: keeps a copy if this was the second time. */
  gathered(parent: number, bytes: Uint8Array, start: number, end: number): void {
    const place = parent & (PLACES - 1);
    if (this.#parents[place] !== parent) {
      this.#parents[place] = parent;
      this.#lists[place] = undefined;
    } else if (end - start <= LIST_BYTES_MAX) this.#lists[place] = bytes.slice(start, end);
  }

  /** Whenever a child is added or removed; all that keeps the lists true. */
  changed(parent: number): void {
    const place = parent & (PLACES - 1);
    if (this.#parents[place] !== parent) return;
    this.#parents[place] = -1;
    this.#lists[place] = undefined;
  }

  clear(): void {
    this.#parents.fill(-1);
    this.#lists.fill(undefined);
  }
}
