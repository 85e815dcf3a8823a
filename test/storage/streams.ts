/** What the tests of the stream behind SNAP share: both ends of it in the simulator. */
import assert from "node:assert/strict";
import { utf8Encode } from "../../src/base/host.ts";
import { type Zxid } from "../../src/base/zxid.ts";
import { PushSource } from "../../src/storage/push_source.ts";
import { receiveSnapshot, SnapshotStream } from "../../src/storage/snapshot_stream.ts";
import { Database } from "../../src/txn/database.ts";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { Author, Changes, codec, contextOf, DB_OPTIONS, zx } from "./support.ts";

export const SIGNATURE = utf8Encode("\0\0\0\nBenWasHere");

export function place(seed = 1): { sim: Sim; machine: Machine } {
  const sim = createSim({ seed });
  return { sim, machine: sim.machine("a") };
}

export function filled(txns: number, seed = 1): Author {
  const author = new Author();
  const changes = new Changes(seed);
  for (let n = 0; n < txns; n++) author.payload(changes.next());
  return author;
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

export async function streamed(
  sim: Sim,
  machine: Machine,
  db: Database,
  paced = false,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const stream = new SnapshotStream(contextOf(machine.runtime), db);
  await sim.runUntil(stream.run({ write: (view) => void pieces.push(view.slice()) }, () => paced));
  const bytes = joined(pieces);
  assert.equal(stream.bytes, bytes.length);
  return bytes;
}

/** Sections 2 to 4 of a snapshot file of ours, whose end sections have a known length. */
export function bodyOf(file: Uint8Array): Uint8Array {
  return file.subarray(16, file.length - 13 - 33 - 21);
}

export async function receive(
  sim: Sim,
  machine: Machine,
  bytes: Uint8Array,
  chunkBytes = bytes.length,
  zxid: Zxid = zx(400),
): Promise<{ db: Database; nodes: number; rest: Uint8Array }> {
  const source = new PushSource();
  const db = new Database(codec, DB_OPTIONS);
  const receiving = receiveSnapshot(contextOf(machine.runtime), source, db, zxid);
  receiving.catch(() => {});
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    source.push(bytes.subarray(at, at + chunkBytes));
    if (at % 3 === 0) await sim.run(sim.nowMs + 0.01);
  }
  source.end();
  const { nodes } = await sim.runUntil(receiving);
  return { db, nodes, rest: source.takeRest() };
}

export function pathsOf(db: Database): string[] {
  const paths: string[] = [];
  db.tree.forEachInSubtree(db.tree.root, (id) => paths.push(db.tree.pathOf(id)));
  return paths.sort();
}

export function assertSame(db: Database, wanted: Database): void {
  assert.equal(db.tree.digest, wanted.tree.digest);
  assert.deepEqual(pathsOf(db), pathsOf(wanted));
  assert.deepEqual(db.sessions, wanted.sessions);
  for (const path of pathsOf(db)) {
    const { tree } = db;
    assert.deepEqual(
      tree.acls.get(tree.aclId(tree.findPath(path))),
      wanted.tree.acls.get(wanted.tree.aclId(wanted.tree.findPath(path))),
    );
  }
}
