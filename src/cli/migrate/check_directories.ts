/** What in the data directories would stand in the way, as far as names, headers and sizes tell. Nothing is written. */
import { CorruptionError, messageOf } from "../../base/errors.ts";
import { type Fs, RuntimeError } from "../../runtime.ts";
import type { ServerOptions } from "../../server/options.ts";
import { namesOf, parseName, type StoredName, VERSION_FOLDER } from "../../storage/names.ts";
import type { Findings } from "./finding.ts";

/** Files to look into. */
export interface Stored {
  readonly snapshotFolder: string;
  readonly logFolder: string;
  /** Oldest first. */
  readonly snapshots: readonly StoredName[];
  readonly logs: readonly StoredName[];
  /** Of the largest snapshot; 0: there is none. */
  readonly snapshotBytes: number;
}

const MIB = 1024 * 1024;
/** Logs are written ahead of, a snapshot lies beside its unfinished successor. */
const SPARE_BYTES = 64 * MIB;

/** @returns undefined: there is nothing, or it cannot be read */
export async function checkDirectories(
  fs: Fs,
  { dataDir, dataLogDir }: ServerOptions,
  isEnsemble: boolean,
  findings: Findings,
): Promise<Stored | undefined> {
  const snapshotFolder = fs.join(dataDir, VERSION_FOLDER);
  const logFolder = fs.join(dataLogDir, VERSION_FOLDER);
  const snapshotNames = await listFolder(fs, snapshotFolder, findings);
  const logNames = logFolder === snapshotFolder
    ? snapshotNames
    : await listFolder(fs, logFolder, findings);
  if (snapshotNames === "unreadable" || logNames === "unreadable") return undefined;
  if (snapshotNames === undefined && logNames === undefined) {
    noData(dataDir, isEnsemble, findings);
    return undefined;
  }
  if (logFolder !== snapshotFolder) {
    misplaced("log", snapshotNames ?? [], snapshotFolder, logFolder, findings);
    misplaced("snapshot", logNames ?? [], logFolder, snapshotFolder, findings);
  }
  const snapshots = namesOf("snapshot", snapshotNames ?? []);
  const logs = namesOf("log", logNames ?? []);
  if (snapshots.length === 0 && logs.length === 0) noData(dataDir, isEnsemble, findings);
  const sizes = await Promise.all(
    snapshots.map(async ({ name }) => (await fs.stat(fs.join(snapshotFolder, name)))?.size ?? 0),
  );
  const snapshotBytes = Math.max(0, ...sizes);
  for (const folder of new Set([snapshotFolder, logFolder])) {
    await checkSpace(fs, folder, folder === snapshotFolder ? snapshotBytes : 0, findings);
  }
  return { snapshotFolder, logFolder, snapshots, logs, snapshotBytes };
}

async function listFolder(
  fs: Fs,
  folder: string,
  findings: Findings,
): Promise<readonly string[] | "unreadable" | undefined> {
  try {
    const names = await fs.readDir(folder);
    for (const name of names) parseName(name);
    return names;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return undefined;
    if (!(error instanceof RuntimeError || error instanceof CorruptionError)) throw error;
    const todo = error instanceof RuntimeError
      ? "let this user, and the one that will run the server, read and write there"
      : "move the file away if it is foreign";
    findings.add("blocker", "directory-unreadable", folder, messageOf(error), todo);
    return "unreadable";
  }
}

function noData(dataDir: string, isEnsemble: boolean, findings: Findings): void {
  findings.add(
    isEnsemble ? "warning" : "blocker",
    "no-data",
    dataDir,
    isEnsemble
      ? "it holds no data: this server would begin from empty and be sent everything by the leader"
      : "it holds no data: a server of its own would begin with an empty tree",
    isEnsemble
      ? "check dataDir; if it is right, set fileFormat=2 so that Apache's server can open the new directory too"
      : "check dataDir and dataLogDir",
  );
}

function misplaced(
  kind: "log" | "snapshot",
  names: readonly string[],
  folder: string,
  home: string,
  findings: Findings,
): void {
  const [stray] = namesOf(kind, names);
  if (stray === undefined) return;
  findings.add(
    "blocker",
    "files-misplaced",
    folder,
    `${stray.name} lies here, and ${kind}s belong into ${home}: no server starts with that`,
    `move the ${kind}s there, or set dataLogDir as it was when they were written`,
  );
}

/** A snapshot is written soon after the first start. */
async function checkSpace(
  fs: Fs,
  folder: string,
  snapshotBytes: number,
  findings: Findings,
): Promise<void> {
  const free = await fs.freeBytes?.(folder).catch(() => undefined);
  if (free === undefined) return;
  const needed = snapshotBytes + SPARE_BYTES;
  if (free >= 2 * needed) return;
  findings.add(
    free < needed ? "blocker" : "warning",
    "disk-space",
    folder,
    `${inMib(free)} are free, and the next snapshot with its log may take ${inMib(needed)}`,
    "make room, by autopurge of Apache's server for instance",
  );
}

function inMib(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`;
}
