/** Faults of a machine's file operations, and how many of each kind it made. */
import type { Prng } from "../../src/base/random.ts";
import type { RuntimeErrorCode } from "../../src/runtime.ts";
import type { World } from "./world.ts";

export type FileOperation =
  | "open"
  | "read"
  | "write"
  | "syncData"
  | "sync"
  | "truncate"
  | "size"
  | "close"
  | "readFile"
  | "readDir"
  | "stat"
  | "mkdir"
  | "remove"
  | "rename"
  | "syncDir"
  | "lock";

export function reachesDisk(kind: FileOperation): boolean {
  return kind === "syncData" || kind === "sync" || kind === "syncDir";
}

/** Microseconds that a sync takes, one drawn each time: a disk with a cache. */
const SYNC_US: readonly number[] = [120, 200, 300, 700, 3000, 20_000];

interface Fault {
  readonly kind: FileOperation | undefined;
  readonly code: RuntimeErrorCode;
  /** Fails when this many of the kind have come. */
  left: number;
  times: number;
}

export interface SlowFiles {
  /** Undefined: those that reach the disk, `sync`, `syncData` and `syncDir`. */
  readonly kind?: FileOperation;
  /** Added to what each takes, milliseconds. */
  readonly byMs: number;
  /** How long the disk is slow, milliseconds from now; undefined: until `clear`. */
  readonly forMs?: number;
}

interface Slow {
  readonly kind: FileOperation | undefined;
  readonly byUs: number;
  readonly untilUs: number;
}

interface Rot {
  readonly path: string | undefined;
  left: number;
  times: number;
}

export class FileFaults {
  /** Operations so far. */
  total = 0;
  /** Operations that failed by a fault set here. */
  failed = 0;
  readonly counts = new Map<FileOperation, number>();
  /** The table of this disk. */
  syncUs: readonly number[] = SYNC_US;
  readonly #world: World;
  readonly #random: Prng;
  #faults: Fault[] = [];
  #slow: Slow[] = [];
  #rot: Rot[] = [];

  constructor(world: World, random: Prng) {
    this.#world = world;
    this.#random = random;
  }

  /** The `n`th operation from now (1: the next), of any kind, fails. */
  failOperation(n: number, code: RuntimeErrorCode = "IO"): void {
    this.#faults.push({ kind: undefined, code, left: n, times: 1 });
  }

  /** The next `times` operations of a kind fail, after `skip` good ones. */
  failNext(
    kind: FileOperation,
    code: RuntimeErrorCode = "IO",
    { times = 1, skip = 0 }: { times?: number; skip?: number } = {},
  ): void {
    this.#faults.push({ kind, code, left: skip + 1, times });
  }

  slow({ kind, byMs, forMs = Infinity }: SlowFiles): void {
    const untilUs = this.#world.nowUs + Math.ceil(forMs * 1000);
    this.#slow.push({ kind, byUs: Math.ceil(byMs * 1000), untilUs });
    this.#world.faults.add("slow file");
  }

  /**
   * Of the next `times` reads that give bytes, after `skip` good ones, each has one bit turned, drawn from the seed; the disk
   * itself is not touched (`Disk.flip` does that).
   * @param path undefined: of any file
   */
  rotNext(
    { path, times = 1, skip = 0 }: { path?: string; times?: number; skip?: number } = {},
  ): void {
    this.#rot.push({ path, left: skip + 1, times });
  }

  /** No more failures, slowness or rot; the table of syncs stays. */
  clear(): void {
    this.#faults = [];
    this.#slow = [];
    this.#rot = [];
  }

  count(kind: FileOperation): number {
    return this.counts.get(kind) ?? 0;
  }

  /** Counts one operation. @returns the code it must fail with, if it must */
  begin(kind: FileOperation): RuntimeErrorCode | undefined {
    this.total++;
    this.counts.set(kind, this.count(kind) + 1);
    if (this.#faults.length === 0) return undefined;
    let code: RuntimeErrorCode | undefined;
    for (const fault of this.#faults) {
      if (fault.kind !== undefined && fault.kind !== kind) continue;
      if (fault.left > 1) {
        fault.left--;
        continue;
      }
      code ??= fault.code;
      fault.times--;
    }
    this.#faults = this.#faults.filter((fault) => fault.times > 0);
    if (code !== undefined) {
      this.failed++;
      this.#world.faults.add("file failure");
    }
    return code;
  }

  /** What slowness adds to an operation that begins now. */
  delayUs(kind: FileOperation): number {
    if (this.#slow.length === 0) return 0;
    this.#slow = this.#slow.filter((one) => one.untilUs > this.#world.nowUs);
    let sum = 0;
    for (const one of this.#slow) {
      if (one.kind === undefined ? reachesDisk(kind) : one.kind === kind) sum += one.byUs;
    }
    return sum;
  }

  /** Turns a bit of bytes that were read, when one is to be turned. */
  rot(path: string, bytes: Uint8Array): void {
    if (this.#rot.length === 0 || bytes.length === 0) return;
    for (const one of this.#rot) {
      if (one.path !== undefined && one.path !== path) continue;
      if (one.left > 1) {
        one.left--;
        continue;
      }
      one.times--;
      const at = this.#random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.below(8));
      this.#world.faults.add("bit rot");
    }
    this.#rot = this.#rot.filter((one) => one.times > 0);
  }
}
