/** A database from another server takes the place of all that was there, or of nothing of it (peer-protocol §25, trap 28). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { convertDirectory } from "../../src/storage/convert.ts";
import { REPLACED_FOLDER } from "../../src/storage/install.ts";
import { recover, type Recovered, type StorageOptions } from "../../src/storage/recovery.ts";
import { PushSource } from "../../src/storage/push_source.ts";
import { receiveSnapshot, SnapshotStream } from "../../src/storage/snapshot_stream.ts";
import type { Database } from "../../src/txn/database.ts";
import type { CrashFate } from "../../runtimes/sim/index.ts";
import { type Lab, lab } from "./lab.ts";
import { sealed } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, Changes, codec, contextOf, Entry, MiniServer, OPTIONS, zx } from "./support.ts";

const LAST = 30;
const LOGS = "/logs/version-2";

interface Setting {
  readonly name: string;
  readonly options: Partial<StorageOptions>;
}

const SETTINGS: readonly Setting[] = [
  { name: "format 3", options: {} },
  { name: "format 2, gz", options: { fileFormat: 2, snapshotCompression: "gz" } },
  { name: "two directories", options: { dataLogDir: "/logs" } },
];

/** 30 txns in three logs, snapshots at 0, 10 and 20. */
async function serving({ options }: Setting, seed = 1): Promise<{ it: Lab; server: MiniServer }> {
  const it = lab(seed);
  const server = await it.start(options);
  const changes = new Changes(seed);
  for (let n = 1; n <= LAST; n++) {
    server.submit(changes.next());
    if (n % 10 !== 0) continue;
    await it.sim.runUntil(() => server.acked === n);
    server.storage.journal.roll();
    if (n < LAST) await it.sim.runUntil(server.storage.snapshotter.take(server.storage.database));
  }
  return { it, server };
}

/** The history of another server, up to a zxid. */
function others(zxid: number): Author {
  const author = new Author();
  const changes = new Changes(4711);
  for (let n = 1; n <= zxid; n++) author.payload(changes.next());
  return author;
}

/** As it arrives. */
async function received(it: Lab, storage: Recovered<Entry>, from: Database): Promise<Database> {
  const source = new PushSource();
  const db = storage.emptyDatabase();
  const context = contextOf(it.machine.runtime);
  const receiving = receiveSnapshot(context, source, db, from.lastZxid);
  await it.sim.runUntil(
    new SnapshotStream(context, from).run({ write: (view) => void source.push(view) }, () => false),
  );
  await it.sim.runUntil(receiving);
  return db;
}

function isState(storage: Recovered<Entry>, zxid: number, author: Author): boolean {
  const { lastZxid, tree } = storage.database;
  return lastZxid === zxid && tree.digest === author.digests.get(zxid);
}

/** Further txns are logged, and are there after a loss of power. */
async function goOn(it: Lab, storage: Recovered<Entry>, setting: Setting): Promise<void> {
  const from = storage.database.lastZxid;
  const author = new Author(storage.database);
  for (let n = 1; n <= 3; n++) {
    const payload = author.payload({ kind: "create", path: `/after${n}` }, from + n);
    storage.journal.begin(payload.length).raw(payload);
    storage.journal.end(new Entry(zx(from + n)));
  }
  await it.sim.runUntil(storage.journal.drain());
  it.machine.crash("lose");
  it.machine.start();
  const again = await it.start(setting.options);
  assert.ok(isState(again.storage, from + 3, author), "what was logged behind it is there");
  assert.equal(again.storage.report.digestMismatches, 0);
  await it.stop(again);
}

