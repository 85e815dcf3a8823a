/**
 * A writer into a region of the codec's memory while that has room, else on into a plain buffer, at the same positions,
 * so that a position remembered before growing still holds.
 */
import { viewOf, Writer } from "../jute/writer.ts";

export const PLAIN_BYTES_MIN = 64 * 1024;
const NOTHING = new Uint8Array(0);

export class RegionWriter extends Writer {
  /** What lies before is others' and is left untouched. */
  regionStart = 0;
  isPlain = false;

  constructor() {
    super(NOTHING);
  }

  enter(bytes: Uint8Array, view: DataView, start: number, limit: number): void {
    this.isPlain = false;
    this.regionStart = start;
    this.retarget(bytes, view, start, limit);
  }

  /** Bytes before `regionStart` stay untouched and take no memory. */
  protected override grow(count: number): void {
    const used = this.pos - this.regionStart;
    const size = this.regionStart + Math.max(used * 2, used + count, PLAIN_BYTES_MIN) + 1;
    const larger = new Uint8Array(size);
    larger.set(this.bytes.subarray(this.regionStart, this.pos), this.regionStart);
    this.retarget(larger, viewOf(larger), this.pos, size - 1);
    this.isPlain = true;
  }

  /** Lets go of a plain buffer. */
  forget(): void {
    if (this.isPlain) this.retarget(NOTHING, viewOf(NOTHING), 0, 0);
    this.isPlain = false;
  }
}
