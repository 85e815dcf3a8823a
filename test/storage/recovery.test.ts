/** Starting from all kinds of directories (storage-format §1, §7.4, §10, §15 cases 10-18, 45-49, 61-64, 74). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError, UsageError } from "../../src/base/errors.ts";
import { utf8Encode } from "../../src/base/host.ts";
import { recover } from "../../src/storage/recovery.ts";
import { ALL, lab, populated } from "./lab.ts";
import { putFile, sealed } from "./logs.ts";
import { FOLDER, snapshotterOf } from "./snapshots.ts";
import { codec, contextOf, Entry, OPTIONS } from "./support.ts";

test("a new directory is made, with a first snapshot, in our format", async () => {
  const it = lab();
  const server = await it.start();
  assert.deepEqual(await it.names(), ["snapshot.0"]);
  const { report, fileFormat, database } = server.storage;
  assert.deepEqual([report.isNew, report.snapshotDue, fileFormat, database.lastZxid], [
    true,
    "no",
    3,
    0,
  ]);
  assert.equal(database.tree.digest, 1371985504n);
});

test("a directory goes on in the format of its newest file; a setting decides for new files", async () => {
  for (const fileFormat of [2, 3] as const) {
    const it = await populated({ fileFormat });
    assert.deepEqual(await it.names(), ALL);
    const same = await it.start();
    assert.equal(same.storage.fileFormat, fileFormat);
    await it.stop(same);
    const other = fileFormat === 2 ? 3 : 2;
    const switched = await it.start({ fileFormat: other });
    assert.equal(switched.storage.fileFormat, other);
    switched.submit({ kind: "create", path: "/mixed" });
    await it.sim.runUntil(() => switched.acked === 31);
    await it.stop(switched);
    const mixed = await it.start();
    mixed.check(31, it.author);
    assert.equal(mixed.storage.fileFormat, other);
  }
});

test("a restart gives the same zxid, tree and sessions, and the next append a new file", async () => {
  const it = await populated();
  const server = await it.start();
  server.check(30, it.author);
  assert.deepEqual(server.storage.database.sessions, it.author.db.sessions);
  assert.deepEqual([server.storage.report.snapshot, server.storage.report.applied], [
    "snapshot.14",
    10,
  ]);
  server.submit({ kind: "create", path: "/next" });
  await it.sim.runUntil(() => server.acked === 31);
  assert.ok((await it.names()).includes("log.1f"));
});

test("the newest snapshot cut short: the one before and the logs lose nothing", async () => {
  for (const size of [0, 1, 3, 100, -1]) {
    const it = await populated();
    const bytes = await it.bytes("snapshot.14");
    await it.put("snapshot.14", bytes.subarray(0, size < 0 ? bytes.length + size : size));
    const server = await it.start();
    server.check(30, it.author);
    assert.equal(server.storage.report.snapshot, "snapshot.a");
  }
});

test("a damaged snapshot that looks whole is skipped with a warning, nothing of it stays", async () => {
  const it = await populated();
  const bytes = await it.bytes("snapshot.14");
  bytes[bytes.length - 60] = (bytes[bytes.length - 60] ?? 0) ^ 1;
  await it.put("snapshot.14", bytes);
  const server = await it.start();
  server.check(30, it.author);
  assert.deepEqual(server.storage.database.sessions, it.author.db.sessions);
  assert.equal(server.storage.report.snapshotsRefused, 1);
  assert.match(it.heard.lines.join("\n"), /damaged.*snapshot\.14/);
});

test("compressed snapshots that are one byte long are not tried", async () => {
  const it = await populated();
  for (const name of ["snapshot.15.gz", "snapshot.16.snappy", "snapshot.17"]) {
    await it.put(name, Uint8Array.of(0x1f));
  }
  const server = await it.start();
  server.check(30, it.author);
  assert.equal(server.storage.report.snapshotsRefused, 0);
});

test("all snapshots damaged: the start is refused with what to do", async () => {
  const it = await populated();
  for (const name of ["snapshot.0", "snapshot.a", "snapshot.14"]) {
    const bytes = await it.bytes(name);
    bytes.fill(0x55, 20, 60);
    await it.put(name, bytes);
  }
  await assert.rejects(
    it.start(),
    (error: unknown) =>
      error instanceof CorruptionError && /none of its 3 snapshots.*restore/.test(error.message),
  );
});

test("snapshots deleted or emptied while logs exist: refused, or trusted with the same zxid", async () => {
  for (const empty of [true, false]) {
    const it = await populated();
    for (const name of ["snapshot.0", "snapshot.a", "snapshot.14"]) {
      if (empty) await it.put(name, new Uint8Array(0));
      else await it.sim.runUntil(it.machine.runtime.fs.remove(`${FOLDER}/${name}`));
    }
    await assert.rejects(it.start(), /no snapshot.*snapshot\.trust\.empty/);
    const server = await it.start({ snapshotTrustEmpty: true });
    server.check(30, it.author);
    assert.equal(server.storage.report.snapshotDue, "first");
  }
});

test("db.autocreate false: refused alone, zxid -1 in an ensemble, and `initialize` vouches and is used up", async () => {
  const it = lab();
  await assert.rejects(
    it.start({ dbAutocreate: false }),
    (error: unknown) => error instanceof UsageError && /initialize/.test(error.message),
  );
  const options = { ...OPTIONS, dbAutocreate: false };
  const { runtime } = it.machine;
  const member = await it.sim.runUntil(recover<Entry>(contextOf(runtime), codec, options, false));
  assert.equal(member.database.lastZxid, -1);
  assert.deepEqual(await it.names(), []);
  await it.sim.runUntil(member.close());
  await it.sim.runUntil(putFile(runtime, "/data/initialize", new Uint8Array(0)));
  const server = await it.start({ dbAutocreate: false });
  assert.equal(server.storage.database.lastZxid, 0);
  assert.deepEqual(await it.names(), ["snapshot.0"]);
  assert.deepEqual(await it.names("/data"), ["version-2"]);
});

test("missing directories without datadir.autocreate: refused, nothing made", async () => {
  const it = lab();
  await assert.rejects(
    it.start({ dataDirAutocreate: false }),
    (error: unknown) =>
      error instanceof UsageError && /"\/data\/version-2": it is missing/.test(error.message),
  );
  assert.deepEqual(await it.names("/"), []);
});

test("a snapshot among separate logs, a log among separate snapshots: two refusals", async () => {
  const it = lab();
  const options = { dataLogDir: "/logs" };
  const server = await it.start(options);
  server.submit({ kind: "create", path: "/a" });
  await it.sim.runUntil(() => server.acked === 1);
  await it.stop(server);
  assert.deepEqual([await it.names(), await it.names("/logs/version-2")], [["snapshot.0"], [
    "log.1",
  ]]);
  await it.sim.runUntil(
    putFile(it.machine.runtime, "/logs/version-2/snapshot.5", new Uint8Array(1)),
  );
  await assert.rejects(it.start(options), /snapshot "snapshot\.5" is in the log directory/);
  await it.sim.runUntil(it.machine.runtime.fs.remove("/logs/version-2/snapshot.5"));
  await it.put("log.5", new Uint8Array(1));
  await assert.rejects(it.start(options), /log "log\.5" is in the snapshot directory/);
  await it.sim.runUntil(it.machine.runtime.fs.remove(`${FOLDER}/log.5`));
  (await it.start(options)).check(1, it.author);
});

test("a second server on the same directory is refused in one line; the first goes on", async () => {
  const it = lab();
  const first = await it.start();
  await assert.rejects(
    it.start(),
    (error: unknown) =>
      error instanceof UsageError && /"\/data": another server uses it/.test(error.message) &&
      !error.message.includes("\n"),
  );
  await it.stop(first);
  await it.start();
});

test("a directory that cannot be written: one line that says why", async () => {
  for (const code of ["ACCESS", "NO_SPACE"] as const) {
    const it = lab();
    it.machine.files.failNext("mkdir", code);
    await assert.rejects(
      it.start(),
      (error: unknown) =>
        error instanceof UsageError &&
        /Cannot use directory "\/data\/version-2": (no permission|the disk is full)/.test(
          error.message,
        ),
    );
  }
});

test("an empty last log is removed, an empty one in the middle refused and kept", async () => {
  const it = await populated();
  await it.put("log.1f", new Uint8Array(0));
  const server = await it.start();
  server.check(30, it.author);
  await it.stop(server);
  assert.deepEqual(await it.names(), ALL);
  await it.put("log.1a", new Uint8Array(0));
  await it.put("log.1f", sealed(3, []));
  await assert.rejects(it.start(), /"log\.1a": 0 bytes/);
  assert.ok((await it.names()).includes("log.1a"));
});

test("a torn tail is cut, with zxid and place, and stays cut", async () => {
  const it = await populated();
  const bytes = await it.bytes("log.15");
  await it.put("log.15", bytes.subarray(0, bytes.length - 5));
  const server = await it.start();
  const { cut } = server.storage.report;
  const { lastZxid } = server.storage.database;
  assert.ok(cut !== undefined && lastZxid >= 20 && lastZxid < 30);
  assert.deepEqual([cut.file, cut.afterZxid], ["log.15", lastZxid]);
  assert.match(
    it.heard.lines.join("\n"),
    new RegExp(`torn.*file=log.15 byte=${cut.byte} afterZxid=0x`),
  );
  await it.stop(server);
  assert.equal(
    (await it.names()).includes("log.15") ? (await it.bytes("log.15")).length : cut.byte,
    cut.byte,
  );
  const again = await it.start();
  assert.equal(again.storage.report.cut, undefined);
  assert.equal(again.storage.database.lastZxid, lastZxid);
});

test("the oldest log may be gone when a snapshot covers it; a gap is refused with both ends", async () => {
  const it = await populated();
  await it.sim.runUntil(it.machine.runtime.fs.remove(`${FOLDER}/log.1`));
  const server = await it.start();
  server.check(30, it.author);
  await it.stop(server);
  for (const name of ["snapshot.14", "log.b"]) {
    await it.sim.runUntil(it.machine.runtime.fs.remove(`${FOLDER}/${name}`));
  }
  await assert.rejects(
    it.start(),
    /log "log\.15" at byte 16: it is 0x15, but what came before ends at 0xa/,
  );
});

test("an unfinished snapshot is not read, whatever it holds", async () => {
  const it = await populated();
  await it.put("snapshot.1c.tmp", await it.bytes("snapshot.14"));
  const server = await it.start();
  server.check(30, it.author);
  assert.equal(server.storage.report.snapshot, "snapshot.14");
});

test("names that are no zxids are ignored, one beyond all epochs refuses the start", async () => {
  const it = await populated();
  const whole = await it.bytes("snapshot.14");
  for (
    const name of [
      "snapshot.ffffffffffffffff",
      "snapshot.xyz",
      "log.",
      "snapshot",
      "logs.1",
      "acceptedEpoch",
    ]
  ) {
    await it.put(name, whole);
  }
  const server = await it.start();
  server.check(30, it.author);
  await it.stop(server);
  await it.put("snapshot.1fffff00000000", whole);
  await assert.rejects(
    it.start(),
    /"snapshot\.1fffff00000000": its zxid has an epoch above the largest/,
  );
});

test("epoch files are read and left alone", async () => {
  const it = await populated();
  await it.put("acceptedEpoch", utf8Encode("7"));
  await it.put("currentEpoch", utf8Encode("6\nrest"));
  const { report } = (await it.start()).storage;
  assert.deepEqual([report.acceptedEpoch, report.currentEpoch], [7, 6]);
  assert.deepEqual(await it.bytes("currentEpoch"), utf8Encode("6\nrest"));
});

test("the snapshot of a restart takes the place of one of the same name", async () => {
  const it = await populated();
  const server = await it.start();
  await it.sim.runUntil(snapshotterOf(it.machine).take(server.storage.database));
  await it.stop(server);
  const again = await it.start();
  assert.deepEqual([again.storage.report.snapshot, again.storage.report.applied], [
    "snapshot.1e",
    0,
  ]);
  assert.equal(again.storage.report.snapshotDue, "no");
  again.check(30, it.author);
});
