/**
 * Znodes as integers: pages of words (layout.ts), names and data in an arena, the index by name, and the links between
 * parents, siblings and children. It knows structure only; digest, ACLs and owners are the Tree's.
 *
 * Invariant: the root is id 0; a live id's name is in the index exactly once, except the root's, which has none.
 */
import { invariant } from "../base/invariant.ts";
import { Arena } from "./arena.ts";
import { ChildLists } from "./child_lists.ts";
import { copyBytes } from "./copy_bytes.ts";
import * as L from "./layout.ts";
import { nameHash, NameIndex } from "./name_index.ts";
import { type Growing, Stock } from "./stock.ts";

/** The first two are small, so that an empty server is; then 65,536 ids each. */
const PAGE_SIZES: readonly number[] = [1 << 10, 1 << 14, L.PAGE_IDS];
const ID_BYTES = L.NODE_WORDS * Int32Array.BYTES_PER_ELEMENT;
const PAGE_BYTES = L.PAGE_IDS * ID_BYTES;
const SLASH = 0x2f;

export const ROOT = 0;

export class NodeStore implements Growing {
  /** Of pages of 65,536 ids. */
  readonly stock = new Stock(PAGE_BYTES);
  readonly arena = new Arena();
  readonly childLists = new ChildLists();
  readonly #pages: Int32Array[] = [];
  readonly #index: NameIndex;
  readonly #hashSeed: number;
  #freeHead = -1;
  #freeIds = 0;
  #nextId = 0;
  #pageEnd = 0;
  #live = 0;

  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed | 0;
    this.#index = new NameIndex((id, parent, bytes, start, end) =>
      this.#isNamed(id, parent, bytes, start, end)
    );
  }

  get live(): number {
    return this.#live;
  }

  /** Bytes that removed znodes left to be used again. */
  get reusableBytes(): number {
    return this.arena.reusableBytes + this.#freeIds * ID_BYTES;
  }

  get usedBytes(): number {
    return this.#live * ID_BYTES;
  }

  get heldBytes(): number {
    return this.#pages.reduce((bytes, page) => bytes + page.byteLength, 0);
  }

  /** The page of an id; a znode's words begin at `baseOf(id)`. */
  pageOf(id: number): Int32Array {
    return this.#pages[id >>> L.PAGE_SHIFT] as Int32Array;
  }

  baseOf(id: number): number {
    return (id & L.PAGE_MASK) << L.NODE_WORDS_SHIFT;
  }

  word(id: number, field: number): number {
    const page = this.#pages[id >>> L.PAGE_SHIFT] as Int32Array;
    return page[((id & L.PAGE_MASK) << L.NODE_WORDS_SHIFT) + field] as number;
  }

  setWord(id: number, field: number, value: number): void {
    const page = this.#pages[id >>> L.PAGE_SHIFT] as Int32Array;
    page[((id & L.PAGE_MASK) << L.NODE_WORDS_SHIFT) + field] = value;
  }

  /** A 64-bit field that we hold as a number. */
  long(id: number, field: number): number {
    const page = this.#pages[id >>> L.PAGE_SHIFT] as Int32Array;
    const at = ((id & L.PAGE_MASK) << L.NODE_WORDS_SHIFT) + field;
    return (page[at] as number) * L.TWO_32 + ((page[at + 1] as number) >>> 0);
  }

  // ------------------------------------------------------------------------------------ the rest

  /** @returns its ref plus 1, as `REST` has it; made from the core when there is none */
  makeRest(id: number): number {
    const page = this.pageOf(id), base = this.baseOf(id);
    const there = page[base + L.REST] as number;
    if (there !== 0) return there;
    const ref = this.arena.allocate(L.REST_BYTES);
    const words = this.arena.wordsOf(ref), at = this.arena.offsetOf(ref) >>> 2;
    words.fill(0, at, at + L.REST_BYTES / 4);
    for (let half = 0; half < 2; half++) {
      const zxid = page[base + L.CZXID + half] as number;
      words[at + L.MZXID + half] = words[at + L.PZXID + half] = zxid;
      words[at + L.MTIME + half] = page[base + L.CTIME + half] as number;
    }
    words[at + L.FIRST_CHILD] = words[at + L.OWNER_NEXT] = words[at + L.OWNER_PREV] = -1;
    page[base + L.REST] = ref + 1;
    return ref + 1;
  }

  /** The words in which a rest lies, from `restAt` on. @param rest as `REST` has it, not 0 */
  restWords(rest: number): Int32Array {
    return this.arena.wordsOf(rest - 1);
  }

  restAt(rest: number): number {
    return this.arena.offsetOf(rest - 1) >>> 2;
  }

  /** @param without what holds when there is no rest */
  restWord(id: number, field: number, without: number): number {
    const rest = this.word(id, L.REST);
    if (rest === 0) return without;
    return this.restWords(rest)[this.restAt(rest) + field] as number;
  }

  setRestWord(id: number, field: number, value: number): void {
    const rest = this.makeRest(id);
    this.restWords(rest)[this.restAt(rest) + field] = value;
  }

  /** A 64-bit field. @param core the field that holds when there is no rest */
  restLong(id: number, field: number, core: number): number {
    const rest = this.word(id, L.REST);
    if (rest === 0) return this.long(id, core);
    const words = this.restWords(rest), at = this.restAt(rest) + field;
    return (words[at] as number) * L.TWO_32 + ((words[at + 1] as number) >>> 0);
  }

  setRestLong(id: number, field: number, value: number): void {
    const rest = this.makeRest(id);
    const words = this.restWords(rest), at = this.restAt(rest) + field;
    words[at] = L.highWord(value);
    words[at + 1] = value | 0;
  }

  isLive(id: number): boolean {
    return id >= 0 && this.#hasPage(id) && (this.word(id, L.FLAGS) & L.FLAG_FREE) === 0;
  }

  #hasPage(id: number): boolean {
    const page = this.#pages[id >>> L.PAGE_SHIFT];
    return page !== undefined && this.baseOf(id) < page.length &&
      (id < this.#nextId || id >>> L.PAGE_SHIFT < this.#pages.length - 1);
  }

  // ------------------------------------------------------------------------------------ look-up

  findChild(parent: number, name: Uint8Array, start: number, end: number): number {
    return this.#index.find(this.hashOf(parent, name, start, end), parent, name, start, end);
  }

  /** By the bytes of a path: "" and "/" are the root; a malformed one is nowhere. @returns id or -1 */
  find(path: Uint8Array, start: number, end: number): number {
    if (start === end) return ROOT;
    if (path[start] !== SLASH) return -1;
    if (end - start === 1) return ROOT;
    let id = ROOT;
    // An empty component is the name of no child.
    for (let at = start + 1; at <= end;) {
      let stop = at;
      while (stop < end && path[stop] !== SLASH) stop++;
      id = this.findChild(id, path, at, stop);
      if (id < 0) return -1;
      at = stop + 1;
      if (stop === end) return id;
    }
    return -1;
  }

  #isNamed(id: number, parent: number, bytes: Uint8Array, start: number, end: number): boolean {
    const page = this.#pages[id >>> L.PAGE_SHIFT] as Int32Array;
    const base = (id & L.PAGE_MASK) << L.NODE_WORDS_SHIFT;
    if (page[base + L.PARENT] !== parent || page[base + L.NAME_LENGTH] !== end - start) {
      return false;
    }
    const ref = page[base + L.NAME_REF] as number;
    const names = this.arena.segmentOf(ref);
    let at = this.arena.offsetOf(ref);
    for (let from = start; from < end; from++) if (bytes[from] !== names[at++]) return false;
    return true;
  }

  /** Bytes of the whole path, 0 for the root. */
  pathLength(id: number): number {
    let length = 0;
    while (id !== ROOT) {
      const page = this.pageOf(id), base = this.baseOf(id);
      length += 1 + (page[base + L.NAME_LENGTH] as number);
      id = page[base + L.PARENT] as number;
    }
    return length;
  }

  /** Writes the path's bytes, "" for the root, at `at`; the caller made room for `pathLength(id)`, and says it. */
  fillPath(id: number, length: number, into: Uint8Array, at: number): void {
    let end = at + length;
    while (id !== ROOT) {
      const page = this.pageOf(id), base = this.baseOf(id);
      const size = page[base + L.NAME_LENGTH] as number;
      const ref = page[base + L.NAME_REF] as number;
      end -= size;
      copyBytes(this.arena.segmentOf(ref), this.arena.offsetOf(ref), size, into, end);
      into[--end] = SLASH;
      id = page[base + L.PARENT] as number;
    }
  }

  // ------------------------------------------------------------------------------------ structure

  /** A znode with all words 0 but its name and links; the caller knows that the name is free. */
  create(parent: number, name: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const ref = this.arena.allocate(length);
    this.arena.store(ref, name, start, end);
    return this.#createNamed(parent, this.hashOf(parent, name, start, end), ref, length);
  }

  /** All words 0 but its links; made first, it is id 0. */
  createRoot(): void {
    const id = this.#createBare(-1);
    invariant(id === ROOT, "The root is made first", { id });
  }

  /**
   * As `create`, its name in the arena already, in a block of its own.
   * @param hash from `hashOf`
   * @returns -1 when the parent has a child of that name
   */
  createUnless(
    parent: number,
    hash: number,
    name: Uint8Array,
    start: number,
    end: number,
    ref: number,
  ): number {
    if (this.#index.find(hash, parent, name, start, end) >= 0) return -1;
    return this.#createNamed(parent, hash, ref, end - start);
  }

  /** Of a child's name, for `createUnless`. */
  hashOf(parent: number, name: Uint8Array, start: number, end: number): number {
    return nameHash(this.#hashSeed, parent, name, start, end);
  }

  /** So many znodes are to come. */
  reserve(count: number): void {
    this.#index.reserve(count);
  }

  /** Fetches the place in the index, so that many are waited for at once and not one by one. */
  touch(hash: number): number {
    return this.#index.touch(hash);
  }

  /** An id whose name has this hash, most likely the one; -1 when there is none. */
  candidate(hash: number): number {
    return this.#index.candidate(hash);
  }

  #createNamed(parent: number, hash: number, ref: number, length: number): number {
    const id = this.#createBare(parent);
    const page = this.pageOf(id), base = this.baseOf(id);
    page[base + L.NAME_REF] = ref;
    page[base + L.NAME_LENGTH] = length;
    const rest = this.makeRest(parent);
    const words = this.restWords(rest), at = this.restAt(rest);
    const sibling = words[at + L.FIRST_CHILD] as number;
    page[base + L.NEXT_SIBLING] = sibling;
    if (sibling >= 0) this.setWord(sibling, L.PREV_SIBLING, id);
    words[at + L.FIRST_CHILD] = id;
    words[at + L.CHILDREN] = (words[at + L.CHILDREN] as number) + 1;
    this.childLists.changed(parent);
    this.#index.add(hash, id);
    return id;
  }

  #createBare(parent: number): number {
    const id = this.#takeId();
    const page = this.pageOf(id), base = this.baseOf(id);
    this.#live++;
    page[base + L.NEXT_SIBLING] = -1;
    page[base + L.PREV_SIBLING] = -1;
    page[base + L.PARENT] = parent;
    return id;
  }

  /** Takes out a znode without children and frees its name, data and rest. */
  destroy(id: number): void {
    const page = this.pageOf(id), base = this.baseOf(id);
    const isLeaf = this.restWord(id, L.FIRST_CHILD, -1) === -1;
    invariant(id !== ROOT && isLeaf, "A removed znode is a leaf", { id });
    const parent = page[base + L.PARENT] as number;
    const next = page[base + L.NEXT_SIBLING] as number,
      prev = page[base + L.PREV_SIBLING] as number;
    if (prev >= 0) this.setWord(prev, L.NEXT_SIBLING, next);
    else this.setRestWord(parent, L.FIRST_CHILD, next);
    if (next >= 0) this.setWord(next, L.PREV_SIBLING, prev);
    this.setRestWord(parent, L.CHILDREN, this.restWord(parent, L.CHILDREN, 0) - 1);
    this.childLists.changed(parent);
    const name = page[base + L.NAME_REF] as number, length = page[base + L.NAME_LENGTH] as number;
    const at = this.arena.offsetOf(name);
    const hash = this.hashOf(parent, this.arena.segmentOf(name), at, at + length);
    invariant(this.#index.remove(hash, id), "A live znode is in the index", { id });
    this.arena.release(name, length);
    this.arena.release(page[base + L.DATA_REF] as number, page[base + L.DATA_LENGTH] as number);
    const rest = page[base + L.REST] as number;
    if (rest !== 0) this.arena.release(rest - 1, L.REST_BYTES);
    page[base + L.FLAGS] = L.FLAG_FREE;
    page[base + L.NEXT_SIBLING] = this.#freeHead;
    this.#freeHead = id;
    this.#freeIds++;
    this.#live--;
  }

  /** Puts a copy of the bytes in place of the old data; null and empty stay distinct. */
  storeData(id: number, data: Uint8Array | null, start: number, end: number): void {
    const page = this.pageOf(id), base = this.baseOf(id);
    const before = page[base + L.DATA_LENGTH] as number;
    const length = data === null ? -1 : end - start;
    if (!this.arena.fits(before, length)) {
      this.arena.release(page[base + L.DATA_REF] as number, before);
      page[base + L.DATA_REF] = length > 0 ? this.arena.allocate(length) : 0;
    }
    page[base + L.DATA_LENGTH] = length;
    if (data !== null && length > 0) {
      this.arena.store(page[base + L.DATA_REF] as number, data, start, end);
    }
  }

  /** The first data of a new znode: -1 for null; `ref` is that of a block of its own, or 0 without bytes. */
  placeData(id: number, ref: number, length: number): void {
    const page = this.pageOf(id), base = this.baseOf(id);
    page[base + L.DATA_REF] = ref;
    page[base + L.DATA_LENGTH] = length;
  }

  /** Next in depth-first order after the whole subtree of `id`; -1 at the end. */
  afterSubtree(id: number): number {
    while (id !== ROOT) {
      const next = this.word(id, L.NEXT_SIBLING);
      if (next >= 0) return next;
      id = this.word(id, L.PARENT);
    }
    return -1;
  }

  /** Next in depth-first order, children first; -1 at the end. */
  following(id: number): number {
    const child = this.restWord(id, L.FIRST_CHILD, -1);
    return child >= 0 ? child : this.afterSubtree(id);
  }

  clear(): void {
    this.arena.clear();
    this.childLists.clear();
    this.#index.clear();
    this.#pages.length = 0;
    this.#freeHead = -1;
    this.#freeIds = 0;
    this.#nextId = 0;
    this.#pageEnd = 0;
    this.#live = 0;
  }

  /** Its words are 0: a page begins so. */
  #takeId(): number {
    const free = this.#freeHead;
    if (free >= 0) {
      this.#freeHead = this.word(free, L.NEXT_SIBLING);
      this.#freeIds--;
      const base = this.baseOf(free);
      this.pageOf(free).fill(0, base, base + L.NODE_WORDS);
      return free;
    }
    if (this.#nextId === this.#pageEnd) {
      const number = this.#pages.length;
      const size = PAGE_SIZES[Math.min(number, PAGE_SIZES.length - 1)] as number;
      this.#pages.push(
        size === L.PAGE_IDS ? this.stock.take() : new Int32Array(size << L.NODE_WORDS_SHIFT),
      );
      this.#nextId = number << L.PAGE_SHIFT;
      this.#pageEnd = this.#nextId + size;
    }
    return this.#nextId++;
  }
}
