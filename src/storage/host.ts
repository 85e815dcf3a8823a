/** What storage takes from the door. */
import type { Log } from "../base/log.ts";
import type { Clock, Fs, Gzip, Random } from "../runtime.ts";

export interface StorageHost {
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly gzip: Gzip;
}

/** The host and where words go. */
export interface StorageContext {
  readonly host: StorageHost;
  readonly log: Log;
}

/** Version of the file headers: 2 is Apache's, 3 is ours (DESIGN decision 3). */
export type FileFormat = 2 | 3;
