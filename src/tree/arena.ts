/**
 * Names, data and rests (layout.ts) of znodes: blocks of 8-byte units in segments that are never moved. Blocks come in size
 * classes (8-byte steps up to 1 KiB, then four steps per doubling), each with a list of free ones; a larger one has a
 * segment of its own that goes when it is freed.
 *
 * A block is named by a `ref`: segment number in the high bits, unit within the segment in the low 20.
 * Invariant: a ref given out is below 2^32 and is held as an int32.
 */
import { invariant } from "../base/invariant.ts";
import { type Growing, Stock } from "./stock.ts";

const UNIT_SHIFT = 3;
const UNIT_BYTES = 1 << UNIT_SHIFT;
const SEGMENT_SHIFT = 20;
const UNIT_MASK = (1 << SEGMENT_SHIFT) - 1;
/** One fewer than the bits allow, so that ref + 1 is never 0. */
const SEGMENTS_MAX = (1 << (32 - SEGMENT_SHIFT)) - 1;
/** The first two are small, so that an empty server is; then 8 MiB each. */
const SEGMENT_UNITS: readonly number[] = [1 << 13, 1 << 17, 1 << SEGMENT_SHIFT];
/** What fits, when no block is larger than a class. */
export const ARENA_BYTES_MAX = SEGMENTS_MAX * (UNIT_BYTES << SEGMENT_SHIFT);
/** Up to here one class per unit. */
const FINE_SHIFT = 7;
const FINE_UNITS = 1 << FINE_SHIFT;
/** 4 MiB: the largest class. */
const CLASS_SHIFT = 19;
const CLASS_UNITS_MAX = 1 << CLASS_SHIFT;
const CLASSES = FINE_UNITS + 4 * (CLASS_SHIFT - FINE_SHIFT);
const COPY_LOOP_BYTES = 24;
/** Free blocks are joined before a segment is added when they are so much, and so large a share of all. */
const JOIN_UNITS_MIN = (1024 * 1024) >> UNIT_SHIFT;
const JOIN_SHARE = 1 / 4;
/** Blocks joined in one go, which takes a fifth of a second at most: with fewer, neighbours seldom come together. */
const JOINED_MAX = 1 << 19;
/** Of what was joined: when less can serve the block that is wanted, it was not worth it. */
const GAIN_MIN = 1 / 8;
/** A free block in a number whose order is that of its place: ref, then class. */
const CLASS_FACTOR = 1 << 8;

/** The size class of a block of `units` (1 to CLASS_UNITS_MAX). */
export function classOf(units: number): number {
  if (units <= FINE_UNITS) return units - 1;
  const log = 31 - Math.clz32(units - 1);
  return FINE_UNITS + (log - FINE_SHIFT) * 4 + (((units - 1) >>> (log - 2)) & 3);
}

/** Units of a block of the class. */
export function unitsOfClass(sizeClass: number): number {
  if (sizeClass < FINE_UNITS) return sizeClass + 1;
  const step = sizeClass - FINE_UNITS;
  return (5 + (step & 3)) << ((step >>> 2) + FINE_SHIFT - 2);
}

export class Arena implements Growing {
  /** Of segments of 8 MiB. */
  readonly stock = new Stock(UNIT_BYTES << SEGMENT_SHIFT);
  readonly #segments: Uint8Array[] = [];
  /** The same memory as words: a free block's first word links to the next one. */
  readonly #words: Int32Array[] = [];
  /** Per class: ref + 1 of the first free block as an int32, 0 for none. */
  readonly #free = new Int32Array(CLASSES);
  readonly #freeSegments: number[] = [];
  #regularSegments = 0;
  #fillSegment = 0;
  #fillUnit = 0;
  #fillEnd = 0;
  #reservedBytes = 0;
  #freeUnits = 0;
  /** Of those: what was looked at, and could not serve a block even when joined. */
  #stuckUnits = 0;
  /** The class from which blocks are taken to be joined next. */
  #joinClass = 0;

  /** Bytes in lists of free blocks: they can be used again, and the system does not get them back. */
  get freeBytes(): number {
    return this.#freeUnits * UNIT_BYTES;
  }

