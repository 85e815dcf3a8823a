/** Power is lost, operations fail, the disk is full: what was acknowledged is there afterwards, and the digest agrees. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import type { StorageOptions } from "../../src/storage/recovery.ts";
import { type CrashFate, createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, Changes, Heard, MiniServer } from "./support.ts";

interface Run {
  readonly seed: number;
  readonly options: Partial<StorageOptions>;
  /** Of the disk, counted from the start of the server; undefined: none. */
  readonly crashAt: number | undefined;
  readonly fate: CrashFate;
}

const TXNS = 40;

/** Writes TXNS changes in bursts, with a roll and a snapshot on the way. @returns whether it came to its end */
async function serve(
  sim: Sim,
  machine: Machine,
  server: MiniServer,
  changes: Changes,
): Promise<void> {
  const { journal, snapshotter, database } = server.storage;
  for (let n = 0; n < TXNS && server.failure === undefined; n++) {
    server.submit(changes.next());
    if (n % 7 === 3) await sim.run(sim.nowMs + 0.2);
    if (n === 20) {
      journal.roll();
      void snapshotter.take(database).catch(() => {});
    }
    if (!machine.alive) return;
  }
  await sim.runUntil(() =>
    server.acked >= server.author.db.lastZxid || server.failure !== undefined || !machine.alive
  );
  await sim.run(sim.nowMs + 50);
}

/** One life that ends by a loss of power at its `crashAt`th file operation. @returns false when it ended before */
async function crashOnce(run: Run): Promise<boolean> {
  const sim = createSim({ seed: run.seed });
  const machine = sim.machine("a");
  const author = new Author();
  const changes = new Changes(run.seed);
  let acked = 0;
  let crashed = false;
  const begin = machine.files.begin.bind(machine.files);
  machine.files.begin = (kind) => {
    if (machine.alive && run.crashAt !== undefined && machine.files.total + 1 === run.crashAt) {
      crashed = true;
      sim.after(0, "power", () => machine.crash(run.fate)); // with this operation under way
    }
    return begin(kind);
  };
  let server: MiniServer | undefined;
  const starting = MiniServer.start(machine.runtime, author, run.options);
  void starting.then((started) => server = started, () => {});
  await sim.runUntil(() => server !== undefined || !machine.alive);
  if (server !== undefined && machine.alive) {
    await serve(sim, machine, server, changes);
  }
  acked = server?.acked ?? 0;
  if (!crashed) return false;
  if (machine.alive) machine.crash(run.fate);
  const heard = new Heard();
  const again = await sim.runUntil(MiniServer.start(machine.start(), author, run.options, heard));
  again.check(acked, author);
  await restartTwice(sim, machine, again, acked);
  return true;
}

/** What was recovered goes on: further txns are written, and survive. */
async function restartTwice(
  sim: Sim,
  machine: Machine,
  server: MiniServer,
  acked: number,
): Promise<void> {
  const recovered = server.storage.database.lastZxid;
  assert.ok(recovered >= acked);
  const author = new Author(server.storage.database);
  const payload = author.payload({ kind: "create", path: "/after" }, recovered + 1);
  server.applier.compareDigests = false; // the author applied it to this very tree already
  server.write(payload, recovered + 1);
  await sim.runUntil(() => server.acked === recovered + 1);
  machine.crash("lose");
  const last = await sim.runUntil(MiniServer.start(machine.start(), author));
  last.check(recovered + 1, author);
}

const SETTINGS: readonly (readonly [string, Partial<StorageOptions>])[] = [
  ["format 3", {}],
  ["format 3, small files", { txnLogSizeLimitBytes: 4096, preAllocBytes: 4096 }],
  ["format 3, no padding, gz snapshots", { preAllocBytes: 0, snapshotCompression: "gz" }],
];

for (const [name, options] of SETTINGS) {
  test(`power lost at every file operation: nothing acknowledged is lost (${name})`, async () => {
    let points = 0;
    for (let crashAt = 1;; crashAt++, points++) {
      if (!await crashOnce({ seed: 100 + crashAt, options, crashAt, fate: "any" })) break;
    }
    assert.ok(points > 25, `${points} operations`);
  });
}

test("power lost at every file operation, whole writes kept or lost: nothing acknowledged is lost in format 2", async () => {
  for (const fate of ["keep", "lose"] as const) {
    for (let crashAt = 1;; crashAt++) {
      const run = { seed: 500 + crashAt, options: { fileFormat: 2 as const }, crashAt, fate };
      if (!await crashOnce(run)) break;
    }
  }
});

test("format 2 after a torn write: recovered, or refused with the place of the damage, never shortened", async () => {
  for (let seed = 0; seed < 60; seed++) {
    try {
      await crashOnce({ seed, options: { fileFormat: 2 }, crashAt: 12 + seed % 20, fate: "tear" });
    } catch (error) {
      assert.ok(error instanceof CorruptionError, String(error));
      assert.match(error.message, /^Cannot read log "log\.[0-9a-f]+" at byte \d+: /);
    }
  }
});

test("a file operation fails, each in turn: the server starts anew with all that it acknowledged", async () => {
  for (let failAt = 1, untouched = false; !untouched; failAt++) {
    const sim = createSim({ seed: 900 + failAt });
    const machine = sim.machine("a");
    machine.files.failOperation(failAt);
    const author = new Author();
    let server: MiniServer | undefined, refused: unknown;
    const starting = MiniServer.start(machine.runtime, author);
    starting.then((started) => server = started, (error: unknown) => refused = error);
    await sim.runUntil(() => server !== undefined || refused !== undefined);
    if (server !== undefined) await serve(sim, machine, server, new Changes(failAt));
    untouched = machine.files.failed === 0;
    const acked = server?.acked ?? 0;
    machine.files.clear();
    machine.crash("any");
    const again = await sim.runUntil(MiniServer.start(machine.start(), author));
    again.check(acked, author);
  }
});

