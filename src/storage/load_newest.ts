/** The newest snapshot that loads (storage-format §7.4). */
import { messageOf } from "../base/errors.ts";
import { formatZxid, type Zxid, ZXID_MAX } from "../base/zxid.ts";
import type { Database } from "../txn/database.ts";
import type { StorageContext } from "./host.ts";
import { SNAPSHOTS_TRIED_MAX } from "./limits.ts";
import { namesOf, type StoredName } from "./names.ts";
import type { Found } from "./recovery_table.ts";
import {
  isUnreadable,
  type LoadedSnapshot,
  loadSnapshot,
  passesQuickCheck,
} from "./snapshot_reader.ts";

export interface Newest {
  readonly state: Found["snapshot"];
  readonly loaded: LoadedSnapshot | undefined;
  /** Damaged ones that were tried. */
  readonly refused: number;
  /** Good ones that hold more than was wanted. */
  readonly tooNew: readonly StoredName[];
}

/**
 * Each try begins from empty.
 * @param snapshots oldest first
 * @param through snapshots that hold anything beyond are passed over: by their name, or because txns went on while they
 *   were written, which their end sections tell
 */
export async function loadNewest(
  context: StorageContext,
  folder: string,
  snapshots: readonly StoredName[],
  db: Database,
  through: Zxid = ZXID_MAX,
): Promise<Newest> {
  const { fs } = context.host;
  const tooNew: StoredName[] = [];
  let refused = 0;
  for (const name of [...snapshots].reverse()) {
    if (refused === SNAPSHOTS_TRIED_MAX) break;
    if (name.zxid > through) {
      tooNew.push(name);
      continue;
    }
    const path = fs.join(folder, name.name);
    if (!await passesQuickCheck(context.host, path, name)) {
      context.log.warn("A snapshot is not complete and is skipped", { file: name.name });
      continue;
    }
    try {
      const loaded = await loadSnapshot(context.host, path, name, db);
      if (endOf(loaded) <= through) return { state: "loaded", loaded, refused, tooNew };
      context.log.info("A snapshot holds parts of txns that are to go; an older one is taken", {
        file: name.name,
        through: formatZxid(through),
      });
      tooNew.push(name);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      refused++;
      context.log.warn("A snapshot is damaged; an older one is tried", {
        file: name.name,
        error: messageOf(error),
      });
    }
  }
  db.clear();
  db.tree.finishLoad();
  db.quotas.rebuild();
  return { state: refused === 0 ? "none" : "broken", loaded: undefined, refused, tooNew };
}

/** The last txn that had an effect on it, as far as it says. */
function endOf({ zxid, digest, lastZxid }: LoadedSnapshot): number {
  return Math.max(zxid, digest?.zxid ?? 0, lastZxid ?? 0);
}

/** Bytes of the newest snapshot that passes the quick check; 0 when there is none. Logs are read only up to a part of it. */
export async function newestSnapshotBytes(
  context: StorageContext,
  folder: string,
): Promise<number> {
  const { fs } = context.host;
  for (const name of namesOf("snapshot", await fs.readDir(folder)).reverse()) {
    const path = fs.join(folder, name.name);
    if (await passesQuickCheck(context.host, path, name)) return (await fs.stat(path))?.size ?? 0;
  }
  return 0;
}
