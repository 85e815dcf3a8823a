/**
 * Counts of durations in buckets about 1.5 % wide, so that recording is one addition and never allocates. Recorded in
 * microseconds, kept in tenths: exact below 12.8 microseconds.
 */
const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
const OCTAVES = 26;
const BUCKETS = (OCTAVES + 2) * SUB;
const UNITS_PER_MICROSECOND = 10;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #maxMicroseconds = 0;

  get total(): number {
    return this.#total;
  }
  /** Exact, not a bucket's bound. */
  get maxMicroseconds(): number {
    return this.#maxMicroseconds;
  }

  add(microseconds: number, count = 1): void {
    this.#counts[bucketOf(microseconds * UNITS_PER_MICROSECOND)]! += count;
    this.#total += count;
    if (microseconds > this.#maxMicroseconds) this.#maxMicroseconds = microseconds;
  }

  /** @param share 0 to 1 @returns microseconds, the middle of the bucket that holds it; 0 when nothing was recorded */
  quantile(share: number): number {
    if (this.#total === 0 || share >= 1) return this.#maxMicroseconds;
    const wanted = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= wanted) {
        return Math.min(middleOf(bucket) / UNITS_PER_MICROSECOND, this.#maxMicroseconds);
      }
    }
    return this.#maxMicroseconds;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#maxMicroseconds = 0;
  }
}

function bucketOf(units: number): number {
  const value = Math.max(0, Math.min(Math.round(units), 0x7fff_ffff));
  if (value < 2 * SUB) return value;
  const shift = 31 - Math.clz32(value) - SUB_BITS;
  return shift * SUB + (value >>> shift);
}

function middleOf(bucket: number): number {
  if (bucket < 2 * SUB) return bucket;
  const shift = Math.floor(bucket / SUB) - 1;
  return ((bucket % SUB) + SUB + 0.5) * 2 ** shift;
}
