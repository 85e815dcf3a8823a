/** One file operation of a simulated machine: counted, delayed, perhaps failed, with the machine's own words. */
import { RuntimeError } from "../../src/runtime.ts";
import { DiskError } from "./disk.ts";
import { reachesDisk } from "./faults.ts";
import type { FileOperation } from "./faults.ts";
import { label } from "./labels.ts";
import type { Label } from "./labels.ts";
import type { Life } from "./life.ts";
import { type Host, pick } from "./world.ts";

/** Microseconds; the thread pool of a host. */
const QUICK_US: readonly number[] = [15, 20, 30, 60, 400];

const LABELS: Readonly<Record<FileOperation, Label>> = {
  open: label("open"),
  read: label("read file"),
  write: label("write"),
  syncData: label("sync data"),
  sync: label("sync"),
  truncate: label("truncate"),
  size: label("size"),
  close: label("close file"),
  readFile: label("read whole file"),
  readDir: label("list"),
  stat: label("stat"),
  mkdir: label("mkdir"),
  remove: label("remove"),
  rename: label("rename"),
  syncDir: label("sync directory"),
  lock: label("lock"),
};

export class FileWork {
  readonly host: Host;
  readonly life: Life;

  constructor(host: Host, life: Life) {
    this.host = host;
    this.life = life;
  }

  wallMs(): number {
    return this.host.clock.wallMs;
  }

  /**
   * @param what words for a failure
   * @param failed what an injected failure does beside failing
   */
  run<T>(
    kind: FileOperation,
    what: () => string,
    work: () => T,
    failed?: () => void,
    bytes = 0,
  ): Promise<T> {
    const { files, random } = this.host;
    const code = files.begin(kind);
    const table = reachesDisk(kind) ? files.syncUs : QUICK_US;
    const delayUs = pick(random, table) + files.delayUs(kind);
    return this.life.later(delayUs, LABELS[kind], () => {
      try {
        if (code !== undefined) {
          failed?.();
          throw new DiskError(code, `injected ${code}`);
        }
        return work();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        throw new RuntimeError(error.code, `Cannot ${what()}: ${error.message}`);
      }
    }, bytes);
  }
}