for (const setting of SETTINGS) {
  const { name, options } = setting;
  const logs = options.dataLogDir === undefined ? FOLDER : LOGS;

  for (const zxid of [3, 10, 17, LAST, 45]) {
    test(`installed at ${zxid} over ${LAST}: the new state alone is there, and goes on (${name})`, async () => {
      const { it, server } = await serving(setting);
      const { storage } = server;
      const oldNames = (await it.names(logs)).filter((file) => file.startsWith("log."));
      const author = others(zxid);
      const db = await received(it, storage, author.db);
      const fresh = await it.sim.runUntil(storage.install(db));
      assert.equal(fresh.database, db);
      const snapshot = `snapshot.${zxid.toString(16)}${
        options.snapshotCompression === "gz" ? ".gz" : ""
      }`;
      assert.equal(fresh.report.snapshot, snapshot);
      assert.deepEqual(
        (await it.names()).filter((file) => file !== REPLACED_FOLDER),
        [snapshot],
        "and no log",
      );
      const aside = await it.names(`${logs}/${REPLACED_FOLDER}`);
      assert.deepEqual(aside.filter((file) => file.startsWith("log.")), oldNames);
      assert.equal(
        (await it.names(`${FOLDER}/${REPLACED_FOLDER}`)).filter((file) =>
          file.startsWith("snapshot")
        ).length,
        3,
      );
      it.machine.crash("lose");
      it.machine.start();
      const again = await it.start(options);
      assert.ok(isState(again.storage, zxid, author));
      assert.equal(again.storage.fileFormat, server.storage.fileFormat);
      await goOn(it, again.storage, setting);
    });
  }

  test(`power lost at every operation: the old state or the new one (${name})`, async () => {
    let points = 0;
    for (const zxid of [7, 20, 45]) {
      for (const fate of ["keep", "lose", "tear", "any"] as const) {
        for (let crashAt = 1; await crashOnce(setting, zxid, crashAt, fate); crashAt++) points++;
      }
    }
    assert.ok(points > 200, `${points}`);
  });

  test(`an operation fails, each in turn: the old state or the new one (${name})`, async () => {
    for (let failAt = 1, failed = true; failed; failAt++) {
      const { it, server } = await serving(setting);
      const author = others(17);
      const db = await received(it, server.storage, author.db);
      it.machine.files.failOperation(failAt);
      const outcome = await it.sim.runUntil(
        server.storage.install(db).then(() => "new", () => "failed"),
      );
      failed = it.machine.files.failed > 0;
      it.machine.files.clear();
      it.machine.crash("any");
      it.machine.start();
      const again = await it.start(options);
      const isNew = isState(again.storage, 17, author);
      assert.ok(isNew || (outcome === "failed" && isState(again.storage, LAST, it.author)));
      await goOn(it, again.storage, setting);
    }
  });
}

/** @returns false when it ended before */
async function crashOnce(
  setting: Setting,
  zxid: number,
  crashAt: number,
  fate: CrashFate,
): Promise<boolean> {
  const { it, server } = await serving(setting, 1);
  const { machine, sim } = it;
  const author = others(zxid);
  const db = await received(it, server.storage, author.db);
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
  void server.storage.install(db).then(() => ended = true, () => {});
  await sim.runUntil(() => ended || !machine.alive);
  machine.files.begin = begin;
  if (!crashed) return false;
  if (machine.alive) machine.crash(fate);
  machine.start();
  const again = await it.start(setting.options);
  const isNew = isState(again.storage, zxid, author);
  assert.ok(
    isNew || (!ended && isState(again.storage, LAST, it.author)),
    `crash at ${crashAt}: zxid ${again.storage.database.lastZxid}`,
  );
  // A second crash, while what was decided is carried out, was behind us: the state stays what it is.
  await goOn(it, again.storage, setting);
  return true;
}

test("power lost again and again while the rest is carried out: it ends as it was decided", async () => {
  const setting = SETTINGS[0] as Setting;
  for (let seed = 1; seed <= 40; seed++) {
    const { it, server } = await serving(setting, seed);
    const { machine, sim } = it;
    const author = others(17);
    const db = await received(it, server.storage, author.db);
    const decided = machine.files.count("rename");
    void server.storage.install(db).catch(() => {});
    await sim.runUntil(() => machine.files.count("rename") > decided + 2);
    for (let life = 0; life < 4; life++) {
      machine.crash("any");
      machine.start();
      const starting = MiniServer.start(machine.runtime, it.author);
      let isSettled = false;
      starting.then(() => isSettled = true, () => isSettled = true);
      const upTo = machine.files.total + 3 + (seed * 7 + life * 5) % 19;
      await sim.runUntil(() => isSettled || machine.files.total >= upTo);
    }
    machine.crash("any");
    machine.start();
    assert.ok(isState((await it.start()).storage, 17, author), `seed ${seed}`);
  }
});

test("a new snapshot that is damaged later refuses the start: nothing older is taken for it", async () => {
  const { it, server } = await serving(SETTINGS[0] as Setting);
  const db = await received(it, server.storage, others(17).db);
  await it.sim.runUntil((await it.sim.runUntil(server.storage.install(db))).close());
  const bytes = await it.bytes("snapshot.11");
  bytes[100] = (bytes[100] as number) ^ 1;
  await it.put("snapshot.11", bytes);
  await assert.rejects(it.start(), CorruptionError);
});

