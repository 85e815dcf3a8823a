/**
 * Reads one log file: good entries are handed on, its end is judged (storage-format §4.4, DESIGN decision 4). Nothing is
 * changed on the disk here. Entries of version 3 are handed on by whole groups: a torn one leaves no trace.
 */
import { type Codec, ENTRY_EXTRA_BYTES, entryLeft, type Scan } from "../../wasm/codec.ts";
import { CorruptionError } from "../base/errors.ts";
import type { Zxid } from "../base/zxid.ts";
import { viewOf } from "../jute/writer.ts";
import type { File, Fs } from "../runtime.ts";
import type { FileFormat } from "./host.ts";
import { ENTRY_PAYLOAD_BYTES_MAX } from "./limits.ts";
import {
  firstChain,
  isUnbornLog,
  LOG_HEADER_BYTES,
  payloadZxid,
  readLogHeader,
} from "./log_format.ts";
import type { StoredName } from "./names.ts";
import { GROUP_BYTES_MAX, judgeTail2, judgeTail3 } from "./torn_tail.ts";

export interface LogRead {
  readonly name: string;
  /** Undefined: the file was never begun; it holds nothing and may go. */
  readonly format: FileFormat | undefined;
  readonly entries: number;
  /** After the last good entry (version 3: group). */
  readonly endsAt: number;
  /** Where the last good entry begins; 0 when there is none. */
  readonly lastEntryAt: number;
  /** Something that never became durable follows; it is to be cut. */
  readonly isTorn: boolean;
}

/** Good entries lie in `[start, end)`; `offset` is where `start` lies in the file. Lent until the call's promise resolves. */
export type TakeEntries = (
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
) => void | Promise<void>;

/** @throws {CorruptionError} says what, where and what to do. @throws {RuntimeError} */
export async function readLog(
  fs: Fs,
  codec: Codec,
  folder: string,
  log: StoredName,
  isLast: boolean,
  take: TakeEntries,
  regionIndex = 0,
): Promise<LogRead> {
  const file = await fs.open(fs.join(folder, log.name), "read");
  try {
    const size = await file.size();
    const header = new Uint8Array(Math.min(size, LOG_HEADER_BYTES));
    await file.read(header, 0);
    if (isLast && isUnbornLog(header) && await isZeroFrom(file, codec, LOG_HEADER_BYTES, size)) {
      return {
        name: log.name,
        format: undefined,
        entries: 0,
        endsAt: 0,
        lastEntryAt: 0,
        isTorn: false,
      };
    }
    const format = readLogHeader(header, log.name);
    const reading = new Reading(file, codec, log, format, size, header, regionIndex);
    return await reading.run(isLast, take);
  } finally {
    await file.close().catch(() => {}); // only read: nothing is lost
  }
}

/** Undefined: too short for a header, or one that was never written. */
export async function readLogFormat(
  fs: Fs,
  folder: string,
  log: StoredName,
): Promise<FileFormat | undefined> {
  const file = await fs.open(fs.join(folder, log.name), "read");
  try {
    const header = new Uint8Array(LOG_HEADER_BYTES);
    const count = await file.read(header, 0);
    return isUnbornLog(header.subarray(0, count)) ? undefined : readLogHeader(header, log.name);
  } finally {
    await file.close().catch(() => {}); // only read: nothing is lost
  }
}

class Reading {
  readonly #file: File;
  readonly #codec: Codec;
  readonly #name: string;
  readonly #format: FileFormat;
  readonly #size: number;
  // The window: bytes[start, end) of it are the file's from #offset on.
  #bytes: Uint8Array;
  #start: number;
  #end: number;
  #base: number;
  #limit: number;
  #offset = LOG_HEADER_BYTES;
  /** Version 3: of the last good entry of a whole group. */
  #chain: number;
  #entries = 0;
  #lastEntryAt = 0;
  #lastZxid: Zxid | undefined;
  /** Expected of the next entry; the first one's is in the log's name. */
  #nextZxid: Zxid;

  constructor(
    file: File,
    codec: Codec,
    log: StoredName,
    format: FileFormat,
    size: number,
    header: Uint8Array,
    regionIndex: number,
  ) {
    this.#file = file;
    this.#codec = codec;
    this.#name = log.name;
    this.#nextZxid = log.zxid;
    this.#format = format;
    this.#size = size;
    this.#chain = firstChain(codec, header);
    const region = codec.logRegions[regionIndex] ?? codec.scratch;
    this.#bytes = codec.memory;
    this.#base = this.#start = this.#end = region.start;
    this.#limit = region.end;
  }

