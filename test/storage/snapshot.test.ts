/** Snapshot files: written while the tree changes, read with every check (storage-format §7, §15 cases 42-58). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { utf8Encode } from "../../src/base/host.ts";
import { viewOf } from "../../src/jute/writer.ts";
import type { FileFormat } from "../../src/storage/host.ts";
import type { Compression } from "../../src/storage/names.ts";
import { SnapshotStopped } from "../../src/storage/snapshot_writer.ts";
import { Applier } from "../../src/txn/apply.ts";
import { Database } from "../../src/txn/database.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { putFile } from "./logs.ts";
import { FOLDER, load, snapshotterOf, take } from "./snapshots.ts";
import { Author, Changes, codec, DB_OPTIONS } from "./support.ts";

const FORMATS: readonly FileFormat[] = [2, 3];
const COMPRESSIONS: readonly Compression[] = ["", "gz", "snappy"];

/** `snapshot.0` of an empty database as Apache 3.8.0 writes it (storage-format §14.1). */
const EMPTY_380 =
  "5a4b534e00000002ffffffffffffffff00000000000000010000000000000001000000010000000100000005776f726c" +
  "6400000006616e796f6e650000000000000000ffffffffffffffff000000000000000000000000000000000000000000" +
  "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000a2f7a6f6f6b" +
  "656570657200000000ffffffffffffffff00000000000000000000000000000000000000000000000000000000000000" +
  "0000000000000000000000000000000000000000000000000000000000000000112f7a6f6f6b65657065722f636f6e66" +
  "696700000000000000000000000100000000000000000000000000000000000000000000000000000000000000000000" +
  "000000000000ffffffff00000000000000000000000000000000000000102f7a6f6f6b65657065722f71756f74610000" +
  "0000ffffffffffffffff0000000000000000000000000000000000000000000000000000000000000000000000000000" +
  "00000000000000000000000000000000000000000000000000012f00000000b8a23b49000000012f0000000000000000" +
  "0000000200000000000000000000000095b93d59000000012f";

function machineOf(seed = 1) {
  const sim = createSim({ seed });
  return { sim, machine: sim.machine("a") };
}

function filled(txns: number, seed = 1): Author {
  const author = new Author();
  const changes = new Changes(seed);
  for (let n = 0; n < txns; n++) author.payload(changes.next());
  return author;
}

function pathsOf(db: Database): string[] {
  const paths: string[] = [];
  db.tree.forEachInSubtree(db.tree.root, (id) => paths.push(db.tree.pathOf(id)));
  return paths.sort();
}

test("the snapshot of an empty database is what Apache 3.8.0 writes, byte for byte", async () => {
  const { sim, machine } = machineOf();
  const { report, bytes } = await take(sim, machine, new Database(codec, DB_OPTIONS), 2, "", false);
  assert.equal(report.name, "snapshot.0");
  assert.equal(Buffer.from(bytes).toString("hex"), EMPTY_380);
});

for (const format of FORMATS) {
  for (const compression of COMPRESSIONS) {
    const name = `format ${format}, ${compression === "" ? "plain" : compression}`;
    test(`what is written is read back, with sessions, digest and last zxid (${name})`, async () => {
      const { sim, machine } = machineOf();
      const author = filled(400);
      const { report } = await take(sim, machine, author.db, format, compression);
      const { db, loaded } = await load(sim, machine, report.name);
      assert.equal(report.name, `snapshot.190${compression === "" ? "" : `.${compression}`}`);
      assert.equal(db.tree.digest, author.db.tree.digest);
      assert.deepEqual(db.sessions, author.db.sessions);
      assert.deepEqual(pathsOf(db), pathsOf(author.db));
      assert.deepEqual(loaded.digest, { zxid: 400, version: 2, digest: author.db.tree.digest });
      assert.deepEqual([loaded.format, loaded.lastZxid, db.lastZxid], [format, 400, 400]);
    });

    test(`any changed byte makes it unreadable, never another tree (${name})`, async () => {
      const { sim, machine } = machineOf();
      const author = filled(20);
      const { report, bytes } = await take(sim, machine, author.db, format, compression);
      const step = Math.ceil(bytes.length / 150);
      for (let at = 0; at < bytes.length; at += step) {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
        await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${report.name}`, damaged));
        const outcome = await load(sim, machine, report.name).catch((error: unknown) => error);
        if (outcome instanceof CorruptionError) continue;
        assert.ok(
          typeof outcome === "object" && outcome !== null && "db" in outcome,
          String(outcome),
        );
        assert.equal((outcome.db as Database).tree.digest, author.db.tree.digest, `byte ${at}`);
        assert.ok(compression !== "", "only bytes of a container's own may be free");
      }
    });

    test(`cut anywhere it is unreadable (${name})`, async () => {
      const { sim, machine } = machineOf();
      const { report, bytes } = await take(sim, machine, filled(20).db, format, compression);
      const step = Math.ceil(bytes.length / 60);
      for (let size = 0; size < bytes.length - 54; size += step) {
        await sim.runUntil(
          putFile(machine.runtime, `${FOLDER}/${report.name}`, bytes.subarray(0, size)),
        );
        await assert.rejects(load(sim, machine, report.name), CorruptionError, `${size} bytes`);
      }
    });
  }
}

test("digest and last zxid are there or not, told apart by the bytes left", async () => {
  const { sim, machine } = machineOf();
  const author = filled(30);
  const plain = new Database(codec, { ...DB_OPTIONS, digest: false });
  const { report } = await take(sim, machine, author.db, 2);
  await load(sim, machine, report.name);
  for (const hasDigest of [true, false]) {
    for (const hasLast of [true, false]) {
      const db = hasDigest ? author.db : plain;
      const taken = await take(sim, machine, db, 2, hasLast ? "snappy" : "", hasLast);
      for (const options of [DB_OPTIONS, { ...DB_OPTIONS, digest: false }]) {
        const { loaded } = await load(sim, machine, taken.report.name, options);
        assert.equal(loaded.digest !== undefined, hasDigest);
        assert.equal(loaded.lastZxid !== undefined, hasLast);
      }
    }
  }
});

test("bytes behind the seal that are no section make it unreadable", async () => {
  const { sim, machine } = machineOf();
  const { report, bytes } = await take(sim, machine, filled(5).db, 2);
  for (const extra of [1, 12, 21, 40]) {
    const longer = new Uint8Array(bytes.length + extra);
    longer.set(bytes);
    await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${report.name}`, longer));
    await assert.rejects(load(sim, machine, report.name), CorruptionError);
  }
});

