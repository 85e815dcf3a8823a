/**
 * Names, data and rests (layout.ts) of znodes: blocks of 8-byte units in segments that are never moved. Blocks come in size
 * classes (8-byte steps up to 1 KiB, then four steps per doubling), each with a list of free ones; a larger one has a
 * segment of its own that goes when it is freed.
 *
 * A block is named by a `ref`: segment number in the high bits, unit within the segment in the low 20.
 * Invariant: a ref given out is below 2^32 and is held as an int32.
 */
import { invariant } from "../base/invariant.ts";

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

export class Arena {
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

  /** Bytes in lists of free blocks: they can be used again, and the system does not get them back. */
  get freeBytes(): number {
    return this.#freeUnits * UNIT_BYTES;
  }

  /** Bytes of all segments; pages never touched take no memory of the machine. */
  get reservedBytes(): number {
    return this.#reservedBytes;
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

  /** Fills from the smallest free block that is larger, else from a new segment; what was left becomes free blocks. */
  #refill(sizeClass: number): void {
    this.#freeRest();
    for (let larger = sizeClass + 1; larger < CLASSES; larger++) {
      if (this.#free[larger] === 0) continue;
      const ref = this.#popFree(larger);
      this.#fillSegment = ref >>> SEGMENT_SHIFT;
      this.#fillUnit = ref & UNIT_MASK;
      this.#fillEnd = this.#fillUnit + unitsOfClass(larger);
      return;
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

  #freeRest(): void {
    while (this.#fillUnit < this.#fillEnd) {
      const left = Math.min(this.#fillEnd - this.#fillUnit, CLASS_UNITS_MAX);
      let sizeClass = classOf(left);
      if (unitsOfClass(sizeClass) > left) sizeClass--;
      this.#pushFree((this.#fillSegment << SEGMENT_SHIFT) | this.#fillUnit, sizeClass);
      this.#fillUnit += unitsOfClass(sizeClass);
    }
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
    const words = new Int32Array(size >>> 2);
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
