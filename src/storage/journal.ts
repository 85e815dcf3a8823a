/**
 * The transaction log as it is written: group commit (storage-format §4.6, performance-notes §3).
 *
 * Txns are encoded straight into the codec's regions. One group is under way at a time: one write, one fdatasync; what
 * arrives meanwhile is the next group. A group lies in one region (an entry too large for it in a buffer of its own), so
 * that a group of version 3 is what one fdatasync made durable.
 *
 * Invariants: `onDurable` follows the order of `end`; after a failure nothing is ever reported durable.
 */
import {
  type Codec,
  ENTRY_EXTRA_BYTES,
  ENTRY_HEAD_BYTES,
  sealEntry2,
  sealEntry3,
} from "../../wasm/codec.ts";
import { messageOf } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import type { Writer } from "../jute/writer.ts";
import { EntryWriter } from "./entry_writer.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { JOURNAL_PLAIN_BYTES_MAX } from "./limits.ts";
import { LogFile } from "./log_file.ts";

/** A txn on its way to the disk; the journal fills in where its payload lies. */
export interface Pending {
  readonly zxid: Zxid;
  bytes: Uint8Array;
  start: number;
  end: number;
}

export interface JournalOptions {
  /** The `version-2` folder of the logs. */
  readonly folder: string;
  readonly format: FileFormat;
  readonly preAllocBytes: number;
  /** < 0: none. */
  readonly txnLogSizeLimitBytes: number;
  readonly forceSync: boolean;
  readonly fsyncWarningMs: number;
}

export interface JournalStats {
  groups: number;
  txns: number;
  /** With entry heads. */
  bytes: number;
  fsyncCount: number;
  fsyncMs: number;
  fsyncMsMax: number;
  /** Slower than `fsyncWarningMs`. */
  fsyncSlow: number;
  files: number;
}

interface Segment<E> {
  readonly bytes: Uint8Array;
  readonly start: number;
  end: number;
  readonly entries: E[];
  /** Index of its region; -1: a buffer of its own. */
  readonly region: number;
  /** Begins a new file. */
  rolls: boolean;
}

export class Journal<E extends Pending> {
  /** Synchronously after a group is on the disk, in order; the group's memory is reused afterwards. */
  onDurable: (entries: readonly E[]) => void = () => {};
  /** Once; nothing after it is reported durable. */
  onFailure: (error: unknown) => void = () => {};
  /** There is room again after `hasRoom` said no. */
  onRoom: () => void = () => {};
  readonly stats: JournalStats = {
    groups: 0,
    txns: 0,
    bytes: 0,
    fsyncCount: 0,
    fsyncMs: 0,
    fsyncMsMax: 0,
    fsyncSlow: 0,
    files: 0,
  };
  readonly format: FileFormat;
  readonly #context: StorageContext;
  readonly #codec: Codec;
  readonly #options: JournalOptions;
  readonly #writer: EntryWriter;
  readonly #free: number[];
  readonly #waiting: Segment<E>[] = [];
  #filling: Segment<E> | undefined;
  #isOpen = false;
  #isRunning = false;
  #rollsNext = false;
  #plainBytes = 0;
  #pendingBytes = 0;
  #wantsRoom = false;
  #file: LogFile | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;
  #idleWaiters: { resolve(): void; reject(error: unknown): void }[] = [];

  constructor(context: StorageContext, codec: Codec, options: JournalOptions) {
    this.#context = context;
    this.#codec = codec;
    this.#options = options;
    this.format = options.format;
    this.#writer = new EntryWriter();
    this.#free = codec.logRegions.map((_, index) => index);
  }

