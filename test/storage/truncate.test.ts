/** The log is cut behind a zxid and the tree loaded anew, in either format, whatever stops it on the way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileFormat } from "../../src/storage/host.ts";
import { recover, type Recovered, type StorageOptions } from "../../src/storage/recovery.ts";
import { TruncationError } from "../../src/storage/truncate.ts";
import type { CrashFate } from "../../runtimes/sim/index.ts";
import { purge } from "../../src/storage/retention.ts";
import { type Lab, lab } from "./lab.ts";
import { boundaries, groupsOf, sealed } from "./logs.ts";
import { FOLDER, load } from "./snapshots.ts";
import { Author, Changes, codec, contextOf, Entry, MiniServer, OPTIONS, zx } from "./support.ts";

const FORMATS: readonly FileFormat[] = [2, 3];
const LAST = 40;

/** Groups of several sizes in three logs, snapshots at 0, 12 and 27. */
async function serving(
  options: Partial<StorageOptions>,
  seed = 1,
): Promise<{ it: Lab; server: MiniServer }> {
  const it = lab(seed);
  const server = await it.start(options);
  const changes = new Changes(seed);
  for (let n = 1; n <= LAST; n++) {
    server.submit(changes.next(80));
    if (n % 9 === 1 || n % 9 === 4) await it.sim.runUntil(() => server.acked === n);
    if (n !== 12 && n !== 27) continue;
    await it.sim.runUntil(() => server.acked === n);
    server.storage.journal.roll();
    await it.sim.runUntil(server.storage.snapshotter.take(server.storage.database));
  }
  await it.sim.runUntil(() => server.acked === LAST);
  return { it, server };
}

function assertState(storage: Recovered<Entry>, zxid: number, author: Author): void {
  assert.equal(storage.database.lastZxid, zxid);
  if (zxid > 0) assert.equal(storage.database.tree.digest, author.digests.get(zxid));
  assert.equal(storage.report.digestMismatches, 0);
}

/** The log goes on behind what is there, and is there after a loss of power. */
async function goOn(
  it: Lab,
  storage: Recovered<Entry>,
  options: Partial<StorageOptions> = {},
): Promise<void> {
  const from = storage.database.lastZxid;
  const author = new Author(storage.database);
  const w = storage.journal.begin(100);
  w.raw(author.payload({ kind: "create", path: "/after" }, from + 1));
  storage.journal.end(new Entry(zx(from + 1)));
  await it.sim.runUntil(storage.journal.drain());
  it.machine.crash("lose");
  it.machine.start();
  const heard = it.heard.lines.length;
  const again = await it.start(options);
  assertState(again.storage, from + 1, author);
  assert.deepEqual(it.heard.lines.slice(heard), [], "a clean start");
  await it.stop(again);
}

for (const format of FORMATS) {
  test(`cut to each zxid: the state is that of the zxid, now, after a restart, and with more behind it (format ${format})`, async () => {
    for (let to = 0; to <= LAST; to++) {
      // Logs of version 3 in a directory of their own: what one folder's sync makes durable, the other's does not.
      const options = { fileFormat: format, ...(format === 3 ? { dataLogDir: "/logs" } : {}) };
      const { it, server } = await serving(options);
      const cut = await it.sim.runUntil(server.storage.truncate(zx(to)));
      assertState(cut, to, it.author);
      assert.equal(cut.fileFormat, format);
      for (const name of await it.names()) {
        const zxid = parseInt(name.split(".")[1] ?? "0", 16);
        assert.ok(zxid <= to, `${name} is gone`);
      }
      it.machine.crash("lose");
      it.machine.start();
      const again = await it.start(options);
      assertState(again.storage, to, it.author);
      await goOn(it, again.storage, options);
    }
  });

  test(`power lost at every operation of a truncation: a prefix no shorter than asked for (format ${format})`, async () => {
    const places = new Set<number>();
    for (const to of [0, 3, 12, 13, 20, 26, 27, 33, 38]) {
      for (const fate of ["keep", "lose", "tear", "any"] as const) {
        for (let crashAt = 1; await crashOnce(format, to, crashAt, fate, places); crashAt++);
      }
    }
    assert.ok(places.size > 5, `ends seen: ${[...places].join(" ")}`);
  });

  test(`an operation fails, each in turn: nothing is damaged, and the next start can cut (format ${format})`, async () => {
    for (let failAt = 1, failed = true; failed; failAt++) {
      const { it, server } = await serving({ fileFormat: format });
      it.machine.files.failOperation(failAt);
      const outcome = await it.sim.runUntil(
        server.storage.truncate(zx(20)).then(() => "cut", () => "failed"),
      );
      // Closing an old file may fail without harm.
      failed = it.machine.files.failed > 0;
      it.machine.files.clear();
      it.machine.crash("any");
      it.machine.start();
      const again = await it.start();
      const { lastZxid } = again.storage.database;
      assert.ok(outcome === "cut" ? lastZxid === 20 : lastZxid >= 20);
      assertState(await it.sim.runUntil(again.storage.truncate(zx(20))), 20, it.author);
    }
  });
}

