/** Which old files may go (storage-format §11), and the timer that lets them go. */
import type { LogFacts } from "../base/log.ts";
import { messageOf } from "../base/errors.ts";
import type { Cancel, MonotonicMs } from "../runtime.ts";
import type { StorageContext } from "./host.ts";
import { namesOf, parseName, type StoredName } from "./names.ts";
import { passesQuickCheck } from "./snapshot_reader.ts";
import type { DirectoryUse } from "./use.ts";

/** Fewer are never kept. */
export const RETAIN_COUNT_MIN = 3;
const HOUR_MS = 3_600_000;

export interface PurgeChoice {
  readonly snapshots: readonly string[];
  readonly logs: readonly string[];
}

/**
 * Keeps the newest `retain` complete snapshots, and every log that may hold records behind the oldest of them. Snapshots
 * that are not complete do not count; newer ones stay.
 * @param snapshots oldest first, those of `complete` pass the quick check. @param unfinished `.tmp` files
 * @param heldFrom the log that holds this zxid, and later ones, are being read
 */
export function choosePurge(
  snapshots: readonly StoredName[],
  complete: ReadonlySet<string>,
  unfinished: readonly StoredName[],
  logs: readonly StoredName[],
  retain: number,
  heldFrom = Infinity,
): PurgeChoice {
  const kept = snapshots.filter(({ name }) => complete.has(name)).slice(
    -Math.max(retain, RETAIN_COUNT_MIN),
  );
  const oldest = kept[0];
  if (oldest === undefined) return { snapshots: [], logs: [] };
  const old = (file: StoredName): boolean => file.zxid < oldest.zxid;
  return {
    snapshots: [...snapshots, ...unfinished].filter(old).map(({ name }) => name),
    logs: logsBefore(logs, Math.min(oldest.zxid, heldFrom)).map(({ name }) => name),
  };
}

/** Logs that end before `bound`: the newest that begins at it or before is the one that may hold it. */
function logsBefore(logs: readonly StoredName[], bound: number): StoredName[] {
  const needed = logs.filter(({ zxid }) => zxid <= bound).pop();
  return needed === undefined ? [] : logs.filter(({ zxid }) => zxid < needed.zxid);
}

export interface PurgeOptions {
  readonly snapshots: string;
  readonly logs: string;
  readonly purgeRetainCount: number;
  /** Of the open directory; none when nobody else uses it. */
  readonly use?: DirectoryUse;
}

/** Snapshots go before logs: a crash between leaves logs too many, never too few. @throws {RuntimeError} */
export function purge(context: StorageContext, options: PurgeOptions): Promise<PurgeChoice> {
  const { use } = options;
  return use === undefined
    ? purgeNow(context, options)
    : use.exclusive(() => purgeNow(context, options));
}

async function purgeNow(context: StorageContext, options: PurgeOptions): Promise<PurgeChoice> {
  const { fs } = context.host;
  const names = await fs.readDir(options.snapshots);
  const snapshots = namesOf("snapshot", names);
  const complete = new Set<string>();
  for (const name of snapshots) {
    if (await passesQuickCheck(context.host, fs.join(options.snapshots, name.name), name)) {
      complete.add(name.name);
    }
  }
  const unfinished = names.map(parseName)
    .filter((name): name is StoredName => name?.kind === "snapshot" && name.unfinished);
  const logs = namesOf("log", await fs.readDir(options.logs));
  const choose = (): PurgeChoice =>
    choosePurge(
      snapshots,
      complete,
      unfinished,
      logs,
      options.purgeRetainCount,
      options.use?.heldFrom,
    );
  const gone: { snapshots: string[]; logs: string[] } = { snapshots: [], logs: [] };
  for (const name of choose().snapshots) {
    await fs.remove(fs.join(options.snapshots, name));
    gone.snapshots.push(name);
  }
  if (gone.snapshots.length > 0) await fs.syncDir(options.snapshots);
  for (const name of choose().logs) {
    if (!choose().logs.includes(name)) continue; // somebody began to read it
    await fs.remove(fs.join(options.logs, name));
    gone.logs.push(name);
  }
  return gone;
}

export interface AutopurgeOptions extends PurgeOptions {
  /** <= 0: off. */
  readonly purgeIntervalHours: number;
}

/** Purges at start and then every interval. */
export class Autopurge {
  readonly #context: StorageContext;
  readonly #options: AutopurgeOptions;
  #cancel: Cancel | undefined;
  #running: Promise<void> | undefined;
  #isStopped = true;

  constructor(context: StorageContext, options: AutopurgeOptions) {
    this.#context = context;
    this.#options = options;
  }

  get isRunning(): boolean {
    return !this.#isStopped;
  }

  start(): void {
    if (this.#options.purgeIntervalHours <= 0) return;
    this.#isStopped = false;
    this.#round();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #round(): void {
    const { clock } = this.#context.host;
    const next = (clock.monotonicMs() + this.#options.purgeIntervalHours * HOUR_MS) as MonotonicMs;
    this.#running = this.#purge().then(() => {
      if (this.#isStopped) return;
      this.#cancel = clock.wakeAt(next, () => this.#round());
    });
  }

  async #purge(): Promise<void> {
    const { log } = this.#context;
    try {
      const gone = await purge(this.#context, this.#options);
      const facts: LogFacts = { snapshots: gone.snapshots.length, logs: gone.logs.length };
      if (gone.snapshots.length + gone.logs.length > 0) log.info("Old files were purged", facts);
    } catch (error) {
      log.warn("Cannot purge old files; it is tried again at the next interval", {
        error: messageOf(error),
      });
    }
  }
}