  /** Bytes ended and not yet durable. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }
  /** Of the file under way, padding left out. */
  get fileBytes(): number {
    return this.#file?.position ?? 0;
  }
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether an entry can be begun now without taking memory beyond the bounds; else `onRoom` will follow. */
  hasRoom(payloadBytes: number): boolean {
    const size = payloadBytes + ENTRY_EXTRA_BYTES;
    const fits = this.#failure === undefined &&
      (this.#fitsFilling(size) || (size <= this.#regionBytes() && this.#free.length > 0) ||
        (size > this.#regionBytes() &&
          (this.#plainBytes === 0 || this.#plainBytes + size <= JOURNAL_PLAIN_BYTES_MAX)));
    if (!fits) this.#wantsRoom = true;
    return fits;
  }

  /**
   * The writer stands where the payload begins. A payload longer than the hint is fine: `writer.bytes` then may become
   * another array, positions stay. Followed by `end` or `cancel` in the same turn.
   */
  begin(payloadBytesHint: number): Writer {
    invariant(!this.#isOpen && !this.#isClosed, "One entry at a time, before close", {});
    const size = payloadBytesHint + ENTRY_EXTRA_BYTES;
    if (!this.#fitsFilling(size)) this.#openSegment(size);
    const filling = this.#filling;
    if (filling === undefined) this.#writer.beginPlain(payloadBytesHint);
    else {
      const limit = this.#codec.logRegions[filling.region]?.end ?? 0;
      this.#writer.beginIn(this.#codec.memory, this.#codec.view, filling.end, limit);
    }
    this.#isOpen = true;
    return this.#writer;
  }

  end(entry: E): void {
    invariant(this.#isOpen, "An entry was begun", { zxid: entry.zxid });
    const w = this.#writer;
    this.#isOpen = false;
    w.finish();
    entry.bytes = w.bytes;
    entry.start = w.entryStart + ENTRY_HEAD_BYTES;
    entry.end = w.entryEnd - 1;
    const size = w.entryEnd - w.entryStart;
    this.#pendingBytes += size;
    if (w.isPlain) {
      this.#retireFilling();
      this.#plainBytes += size;
      this.#waiting.push({
        bytes: w.bytes,
        start: w.entryStart,
        end: w.entryEnd,
        entries: [entry],
        region: -1,
        rolls: this.#takeRoll(),
      });
      w.forget();
      return;
    }
    const filling = this.#filling as Segment<E>;
    filling.end = w.entryEnd;
    filling.entries.push(entry);
  }

  /** The begun entry was not needed. */
  cancel(): void {
    this.#isOpen = false;
    this.#writer.forget();
  }

  /** Writes at once when idle; else the group under way is followed by one for all that arrived meanwhile. */
  flush(): void {
    if (this.#isRunning || this.#failure !== undefined || !this.#hasWork()) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** The next entry begins a new file. */
  roll(): void {
    if (this.#filling !== undefined && this.#filling.entries.length > 0) this.#retireFilling();
    if (this.#filling !== undefined) this.#filling.rolls = true;
    else this.#rollsNext = true;
  }

  /** Resolves when everything ended so far is durable. @throws what `onFailure` got */
  drain(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(asError(this.#failure.error));
    this.flush();
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve, reject) => this.#idleWaiters.push({ resolve, reject }));
  }

  /** Drains and closes the file; after a failure it only lets go of it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#failure === undefined) await this.drain().catch(() => {}); // reported by onFailure
    this.#isClosed = true;
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    if (this.#failure !== undefined) await file.abandon().catch(() => {});
    else await this.#closeFile(file);
  }

  // ------------------------------------------------------------------------------------ segments

  #regionBytes(): number {
    const region = this.#codec.logRegions[0];
    return region === undefined ? 0 : region.end - region.start;
  }

  #fitsFilling(size: number): boolean {
    const filling = this.#filling;
    if (filling === undefined) return false;
    return filling.end + size <= (this.#codec.logRegions[filling.region]?.end ?? 0);
  }

  /** A free region for an entry of that size; none when it is too large, or all wait for the disk. */
  #openSegment(size: number): void {
    this.#retireFilling();
    if (size > this.#regionBytes()) return;
    const index = this.#free.shift();
    if (index === undefined) return;
    const start = this.#codec.logRegions[index]?.start ?? 0;
    this.#filling = {
      bytes: this.#codec.memory,
      start,
      end: start,
      entries: [],
      region: index,
      rolls: this.#takeRoll(),
    };
  }

  #retireFilling(): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    this.#filling = undefined;
    if (filling.entries.length > 0) return void this.#waiting.push(filling);
    if (filling.rolls) this.#rollsNext = true;
    this.#free.push(filling.region);
  }

  #takeRoll(): boolean {
    const rolls = this.#rollsNext;
    this.#rollsNext = false;
    return rolls;
  }

  #hasWork(): boolean {
    return this.#waiting.length > 0 ||
      (this.#filling !== undefined && this.#filling.entries.length > 0);
  }

  /** The next group. */
  #take(): Segment<E> | undefined {
    if (this.#waiting.length === 0 && !this.#isOpen && this.#hasWork()) this.#retireFilling();
    return this.#waiting.shift();
  }

  // ------------------------------------------------------------------------------------ writing

  async #run(): Promise<void> {
    try {
      for (let group = this.#take(); group !== undefined; group = this.#take()) {
        await this.#write(group);
        this.onDurable(group.entries);
        this.#release(group);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isRunning = false;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const waiter of waiters) {
      if (this.#failure === undefined) waiter.resolve();
      else waiter.reject(this.#failure.error);
    }
  }

  async #write(group: Segment<E>): Promise<void> {
    const file = this.#file !== undefined && !group.rolls && !this.#isFull(this.#file)
      ? this.#file
      : await this.#openFile(group);
    this.#seal(group, file);
    await file.append(group.bytes.subarray(group.start, group.end));
    if (this.#options.forceSync) await this.#sync(file);
    file.padAhead(group.end - group.start);
    this.stats.groups++;
    this.stats.txns += group.entries.length;
    this.stats.bytes += group.end - group.start;
  }

  #seal(group: Segment<E>, file: LogFile): void {
    const codec = this.#codec, { bytes, start, end } = group;
    if (this.format === 2) {
      if (group.region < 0) sealEntry2(bytes, start, end, codec);
      else codec.sealGroup2(start, end);
    } else if (group.region < 0) file.chain = sealEntry3(bytes, start, end, file.chain, 0, codec);
    else file.chain = codec.sealGroup3(start, end, file.chain);
  }

  async #sync(file: LogFile): Promise<void> {
    const { clock } = this.#context.host;
    const beganMs = clock.monotonicMs();
    await file.sync();
    const tookMs = clock.monotonicMs() - beganMs;
    this.stats.fsyncCount++;
    this.stats.fsyncMs += tookMs;
    this.stats.fsyncMsMax = Math.max(this.stats.fsyncMsMax, tookMs);
    if (tookMs <= this.#options.fsyncWarningMs) return;
    this.stats.fsyncSlow++;
    this.#context.log.warn(
      "The disk took long to sync the transaction log; give it a disk of its own",
      {
        file: file.name,
        tookMs: Math.round(tookMs),
      },
    );
  }

  #isFull(file: LogFile): boolean {
    const limit = this.#options.txnLogSizeLimitBytes;
    return limit > 0 && file.position > limit;
  }

  async #openFile(group: Segment<E>): Promise<LogFile> {
    const old = this.#file;
    if (old !== undefined) {
      this.#file = undefined;
      await this.#closeFile(old);
    }
    const first = group.entries[0] as E;
    const { folder, preAllocBytes, forceSync } = this.#options;
    this.#file = await LogFile.create(first.zxid, {
      fs: this.#context.host.fs,
      folder,
      format: this.format,
      preAllocBytes,
      forceSync,
      sums: this.#codec,
    });
    this.stats.files++;
    return this.#file;
  }

  /** All in it is durable: a failure costs padding, not data. */
  async #closeFile(file: LogFile): Promise<void> {
    try {
      await file.close();
    } catch (error) {
      this.#context.log.warn("Cannot close a transaction log cleanly", {
        file: file.name,
        error: messageOf(error),
      });
    }
  }

  #release(group: Segment<E>): void {
    const size = group.end - group.start;
    this.#pendingBytes -= size;
    if (group.region < 0) this.#plainBytes -= size;
    else this.#free.push(group.region);
    if (!this.#wantsRoom) return;
    this.#wantsRoom = false;
    this.onRoom();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.onFailure(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
