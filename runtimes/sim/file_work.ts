/** One file operation of a simulated machine: counted, delayed, perhaps failed, with the machine's own words. */
import { RuntimeError } from "../../src/runtime.ts";
import { DiskError } from "./disk.ts";
import type { FileOperation } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Host } from "./world.ts";

/** Microseconds; the thread pool of a host, a disk with a cache. */
const QUICK_US: readonly number[] = [15, 20, 30, 60, 400];
const SYNC_US: readonly number[] = [120, 200, 300, 700, 3000, 20_000];

export class FileWork {
  readonly host: Host;
  readonly life: Life;

  constructor(host: Host, life: Life) {
    this.host = host;
    this.life = life;
  }

  wallMs(): number {
    const { world, wallSkewMs } = this.host;
    return world.wallStartMs + Math.floor(world.nowMs) + wallSkewMs;
  }

  /** @param failed what an injected failure does beside failing */
  run<T>(kind: FileOperation, what: string, work: () => T, failed?: () => void): Promise<T> {
    const code = this.host.files.begin(kind);
    const table = kind.startsWith("sync") ? SYNC_US : QUICK_US;
    const delayUs = table[this.host.random.below(table.length)] ?? 0;
    return this.life.later(delayUs, what, () => {
      try {
        if (code !== undefined) {
          failed?.();
          throw new DiskError(code, `injected ${code}`);
        }
        return work();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        throw new RuntimeError(error.code, `Cannot ${what}: ${error.message}`);
      }
    });
  }
}
