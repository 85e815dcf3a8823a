/** Replay over snapshots that hold more than their name says (storage-format §8, §15 cases 24-41, 54-58). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { putFile, sealed } from "./logs.ts";
import { FOLDER, snapshotterOf, take } from "./snapshots.ts";
import { Author, type Change, Changes, Heard, MiniServer, zx } from "./support.ts";

interface Given {
  /** Before the snapshot's name. */
  readonly before: readonly Change[];
  /** In the log, and in the snapshot's contents. */
  readonly inside: readonly Change[];
  readonly after: readonly Change[];
}

/** A snapshot named after `before` that holds `inside` too; the log has all. */
async function restarted(
  given: Given,
  format: 2 | 3 = 3,
): Promise<{ server: MiniServer; author: Author; heard: Heard }> {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const author = new Author();
  const payloads: Uint8Array[] = [];
  const add = (changes: readonly Change[]) => {
    for (const change of changes) payloads.push(author.payload(change));
  };
  add(given.before);
  const named = author.db.lastZxid;
  add(given.inside);
  const { report, bytes } = await take(sim, machine, author.db, format);
  await rename(sim, machine, report.name, `snapshot.${named.toString(16)}`, bytes);
  add(given.after);
  await sim.runUntil(putFile(machine.runtime, `${FOLDER}/log.1`, sealed(format, [payloads])));
  const heard = new Heard();
  const server = await sim.runUntil(MiniServer.start(machine.runtime, author, {}, heard));
  return { server, author, heard };
}

