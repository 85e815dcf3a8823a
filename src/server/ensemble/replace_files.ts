/** A learner's log and tree make way for what its leader has (docs/internals/ensemble.md, rule 7). */
import { formatZxid, type Zxid } from "../../base/zxid.ts";
import { receiveSnapshot } from "../../storage/snapshot_stream.ts";
import { TruncationError } from "../../storage/truncate.ts";
import { setConfigNode } from "../../txn/config_node.ts";
import type { LeaderLink } from "./leader_link.ts";
import type { RoleParts } from "./parts.ts";

/** @returns the last zxid that is left: another than `through` when the log cannot be cut there */
export async function truncateLog(parts: RoleParts, through: Zxid): Promise<Zxid> {
  const { storage, history, log } = parts;
  log.info("Cutting what the leader does not have", { through: formatZxid(through) });
  try {
    await storage.truncate(through);
  } catch (error) {
    if (!(error instanceof TruncationError)) throw error;
    log.warn("Cannot cut the log; a snapshot is taken instead", { error: error.message });
    await storage.reload();
  }
  const { lastZxid } = storage.db;
  history.truncate(lastZxid);
  writeConfigNode(parts);
  return lastZxid;
}

export interface TakingSnapshot {
  /** Whether the role goes on. */
  readonly isWanted: () => boolean;
  /** All of it came: from here on it is our own disk that takes its time. */
  readonly onReceived: () => void;
}

/**
 * Fills a new tree from the connection, and puts it in the place of the old one, on the disk first.
 * @returns whether it was done
 * @throws {ProtocolError} it is no snapshot
 */
export async function takeSnapshot(
  parts: RoleParts,
  link: LeaderLink,
  zxid: Zxid,
  { isWanted, onReceived }: TakingSnapshot,
): Promise<boolean> {
  const { context, storage, history, log } = parts;
  const source = link.beginSnapshot(), db = storage.recovered.emptyDatabase();
  log.info("Taking over a snapshot of the leader's", { zxid: formatZxid(zxid) });
  const { nodes } = await receiveSnapshot(context, source, db, zxid);
  if (!isWanted()) return false;
  db.isUnsettled = true;
  link.endSnapshot(source);
  onReceived();
  await storage.install(db);
  history.clear(zxid);
  writeConfigNode(parts);
  log.info("Took over a snapshot of the leader's", { zxid: formatZxid(zxid), nodes });
  return true;
}

function writeConfigNode({ storage, configText, ensemble, runtime }: RoleParts): void {
  setConfigNode(storage.db, configText, ensemble.membership.version, runtime.clock.wallMs());
}
