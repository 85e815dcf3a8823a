/**
 * Between two roles: the tree gets everything that the log has beyond it, committed or not, so that the next vote, the next
 * snapshot and a recovery speak of the same prefix (docs/internals/ensemble.md, leave).
 */
import { messageOf, ProtocolError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { formatZxid } from "../../base/zxid.ts";
import { Applier } from "../../txn/apply.ts";
import type { Persistence } from "../persistence.ts";
import type { History } from "./history.ts";

/** @throws what the journal or the disk failed with */
export async function settle(storage: Persistence, history: History, log: Log): Promise<void> {
  await storage.journal.drain();
  const { db } = storage, applier = new Applier(db);
  const cursor = history.cursorAfter(db.lastZxid);
  let last = db.lastZxid, txns = 0;
  try {
    while (cursor?.next() === true) {
      applier.apply(cursor.bytes, cursor.start, cursor.end, -1);
      last = cursor.zxid;
      txns++;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    // A leader proposed what is no txn; it cannot have been committed anywhere. What it left in the tree goes with it.
    log.error("A txn that cannot be applied is cut from the log", {
      after: formatZxid(last),
      error: messageOf(error),
    });
    await storage.truncate(last);
    history.truncate(storage.db.lastZxid);
  } finally {
    cursor?.close();
  }
  history.applied(storage.db.lastZxid);
  if (txns > 0) storage.onApplied(txns);
}