/** @returns false when the truncation ended before */
async function crashOnce(
  format: FileFormat,
  to: number,
  crashAt: number,
  fate: CrashFate,
  places: Set<number>,
): Promise<boolean> {
  const { it, server } = await serving({ fileFormat: format }, 1);
  const { machine, sim } = it;
  const from = machine.files.total;
  const begin = machine.files.begin.bind(machine.files);
  let crashed = false, ended = false;
  machine.files.begin = (kind) => {
    if (machine.alive && machine.files.total + 1 === from + crashAt) {
      crashed = true;
      sim.after(0, "power", () => machine.crash(fate));
    }
    return begin(kind);
  };
  void server.storage.truncate(zx(to)).then(() => ended = true, () => {});
  await sim.runUntil(() => ended || !machine.alive);
  if (!crashed) return false;
  if (machine.alive) machine.crash(fate);
  machine.start();
  const again = await it.start();
  const { lastZxid } = again.storage.database;
  assert.ok(lastZxid >= to && lastZxid <= LAST, `cut to ${to}, found ${lastZxid}`);
  if (ended) assert.equal(lastZxid, to);
  places.add(lastZxid);
  assertState(again.storage, lastZxid, it.author);
  assertState(await sim.runUntil(again.storage.truncate(zx(to))), to, it.author);
  return true;
}

test("a group cut in its middle announces what is left of it", async () => {
  const groups = groupsOf([3, 6, 2]);
  const it = lab();
  await it.stop(await it.start());
  await it.put("log.1", sealed(3, groups));
  const server = await it.start();
  await it.sim.runUntil(server.storage.truncate(zx(7)));
  const [first, second] = groups as [Uint8Array[], Uint8Array[]];
  const wanted = sealed(3, [first, second.slice(0, 4)]);
  assert.deepEqual(await it.bytes("log.1"), wanted);
  assert.deepEqual(
    await it.names(),
    ["log.1", "snapshot.0"],
  );
});

test("a cut between groups shortens the file where it is", async () => {
  const groups = groupsOf([3, 6, 2]);
  const it = lab();
  await it.stop(await it.start());
  await it.put("log.1", sealed(3, groups));
  const server = await it.start();
  const renames = it.machine.files.count("rename");
  await it.sim.runUntil(server.storage.truncate(zx(9)));
  assert.equal(it.machine.files.count("rename"), renames);
  assert.equal((await it.bytes("log.1")).length, boundaries(groups)[2]);
});

test("a zxid that is not in the log: cut behind the one before it", async () => {
  const it = lab();
  await it.stop(await it.start());
  const author = new Author();
  const changes = new Changes(1);
  const payloads = [1, 2, 3].map((n) => author.payload(changes.next(), n));
  const epoch = 0x1_0000_0000;
  const later = [1, 2].map((n) => author.payload(changes.next(), epoch + n));
  await it.put("log.1", sealed(3, [[...payloads, ...later]]));
  const server = await it.start();
  assert.equal(server.storage.database.lastZxid, epoch + 2);
  const cut = await it.sim.runUntil(server.storage.truncate(zx(epoch)));
  assertState(cut, 3, author);
  assertState(await it.sim.runUntil(cut.truncate(zx(500))), 3, author);
});

test("txns that Apache logged twice go with the first one beyond", async () => {
  const it = lab();
  await it.stop(await it.start());
  const payloads = groupsOf([9], 1, it.author)[0] as Uint8Array[];
  const part = (from: number, to: number): Uint8Array[] => payloads.slice(from - 1, to);
  await it.put("log.1", sealed(2, [part(1, 6)]));
  await it.put("log.4", sealed(2, [[...part(4, 7), ...part(5, 9)]]));
  const server = await it.start();
  assert.equal(server.storage.database.lastZxid, 9);
  assertState(await it.sim.runUntil(server.storage.truncate(zx(5))), 5, it.author);
  assert.deepEqual(await it.bytes("log.1"), sealed(2, [part(1, 5)]));
  assert.deepEqual(await it.names(), ["log.1", "snapshot.0"]);
});

test("a snapshot that went on while txns beyond the zxid were applied is not used", async () => {
  const { it, server } = await serving({});
  const { snapshotter, database } = server.storage;
  for (let n = 1; n <= 4; n++) {
    server.submit({ kind: "create", path: `/big${n}`, data: new Uint8Array(200_000) });
  }
  await it.sim.runUntil(() => server.acked === LAST + 4);
  it.machine.files.syncUs = [100]; // both changes are there before the snapshot ends
  const taking = snapshotter.take(database);
  server.submit({ kind: "set", path: "/zookeeper", data: new Uint8Array(1), version: 1 });
  server.submit({ kind: "set", path: "/big4", data: new Uint8Array(1), version: 1 });
  const { name } = await it.sim.runUntil(taking);
  await it.sim.runUntil(() => server.acked === LAST + 6);
  const { loaded } = await load(it.sim, it.machine, name);
  assert.deepEqual([loaded.zxid, loaded.digest?.zxid], [LAST + 4, LAST + 6], "it is fuzzy");
  const cut = await it.sim.runUntil(server.storage.truncate(zx(LAST + 5)));
  assertState(cut, LAST + 5, it.author);
  assert.ok(!(await it.names()).includes(name));
});