test("an absurd length is refused without taking memory for it", async () => {
  const { sim, machine } = machineOf();
  const { report, bytes } = await take(sim, machine, filled(5).db, 2);
  const sessions = viewOf(bytes).getInt32(16);
  const damaged = bytes.slice();
  viewOf(damaged).setInt32(20 + sessions * 12 + 4 + 8 + 8, 977468229);
  await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${report.name}`, damaged));
  await assert.rejects(load(sim, machine, report.name), /Unreasonable length 977468229/);
});

test("a znode with null data, one with none and a large one come back as they were", async () => {
  const { sim, machine } = machineOf();
  const author = new Author();
  const large = new Uint8Array(3 * 1024 * 1024).map((_, at) => at * 7);
  author.payload({ kind: "create", path: "/null", data: null });
  author.payload({ kind: "create", path: "/none", data: new Uint8Array(0) });
  author.payload({ kind: "create", path: "/large", data: large });
  author.payload({ kind: "create", path: "/\u00e4\u20ac", data: utf8Encode("\u00e4") });
  for (const compression of COMPRESSIONS) {
    const { report } = await take(sim, machine, author.db, 3, compression);
    const { tree } = (await load(sim, machine, report.name)).db;
    assert.equal(tree.copyData(tree.findPath("/null")), null);
    assert.deepEqual(tree.copyData(tree.findPath("/none")), new Uint8Array(0));
    assert.deepEqual(tree.copyData(tree.findPath("/large")), large);
    assert.deepEqual(tree.copyData(tree.findPath("/\u00e4\u20ac")), utf8Encode("\u00e4"));
    assert.equal(tree.digest, author.db.tree.digest);
  }
});

test("a snapshot of many pieces, taken while the tree changes, loads, and replay makes it exact", async () => {
  const { sim, machine } = machineOf(5);
  const author = new Author();
  for (let n = 0; n < 3000; n++) {
    author.payload({ kind: "create", path: `/n${n}`, data: new Uint8Array(900).fill(n) });
  }
  await sim.runUntil(machine.runtime.fs.mkdir(FOLDER));
  const snapshotter = snapshotterOf(machine);
  const taking = snapshotter.take(author.db);
  const later: Uint8Array[] = [];
  for (let round = 0; snapshotter.isRunning; round++) {
    later.push(
      author.payload({ kind: "create", path: `/later${round}`, data: new Uint8Array(10) }),
    );
    later.push(author.payload({ kind: "delete", path: `/n${round * 17}` }));
    later.push(author.payload({ kind: "set", path: `/n${2999 - round}`, data: null, version: 1 }));
    await sim.run(sim.nowMs + 0.05);
    if (round > 170) break;
  }
  const report = await sim.runUntil(taking);
  assert.ok(later.length > 6, "it took a while");
  assert.equal(report.zxid, 3000);
  const { db, loaded } = await load(sim, machine, report.name);
  assert.ok((loaded.digest?.zxid ?? 0) > 3000, "the digest is that of the end");
  assert.equal(db.tree.findPath("/later0"), -1, "created after it began: left to the log");
  const applier = new Applier(db);
  applier.compareDigests = false;
  for (const payload of later) {
    applier.apply(payload, 0, payload.length);
    if (db.lastZxid === loaded.digest?.zxid) assert.equal(db.tree.digest, loaded.digest.digest);
  }
  assert.equal(db.tree.digest, author.db.tree.digest);
});

test("an ACL list that came after the map was copied is known again after replay", async () => {
  const { sim, machine } = machineOf();
  const author = new Author();
  author.payload({ kind: "create", path: "/a" });
  author.payload({ kind: "create", path: "/b" });
  author.payload({ kind: "setAcl", path: "/b", user: "old:x", version: 1 });
  await sim.runUntil(machine.runtime.fs.mkdir(FOLDER));
  const taking = snapshotterOf(machine).take(author.db);
  const later = [
    author.payload({ kind: "setAcl", path: "/a", user: "new:x", version: 1 }),
    author.payload({ kind: "setAcl", path: "/b", user: "new:x", version: 2 }),
  ];
  const { name } = await sim.runUntil(taking);
  const { db } = await load(sim, machine, name);
  const aclOf = (path: string) => db.tree.acls.get(db.tree.aclId(db.tree.findPath(path)));
  // The new list is not in the map: they have the one before.
  assert.deepEqual(aclOf("/a"), [{ perms: 31, scheme: "world", id: "anyone" }]);
  assert.deepEqual(aclOf("/b"), [{ perms: 31, scheme: "digest", id: "old:x" }]);
  for (const payload of later) new Applier(db).apply(payload, 0, payload.length);
  for (const path of ["/a", "/b"]) {
    assert.deepEqual(aclOf(path), [{ perms: 31, scheme: "digest", id: "new:x" }]);
  }
  assert.equal(db.tree.digest, author.db.tree.digest);
  const again = await take(sim, machine, db);
  assert.deepEqual((await load(sim, machine, again.report.name)).db.tree.acls.size, 2);
});

test("a large snapshot goes to the disk by and by, so that no sync of the log waits for all of it", async () => {
  const { sim, machine } = machineOf();
  const author = new Author(), data = new Uint8Array(1024 * 1024).fill(7);
  for (let n = 0; n < 18; n++) author.payload({ kind: "create", path: `/n${n}`, data });
  await take(sim, machine, author.db);
  assert.equal(machine.files.count("syncData"), 4, "one in 4 MiB");
  assert.equal(machine.files.count("sync"), 1, "and all of it at the end");
  // A sync on the way that fails is a snapshot that fails.
  machine.files.failNext("syncData");
  await assert.rejects(sim.runUntil(snapshotterOf(machine).take(author.db)), /syncData/);
  const names = await sim.runUntil(machine.runtime.fs.readDir(FOLDER));
  assert.deepEqual(names, ["snapshot.12"]);
});

test("a failed snapshot leaves the list as it was, and the next one works", async () => {
  for (let failAt = 1;; failAt++) {
    const { sim, machine } = machineOf(failAt);
    const { fs } = machine.runtime;
    const author = filled(30);
    const first = await take(sim, machine, author.db);
    author.payload({ kind: "create", path: "/more" });
    machine.files.failOperation(failAt, "NO_SPACE");
    const snapshotter = snapshotterOf(machine);
    const outcome = await sim.runUntil(
      snapshotter.take(author.db).catch((error: unknown) => error),
    );
    if (machine.files.failed === 0) break;
    assert.match(String(outcome), /injected NO_SPACE/);
    const names = await sim.runUntil(fs.readDir(FOLDER));
    assert.ok(names.includes(first.report.name));
    assert.deepEqual(names.filter((name) => name.endsWith(".tmp")), []);
    assert.equal((await sim.runUntil(snapshotter.take(author.db))).name, "snapshot.1f");
    await load(sim, machine, "snapshot.1f");
  }
});

test("a crash at any moment of a snapshot leaves the old one, or the whole new one", async () => {
  for (let afterUs = 0; afterUs < 1600; afterUs += 40) {
    const { sim, machine } = machineOf(afterUs);
    const author = filled(30);
    const first = await take(sim, machine, author.db);
    await sim.runUntil(putFile(machine.runtime, "/data/x", new Uint8Array(1)));
    author.payload({ kind: "create", path: "/more" });
    void snapshotterOf(machine).take(author.db).catch(() => {});
    await sim.run(sim.nowMs + afterUs / 1000);
    machine.crash("any");
    machine.start();
    const names = await sim.runUntil(machine.runtime.fs.readDir(FOLDER));
    assert.ok(names.includes(first.report.name));
    for (const name of names.filter((name) => !name.endsWith(".tmp"))) {
      await load(sim, machine, name);
    }
  }
});

test("a snapshot that is stopped leaves nothing", async () => {
  const { sim, machine } = machineOf();
  const author = new Author();
  for (let n = 0; n < 2000; n++) {
    author.payload({ kind: "create", path: `/n${n}`, data: new Uint8Array(900) });
  }
  await sim.runUntil(machine.runtime.fs.mkdir(FOLDER));
  const snapshotter = snapshotterOf(machine);
  const taking = snapshotter.take(author.db);
  const outcome = taking.catch((error: unknown) => error);
  await sim.run(sim.nowMs + 0.5);
  await sim.runUntil(snapshotter.stop());
  assert.ok(await sim.runUntil(outcome) instanceof SnapshotStopped);
  assert.deepEqual(await sim.runUntil(machine.runtime.fs.readDir(FOLDER)), []);
});
