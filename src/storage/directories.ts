/** The data directories: made, checked, locked (storage-format §1). */
import { messageOf, UsageError } from "../base/errors.ts";
import type { Fs, Lock } from "../runtime.ts";
import { RuntimeError } from "../runtime.ts";
import { namesOf, VERSION_FOLDER } from "./names.ts";
import { DirectoryUse } from "./use.ts";

export interface DirectoryOptions {
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly dataDirAutocreate: boolean;
}

export interface Directories {
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** Where snapshots and epoch files lie. */
  readonly snapshots: string;
  /** Where logs lie; the same unless dataLogDir is set. */
  readonly logs: string;
  readonly areSeparate: boolean;
  readonly use: DirectoryUse;
  release(): Promise<void>;
}

/** Makes what is missing, if allowed, and takes the lock. @throws {UsageError} one line that says what to do */
export async function openDirectories(fs: Fs, options: DirectoryOptions): Promise<Directories> {
  const dataDir = fs.absolute(options.dataDir), dataLogDir = fs.absolute(options.dataLogDir);
  const snapshots = fs.join(dataDir, VERSION_FOLDER), logs = fs.join(dataLogDir, VERSION_FOLDER);
  const areSeparate = snapshots !== logs;
  if (!options.dataDirAutocreate) {
    for (const folder of areSeparate ? [snapshots, logs] : [snapshots]) {
      await requireFolder(fs, folder);
    }
  }
  const locks: Lock[] = [];
  const release = async (): Promise<void> => {
    for (const lock of locks.splice(0).reverse()) await lock.release();
  };
  try {
    for (const folder of areSeparate ? [snapshots, logs] : [snapshots]) {
      await withWords(folder, () => makeFolder(fs, folder));
    }
    for (const dir of areSeparate ? [dataDir, dataLogDir] : [dataDir]) {
      locks.push(await withWords(dir, () => fs.lock(dir)));
    }
    for (const folder of areSeparate ? [snapshots, logs] : [snapshots]) {
      await withWords(folder, () => settleNames(fs, folder));
    }
    if (areSeparate) await checkSeparation(fs, snapshots, logs);
  } catch (error) {
    await release();
    throw error;
  }
  const use = new DirectoryUse();
  return { dataDir, dataLogDir, snapshots, logs, areSeparate, use, release };
}

async function makeFolder(fs: Fs, folder: string): Promise<void> {
  if (await fs.stat(folder) === undefined) await fs.mkdir(folder);
}

/**
 * A process that was killed may have left names that are not on the disk, of files or of the folders themselves. All that
 * is read from here on rests on them, so they get there first. A parent that we may not open was made by somebody else.
 */
async function settleNames(fs: Fs, folder: string): Promise<void> {
  for (let at = folder;;) {
    await fs.syncDir(at).catch((error: unknown) => {
      const isOthers = at !== folder && error instanceof RuntimeError && error.code === "ACCESS";
      if (!isOthers) throw error;
    });
    const parent = fs.join(at, "..");
    if (parent === at) return;
    at = parent;
  }
}

async function requireFolder(fs: Fs, folder: string): Promise<void> {
  const stat = await withWords(folder, () => fs.stat(folder));
  if (stat?.kind === "directory") return;
  throw new UsageError(
    `Cannot use directory "${folder}": it is missing and zookeeper.datadir.autocreate is false; ` +
      `create it, or check dataDir and dataLogDir`,
  );
}

/** What the door says becomes one line for the operator. */
export async function withWords<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new UsageError(`Cannot use directory "${folder}": ${adviceOf(error)}`);
  }
}

function adviceOf(error: RuntimeError): string {
  switch (error.code) {
    case "BUSY":
      return `another server uses it; stop that one or choose another dataDir (${error.message})`;
    case "ACCESS":
      if (/EROFS|read-only/i.test(error.message)) {
        return `its file system is read-only; choose another dataDir, or mount it for writing (${error.message})`;
      }
      return `no permission to write there; change its owner or choose another dataDir (${error.message})`;
    case "NO_SPACE":
      return `the disk is full; free some space (${error.message})`;
    case "NOT_DIRECTORY":
    case "EXISTS":
      return `a file is where a directory should be (${error.message})`;
    default:
      return messageOf(error);
  }
}

async function checkSeparation(fs: Fs, snapshots: string, logs: string): Promise<void> {
  const strayLog = namesOf("log", await fs.readDir(snapshots))[0];
  if (strayLog !== undefined) {
    throw new UsageError(
      `Cannot start: log "${strayLog.name}" is in the snapshot directory "${snapshots}"; ` +
        `move the logs to "${logs}" or set dataLogDir to dataDir`,
    );
  }
  const straySnapshot = namesOf("snapshot", await fs.readDir(logs))[0];
  if (straySnapshot === undefined) return;
  throw new UsageError(
    `Cannot start: snapshot "${straySnapshot.name}" is in the log directory "${logs}"; ` +
      `move the snapshots to "${snapshots}" or set dataLogDir to dataDir`,
  );
}

/** The marker that vouches for an empty directory: Apache looks beside the logs, its script puts it into dataDir. */
export async function findInitialize(fs: Fs, dirs: Directories): Promise<string[]> {
  const found: string[] = [];
  for (const dir of new Set([dirs.dataLogDir, dirs.dataDir])) {
    const path = fs.join(dir, "initialize");
    if (await fs.stat(path) !== undefined) found.push(path);
  }
  return found;
}
