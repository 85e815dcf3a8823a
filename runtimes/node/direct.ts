/**
 * Large appends past the page cache (O_DIRECT). A log's bytes are written once and seldom read, and a page of the cache that
 * was not used before costs more than the disk does where a virtual machine gives free memory back (0.7 to 1.4 ms of CPU
 * for 512 KiB, 0.15 without; docs/internals/performance.md).
 *
 * Such a write is of whole blocks, at a block's start, from memory that begins at one: what is appended is copied behind
 * the bytes that its first block has already, and zeros fill the last one. They end with `finish`. Small appends are as quick
 * through the cache, and a log keeps zeros written ahead for them.
 */
import fs from "node:fs";
import os from "node:os";
import { DURABLE_ALONE_BYTES } from "../../src/runtime.ts";
import { SYNC_FLAG } from "./durable_flag.ts";

/** Of every disk and file system that has the flag: 512 or 4,096. */
const BLOCK_BYTES = 4096;
/** Larger ones are rare and go through the cache. */
const DIRECT_BYTES_MAX = 1024 * 1024 + 64 * 1024;
const STAGE_BYTES = DIRECT_BYTES_MAX + 2 * BLOCK_BYTES;
/** Behind a log's last entry a reader finds an empty entry's head, or nothing, but no piece of one. */
const ZEROS_MIN = 16;
const DIRECT_FLAG = SYNC_FLAG !== 0 && syncsLength(os.release()) ? fs.constants.O_DIRECT ?? 0 : 0;

/** Stages that no file has at the moment. WebAssembly's memory, because it begins at a page. */
const free: Uint8Array[] = [];

/** Blocks for one write at `at`; lent until the next is staged. */
export interface Staged {
  readonly bytes: Uint8Array;
  readonly at: number;
}

export class DirectAppends {
  readonly fd: number;
  /** The bytes of the block in which the file ends. */
  readonly #last = new Uint8Array(BLOCK_BYTES);
  /** Of what was written; -1 once something else than an append was: from then on nothing is staged. */
  #end = 0;
  /** Zeros go up to here. */
  #roundedTo = 0;
  #stage: Uint8Array | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** @returns undefined when it is not for this way */
  stage(view: Uint8Array, offset: number): Staged | undefined {
    if (view.length < DURABLE_ALONE_BYTES || view.length > DIRECT_BYTES_MAX) return undefined;
    if (offset !== this.#end) return undefined;
    const stage = this.#stage ??= free.pop() ?? newStage();
    if (stage === undefined) {
      this.giveUp();
      return undefined;
    }
    const lead = offset % BLOCK_BYTES, end = lead + view.length;
    stage.set(this.#last.subarray(0, lead));
    stage.set(view, lead);
    const whole = Math.ceil((end + ZEROS_MIN) / BLOCK_BYTES) * BLOCK_BYTES;
    stage.fill(0, end, whole);
    return { bytes: stage.subarray(0, whole), at: offset - lead };
  }

  /** What was written, either way. */
  written(view: Uint8Array, offset: number, staged: Staged | undefined): void {
    if (this.#end < 0 || view.length === 0) return;
    if (offset !== this.#end) return this.giveUp();
    this.#end = offset + view.length;
    if (staged !== undefined) {
      this.#roundedTo = Math.max(this.#roundedTo, staged.at + staged.bytes.length);
    }
    const inLast = this.#end % BLOCK_BYTES;
    if (inLast <= view.length) this.#last.set(view.subarray(view.length - inLast));
    else this.#last.set(view, inLast - view.length);
  }

  /** The file's length was set. */
  truncated(size: number): void {
    this.#roundedTo = 0;
    if (size !== this.#end) this.giveUp();
  }

  giveUp(): void {
    this.#end = -1;
  }

  /** @returns the length that cuts the zeros off; undefined when there are none, or what is behind them is not known */
  finish(): number | undefined {
    if (this.#stage !== undefined) free.push(this.#stage);
    this.#stage = undefined;
    return this.#end >= 0 && this.#roundedTo > this.#end ? this.#end : undefined;
  }
}

/**
 * Whether O_DSYNC holds for the length too that such a write gives a file. On ext4 of Linux 5.5 to 6.6 it was updated behind the
 * sync (mended by 91562895f803, in 6.7): a loss of power cut off what was acknowledged. Which older kernels of a
 * distribution have the fix, their numbers do not tell.
 */
export function syncsLength(release: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 7);
}

/** @returns undefined without the address space: V8 takes 10 GiB of it for each memory, and `ulimit -v` may allow less */
function newStage(): Uint8Array | undefined {
  try {
    const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(STAGE_BYTES / 65536) });
    return new Uint8Array(buffer);
  } catch {
    return undefined;
  }
}

/** A second way into a file that is open with O_DSYNC; undefined where the system or its file system has none. */
export function openDirect(filePath: string): Promise<DirectAppends | undefined> {
  if (DIRECT_FLAG === 0) return Promise.resolve(undefined);
  const flags = fs.constants.O_WRONLY | SYNC_FLAG | DIRECT_FLAG;
  return new Promise((resolve) => {
    fs.open(filePath, flags, (error, fd) => {
      resolve(error === null ? new DirectAppends(fd) : undefined);
    });
  });
}
