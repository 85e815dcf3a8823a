/** A stream of records, read through a window of bytes that is filled as they are used up. */
import { CorruptionError } from "../base/errors.ts";
import { JuteError, Reader } from "../jute/reader.ts";
import type { ByteSource } from "./byte_stream.ts";
import { FILE_FIELD_BYTES_MAX } from "./limits.ts";
import { readSeal, type SealSum } from "./snapshot_format.ts";

/** Room for two fields of the largest size and what stands around them. */
const WINDOW_BYTES_MAX = 2 * FILE_FIELD_BYTES_MAX + 4096;

/** The bytes at hand; a record that does not fit moves to larger memory. */
export class SnapshotWindow {
  readonly reader = new Reader(FILE_FIELD_BYTES_MAX);
  /** Start of the record under way, for a loop that reads many. */
  mark = 0;
  readonly #source: ByteSource;
  #bytes: Uint8Array;
  #start: number;
  #limit: number;
  readonly #isSealed: boolean;
  #sum: SealSum | undefined;
  /** Up to here bytes are in the sum. */
  #summed: number;

  /**
   * @param bytes `[start, limit)` of it is this window's
   * @param isSealed a sum is to come with `begin`; without one, `seal` is not called
   */
  constructor(
    source: ByteSource,
    bytes: Uint8Array,
    start: number,
    limit: number,
    isSealed = true,
  ) {
    this.#source = source;
    this.#isSealed = isSealed;
    this.#bytes = bytes;
    this.#start = this.#summed = start;
    this.#limit = limit;
    this.reader.reset(bytes, start, start);
  }

  /** What was read so far names the kind of checksum: it enters the sum too. */
  begin(sum: SealSum): void {
    this.#sum = sum;
    this.#settle();
  }

  /** Bytes behind what was read; the window is done with. */
  takeRest(): Uint8Array {
    const r = this.reader, rest = r.bytes.slice(r.pos, r.end);
    r.pos = r.end;
    return rest;
  }

  async record<T>(read: (r: Reader) => T): Promise<T> {
    for (;;) {
      const mark = this.reader.pos;
      try {
        return read(this.reader);
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        this.reader.pos = mark;
        await this.more(error);
      }
    }
  }

  async seal(): Promise<void> {
    await this.left(13);
    this.#settle();
    readSeal(this.reader, this.#sum?.value ?? 0);
  }

  /** Bytes that follow, up to `count` + 1. */
  async left(count: number): Promise<number> {
    while (this.reader.remaining <= count && await this.#fill());
    return Math.min(this.reader.remaining, count + 1);
  }

  /** @throws {CorruptionError} with the words of `missing` when there are no more bytes, or too many for one record */
  async more(missing: JuteError): Promise<void> {
    const tooLong = this.reader.remaining > WINDOW_BYTES_MAX;
    if (tooLong || !await this.#fill()) throw new CorruptionError(missing.message);
  }

  /** Consumed bytes enter the sum. */
  #settle(): void {
    if (this.#sum === undefined) return;
    this.#sum.update(this.#bytes, this.#summed, this.reader.pos);
    this.#summed = this.reader.pos;
  }

  async #fill(): Promise<boolean> {
    this.#settle();
    this.#makeRoom();
    const r = this.reader;
    const count = await this.#source.read(this.#bytes.subarray(r.end, this.#limit));
    r.end += count;
    return count > 0;
  }

  /** The rest moves to the front; when it fills more than half, to memory of twice the size. */
  #makeRoom(): void {
    const r = this.reader;
    const from = this.#isSealed && this.#sum === undefined ? this.#start : r.pos;
    const kept = r.end - from;
    const size = this.#limit - this.#start;
    if (kept * 2 > size) {
      const larger = new Uint8Array(size * 2);
      larger.set(this.#bytes.subarray(from, r.end));
      this.#bytes = larger;
      this.#start = 0;
      this.#limit = larger.length;
    } else if (from > this.#start) this.#bytes.copyWithin(this.#start, from, r.end);
    const moved = this.#start - from;
    this.#summed += moved;
    r.reset(this.#bytes, r.pos + moved, this.#start + kept);
  }
}
