/** Conversion between the formats: same state, safe at any moment, from Apache's and to Apache's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/base/errors.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { convertDirectory } from "../../src/storage/convert.ts";
import type { StorageOptions } from "../../src/storage/recovery.ts";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { putFile } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, Changes, codec, contextOf, Heard, MiniServer } from "./support.ts";

const OPTIONS = {
  dataDir: "/data",
  dataLogDir: "/data",
  extendedTypes: true,
  emulate353TtlNodes: false,
};

async function populated(seed: number, options: Partial<StorageOptions>) {
  const sim = createSim({ seed });
  const machine = sim.machine("a");
  const author = new Author();
  const server = await sim.runUntil(MiniServer.start(machine.runtime, author, options));
  const changes = new Changes(seed);
  for (let n = 1; n <= 40; n++) {
    server.submit(changes.next());
    if (n % 12 !== 0) continue;
    server.storage.journal.roll();
    await sim.runUntil(() => server.acked === n);
    await sim.runUntil(server.storage.snapshotter.take(server.storage.database));
  }
  await sim.runUntil(server.storage.close());
  return { sim, machine, author };
}

async function versions(sim: Sim, machine: Machine): Promise<Map<string, number>> {
  const { fs } = machine.runtime;
  const found = new Map<string, number>();
  for (const name of await sim.runUntil(fs.readDir(FOLDER))) {
    const bytes = await sim.runUntil(fs.readFile(`${FOLDER}/${name}`));
    if (!name.endsWith(".gz")) found.set(name, viewOf(bytes).getInt32(4));
  }
  return found;
}

for (const [from, to] of [[2, 3], [3, 2]] as const) {
  test(`format ${from} becomes ${to}: same zxid, digest and sessions, every file`, async () => {
    for (const snapshotCompression of ["", "gz"] as const) {
      const { sim, machine, author } = await populated(1, {
        fileFormat: from,
        snapshotCompression,
      });
      const before = await versions(sim, machine);
      const report = await sim.runUntil(
        convertDirectory(contextOf(machine.runtime), codec, { ...OPTIONS, to }),
      );
      assert.deepEqual([report.snapshots, report.logs, report.left], [4, 4, []]);
      assert.deepEqual([report.lastZxid, report.digest], [40, author.digests.get(40)]);
      const after = await versions(sim, machine);
      assert.deepEqual([...after.keys()].sort(), [...before.keys()].sort());
      assert.deepEqual(new Set(after.values()), new Set([to]));
      const server = await sim.runUntil(MiniServer.start(machine.runtime, author));
      server.check(40, author);
      assert.equal(server.storage.fileFormat, to);
      assert.deepEqual(server.storage.database.sessions, author.db.sessions);
    }
  });
}

test("there and back again the files are the same bytes", async () => {
  const { sim, machine } = await populated(2, { fileFormat: 2 });
  const { fs } = machine.runtime;
  const names = await sim.runUntil(fs.readDir(FOLDER));
  const read = () => Promise.all(names.map((name) => fs.readFile(`${FOLDER}/${name}`)));
  const before = await sim.runUntil(read());
  for (const to of [3, 2] as const) {
    await sim.runUntil(convertDirectory(contextOf(machine.runtime), codec, { ...OPTIONS, to }));
  }
  const after = await sim.runUntil(read());
  for (const [index, name] of names.entries()) {
    if (name.startsWith("log")) assert.deepEqual(after[index], before[index], name);
    else assert.equal(after[index]?.length, before[index]?.length, name);
  }
});

test("power lost at any operation of a conversion: the directory opens, and the next conversion ends it", async () => {
  for (let crashAt = 1;; crashAt += 3) {
    const { sim, machine, author } = await populated(1000 + crashAt, { fileFormat: 2 });
    const { runtime } = machine;
    const first = machine.files.total;
    const begin = machine.files.begin.bind(machine.files);
    machine.files.begin = (kind) => {
      if (machine.alive && machine.files.total - first + 1 === crashAt) {
        sim.after(0, "power", () => machine.crash("any"));
      }
      return begin(kind);
    };
    let ended = false;
    void convertDirectory(contextOf(runtime), codec, { ...OPTIONS, to: 3 }).then(
      () => ended = true,
      () => {},
    );
    await sim.runUntil(() => ended || !machine.alive);
    if (machine.alive) break;
    const again = machine.start();
    const server = await sim.runUntil(MiniServer.start(again, author));
    server.check(40, author);
    await sim.runUntil(server.storage.close());
    const report = await sim.runUntil(
      convertDirectory(contextOf(again), codec, { ...OPTIONS, to: 3 }),
    );
    assert.equal(report.digest, author.digests.get(40));
    assert.deepEqual(new Set((await versions(sim, machine)).values()), new Set([3]));
  }
});

test("a failed operation replaces nothing, or leaves a directory that opens", async () => {
  for (let failAt = 1;; failAt += 2) {
    const { sim, machine, author } = await populated(7, { fileFormat: 3 });
    machine.files.failOperation(failAt, "NO_SPACE");
    const converting = convertDirectory(contextOf(machine.runtime), codec, { ...OPTIONS, to: 2 });
    await sim.runUntil(converting.catch(() => {}));
    if (machine.files.failed === 0) break;
    machine.files.clear();
    const server = await sim.runUntil(MiniServer.start(machine.runtime, author));
    server.check(40, author);
  }
});

test("a torn tail is not converted; a damaged snapshot is left; a damaged log refuses", async () => {
  const { sim, machine, author } = await populated(3, { fileFormat: 3 });
  const { fs } = machine.runtime;
  const context = contextOf(machine.runtime, new Heard());
  const last = await sim.runUntil(fs.readFile(`${FOLDER}/log.25`));
  await sim.runUntil(
    putFile(machine.runtime, `${FOLDER}/log.25`, last.subarray(0, last.length - 3)),
  );
  const old = await sim.runUntil(fs.readFile(`${FOLDER}/snapshot.c`));
  old[100] = (old[100] ?? 0) ^ 1;
  await sim.runUntil(putFile(machine.runtime, `${FOLDER}/snapshot.c`, old));
  const report = await sim.runUntil(convertDirectory(context, codec, { ...OPTIONS, to: 2 }));
  assert.ok(report.left.includes("snapshot.c"));
  assert.ok(report.lastZxid >= 36 && report.lastZxid < 40);
  assert.equal(report.digest, author.digests.get(report.lastZxid));
  const log = await sim.runUntil(fs.readFile(`${FOLDER}/log.1`));
  log[60] = (log[60] ?? 0) ^ 1;
  await sim.runUntil(putFile(machine.runtime, `${FOLDER}/log.1`, log));
  await assert.rejects(
    sim.runUntil(convertDirectory(context, codec, { ...OPTIONS, to: 3 })),
    /log "log\.1" at byte/,
  );
});

test("a directory in use, a missing or an empty one: refused in one line", async () => {
  const { sim, machine, author } = await populated(4, {});
  const context = contextOf(machine.runtime);
  const isUsage = (error: unknown): boolean =>
    error instanceof UsageError && !error.message.includes("\n");
  const server = await sim.runUntil(MiniServer.start(machine.runtime, author));
  await assert.rejects(
    sim.runUntil(convertDirectory(context, codec, { ...OPTIONS, to: 2 })),
    isUsage,
  );
  await sim.runUntil(server.storage.close());
  const elsewhere = { ...OPTIONS, dataDir: "/none", dataLogDir: "/none", to: 2 as const };
  await assert.rejects(sim.runUntil(convertDirectory(context, codec, elsewhere)), isUsage);
  await sim.runUntil(machine.runtime.fs.mkdir("/none/version-2"));
  await assert.rejects(sim.runUntil(convertDirectory(context, codec, elsewhere)), isUsage);
});