test("no snapshot from before the zxid: refused, nothing changed, and what is there goes on", async () => {
  const { it, server } = await serving({});
  await it.sim.runUntil(it.machine.runtime.fs.remove(`${FOLDER}/snapshot.0`));
  const names = await it.names();
  await assert.rejects(it.sim.runUntil(server.storage.truncate(zx(5))), TruncationError);
  assert.deepEqual(await it.names(), names);
  const again = await it.sim.runUntil(server.storage.reload());
  assertState(again, LAST, it.author);
  await goOn(it, again);
});

/** @returns a server whose newest snapshots look whole and do not load, all but that at 0 */
async function withDamaged(): Promise<{ it: Lab; server: MiniServer }> {
  const { it, server } = await serving({});
  for (const at of [5, 9]) {
    // Two more, so that a purge, which keeps three, would take the one that loads.
    const bytes = await it.bytes("snapshot.c");
    await it.put(`snapshot.${at}`, bytes);
  }
  for (const name of await it.names()) {
    if (!name.startsWith("snapshot.") || name === "snapshot.0") continue;
    const bytes = await it.bytes(name);
    await it.put(name, bytes.fill(255, bytes.length >> 1, (bytes.length >> 1) + 8));
  }
  return { it, server };
}

for (const way of ["a cut", "a reload"] as const) {
  test(`${way} that falls back on an old snapshot leaves a good one before anything is purged`, async () => {
    const { it, server } = await withDamaged();
    const { storage } = server, { directories: { snapshots, logs, use } } = storage;
    const context = contextOf(it.machine.runtime), to = way === "a cut" ? 35 : LAST;
    const cut = await it.sim.runUntil(
      way === "a cut" ? storage.truncate(zx(to)) : storage.reload(),
    );
    assertState(cut, to, it.author);
    const gone = await it.sim.runUntil(
      purge(context, { snapshots, logs, purgeRetainCount: 3, use }),
    );
    assert.ok(gone.snapshots.includes("snapshot.0"), "a purge believes what looks whole");
    it.machine.crash("lose");
    it.machine.start();
    const again = await it.start();
    assertState(again.storage, to, it.author);
    assert.equal(again.storage.report.snapshotsRefused, 0);
    await goOn(it, again.storage);
  });
}

test("a purge that comes while that good one fails to be written leaves the old one", async () => {
  const { it, server } = await withDamaged();
  const { storage } = server, { directories: { snapshots, logs, use } } = storage;
  const { files } = it.machine, context = contextOf(it.machine.runtime);
  files.slow({ kind: "rename", byMs: 100 });
  files.failNext("rename", "NO_SPACE");
  const reloading = storage.reload().then(() => "done", () => "failed");
  await it.sim.runUntil(() => files.failed > 0);
  const purging = purge(context, { snapshots, logs, purgeRetainCount: 3, use });
  const refused = assert.rejects(purging, /left as they are/);
  assert.equal(await it.sim.runUntil(reloading), "failed");
  await it.sim.runUntil(refused);
  files.clear();
  await it.stop(server);
  assertState((await it.start()).storage, LAST, it.author);
});

test("what was pending is drained first, a snapshot under way is ended, the lock stays", async () => {
  const { it, server } = await serving({});
  const { storage } = server;
  const taking = storage.snapshotter.take(storage.database).catch((error: unknown) => error);
  server.submit({ kind: "create", path: "/late" });
  const cut = await it.sim.runUntil(storage.truncate(zx(LAST)));
  assert.equal(server.acked, LAST + 1, "it was durable before the cut");
  assert.match(String(await taking), /SnapshotStopped/);
  assert.ok(!(await it.names()).some((name) => name.endsWith(".tmp")));
  assertState(cut, LAST, it.author);
  await it.sim.runUntil(storage.close());
  await assert.rejects(it.start(), /another server uses it/);
  await it.sim.runUntil(cut.close());
  await it.stop(await it.start());
});

test("what a truncation left behind is removed at the next start", async () => {
  const { it, server } = await serving({});
  await it.stop(server);
  await it.put("truncate.log.1", new Uint8Array(100));
  const again = await it.start();
  assertState(again.storage, LAST, it.author);
  assert.ok(!(await it.names()).includes("truncate.log.1"));
});

test("an empty database that nobody vouches for can be loaded anew as well", async () => {
  const it = lab();
  const first = await it.sim.runUntil(
    recover<Entry>(
      contextOf(it.machine.runtime),
      codec,
      { ...OPTIONS, dbAutocreate: false },
      false,
    ),
  );
  const second = await it.sim.runUntil(first.reload());
  assert.deepEqual([first.database.lastZxid, second.database.lastZxid], [-1, -1]);
  assert.throws(() => second.snapshotter.take(second.database), /A database without a zxid/);
});
