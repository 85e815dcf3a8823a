/**
 * The transaction log as it is written: group commit (storage-format §4.6, performance-notes §3).
 *
 * Txns are encoded straight into the codec's regions (segments.ts). One group is under way at a time: one write, one
 * fdatasync; what arrives meanwhile, and while it is applied, is the next one, or several. A group lies in one region (an entry too large for it in
 * a buffer of its own), so that a group of version 3 is what one fdatasync made durable.
 *
 * Invariants: `onDurable` follows the order of `end`; after a failure nothing is ever reported durable.
 */
import { type Codec, sealEntry2, sealEntry3 } from "../../wasm/codec.ts";
import { messageOf } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import type { Writer } from "../jute/writer.ts";
import type { FileFormat, StorageContext } from "./host.ts";
import { LogFile } from "./log_file.ts";
import type { Pending } from "./pending.ts";
import { type Group, Segments } from "./segments.ts";

export type { Pending } from "./pending.ts";

/** A group's write takes longer than applying one does: 1,000 writes of 1 KiB take 1 to 2 ms. */
const SLOW_SYNC_MS = 4;

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

export class Journal<E extends Pending> {
  /**
   * Synchronously after a group is on the disk, in order. The group's memory is reused afterwards: whoever applies a txn
   * later keeps a copy. A role sets its own.
   */
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
  readonly #segments: Segments<E>;
  #isRunning = false;
  /** The group on its way to the disk; settled when there is none. */
  #writing: Promise<void> | undefined;
  #wantsRoom = false;
  /** Of the last group. */
  #syncMs = 0;
  #file: LogFile | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;
  #idleWaiters: { resolve(): void; reject(error: unknown): void }[] = [];

  constructor(context: StorageContext, codec: Codec, options: JournalOptions) {
    this.#context = context;
    this.#codec = codec;
    this.#options = options;
    this.format = options.format;
    this.#segments = new Segments<E>(codec);
  }

  /** Bytes ended and not yet durable. */
  get pendingBytes(): number {
    return this.#segments.pendingBytes;
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
    const fits = this.#failure === undefined && this.#segments.hasRoom(payloadBytes);
    if (!fits) this.#wantsRoom = true;
    return fits;
  }

  /**
   * The writer stands where the payload begins. A payload longer than the hint is fine: `writer.bytes` then may become
   * another array, positions stay. Followed by `end` or `cancel` in the same turn.
   */
  begin(payloadBytesHint: number): Writer {
    invariant(!this.#isClosed, "An entry comes before the close", {});
    return this.#segments.begin(payloadBytesHint);
  }

  end(entry: E): void {
    this.#segments.end(entry);
  }

  /** The begun entry was not needed. */
  cancel(): void {
    this.#segments.cancel();
  }

  /** Writes at once when idle; else the group under way is followed by one for all that arrived meanwhile. */
  flush(): void {
    if (this.#isRunning || this.#failure !== undefined || !this.#segments.hasWork) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** The next entry begins a new file. */
  roll(): void {
    this.#segments.roll();
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
    // What comes while the last groups are drained is drained too: nothing is under way in the turn that closes.
    while (this.#failure === undefined && (this.#isRunning || this.#segments.hasWork)) {
      await this.drain().catch(() => {}); // reported by onFailure
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A group that could not be applied left the next one under way, maybe to a new file; what follows may read the log.
    if (this.#failure !== undefined) await this.#writing?.catch(() => {});
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    if (this.#failure !== undefined) await file.abandon().catch(() => {});
    else await this.#closeFile(file);
  }

  // ------------------------------------------------------------------------------------ writing

  async #run(): Promise<void> {
    try {
      await this.#runGroups();
    } catch (error) {
      this.#fail(error);
      this.#rest();
    }
  }

  /** In the same turn as the look that found nothing: an entry that comes in a microtask after it must find no run. */
  #rest(): void {
    this.#isRunning = false;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const waiter of waiters) {
      if (this.#failure === undefined) waiter.resolve();
      else waiter.reject(this.#failure.error);
    }
  }

  /**
   * A group is applied and answered before the next one is written, which then has more in it: half as many groups, and
   * writes. Where the disk is what all wait for, the next one is on its way to it meanwhile.
   */
  async #runGroups(): Promise<void> {
    let durable: Group<E> | undefined;
    for (;;) {
      if (durable !== undefined && this.#syncMs < SLOW_SYNC_MS) {
        this.#complete(durable);
        durable = undefined;
      }
      const group = this.#segments.take();
      const writing = group === undefined ? undefined : this.#write(group);
      this.#writing = writing;
      writing?.catch(() => {}); // awaited below, unless the one before fails to be applied
      if (durable !== undefined) this.#complete(durable);
      else if (writing === undefined) return this.#rest();
      await writing;
      durable = group;
    }
  }

  #complete(group: Group<E>): void {
    this.onDurable(group.entries);
    this.#release(group);
  }

  async #write(group: Group<E>): Promise<void> {
    const file = this.#file !== undefined && !group.rolls && !this.#isFull(this.#file)
      ? this.#file
      : await this.#openFile(group);
    this.#seal(group, file);
    await this.#append(group, file);
    file.padAhead(group.end - group.start);
    this.stats.groups++;
    this.stats.txns += group.entries.length;
    this.stats.bytes += group.end - group.start;
  }

  #seal(group: Group<E>, file: LogFile): void {
    const codec = this.#codec, { bytes, start, end } = group;
    if (this.format === 2) {
      if (group.isPlain) sealEntry2(bytes, start, end, codec);
      else codec.sealGroup2(start, end);
    } else if (group.isPlain) file.chain = sealEntry3(bytes, start, end, file.chain, 0, codec);
    else file.chain = codec.sealGroup3(start, end, file.chain);
  }

  async #append({ bytes, start, end }: Group<E>, file: LogFile): Promise<void> {
    const { clock } = this.#context.host;
    const zeros = file.zerosBefore(end - start);
    if (zeros !== undefined) await zeros;
    const beganMs = clock.monotonicMs();
    await file.append(bytes.subarray(start, end));
    if (!this.#options.forceSync) return;
    const tookMs = clock.monotonicMs() - beganMs;
    this.#syncMs = tookMs;
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

  async #openFile(group: Group<E>): Promise<LogFile> {
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

  #release(group: Group<E>): void {
    this.#segments.release(group);
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
