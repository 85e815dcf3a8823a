/** A snapshot file as a stream (operations §3.3): whole or refused, whatever the pieces it comes in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import type { ByteSource } from "../../src/storage/byte_stream.ts";
import type { Compression } from "../../src/storage/names.ts";
import { loadUploaded, type UploadedSnapshot } from "../../src/storage/uploaded.ts";
import { Database } from "../../src/txn/database.ts";
import type { Machine, Sim } from "../../runtimes/sim/index.ts";
import { readApache } from "./apache.ts";
import { take } from "./snapshots.ts";
import { assertSame, filled, place } from "./streams.ts";
import { Author, codec, contextOf, DB_OPTIONS } from "./support.ts";

const COMPRESSIONS: readonly Compression[] = ["", "gz", "snappy"];

function inPieces(bytes: Uint8Array, pieceBytes: number): ByteSource {
  let at = 0;
  return {
    read(into) {
      const count = Math.min(pieceBytes, into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + count));
      at += count;
      return Promise.resolve(count);
    },
  };
}

async function upload(
  sim: Sim,
  machine: Machine,
  bytes: Uint8Array,
  pieceBytes = bytes.length,
): Promise<UploadedSnapshot & { db: Database }> {
  const db = new Database(codec, DB_OPTIONS);
  const source = inPieces(bytes, pieceBytes);
  return { ...await sim.runUntil(loadUploaded(contextOf(machine.runtime), source, db)), db };
}

for (const compression of COMPRESSIONS) {
  const name = compression === "" ? "plain" : compression;
  test(`a file of ours is read, in pieces of any size (${name})`, async () => {
    const { sim, machine } = place();
    const author = filled(300);
    for (const format of [2, 3] as const) {
      const { bytes } = await take(sim, machine, author.db, format, compression);
      for (const pieceBytes of [1, 7, 1000, bytes.length]) {
        const { db, zxid } = await upload(sim, machine, bytes, pieceBytes);
        assert.deepEqual([zxid, db.lastZxid], [300, 300]);
        assertSame(db, author.db);
      }
    }
  });

  test(`cut, changed or with something behind it, it is refused (${name})`, async () => {
    const { sim, machine } = place();
    const { bytes } = await take(sim, machine, filled(20).db, 3, compression);
    const refused = (spoilt: Uint8Array, what: string) =>
      assert.rejects(upload(sim, machine, spoilt), CorruptionError, what);
    for (let size = 0; size < bytes.length; size += 29) {
      await refused(bytes.subarray(0, size), `cut at ${size}`);
    }
    await refused(new Uint8Array([...bytes, 0]), "one byte more");
    let kept = 0;
    for (let at = 0; at < bytes.length; at += 3) {
      const spoilt = bytes.slice();
      spoilt[at] = (spoilt[at] as number) ^ 0x10;
      const outcome = await upload(sim, machine, spoilt).catch((error: unknown) => error);
      if (outcome instanceof Error) assert.ok(outcome instanceof CorruptionError, String(outcome));
      else kept++;
    }
    // A byte that means nothing: the database id that every file has, or gzip's own header.
    assert.ok(kept < 10, String(kept));
  });
}

test("files of Apache's are read", async () => {
  for (const folder of ["3.9.5", "3.9.5-gz"]) {
    const { sim, machine } = place();
    const { files } = await readApache(folder);
    const names = [...files.keys()].filter((name) => name.startsWith("snapshot."));
    for (const name of names) {
      const { zxid, nodes } = await upload(sim, machine, files.get(name) as Uint8Array, 100);
      assert.ok(zxid >= parseInt(name.split(".")[1] ?? "", 16), name);
      assert.ok(nodes >= 4, name);
    }
    assert.ok(names.length > 0);
  }
});

test("a file that does not say up to which txn it goes is refused", async () => {
  const { sim, machine } = place();
  const db = new Database(codec, { ...DB_OPTIONS, digest: false });
  const { bytes } = await take(sim, machine, db, 2, "", false);
  await assert.rejects(upload(sim, machine, bytes), /serializeLastProcessedZxid/);
});

test("a znode whose ACL was set while the file was written has the one before", async () => {
  const { sim, machine } = place();
  const author = new Author();
  author.payload({ kind: "create", path: "/a" });
  author.payload({ kind: "setAcl", path: "/a", user: "ann:x", version: 1 });
  const taking = take(sim, machine, author.db, 3, "", true, () => {
    author.payload({ kind: "setAcl", path: "/a", user: "ben:x", version: 2 });
  });
  const { db: { tree } } = await upload(sim, machine, (await taking).bytes);
  const list = tree.acls.get(tree.aclId(tree.findPath("/a")));
  assert.deepEqual(list, [{ perms: 31, scheme: "digest", id: "ann:x" }]);
});