test("one generation is kept", async () => {
  const { it, server } = await serving(SETTINGS[0] as Setting);
  const first = await it.sim.runUntil(
    server.storage.install(await received(it, server.storage, others(17).db)),
  );
  const second = await it.sim.runUntil(first.install(await received(it, first, others(19).db)));
  assert.deepEqual(await it.names(`${FOLDER}/${REPLACED_FOLDER}`), ["snapshot.11"]);
  assert.deepEqual(await it.names(), [REPLACED_FOLDER, "snapshot.13"]);
  await it.sim.runUntil(second.close());
});

test("a database of an untrusted empty directory is installed as well", async () => {
  const it = lab();
  const setting: Setting = { name: "", options: { dbAutocreate: false } };
  const storage = await it.sim.runUntil(
    recover<Entry>(contextOf(it.machine.runtime), codec, { ...OPTIONS, ...setting.options }, false),
  );
  assert.equal(storage.database.lastZxid, -1);
  const author = others(9);
  const fresh = await it.sim.runUntil(storage.install(await received(it, storage, author.db)));
  assert.ok(isState(fresh, 9, author));
  await goOn(it, fresh, setting);
});

test("a conversion carries out first what was decided", async () => {
  const { it, server } = await serving(SETTINGS[0] as Setting);
  await it.stop(server);
  const other = lab();
  const author = others(17);
  const helper = await other.start();
  const installed = await other.sim.runUntil(
    helper.storage.install(await received(other, helper.storage, author.db)),
  );
  await other.sim.runUntil(installed.close());
  await it.put("install.snapshot.11", await other.bytes("snapshot.11"));
  await it.put("install.snapshot.12.tmp", new Uint8Array(3));
  await it.sim.runUntil(
    convertDirectory(contextOf(it.machine.runtime), codec, {
      dataDir: "/data",
      dataLogDir: "/data",
      to: 2,
      extendedTypes: true,
      emulate353TtlNodes: false,
    }),
  );
  assert.deepEqual(await it.names(), [REPLACED_FOLDER, "snapshot.11"]);
  assert.ok(isState((await it.start()).storage, 17, author));
});

test("two that wait are nothing to choose from", async () => {
  const { it, server } = await serving(SETTINGS[0] as Setting);
  await it.stop(server);
  for (const name of ["install.snapshot.11", "install.snapshot.12"]) {
    await it.put(name, await it.bytes("snapshot.a"));
  }
  await assert.rejects(it.start(), /"snapshot.11" and "snapshot.12" both wait/);
});

test("digests of txns that the sender had applied already are not held against the tree", async () => {
  const { it, server } = await serving(SETTINGS[0] as Setting);
  const author = others(15), behind = others(15);
  for (const path of ["/p", "/q"]) {
    author.payload({ kind: "create", path });
    behind.payload({ kind: "create", path });
  }
  // Sent as of 17, with effects of 18 to 20 in it.
  const later = ["/p", "/q", "/p", "/q", "/p"].map((path, index) =>
    ({ kind: "set", path, data: null, version: 1 + (index >> 1) }) as const
  );
  for (const change of later.slice(0, 3)) author.payload(change);
  author.db.lastZxid = zx(17);
  const db = await received(it, server.storage, author.db);
  const fresh = await it.sim.runUntil(server.storage.install(db));
  const payloads = later.map((change) => behind.payload(change));
  for (const [index, payload] of payloads.entries()) {
    fresh.journal.begin(payload.length).raw(payload);
    fresh.journal.end(new Entry(zx(18 + index)));
  }
  await it.sim.runUntil(fresh.journal.drain());
  await it.sim.runUntil(fresh.close());
  const again = await it.start();
  assert.ok(isState(again.storage, 22, behind));
  assert.equal(again.storage.report.digestMismatches, 0);
  await it.stop(again);
  // Once they agreed, one that does not is told.
  const log = (await it.names()).find((name) => name.startsWith("log.")) as string;
  const wrong = (payloads[4] as Uint8Array).slice();
  wrong[wrong.length - 1] = (wrong[wrong.length - 1] as number) ^ 1;
  await it.put(log, sealed(3, [[...payloads.slice(0, 4), wrong]]));
  assert.equal((await it.start()).storage.report.digestMismatches, 1);
});
