/** Faults of a machine's file operations, and how many of each kind it made. */
import type { RuntimeErrorCode } from "../../src/runtime.ts";

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

interface Fault {
  readonly kind: FileOperation | undefined;
  readonly code: RuntimeErrorCode;
  /** Fails when this many of the kind have come. */
  left: number;
  times: number;
}

export class FileFaults {
  /** Operations so far. */
  total = 0;
  /** Operations that failed by a fault set here. */
  failed = 0;
  readonly counts = new Map<FileOperation, number>();
  #faults: Fault[] = [];

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

  clear(): void {
    this.#faults = [];
  }

  count(kind: FileOperation): number {
    return this.counts.get(kind) ?? 0;
  }

  /** Counts one operation. @returns the code it must fail with, if it must */
  begin(kind: FileOperation): RuntimeErrorCode | undefined {
    this.total++;
    this.counts.set(kind, this.count(kind) + 1);
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
    if (code !== undefined) this.failed++;
    return code;
  }
}
