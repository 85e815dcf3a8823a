/**
 * One open log: a header, then groups of entries at the end, zeros written ahead of them.
 *
 * The header is on the disk, and the file's name in its folder, before the first group is written: a log whose header
 * is damaged therefore never holds entries. Zeros are written in the background and never over a group: a group that
 * would pass them waits for them. They go through a handle of their own that never syncs: a system tells an error of the
 * disk once to each handle, and the one that groups are written through must not miss it.
 */
import type { Checksums } from "../../wasm/codec.ts";
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import { DURABLE_ALONE_BYTES, type File, type Fs } from "../runtime.ts";
import type { FileFormat } from "./host.ts";
import { PREALLOC_GROUP_BYTES_MAX, PREALLOC_STEP_BYTES } from "./limits.ts";
import { firstChain, LOG_HEADER_BYTES, logHeader, paddedSize } from "./log_format.ts";
import { logName } from "./names.ts";

export interface LogFileOptions {
  readonly fs: Fs;
  readonly folder: string;
  readonly format: FileFormat;
  readonly preAllocBytes: number;
  readonly forceSync: boolean;
  readonly sums: Checksums;
}

/** Zeros for all logs; never written to. */
let zeros = new Uint8Array(0);

export class LogFile {
  readonly name: string;
  readonly format: FileFormat;
  /** Where the next group goes. */
  position = LOG_HEADER_BYTES;
  /** Version 3: CRC of the last entry. */
  chain: number;
  readonly #file: File;
  readonly #openPlain: () => Promise<File>;
  #plain: File | undefined;
  /** 0 once zeros could not be written: a group finds out by itself whether there is space. */
  #unit: number;
  /** Up to here zeros are written or being written. */
  #padded = LOG_HEADER_BYTES;
  #padding: Promise<void> | undefined;
  #paddingFrom = 0;
  #isOver = false;

  private constructor(file: File, name: string, options: LogFileOptions, header: Uint8Array) {
    this.#file = file;
    this.#openPlain = () => options.fs.open(options.fs.join(options.folder, name), "write");
    this.name = name;
    this.format = options.format;
    this.chain = firstChain(options.sums, header);
    this.#unit = Math.max(Math.min(options.preAllocBytes, PREALLOC_STEP_BYTES), 0);
  }

  /** @throws {RuntimeError}; also when a log of that name has entries: it would lose them */
  static async create(zxid: Zxid, options: LogFileOptions): Promise<LogFile> {
    const { fs, folder } = options;
    const name = logName(zxid);
    const path = fs.join(folder, name);
    const there = await fs.stat(path);
    invariant(
      there === undefined || there.size <= LOG_HEADER_BYTES,
      "A new log replaces no entries",
      {
        name,
        size: there?.size,
      },
    );
    const file = await fs.open(path, options.forceSync ? "durable" : "create");
    try {
      const header = logHeader(options.format);
      await file.write(header, 0);
      if (options.forceSync) await fs.syncDir(folder);
      const created = new LogFile(file, name, options, header);
      created.padAhead();
      return created;
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** Zeros being written beside which a group of that length may not be: it waits for them. */
  zerosBefore(groupBytes: number): Promise<void> | undefined {
    const isAlone = groupBytes >= DURABLE_ALONE_BYTES;
    return isAlone || this.position + groupBytes > this.#paddingFrom ? this.#padding : undefined;
  }

  /** Writes a sealed group, and with `forceSync` it is durable then. The caller has waited for {@link zerosBefore}. */
  async append(group: Uint8Array): Promise<void> {
    await this.#file.write(group, this.position);
    this.position += group.length;
  }

  /** Writes zeros ahead when half a step is left; called between groups. @param groupBytes of the last one */
  padAhead(groupBytes = 0): void {
    if (this.#isOver || this.#padding !== undefined || this.#unit <= 0) return;
    if (groupBytes > PREALLOC_GROUP_BYTES_MAX) return;
    const wanted = paddedSize(this.position + (this.#unit >> 1), this.#padded, this.#unit);
    const from = Math.max(this.#padded, this.position);
    if (wanted <= from) return;
    const count = wanted - from;
    if (zeros.length < count) zeros = new Uint8Array(Math.max(count, PREALLOC_STEP_BYTES));
    this.#padded = wanted;
    this.#paddingFrom = from;
    this.#padding = this.#pad(zeros.subarray(0, count), from).then(
      () => void (this.#padding = undefined),
      () => {
        this.#padding = undefined;
        this.#unit = 0;
      },
    );
  }

  async #pad(view: Uint8Array, from: number): Promise<void> {
    this.#plain ??= await this.#openPlain();
    await this.#plain.write(view, from);
  }

  /** Cuts the zeros off: a closed log ends with its last entry. */
  async close(): Promise<void> {
    this.#isOver = true;
    try {
      if (this.#padding !== undefined) await this.#padding;
      if (this.#padded > this.position) await this.#file.truncate(this.position);
    } finally {
      await this.#closeBoth();
    }
  }

  /** After a failure: nothing more is written. */
  async abandon(): Promise<void> {
    this.#isOver = true;
    if (this.#padding !== undefined) await this.#padding;
    await this.#closeBoth();
  }

  async #closeBoth(): Promise<void> {
    try {
      await this.#plain?.close();
    } finally {
      await this.#file.close();
    }
  }
}
