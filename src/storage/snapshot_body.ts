/**
 * What a snapshot file and the stream after SNAP have in common (storage-format §7.1, peer-protocol §8.2):
 *
 *   body = sessions acls nodes "/":ustring
 */
import { CorruptionError } from "../base/errors.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import { AclRecord } from "../protocol/records.ts";
import { vector } from "../protocol/schema.ts";
import type { Database } from "../txn/database.ts";
import type { SnapshotWindow } from "./snapshot_window.ts";

const AclVector = vector(AclRecord);

/** Sections 2 and 3: in the turn in which a snapshot begins, before its znodes. */
export function writeSessionsAndAcls(w: Writer, db: Database): void {
  w.int32(db.sessions.size);
  for (const [id, timeoutMs] of db.sessions) {
    w.int64(id);
    w.int32(timeoutMs);
  }
  const acls = [...db.tree.acls.entries()];
  w.int32(acls.length);
  for (const [key, list] of acls) {
    w.int64Number(key);
    AclVector.write(w, list.map(({ perms, scheme, id }) => ({ perms, id: { scheme, id } })));
  }
}

/** Into a cleared database; `finishLoad` is the caller's. @returns znodes. @throws {CorruptionError} */
export async function loadBody(window: SnapshotWindow, db: Database): Promise<number> {
  await loadSessions(window, db);
  const acls = await window.record((r) => countOf(r, "ACL lists"));
  for (let i = 0; i < acls; i++) await window.record((r) => db.tree.acls.loadFrom(r));
  return await loadNodes(window, db);
}

async function loadSessions(window: SnapshotWindow, db: Database): Promise<void> {
  const count = await window.record((r) => countOf(r, "sessions"));
  for (let i = 0; i < count; i++) {
    await window.record((r) => {
      const id = r.int64();
      db.sessions.set(id, r.int32());
    });
  }
}

function countOf(r: Reader, what: string): number {
  const count = r.int32();
  if (count < 0) throw new CorruptionError(`it counts ${count} ${what}`);
  return count;
}

/** Section 4; the loop is synchronous while the window lasts. */
async function loadNodes(window: SnapshotWindow, db: Database): Promise<number> {
  const r = window.reader, tree = db.tree;
  for (let nodes = 0;;) {
    window.mark = r.pos;
    try {
      for (;;) {
        nodes += tree.loadRun(r);
        window.mark = r.pos;
        if (!tree.load(r)) return nodes;
        nodes++;
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      r.pos = window.mark;
      await window.more(error);
    }
  }
}
