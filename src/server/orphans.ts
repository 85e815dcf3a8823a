/**
 * Nodes of sessions that no longer exist: a start removes them without a txn, as Apache does (storage-format §6). They
 * come from logs whose closeSession was applied to another tree than ours.
 */
import type { Log } from "../base/log.ts";
import { UsageError } from "../base/errors.ts";
import { utf8Encode } from "../base/host.ts";
import { formatInt64 } from "../base/int64.ts";
import { Op } from "../protocol/ops.ts";
import { Writer } from "../jute/writer.ts";
import { Applier } from "../txn/apply.ts";
import type { Database } from "../txn/database.ts";

/**
 * @returns whether there were any: the tree is then another than snapshot and logs make it
 * @throws {UsageError} nodes with a TTL while these are off
 */
export function removeOrphans(db: Database, log: Log): boolean {
  const applier = new Applier(db);
  applier.compareDigests = false;
  let found = false;
  for (const id of db.tree.ephemeralSessions()) {
    if (db.sessions.has(id)) continue;
    if (isTtlMark(id) && !db.options.extendedTypes) throw new UsageError(ttlRefusal(db, id));
    found = true;
    const paths = db.tree.ephemeralsOf(id);
    log.warn("Removing the ephemerals of a session that does not exist", {
      session: formatInt64(id),
      count: paths.length,
    });
    const w = new Writer(256);
    w.int64(id);
    w.int32(0);
    w.int64Number(db.lastZxid);
    w.int64Number(0);
    w.int32(Op.closeSession);
    w.int32(paths.length);
    for (const path of paths) {
      const bytes = utf8Encode(path);
      w.span(bytes, 0, bytes.length);
    }
    applier.apply(w.bytes, 0, w.pos);
  }
  return found;
}

/** The owner of a TTL node reads as a session where TTL nodes are off: Apache then deletes the node as an orphan. */
function isTtlMark(owner: bigint): boolean {
  return BigInt.asUintN(64, owner) >> 56n === 0xffn;
}

function ttlRefusal(db: Database, owner: bigint): string {
  const path = db.tree.ephemeralsOf(owner)[0] ?? "";
  return `Cannot start: the data has nodes with a TTL, such as "${path}", and without extendedTypesEnabled they would ` +
    "be deleted; set extendedTypesEnabled=true";
}