  async run(isLast: boolean, take: TakeEntries): Promise<LogRead> {
    for (;;) {
      await this.#fill();
      const scan = this.#scan();
      const end = scan.left === 0 ? scan.end : this.#wholeGroups(scan.end);
      await this.#accept(end, take);
      const isAtEnd = this.#offset + (this.#end - this.#start) >= this.#size;
      if (scan.stop === "end" && scan.left === 0 && isAtEnd) return this.#result(false);
      if ((scan.stop === "short" || scan.stop === "end") && !isAtEnd) {
        if (this.#isFruitless(end)) this.#grow();
        continue;
      }
      return await this.#judge(scan, isLast);
    }
  }

  #scan(): Scan {
    const codec = this.#codec;
    if (this.#format === 2) {
      return codec.scanGroup2(this.#bytes, this.#start, this.#end, ENTRY_PAYLOAD_BYTES_MAX);
    }
    return codec.scanGroup3(
      this.#bytes,
      this.#start,
      this.#end,
      ENTRY_PAYLOAD_BYTES_MAX,
      this.#chain,
      0,
    );
  }

  /** The end of the last whole group before `end`. */
  #wholeGroups(end: number): number {
    let after = this.#start;
    const view = viewOf(this.#bytes);
    for (let at = this.#start; at < end;) {
      const isLastOfGroup = entryLeft(this.#bytes, at) === 1;
      at += ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
      if (isLastOfGroup) after = at;
    }
    return after;
  }

  async #accept(end: number, take: TakeEntries): Promise<void> {
    if (end === this.#start) return;
    const view = viewOf(this.#bytes);
    let last = this.#start;
    for (let at = this.#start; at < end; this.#entries++) {
      last = at;
      at += ENTRY_EXTRA_BYTES + view.getInt32(at + 8);
    }
    await take(this.#bytes, this.#start, end, this.#offset);
    if (this.#format === 3) this.#chain = view.getUint32(last + 4);
    this.#lastZxid = payloadZxid(this.#bytes, last + 12);
    this.#lastEntryAt = this.#offset + last - this.#start;
    this.#nextZxid = (this.#lastZxid + 1) as Zxid;
    this.#offset += end - this.#start;
    this.#start = end;
  }

  /** Nothing was taken from a full window: what begins here is larger than it. */
  #isFruitless(end: number): boolean {
    return this.#start === this.#base && this.#end === this.#limit && end === this.#base;
  }

  async #fill(): Promise<void> {
    const kept = this.#end - this.#start;
    if (this.#start > this.#base) this.#bytes.copyWithin(this.#base, this.#start, this.#end);
    this.#start = this.#base;
    this.#end = this.#base + kept;
    const room = this.#bytes.subarray(this.#end, this.#limit);
    if (room.length > 0) this.#end += await this.#file.read(room, this.#offset + kept);
  }

  /** In proportion to the file: it grows only while the file has more. */
  #grow(): void {
    const size = this.#limit - this.#base;
    const left = this.#size - this.#offset;
    const larger = new Uint8Array(Math.min(size * 2, Math.max(left, size + 1)));
    larger.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#bytes = larger;
    this.#base = this.#start = 0;
    this.#limit = larger.length;
  }

  #result(isTorn: boolean): LogRead {
    return {
      name: this.#name,
      format: this.#format,
      entries: this.#entries,
      endsAt: this.#offset,
      lastEntryAt: this.#lastEntryAt,
      isTorn,
    };
  }

  /** Reading cannot go on at `scan.end`: padding, a torn tail, or damage. */
  async #judge(scan: Scan, isLast: boolean): Promise<LogRead> {
    const dataEnd = await lastNonZero(this.#file, this.#codec, this.#offset, this.#size);
    if (dataEnd === this.#offset && scan.left === 0) return this.#result(false);
    const at = this.#offset + (scan.end - this.#start);
    if (this.#format === 3 && !isLast) throw this.#damage(scan, at, "it is not the last log");
    const bytes = await this.#rest(dataEnd);
    if (bytes === undefined) throw this.#damage(scan, at, "too much data follows");
    const verdict = this.#format === 2
      ? judgeTail2(this.#codec, bytes, scan.stop)
      : judgeTail3(this.#codec, bytes, this.#offset, this.#chain, this.#nextZxid);
    if (verdict !== undefined) throw this.#damage(scan, at, verdict);
    return this.#result(true);
  }

  async #rest(dataEnd: number): Promise<Uint8Array | undefined> {
    const length = Math.max(dataEnd - this.#offset, 0);
    if (length > GROUP_BYTES_MAX + ENTRY_PAYLOAD_BYTES_MAX) return undefined;
    const bytes = new Uint8Array(length);
    await this.#file.read(bytes, this.#offset);
    return bytes;
  }

  #damage(scan: Scan, at: number, why: string): CorruptionError {
    const found = {
      end: "its last group is not whole",
      short: "an entry runs past the end of the file",
      padding: "zeros where an entry should be",
      length: "an unreasonable length",
      endByte: "an entry without its end byte",
      checksum: "a wrong checksum",
      group: "an entry out of its group",
    }[scan.stop];
    const last = this.#lastZxid === undefined ? "none" : `0x${this.#lastZxid.toString(16)}`;
    return new CorruptionError(
      `Cannot read log "${this.#name}" at byte ${at}: ${found} (${why}); the last good zxid is ${last}. ` +
        `This is no torn tail: restore the directory from a backup`,
    );
  }
}

async function isZeroFrom(file: File, codec: Codec, from: number, size: number): Promise<boolean> {
  return size <= from || await lastNonZero(file, codec, from, size) === from;
}

/** The end of the data in `[from, size)`: after it are only zeros; `from` when there is none. */
async function lastNonZero(file: File, codec: Codec, from: number, size: number): Promise<number> {
  const { start } = codec.scratch;
  let end = from;
  for (let at = from; at < size;) {
    const want = Math.min(codec.scratch.end - start, size - at);
    const piece = codec.memory.subarray(start, start + want);
    const count = await file.read(piece, at);
    if (count === 0) break;
    const last = lastNonZeroIn(piece.subarray(0, count));
    if (last > 0) end = at + last;
    at += count;
  }
  return end;
}

/** One past the last byte that is not zero; 0 when all are. Whole words first. */
function lastNonZeroIn(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && ((bytes.byteOffset + end) & 3) !== 0) {
    if (bytes[end - 1] !== 0) return end;
    end--;
  }
  const skew = bytes.byteOffset & 3;
  const lowest = skew === 0 ? 0 : 4 - skew;
  const words = new Int32Array(
    bytes.buffer,
    bytes.byteOffset + lowest,
    Math.max(end - lowest, 0) >> 2,
  );
  let at = words.length;
  while (at > 0 && words[at - 1] === 0) at--;
  end = Math.min(end, lowest + at * 4);
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
