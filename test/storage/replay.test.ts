/** Replaying logs that lack, repeat or spoil records (storage-format §2, §4.4, §9.2, §15 cases 24-26, 74). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { lab } from "./lab.ts";
import { groupsOf, padded, sealed } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { Author } from "./support.ts";

test("a gap inside a log is refused, a jump to the next epoch is not, a duplicate is harmless", async () => {
  const author = new Author();
  const payload = (zxid: number, path: string) => author.payload({ kind: "create", path }, zxid);
  const first = payload(1, "/a"), second = payload(2, "/b");
  const gap = payload(4, "/d"), epoch = payload(0x1_0000_0001, "/e");
  for (const format of [2, 3] as const) {
    const it = lab();
    await it.stop(await it.start({ fileFormat: format }));
    await it.put("log.1", sealed(format, [[first, second, gap]]));
    await assert.rejects(
      it.start(),
      /it is 0x4, but what came before ends at 0x2: records between are missing/,
    );
    await it.put("log.1", sealed(format, [[first, second, second, first]]));
    const doubled = await it.start();
    assert.deepEqual([doubled.storage.database.lastZxid, doubled.storage.report.applied], [2, 4]);
    assert.equal(doubled.digest, author.digests.get(2));
    await it.stop(doubled);
    await it.put("log.1", sealed(format, [[first, second], [epoch]]));
    const jumped = await it.start();
    assert.equal(jumped.storage.database.lastZxid, 0x1_0000_0001);
  }
});

test("in Apache's format a torn log in the middle is taken when the next one continues it", async () => {
  const author = new Author();
  const groups = groupsOf([3, 3], 4, author);
  const first = sealed(2, groups.slice(0, 1));
  const torn = new Uint8Array(first.length + 40);
  torn.set(first);
  torn.set(first.subarray(16, 40), first.length);
  const it = lab();
  await it.stop(await it.start({ fileFormat: 2 }));
  await it.put("log.1", torn);
  await it.put("log.4", sealed(2, groups.slice(1)));
  const server = await it.start();
  assert.equal(server.storage.database.lastZxid, 6);
  assert.match(it.heard.lines.join("\n"), /ends torn; the next one goes on.*log\.1/);
  await it.stop(server);
  const lost = sealed(2, [(groups[0] ?? []).slice(0, 2)]);
  const shorter = new Uint8Array(lost.length + 30);
  shorter.set(lost);
  shorter.set(first.subarray(16, 40), lost.length);
  await it.put("log.1", shorter);
  await assert.rejects(it.start(), /records between are missing/);
});

test("a txn with an epoch beyond all refuses the start", async () => {
  const it = lab();
  await it.stop(await it.start());
  const payload = new Author().payload({ kind: "create", path: "/a" }, 1);
  payload.set([0, 0x20, 0, 0], 12);
  await it.put("log.1", sealed(3, [[payload]]));
  await assert.rejects(it.start(), /at byte 16: its zxid has an epoch above the largest/);
});

test("a record with a good checksum that is no txn refuses the start, nothing behind it is dropped", async () => {
  const author = new Author();
  const good = author.payload({ kind: "create", path: "/a" });
  const short = author.payload({ kind: "create", path: "/b" }).subarray(0, 40);
  const unknown = author.payload({ kind: "create", path: "/c" });
  unknown.set([0, 0, 0, 99], 28);
  unknown.set([0, 0, 0, 2], 16);
  for (const payload of [short, unknown, good.subarray(0, 10)]) {
    const it = lab();
    await it.stop(await it.start());
    await it.put("log.1", sealed(3, [[good, payload]]));
    await assert.rejects(
      it.start(),
      (error: unknown) =>
        error instanceof CorruptionError &&
        /^Cannot replay log "log\.1" at byte \d+: /.test(error.message),
    );
  }
});

test("a txn dropped from a log with another zxid in its place is noticed by the digest", async () => {
  const author = new Author();
  const first = author.payload({ kind: "create", path: "/a" }, 1);
  author.payload({ kind: "create", path: "/lost" }, 2);
  const third = author.payload({ kind: "create", path: "/c" }, 2);
  for (const digestEnabled of [true, false]) {
    const it = lab();
    await it.stop(await it.start());
    await it.put("log.1", sealed(3, [[first, third]]));
    const { report } = (await it.start({ digestEnabled })).storage;
    assert.equal(report.digestMismatches, digestEnabled ? 1 : 0);
    assert.equal(it.heard.lines.some((line) => line.includes("digest differs")), digestEnabled);
  }
});

test("logs without digests are read with the digest on, and the reverse", async () => {
  const it = lab();
  const server = await it.start();
  for (const [index, path] of ["/a", "/b"].entries()) {
    server.write(it.author.payload({ kind: "create", path }, index + 1, index === 0), index + 1);
  }
  await it.sim.runUntil(() => server.acked === 2);
  await it.stop(server);
  const on = await it.start();
  on.check(2, it.author);
  await it.stop(on);
  assert.equal((await it.start({ digestEnabled: false })).storage.database.lastZxid, 2);
});

test("a log that ends where the snapshot does is not read when the next one begins there, and is when that is empty", async () => {
  const groups = groupsOf([3, 3], 4, new Author());
  const before = sealed(3, groups.slice(0, 1)), behind = sealed(3, groups.slice(1));
  const it = lab();
  await it.stop(await it.start());
  await it.put("log.1", before);
  const first = await it.start();
  await it.sim.runUntil(first.storage.snapshotter.take(first.storage.database));
  await it.stop(first);
  await it.put("log.1", before.map((byte, i) => i > 40 ? ~byte : byte));
  await it.put("log.4", behind);
  const second = await it.start();
  const { database, report } = second.storage;
  assert.deepEqual([database.lastZxid, report.applied, report.logsRead], [6, 3, 1]);
  await it.stop(second);
  await it.put("log.4", behind.slice(0, 16));
  await assert.rejects(it.start(), /log\.1/);
  await it.put("log.1", before);
  const third = await it.start();
  assert.deepEqual([third.storage.database.lastZxid, third.storage.report.logsRead], [3, 2]);
  assert.ok(!(await it.names()).includes("log.4"), "the empty one is removed");
});

test("an entry is on the disk after a start however large it is, though its own sync failed", async () => {
  const payload = new Author().payload({
    kind: "create",
    path: "/a",
    data: new Uint8Array(20 << 20),
  }, 1);
  const it = lab();
  await it.stop(await it.start());
  const { fs } = it.machine.runtime;
  const file = await it.sim.runUntil(fs.open(`${FOLDER}/log.1`, "write"));
  const log = sealed(3, [[payload]]);
  await it.sim.runUntil(file.write(log.slice(0, 16), 0));
  await it.sim.runUntil(file.syncData());
  await it.sim.runUntil(fs.syncDir(FOLDER));
  await it.sim.runUntil(file.write(log.slice(16), 16));
  it.machine.files.failNext("syncData", "IO");
  await assert.rejects(it.sim.runUntil(file.syncData()));
  await it.sim.runUntil(file.close());
  const server = await it.start();
  assert.equal(server.storage.database.lastZxid, 1);
  it.machine.crash("lose");
  it.machine.start();
  assert.equal((await it.start()).storage.database.lastZxid, 1);
});

test("what was cut off a log does not come back after a start, though the sync of the cut failed", async () => {
  // Each change that a failed sync leaves is forgotten or not, as the seed has it.
  for (const [seed, format] of [1, 2, 3, 4, 5, 6].flatMap((n) => [[n, 2], [n, 3]] as const)) {
    const groups = groupsOf([3, 3], 1, new Author());
    const all = sealed(format, groups), kept = sealed(format, groups.slice(0, 1));
    const it = lab(seed);
    await it.stop(await it.start({ fileFormat: format }));
    await it.put("log.1", all);
    const file = await it.sim.runUntil(it.machine.runtime.fs.open(`${FOLDER}/log.1`, "write"));
    await it.sim.runUntil(file.truncate(kept.length));
    it.machine.files.failNext("sync", "IO");
    await assert.rejects(it.sim.runUntil(file.sync()));
    await it.sim.runUntil(file.close());
    assert.equal((await it.start()).storage.database.lastZxid, 3);
    it.machine.crash("lose");
    it.machine.start();
    assert.equal((await it.start()).storage.database.lastZxid, 3);
  }
});

test("a log begun behind the snapshot that holds nothing durable makes way for the next append", async () => {
  const groups = groupsOf([3, 3], 4, new Author());
  const before = sealed(3, groups.slice(0, 1)), behind = sealed(3, groups.slice(1));
  const ends = {
    header: behind.slice(0, 16),
    zeros: padded(behind.slice(0, 16), 4096),
    torn: padded(behind.slice(0, behind.length - 20), 4096),
    unborn: new Uint8Array(4096),
    empty: new Uint8Array(0),
  };
  for (const [what, bytes] of Object.entries(ends)) {
    const it = lab();
    await it.stop(await it.start());
    await it.put("log.1", before);
    const first = await it.start();
    await it.sim.runUntil(first.storage.snapshotter.take(first.storage.database));
    await it.stop(first);
    await it.put("log.4", bytes);
    const second = await it.start();
    assert.deepEqual(await it.bytes("log.1"), before, what);
    assert.ok(!(await it.names()).includes("log.4"), what);
    assert.equal(second.storage.fileFormat, 3);
    const author = new Author(second.storage.database);
    second.write(author.payload({ kind: "create", path: "/next" }, 4), 4);
    await it.sim.runUntil(() => second.acked === 4 || second.failure !== undefined);
    assert.equal(second.failure, undefined, what);
    await it.stop(second);
    assert.equal((await it.start()).storage.database.lastZxid, 4, what);
  }
});

test("a copy of the first log beside it does not take its place", async () => {
  const groups = groupsOf([3, 3], 4, new Author());
  const it = lab();
  await it.stop(await it.start());
  await it.put("log.1", sealed(3, groups));
  await it.put("log.1.old", sealed(3, groups.slice(0, 1)));
  assert.equal((await it.start()).storage.database.lastZxid, 6);
});

test("a log of Apache's that holds more than the next one begins with is read", async () => {
  const groups = groupsOf([3, 1, 2], 4, new Author());
  const it = lab();
  await it.stop(await it.start({ fileFormat: 2 }));
  await it.put("log.1", sealed(2, groups.slice(0, 1)));
  const first = await it.start();
  await it.sim.runUntil(first.storage.snapshotter.take(first.storage.database));
  await it.stop(first);
  await it.put("log.1", sealed(2, groups));
  await it.put("log.4", sealed(2, groups.slice(1, 2)));
  assert.equal((await it.start()).storage.database.lastZxid, 6);
});
