/** Another database for a standalone server (operations §3.3), read beside the one that serves meanwhile. */
import type { Log } from "../base/log.ts";
import { formatZxid, type Zxid } from "../base/zxid.ts";
import type { ByteSource } from "../storage/byte_stream.ts";
import type { StorageContext } from "../storage/host.ts";
import { loadUploaded } from "../storage/uploaded.ts";
import type { Database } from "../txn/database.ts";
import { removeOrphans } from "./orphans.ts";
import type { Persistence } from "./persistence.ts";

export interface Restoring {
  readonly db: Database;
  /** Of the snapshot. */
  readonly zxid: Zxid;
  readonly nodes: number;
}

/** @throws {CorruptionError | UsageError} it cannot be used; nothing has changed */
export async function readRestored(
  context: StorageContext,
  storage: Persistence,
  source: ByteSource,
): Promise<Restoring> {
  const db = storage.recovered.emptyDatabase();
  const { zxid, nodes } = await loadUploaded(context, source, db);
  removeOrphans(db, context.log);
  return { db, zxid, nodes };
}

/** Zxids never go back: clients that saw later ones are let in, and no txn gets a number a second time. */
export function continueFrom({ db, zxid, nodes }: Restoring, last: Zxid, log: Log): void {
  if (last > zxid) db.lastZxid = last;
  log.warn("An operator's snapshot takes the place of the database; clients are disconnected", {
    snapshotZxid: formatZxid(zxid),
    nodes,
    lastZxid: formatZxid(last),
  });
}
