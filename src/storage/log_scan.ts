/**
 * Good entries of one log file that may still be written to, in a buffer of its own: the codec's regions are the
 * journal's. What cannot be read is not judged here: behind what is known to be durable, half a write is no damage.
 */
import { type Codec, ENTRY_EXTRA_BYTES, type ScanStop } from "../../wasm/codec.ts";
import { viewOf } from "../jute/writer.ts";
import type { File, Fs } from "../runtime.ts";
import type { FileFormat } from "./host.ts";
import { ENTRY_PAYLOAD_BYTES_MAX, RANGE_BUFFER_BYTES } from "./limits.ts";
import { firstChain, isUnbornLog, LOG_HEADER_BYTES, readLogHeader } from "./log_format.ts";

const LENGTH_AT = 8;

/** Why a file has no further good entry: `end` and `padding` are what a whole one ends with. */
export type ScanEnd = Exclude<ScanStop, "short"> | "unborn" | "cut";

export class LogScan {
  readonly name: string;
  /** Entries of the last `next`, whole and good, in `[start, end)` of `bytes`. */
  bytes = new Uint8Array(RANGE_BUFFER_BYTES);
  start = 0;
  end = 0;
  /** Set when `next` said that there are no more. */
  stop: ScanEnd = "end";
  readonly #codec: Codec;
  readonly #file: File;
  readonly #format: FileFormat | undefined;
  /** Up to here the buffer is filled, from `#offset` of the file on. */
  #filled = 0;
  #offset = LOG_HEADER_BYTES;
  #chain: number;

  private constructor(name: string, codec: Codec, file: File, header: Uint8Array) {
    this.name = name;
    this.#codec = codec;
    this.#file = file;
    this.#format = isUnbornLog(header) ? undefined : readLogHeader(header, name);
    this.#chain = firstChain(codec, pad(header));
  }

  /** @throws {CorruptionError | RuntimeError} */
  static async open(fs: Fs, codec: Codec, folder: string, name: string): Promise<LogScan> {
    const file = await fs.open(fs.join(folder, name), "read");
    try {
      const header = new Uint8Array(LOG_HEADER_BYTES);
      const count = await file.read(header, 0);
      return new LogScan(name, codec, file, header.subarray(0, count));
    } catch (error) {
      await file.close().catch(() => {}); // the first failure is the one to tell
      throw error;
    }
  }

  get format(): FileFormat | undefined {
    return this.#format;
  }
  /** Where `start` lies in the file. */
  get offset(): number {
    return this.#offset + this.start;
  }

  /** Moves on to the next entries. @returns false when there are no more */
  async next(): Promise<boolean> {
    if (this.#format === undefined) {
      this.stop = "unborn";
      return false;
    }
    this.#release();
    for (;;) {
      const scan = this.#scan();
      if (scan.end > this.start) {
        this.end = scan.end;
        this.#chain = scan.chain;
        return true;
      }
      if (scan.stop !== "short" && scan.stop !== "end") {
        this.stop = scan.stop;
        return false;
      }
      if (!await this.#fill()) {
        this.stop = this.#filled > this.start ? "cut" : "end";
        return false;
      }
    }
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => {}); // only read: nothing is lost
  }

  #scan() {
    const { start } = this, end = this.#filled;
    return this.#format === 2
      ? this.#codec.scanGroup2(this.bytes, start, end, ENTRY_PAYLOAD_BYTES_MAX)
      : this.#codec.scanGroup3(
        this.bytes,
        start,
        end,
        ENTRY_PAYLOAD_BYTES_MAX,
        this.#chain,
        0,
      );
  }

  /** The entries handed out are done with; what is left moves to the front. */
  #release(): void {
    this.start = this.end;
    const left = this.#filled - this.start;
    if (this.bytes.length > RANGE_BUFFER_BYTES && left <= RANGE_BUFFER_BYTES) {
      const smaller = new Uint8Array(RANGE_BUFFER_BYTES);
      smaller.set(this.bytes.subarray(this.start, this.#filled));
      this.bytes = smaller;
    } else this.bytes.copyWithin(0, this.start, this.#filled);
    this.#offset += this.start;
    this.#filled = left;
    this.start = this.end = 0;
  }

  /** @returns false at the end of the file */
  async #fill(): Promise<boolean> {
    if (this.#filled === this.bytes.length && !await this.#grow()) return false;
    const room = this.bytes.subarray(this.#filled);
    const count = await this.#file.read(room, this.#offset + this.#filled);
    this.#filled += count;
    return count > 0;
  }

  /** To the size of the entry that does not fit, if the file has it. */
  async #grow(): Promise<boolean> {
    const wanted = ENTRY_EXTRA_BYTES + viewOf(this.bytes).getInt32(LENGTH_AT);
    if (this.#offset + wanted > await this.#file.size()) return false;
    const larger = new Uint8Array(wanted);
    larger.set(this.bytes.subarray(0, this.#filled));
    this.bytes = larger;
    return true;
  }
}

function pad(header: Uint8Array): Uint8Array {
  const whole = new Uint8Array(LOG_HEADER_BYTES);
  whole.set(header);
  return whole;
}
