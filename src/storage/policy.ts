/** When to take a snapshot (storage-format §11): random, so that the servers of an ensemble do not all do it at once. */
import { Prng } from "../base/random.ts";

const SNAP_COUNT_MIN = 2;

export interface SnapshotPolicyOptions {
  /** Below 2 counts as 2. */
  readonly snapCount: number;
  /** <= 0: off. */
  readonly snapSizeLimitBytes: number;
}

export class SnapshotPolicy {
  readonly #countHalf: number;
  readonly #bytesHalf: number;
  readonly #random: Prng;
  #count = 0;
  #bytes = 0;
  #countLimit = 0;
  #bytesLimit = 0;

  constructor(options: SnapshotPolicyOptions, random: Prng) {
    this.#countHalf = Math.floor(Math.max(options.snapCount, SNAP_COUNT_MIN) / 2);
    this.#bytesHalf = options.snapSizeLimitBytes > 0
      ? Math.max(Math.floor(options.snapSizeLimitBytes / 2), 1)
      : Infinity;
    this.#random = random;
    this.#draw();
  }

  /** @returns true: roll the log and begin a snapshot; the counts start anew */
  onAppend(entryBytes: number): boolean {
    this.#count++;
    this.#bytes += entryBytes;
    if (this.#count <= this.#countLimit && this.#bytes <= this.#bytesLimit) return false;
    this.restart();
    return true;
  }

  /** Of the one to come next; bytes do not count here. */
  get isHalfDue(): boolean {
    return this.#count > this.#countLimit / 2;
  }

  /** A snapshot begins for another reason. */
  restart(): void {
    this.#count = 0;
    this.#bytes = 0;
    this.#draw();
  }

  #draw(): void {
    this.#countLimit = this.#countHalf + below(this.#random, this.#countHalf);
    this.#bytesLimit = this.#bytesHalf + below(this.#random, this.#bytesHalf);
  }
}

/** Uniform in [0, bound); coarse beyond 32 bits. */
function below(random: Prng, bound: number): number {
  if (bound === Infinity) return 0;
  if (bound <= 0xffff_ffff) return random.below(bound);
  return Math.floor((random.uint32() / 0x1_0000_0000) * bound);
}
