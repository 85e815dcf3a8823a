/**
 * Running statistics that cost a few additions per value and no allocation: average, extremes, count and sum, and
 * percentiles from integer buckets (operations §4.4, §4.5).
 */
import { invariant } from "../base/invariant.ts";

/** Average, minimum, maximum, count and sum since the last reset. Values are integers, 0 or more. */
export class Summary {
  count = 0;
  sum = 0;
  max = 0;
  #min = Infinity;

  /** 0 before the first value, as Apache prints it. */
  get min(): number {
    return this.#min === Infinity ? 0 : this.#min;
  }

  /** 0 before the first value. */
  get average(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The same value `times` times: a batch whose requests all took as long costs one call. */
  add(value: number, times = 1): void {
    if (times <= 0) return;
    this.count += times;
    this.sum += value * times;
    if (value > this.max) this.max = value;
    if (value < this.#min) this.#min = value;
  }

  reset(): void {
    this.count = 0;
    this.sum = 0;
    this.max = 0;
    this.#min = Infinity;
  }
}

// Buckets: 0..127 each on its own; from there 64 for each power of two, so that a percentile is at most 1/64 too low.
const EXACT = 128;
const EXACT_BITS = 7;
const STEP_BITS = 6;
const STEPS = 1 << STEP_BITS;
const VALUE_MAX = 0x7fff_ffff;
const BUCKETS = EXACT + (31 - EXACT_BITS) * STEPS;

/** A summary that also answers percentiles. About 13 KiB. */
export class LatencySummary extends Summary {
  readonly #buckets = new Float64Array(BUCKETS);

  override add(value: number, times = 1): void {
    if (times <= 0) return;
    super.add(value, times);
    const at = bucketOf(value);
    this.#buckets[at] = (this.#buckets[at] as number) + times;
  }

  /**
   * The value that `permille` thousandths of all values do not exceed; 0 before the first.
   * @param permille 0..1000: 500 is the median, 999 the 99.9th percentile
   */
  percentile(permille: number): number {
    invariant(permille >= 0 && permille <= 1000, "Permille is in 0..1000", { permille });
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil((this.count * permille) / 1000));
    let seen = 0;
    for (let at = 0; at < BUCKETS; at++) {
      seen += this.#buckets[at] as number;
      if (seen >= rank) return Math.max(this.min, lowestOf(at));
    }
    return this.max;
  }

  override reset(): void {
    super.reset();
    this.#buckets.fill(0);
  }
}

/** Takes values and keeps none: metrics that are off. */
export class UncountedSummary extends LatencySummary {
  override add(): void {}
}

function bucketOf(value: number): number {
  const bounded = value < VALUE_MAX ? Math.max(0, Math.floor(value)) : VALUE_MAX;
  if (bounded < EXACT) return bounded;
  const bits = 31 - Math.clz32(bounded); // 7..30
  const step = (bounded >>> (bits - STEP_BITS)) & (STEPS - 1);
  return EXACT + (bits - EXACT_BITS) * STEPS + step;
}

function lowestOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const bits = EXACT_BITS + Math.floor((bucket - EXACT) / STEPS);
  const step = (bucket - EXACT) % STEPS;
  return (STEPS + step) * 2 ** (bits - STEP_BITS);
}