async function rename(
  sim: Sim,
  machine: Machine,
  from: string,
  to: string,
  bytes: Uint8Array,
): Promise<void> {
  if (from === to) return;
  await sim.runUntil(machine.runtime.fs.remove(`${FOLDER}/${from}`));
  await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${to}`, bytes));
}

function same(server: MiniServer, author: Author): void {
  const ours = server.storage.database, theirs = author.db;
  assert.equal(ours.lastZxid, theirs.lastZxid);
  assert.equal(ours.tree.digest, theirs.tree.digest);
  assert.equal(ours.tree.nodeCount, theirs.tree.nodeCount);
  assert.deepEqual(ours.sessions, theirs.sessions);
  assert.equal(server.storage.report.digestMismatches, 0);
}

function creates(paths: readonly string[]): Change[] {
  return paths.map((path) => ({ kind: "create", path, data: new Uint8Array(3) }));
}

const CASES: readonly (readonly [string, Given])[] = [
  ["creates that the snapshot holds already", {
    before: creates(["/a"]),
    inside: creates(["/a/x", "/a/y", "/a/z"]),
    after: creates(["/a/last"]),
  }],
  ["a snapshot whose name is ten below its content", {
    before: creates(["/s"]),
    inside: creates(Array.from({ length: 10 }, (_, n) => `/s/q-000000000${n}`)),
    after: [],
  }],
  ["the same with a log full of errors", {
    before: creates(["/s"]),
    inside: Array.from({ length: 10 }, () => ({ kind: "error", code: -110 })),
    after: [{ kind: "error", code: -110 }],
  }],
  ["a nested node created and deleted: its parents are missing on replay", {
    before: creates(["/keep"]),
    inside: [...creates(["/p", "/p/q"]), { kind: "delete", path: "/p/q" }, {
      kind: "delete",
      path: "/p",
    }],
    after: creates(["/end"]),
  }],
  ["a child deleted after its parent was written", {
    before: creates(["/p", "/p/q", "/p/r"]),
    inside: [{ kind: "delete", path: "/p/q" }],
    after: [{ kind: "delete", path: "/p/r" }],
  }],
  ["a child closed with its session after its parent was written", {
    before: [
      { kind: "openSession", id: 5n, timeoutMs: 4000 },
      ...creates(["/p"]),
      { kind: "create", path: "/p/e", owner: 5n },
    ],
    inside: [{ kind: "closeSession", id: 5n, paths: ["/p/e"] }],
    after: creates(["/end"]),
  }],
  ["a multi that is wholly in the snapshot", {
    before: creates(["/m"]),
    inside: [{ kind: "multi", parts: creates(["/m/a", "/m/b"]) }],
    after: [{ kind: "multi", parts: [...creates(["/m/c"]), { kind: "delete", path: "/m/a" }] }],
  }],
  ["sessions opened and closed after the table was copied", {
    before: [{ kind: "openSession", id: 1n, timeoutMs: 4000 }],
    inside: [{ kind: "openSession", id: 2n, timeoutMs: 5000 }, {
      kind: "closeSession",
      id: 1n,
      paths: [],
    }],
    after: [{ kind: "openSession", id: 3n, timeoutMs: 6000 }],
  }],
  ["a node created again with other data", {
    before: creates(["/a", "/a/b"]),
    inside: [{ kind: "delete", path: "/a/b" }, {
      kind: "create",
      path: "/a/b",
      data: new Uint8Array(9),
    }],
    after: [{ kind: "set", path: "/a/b", data: null, version: 1 }],
  }],
];

for (const [name, given] of CASES) {
  for (const format of [2, 3] as const) {
    test(`${name}: replay gives the exact tree (format ${format})`, async () => {
      const { server, author, heard } = await restarted(given, format);
      same(server, author);
      assert.deepEqual(heard.lines, []);
    });
  }
}

test("creates without parentCVersion, as before 3.4, raise the parent by one each", async () => {
  const { server, author } = await restarted({
    before: [],
    inside: [],
    after: [
      { kind: "create", path: "/old", parentCversion: -1 },
      { kind: "create", path: "/old/a", parentCversion: -1 },
      { kind: "multi", parts: [{ kind: "create", path: "/old/b", parentCversion: -1 }] },
    ],
  });
  same(server, author);
  assert.equal(
    server.storage.database.tree.storedCversion(server.storage.database.tree.findPath("/old")),
    2,
  );
});

test("a fuzzy snapshot's digest is compared where the log reaches its zxid; before, nothing is", async () => {
  const given: Given = {
    before: creates(["/a"]),
    inside: creates(["/b", "/c"]),
    after: creates(["/d"]),
  };
  const { server, author, heard } = await restarted(given);
  same(server, author);
  assert.deepEqual(heard.lines, []);
});

test("a log that ends before the snapshot's digest is told", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const author = new Author();
  for (const change of creates(["/a", "/b", "/c"])) author.payload(change);
  const { report, bytes } = await take(sim, machine, author.db);
  await rename(sim, machine, report.name, "snapshot.1", bytes);
  const heard = new Heard();
  const server = await sim.runUntil(MiniServer.start(machine.runtime, author, {}, heard));
  assert.equal(server.storage.database.lastZxid, 1);
  assert.match(
    heard.lines.join("\n"),
    /log ends before the zxid at which the snapshot's digest was taken zxid=0x3 logEnds=0x1/,
  );
});

test("an exact snapshot with another digest than its own is told", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const author = new Author();
  author.payload({ kind: "create", path: "/a" });
  await sim.runUntil(machine.runtime.fs.mkdir(FOLDER));
  const snapshotter = snapshotterOf(machine, 2);
  const { db } = author;
  await sim.runUntil(snapshotter.rewrite(
    db,
    {
      name: "",
      zxid: zx(1),
      format: 2,
      digest: { zxid: zx(1), version: 2, digest: 5n },
      lastZxid: undefined,
      nodes: 0,
    },
    { kind: "snapshot", name: "snapshot.1", zxid: zx(1), compression: "", unfinished: false },
    "snapshot.1",
  ));
  const heard = new Heard();
  const server = await sim.runUntil(MiniServer.start(machine.runtime, author, {}, heard));
  assert.equal(server.storage.report.digestMismatches, 1);
  assert.match(heard.lines.join("\n"), /digest differs.*expected=5 /);
});

test("digests of another version, or of before the snapshot's name, are not compared", async () => {
  for (const digest of [{ zxid: 1, version: 3, digest: 5n }, { zxid: 0, version: 2, digest: 5n }]) {
    const sim = createSim({ seed: 1 });
    const machine = sim.machine("a");
    const author = new Author();
    author.payload({ kind: "create", path: "/a" });
    await sim.runUntil(machine.runtime.fs.mkdir(FOLDER));
    await sim.runUntil(
      snapshotterOf(machine).rewrite(
        author.db,
        {
          name: "",
          zxid: zx(1),
          format: 3,
          digest: { ...digest, zxid: digest.zxid as Zxid },
          lastZxid: undefined,
          nodes: 0,
        },
        { kind: "snapshot", name: "snapshot.1", zxid: zx(1), compression: "", unfinished: false },
        "snapshot.1",
      ),
    );
    const heard = new Heard();
    const server = await sim.runUntil(MiniServer.start(machine.runtime, author, {}, heard));
    assert.deepEqual([server.storage.report.digestMismatches, heard.lines], [0, []]);
  }
});

test("a thousand random changes with snapshots under way: every restart agrees", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const sim = createSim({ seed });
    const machine = sim.machine("a");
    const author = new Author();
    const random = new Prng(seed);
    const changes = new Changes(seed);
    let server = await sim.runUntil(MiniServer.start(machine.runtime, author));
    for (let n = 0; n < 1000; n++) {
      server.submit(changes.next(3000));
      if (random.chance(1, 40)) await sim.run(sim.nowMs + random.below(10) / 10);
      if (random.chance(1, 60) && !server.storage.snapshotter.isRunning) {
        server.storage.journal.roll();
        void server.storage.snapshotter.take(server.storage.database);
      }
      if (!random.chance(1, 250)) continue;
      await sim.runUntil(server.storage.journal.drain());
      const { acked } = server;
      machine.crash("any");
      server = await sim.runUntil(MiniServer.start(machine.start(), author));
      server.check(acked, author);
      same(server, author);
    }
  }
});