  /** Of those, what is thought to serve blocks of any size. */
  get reusableBytes(): number {
    return (this.#freeUnits - Math.min(this.#stuckUnits, this.#freeUnits)) * UNIT_BYTES;
  }

  /** Bytes of all segments; pages never touched take no memory of the machine. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  get heldBytes(): number {
    return this.#reservedBytes;
  }

  get usedBytes(): number {
    return this.#reservedBytes - (this.#fillEnd - this.#fillUnit + this.#freeUnits) * UNIT_BYTES;
  }

  segmentOf(ref: number): Uint8Array {
    return this.#segments[ref >>> SEGMENT_SHIFT] as Uint8Array;
  }

  /** The same segment as words; a block begins at a whole one, and is whole words long. */
  wordsOf(ref: number): Int32Array {
    return this.#words[ref >>> SEGMENT_SHIFT] as Int32Array;
  }

  offsetOf(ref: number): number {
    return (ref & UNIT_MASK) << UNIT_SHIFT;
  }

  /** A block for `length` bytes; 0 bytes need none, and get ref 0. */
  allocate(length: number): number {
    if (length === 0) return 0;
    const units = unitsFor(length);
    if (units > CLASS_UNITS_MAX) return this.#allocateAlone(length);
    const sizeClass = classOf(units);
    if (this.#free[sizeClass] !== 0) return this.#popFree(sizeClass);
    const blockUnits = unitsOfClass(sizeClass);
    if (this.#fillEnd - this.#fillUnit < blockUnits) this.#refill(sizeClass);
    const ref = (this.#fillSegment << SEGMENT_SHIFT) | this.#fillUnit;
    this.#fillUnit += blockUnits;
    return ref;
  }

  /**
   * A copy of an image of blocks of 1 KiB at most, each of whole units, none of which wastes one: each is released by
   * itself, as if it had been allocated so.
   * @returns the ref of the first unit
   */
  storeImage(image: Uint8Array): number {
    const units = image.length >>> UNIT_SHIFT;
    if (this.#fillEnd - this.#fillUnit < units) this.#refill(classOf(units));
    const unit = this.#fillUnit;
    this.#fillUnit += units;
    const ref = (this.#fillSegment << SEGMENT_SHIFT) | unit;
    this.segmentOf(ref).set(image, unit << UNIT_SHIFT);
    return ref;
  }

  /** @param length as given to `allocate` */
  release(ref: number, length: number): void {
    if (length <= 0) return;
    const units = unitsFor(length);
    if (units > CLASS_UNITS_MAX) return this.#releaseAlone(ref >>> SEGMENT_SHIFT);
    this.#pushFree(ref, classOf(units));
  }

  /** Whether a block for `before` bytes can hold `after` bytes and is not too large for it. */
  fits(before: number, after: number): boolean {
    if (before <= 0 || after <= 0) return before === after;
    const unitsBefore = unitsFor(before), unitsAfter = unitsFor(after);
    if (unitsBefore > CLASS_UNITS_MAX || unitsAfter > CLASS_UNITS_MAX) return before === after;
    return classOf(unitsBefore) === classOf(unitsAfter);
  }

  store(ref: number, bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count === 0) return;
    const into = this.segmentOf(ref);
    let at = this.offsetOf(ref);
    if (count > COPY_LOOP_BYTES) {
      into.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
      return;
    }
    for (let from = start; from < end; from++) into[at++] = bytes[from] as number;
  }

  clear(): void {
    this.#segments.length = 0;
    this.#words.length = 0;
    this.#free.fill(0);
    this.#freeSegments.length = 0;
    this.#regularSegments = 0;
    this.#fillSegment = 0;
    this.#fillUnit = 0;
    this.#fillEnd = 0;
    this.#reservedBytes = 0;
    this.#freeUnits = 0;
    this.#stuckUnits = 0;
  }

  #popFree(sizeClass: number): number {
    const ref = ((this.#free[sizeClass] as number) - 1) | 0;
    const words = this.#words[ref >>> SEGMENT_SHIFT] as Int32Array;
    this.#free[sizeClass] = words[(ref & UNIT_MASK) << (UNIT_SHIFT - 2)] as number;
    this.#freeUnits -= unitsOfClass(sizeClass);
    return ref;
  }

  #pushFree(ref: number, sizeClass: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT] as Int32Array;
    words[(ref & UNIT_MASK) << (UNIT_SHIFT - 2)] = this.#free[sizeClass] as number;
    this.#free[sizeClass] = ref + 1;
    this.#freeUnits += unitsOfClass(sizeClass);
  }

  /** Fills from the smallest free block that suffices, else from a new segment; what was left becomes free blocks. */
  #refill(sizeClass: number): void {
    this.#freeRun(this.#fillSegment, this.#fillUnit, this.#fillEnd);
    if (this.#fillFrom(sizeClass)) return;
    if (!this.#isJoinDue()) this.#stuckUnits = this.#freeUnits;
    else {
      this.#join(sizeClass);
      if (this.#fillFrom(sizeClass)) return;
    }
    const unitsNeeded = unitsOfClass(sizeClass);
    let units: number;
    do {
      const step = Math.min(this.#regularSegments++, SEGMENT_UNITS.length - 1);
      units = SEGMENT_UNITS[step] as number;
    } while (units < unitsNeeded);
    this.#fillSegment = this.#addSegment(units << UNIT_SHIFT);
    this.#fillUnit = 0;
    this.#fillEnd = units;
  }

  #fillFrom(sizeClass: number): boolean {
    for (let larger = sizeClass; larger < CLASSES; larger++) {
      if (this.#free[larger] === 0) continue;
      const ref = this.#popFree(larger);
      this.#fillSegment = ref >>> SEGMENT_SHIFT;
      this.#fillUnit = ref & UNIT_MASK;
      this.#fillEnd = this.#fillUnit + unitsOfClass(larger);
      return true;
    }
    return false;
  }

  #freeRun(segment: number, start: number, end: number): void {
    for (let unit = start; unit < end;) {
      const left = Math.min(end - unit, CLASS_UNITS_MAX);
      let sizeClass = classOf(left);
      if (unitsOfClass(sizeClass) > left) sizeClass--;
      this.#pushFree((segment << SEGMENT_SHIFT) | unit, sizeClass);
      unit += unitsOfClass(sizeClass);
    }
  }

  /** Much is free, and enough of it has not been looked at in vain. */
  #isJoinDue(): boolean {
    const free = this.#freeUnits;
    this.#stuckUnits = Math.min(this.#stuckUnits, free);
    return free >= JOIN_UNITS_MIN && free * UNIT_BYTES >= this.#reservedBytes * JOIN_SHARE &&
      free - this.#stuckUnits >= free * JOIN_SHARE;
  }

  /** Free blocks that lie side by side become larger ones: znodes that grow together leave every smaller class behind. */
  #join(sizeClass: number): void {
    const blocks = this.#takeFree(), unitsWanted = unitsOfClass(sizeClass);
    let segment = -1, start = 0, end = 0, taken = 0, gained = 0;
    const give = (): void => {
      taken += end - start;
      if (end - start >= unitsWanted) gained += end - start;
      this.#freeRun(segment, start, end);
    };
    for (const block of blocks) {
      const ref = Math.floor(block / CLASS_FACTOR), unit = ref & UNIT_MASK;
      if (ref >>> SEGMENT_SHIFT !== segment || unit !== end) {
        give();
        segment = ref >>> SEGMENT_SHIFT;
        start = unit;
      }
      end = unit + unitsOfClass(block % CLASS_FACTOR);
    }
    give();
    if (gained < taken * GAIN_MIN) this.#stuckUnits += taken;
  }

  /** Free blocks by place, at most JOINED_MAX of them, of each class in turn; they are in no list any more. */
  #takeFree(): Float64Array {
    const blocks = new Float64Array(JOINED_MAX);
    let count = 0;
    for (let tried = 0; tried < CLASSES && count < JOINED_MAX; tried++) {
      const sizeClass = this.#joinClass;
      while (this.#free[sizeClass] !== 0 && count < JOINED_MAX) {
        blocks[count++] = (this.#popFree(sizeClass) >>> 0) * CLASS_FACTOR + sizeClass;
      }
      // One that was not taken whole comes first the next time.
      if (this.#free[sizeClass] === 0) this.#joinClass = (sizeClass + 1) % CLASSES;
    }
    return blocks.subarray(0, count).sort();
  }

  #allocateAlone(length: number): number {
    return this.#addSegment(unitsFor(length) << UNIT_SHIFT) << SEGMENT_SHIFT;
  }

  #releaseAlone(segment: number): void {
    this.#reservedBytes -= (this.#segments[segment] as Uint8Array).length;
    this.#segments[segment] = NOTHING;
    this.#words[segment] = NO_WORDS;
    this.#freeSegments.push(segment);
  }

  #addSegment(size: number): number {
    const segment = this.#freeSegments.pop() ?? this.#segments.length;
    invariant(segment < SEGMENTS_MAX, "The arena has room for one more segment", { segment });
    const { stock } = this;
    const words = size === stock.blockBytes ? stock.take() : new Int32Array(size >>> 2);
    this.#words[segment] = words;
    this.#segments[segment] = new Uint8Array(words.buffer);
    this.#reservedBytes += size;
    return segment;
  }
}

function unitsFor(length: number): number {
  return (length + UNIT_BYTES - 1) >>> UNIT_SHIFT;
}

const NOTHING = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);