test("a failed sync: nothing of its group or after is acknowledged", async () => {
  const sim = createSim({ seed: 7 });
  const machine = sim.machine("a");
  const server = await sim.runUntil(MiniServer.start(machine.runtime));
  server.submit({ kind: "create", path: "/a" });
  await sim.runUntil(() => server.acked === 1);
  machine.files.failNext("syncData");
  server.submit({ kind: "create", path: "/b" });
  server.submit({ kind: "create", path: "/c" });
  await sim.run(sim.nowMs + 1000);
  server.submit({ kind: "create", path: "/d" });
  await sim.run(sim.nowMs + 1000);
  assert.equal(server.acked, 1);
  assert.match(String(server.failure), /injected IO/);
  assert.equal(server.storage.journal.hasRoom(10), false);
  await assert.rejects(sim.runUntil(server.storage.journal.drain()), /injected IO/);
});

test("a full disk: the server stops before it acknowledges what is not there", async () => {
  const sim = createSim({ seed: 8 });
  const machine = sim.machine("a");
  const author = new Author();
  const server = await sim.runUntil(
    MiniServer.start(machine.runtime, author, { preAllocBytes: 4096 }),
  );
  machine.disk.capacityBytes = machine.disk.usedBytes + 20_000;
  const changes = new Changes(3);
  for (let n = 0; n < 500 && server.failure === undefined; n++) {
    server.submit(changes.next());
    await sim.run(sim.nowMs + 2);
  }
  assert.match(String(server.failure), /NO_SPACE|full|space/);
  assert.ok(server.acked > 5 && server.acked < author.db.lastZxid);
  const acked = server.acked;
  machine.crash("lose");
  machine.disk.capacityBytes = Infinity;
  (await sim.runUntil(MiniServer.start(machine.start(), author))).check(acked, author);
});

test("a killed process loses nothing that it acknowledged", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const sim = createSim({ seed });
    const machine = sim.machine("a");
    const author = new Author();
    const server = await sim.runUntil(MiniServer.start(machine.runtime, author));
    const changes = new Changes(seed);
    for (let n = 0; n < 60; n++) {
      server.submit(changes.next(3000));
      if (n % 5 === 0) await sim.run(sim.nowMs + 0.1);
    }
    await sim.run(sim.nowMs + seed / 10);
    const acked = server.acked;
    machine.kill();
    (await sim.runUntil(MiniServer.start(machine.start(), author))).check(acked, author);
  }
});

/** Takes the last byte of the last entry: the log then ends torn, as when the last write was cut off. */
async function tear(machine: Machine): Promise<void> {
  const { fs } = machine.runtime;
  const logs = (await fs.readDir(FOLDER)).filter((name) => name.startsWith("log."));
  const byZxid = (name: string): number => Number.parseInt(name.slice("log.".length), 16);
  const last = logs.sort((a, b) => byZxid(a) - byZxid(b)).pop() ?? "";
  const bytes = await fs.readFile(`${FOLDER}/${last}`),
    file = await fs.open(`${FOLDER}/${last}`, "write");
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  await file.truncate(end - 1);
  await file.close();
}

for (const isTorn of [false, true]) {
  test(
    `what is read back after a failed sync is on the disk before anything rests on it${
      isTorn ? ", a torn end cut off" : ""
    }`,
    async () => {
      let readMore = 0;
      for (let seed = 0; seed < 20; seed++) {
        const sim = createSim({ seed });
        const machine = sim.machine("a");
        const author = new Author();
        // In format 2 a group whose end is torn keeps its other entries.
        const options = { fileFormat: isTorn ? 2 : 3 } as const;
        const server = await sim.runUntil(MiniServer.start(machine.runtime, author, options));
        const changes = new Changes(seed);
        machine.files.failNext("syncData", "IO", { skip: 3 });
        for (let n = 0; n < 40; n++) {
          server.submit(changes.next(300));
          if (n % 4 === 0) await sim.run(sim.nowMs + 1);
        }
        await sim.run(sim.nowMs + 200);
        if (server.failure === undefined) continue;
        machine.kill();
        const runtime = machine.start();
        if (isTorn) await sim.runUntil(tear(machine));
        const again = await sim.runUntil(MiniServer.start(runtime, author, options));
        const read = again.storage.database.lastZxid;
        if (read > server.acked) readMore++;
        machine.crash("lose");
        (await sim.runUntil(MiniServer.start(machine.start(), author, options))).check(
          read,
          author,
        );
      }
      assert.ok(readMore > 5, `${readMore} times a group was read that had not been acknowledged`);
    },
  );
}

test("forceSync=no acknowledges after the write: a kill loses nothing, a loss of power may", async () => {
  const sim = createSim({ seed: 9 });
  const machine = sim.machine("a");
  const author = new Author();
  const server = await sim.runUntil(
    MiniServer.start(machine.runtime, author, { forceSync: false }),
  );
  server.submit({ kind: "create", path: "/a" });
  await sim.runUntil(() => server.acked === 1);
  assert.equal(server.storage.journal.stats.fsyncCount, 0);
  machine.kill();
  (await sim.runUntil(MiniServer.start(machine.start(), author))).check(1, author);
});
