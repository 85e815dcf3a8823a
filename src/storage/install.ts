/**
 * Puts a database that another server sent (peer-protocol §12, SNAP), or an operator, in the place of everything that was
 * there. That is no prefix of it, so nothing of it may be read again, also when the new snapshot is damaged later (trap 28):
 * the old files go to a sub-folder, where they stay until the next time.
 *
 * The new snapshot first comes under a name that no reader takes for a snapshot. Its arrival there, on the disk, decides:
 * before, a crash leaves the old state; after, whoever opens the directory carries out the rest, in steps that may be
 * repeated. At no time do old logs lie beside the new snapshot.
 */
import { CorruptionError } from "../base/errors.ts";
import type { Database } from "../txn/database.ts";
import type { Directories } from "./directories.ts";
import type { StorageContext } from "./host.ts";
import { type Compression, type FileKind, parseName, snapshotName } from "./names.ts";
import type { SnapshotReport, Snapshotter } from "./snapshot_writer.ts";

/** Before the name of a snapshot that is to replace everything. */
const INSTALL_PREFIX = "install.";
/** In the folders of snapshots and of logs: what was replaced last. It may be deleted at any time. */
export const REPLACED_FOLDER = "replaced";

/** @throws {CorruptionError | RuntimeError}; the directory then opens with the old state or the new one */
export async function installDatabase(
  context: StorageContext,
  dirs: Directories,
  snapshotter: Snapshotter,
  compression: Compression,
  db: Database,
): Promise<SnapshotReport> {
  await finishInstall(context, dirs);
  await emptyReplaced(context, dirs);
  const name = snapshotName(db.lastZxid, compression);
  const report = await snapshotter.store(db, INSTALL_PREFIX + name);
  await finishInstall(context, dirs);
  return { ...report, name };
}

/** Carries out what was decided. Called by whoever opens a directory, before it looks at the files. */
export async function finishInstall(context: StorageContext, dirs: Directories): Promise<void> {
  const { fs } = context.host;
  const decided: string[] = [];
  for (const name of await fs.readDir(dirs.snapshots)) {
    if (!name.startsWith(INSTALL_PREFIX)) continue;
    const snapshot = parseName(name.slice(INSTALL_PREFIX.length));
    if (snapshot?.kind !== "snapshot") continue;
    if (snapshot.unfinished) await fs.remove(fs.join(dirs.snapshots, name));
    else decided.push(snapshot.name);
  }
  const [name] = decided;
  if (name === undefined) return;
  if (decided.length > 1) {
    throw new CorruptionError(
      `Cannot use "${dirs.snapshots}": "${
        decided.join('" and "')
      }" both wait to be installed; remove all but one`,
    );
  }
  await setAside(context, dirs.logs, "log");
  await setAside(context, dirs.snapshots, "snapshot");
  await fs.rename(fs.join(dirs.snapshots, INSTALL_PREFIX + name), fs.join(dirs.snapshots, name));
  await fs.syncDir(dirs.snapshots);
  context.log.info("Another database took the place of what was there", {
    file: name,
    oldFiles: REPLACED_FOLDER,
  });
}

/** All files of a kind, also unfinished ones; on the disk when this resolves. */
async function setAside(context: StorageContext, folder: string, kind: FileKind): Promise<void> {
  const { fs } = context.host;
  const aside = fs.join(folder, REPLACED_FOLDER);
  const names = (await fs.readDir(folder)).filter((name) => parseName(name)?.kind === kind);
  if (names.length === 0) return;
  await fs.mkdir(aside);
  for (const name of names) await fs.rename(fs.join(folder, name), fs.join(aside, name));
  await fs.syncDir(aside);
  await fs.syncDir(folder);
}

async function emptyReplaced(context: StorageContext, dirs: Directories): Promise<void> {
  const { fs } = context.host;
  for (const folder of new Set([dirs.snapshots, dirs.logs])) {
    const aside = fs.join(folder, REPLACED_FOLDER);
    if (await fs.stat(aside) === undefined) continue;
    for (const name of await fs.readDir(aside)) await fs.remove(fs.join(aside, name));
  }
}
