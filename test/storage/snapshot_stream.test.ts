/** The stream behind SNAP: what Apache would send, and what comes out of it at the other end (peer-protocol §8.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/base/errors.ts";
import { utf8Encode } from "../../src/base/host.ts";
import { SNAPSHOT_SLICE_BYTES } from "../../src/base/limits.ts";
import { EPOCH_MAX, type Zxid } from "../../src/base/zxid.ts";
import { Reader } from "../../src/jute/reader.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { namesOf } from "../../src/storage/names.ts";
import { PUSH_PENDING_BYTES, PushSource } from "../../src/storage/push_source.ts";
import { receiveSnapshot, SnapshotStream } from "../../src/storage/snapshot_stream.ts";
import { SnapshotStopped } from "../../src/storage/snapshot_writer.ts";
import { Applier } from "../../src/txn/apply.ts";
import { Database } from "../../src/txn/database.ts";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { putApache, readApache } from "./apache.ts";
import { load, take } from "./snapshots.ts";
import { Author, Changes, codec, contextOf, DB_OPTIONS, zx } from "./support.ts";

const SIGNATURE = utf8Encode("\0\0\0\nBenWasHere");

function place(seed = 1): { sim: Sim; machine: Machine } {
  const sim = createSim({ seed });
  return { sim, machine: sim.machine("a") };
}

function filled(txns: number, seed = 1): Author {
  const author = new Author();
  const changes = new Changes(seed);
  for (let n = 0; n < txns; n++) author.payload(changes.next());
  return author;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

async function streamed(
  sim: Sim,
  machine: Machine,
  db: Database,
  paced = false,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const stream = new SnapshotStream(contextOf(machine.runtime), db);
  await sim.runUntil(stream.run({ write: (view) => void pieces.push(view.slice()) }, paced));
  const bytes = joined(pieces);
  assert.equal(stream.bytes, bytes.length);
  return bytes;
}

/** Sections 2 to 4 of a snapshot file of ours, whose end sections have a known length. */
function bodyOf(file: Uint8Array): Uint8Array {
  return file.subarray(16, file.length - 13 - 33 - 21);
}

async function receive(
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

function pathsOf(db: Database): string[] {
  const paths: string[] = [];
  db.tree.forEachInSubtree(db.tree.root, (id) => paths.push(db.tree.pathOf(id)));
  return paths.sort();
}

function assertSame(db: Database, wanted: Database): void {
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

test("the stream is the body of the snapshot file, and the word behind it", async () => {
  const { sim, machine } = place();
  const { db } = filled(400);
  const { bytes } = await take(sim, machine, db, 2);
  const stream = await streamed(sim, machine, db);
  assert.deepEqual(stream, joined([bodyOf(bytes), SIGNATURE]));
  assert.deepEqual(await streamed(sim, machine, db, true), stream, "pauses change nothing");
});

test("what was sent comes out at the other end, however it is cut, and what follows is left", async () => {
  const { sim, machine } = place();
  const author = filled(400);
  const changes = new Changes(9);
  author.payload({ kind: "setAcl", path: "/zookeeper", user: "u:p", version: 1 });
  for (let n = 0; n < 3; n++) author.payload(changes.next());
  const stream = await streamed(sim, machine, author.db);
  const follows = utf8Encode("the next packet");
  for (const size of [1, 13, 999, 100_000, 10_000_000]) {
    const got = await receive(sim, machine, joined([stream, follows]), size);
    assertSame(got.db, author.db);
    assert.equal(got.nodes, author.db.tree.nodeCount);
    assert.equal(got.db.lastZxid, 400);
    assert.deepEqual(got.rest, follows);
  }
});

test("it needs nothing behind its end: no bytes are waited for", async () => {
  const { sim, machine } = place();
  const { db } = filled(20);
  const source = new PushSource();
  const fresh = new Database(codec, DB_OPTIONS);
  const receiving = receiveSnapshot(contextOf(machine.runtime), source, fresh, zx(20));
  source.push(await streamed(sim, machine, db));
  assert.equal((await sim.runUntil(receiving)).nodes, db.tree.nodeCount);
});

test("others have their turn while it is turned into znodes, also when all bytes are there", async () => {
  const { sim, machine } = place();
  const author = filled(100);
  for (let n = 0; n < 200; n++) {
    author.payload({ kind: "create", path: `/wide${n}`, data: new Uint8Array(10_000) });
  }
  const stream = await streamed(sim, machine, author.db);
  let turns = 0, isOver = false;
  const ticking = (): void => {
    turns++;
    if (!isOver) machine.runtime.clock.soon(ticking);
  };
  ticking();
  await receive(sim, machine, stream);
  isOver = true;
  assert.ok(turns > stream.length / 200_000, `${turns} turns`);
});

test("a znode larger than every buffer comes through", async () => {
  const { sim, machine } = place();
  const author = new Author();
  author.payload({ kind: "create", path: "/a", data: new Uint8Array(10) });
  author.payload({
    kind: "create",
    path: "/big",
    data: new Uint8Array(9 * SNAPSHOT_SLICE_BYTES).fill(7),
  });
  author.payload({ kind: "create", path: "/z", data: new Uint8Array(10) });
  const got = await receive(sim, machine, await streamed(sim, machine, author.db), 60_000);
  assertSame(got.db, author.db);
});

test("txns go on while it is sent: with those that follow, both ends are the same", async () => {
  const { sim, machine } = place();
  const author = filled(600, 3);
  for (let n = 0; n < 20; n++) {
    author.payload({ kind: "create", path: `/big${n}`, data: new Uint8Array(100_000) });
  }
  const from = author.db.lastZxid;
  const changes = new Changes(77);
  const later: Uint8Array[] = [];
  const pieces: Uint8Array[] = [];
  const stream = new SnapshotStream(contextOf(machine.runtime), author.db);
  await sim.runUntil(stream.run({
    write(view) {
      pieces.push(view.slice());
      for (let n = 0; n < 10; n++) {
        const change = changes.next();
        if (change.kind === "create") {
          // Its parent is the oldest znode, which the stream comes to last.
          const path = `/zookeeper${change.path}x`;
          later.push(author.payload({ ...change, path }));
        }
        later.push(
          author.payload({ kind: "set", path: "/big3", data: null, version: later.length }),
        );
        if (n === 5) later.push(author.payload({ kind: "delete", path: `/big${pieces.length}` }));
      }
    },
  }));
  assert.ok(pieces.length > 5 && later.length > 50);
  assert.equal(stream.zxid, from);
  const { db } = await receive(sim, machine, joined(pieces), 5000, from);
  assert.ok(!pathsOf(db).some((path) => path.endsWith("x")), "what came later is left out");
  const applier = new Applier(db);
  applier.compareDigests = false;
  for (const payload of later) applier.apply(payload, 0, payload.length);
  assertSame(db, author.db);
});

test("several go on at a time, beside a file", async () => {
  const { sim, machine } = place();
  const { db } = filled(2000, 5);
  const { bytes } = await take(sim, machine, db, 3);
  const context = contextOf(machine.runtime);
  const outputs = [0, 1, 2].map(() => [] as Uint8Array[]);
  const taking = take(sim, machine, db, 3);
  const running = outputs.map((pieces, index) =>
    new SnapshotStream(context, db).run({
      async write(view) {
        const copy = view.slice();
        await new Promise<void>((resolve) => sim.after(index * 700, "slow", resolve));
        pieces.push(copy);
        assert.deepEqual(view, copy, "the view stays as it is until the sink is done");
      },
    })
  );
  await sim.runUntil(Promise.all(running));
  await taking;
  for (const pieces of outputs) {
    assert.deepEqual(joined(pieces), joined([bodyOf(bytes), SIGNATURE]));
  }
});

test("slices are bounded, others have their turn between them, and a slow sink holds it back", async () => {
  const { sim, machine } = place();
  const author = filled(6000, 5);
  for (let n = 0; n < 200; n++) {
    author.payload({ kind: "create", path: `/wide${n}`, data: new Uint8Array(10_000) });
  }
  const { db } = author;
  for (const paced of [true, false]) {
    const sizes: number[] = [];
    let turns = 0, turnsSeen = -1;
    const ticking = (): void => {
      turns++;
      if (sizes.length < 1000) machine.runtime.clock.soon(ticking);
    };
    ticking();
    let waiting = false;
    const stream = new SnapshotStream(contextOf(machine.runtime), db);
    await sim.runUntil(stream.run({
      write(view) {
        assert.ok(!waiting && turns > turnsSeen, "one at a time, and not two in a turn");
        turnsSeen = turns;
        sizes.push(view.length);
        if (sizes.length % 2 === 0) return undefined;
        waiting = true;
        return new Promise((resolve) =>
          sim.after(5000, "slow", () => resolve(void (waiting = false)))
        );
      },
    }, paced));
    assert.ok(sizes.length > 5);
    for (const size of sizes) assert.ok(size <= SNAPSHOT_SLICE_BYTES + 2000, `${size}`);
    sizes.length = 1000;
    await sim.run(sim.nowMs + 10);
  }
});

test("a stream that is stopped sends nothing more and lets go of the tree", async () => {
  const { sim, machine } = place();
  const { db } = filled(3000, 5);
  for (const when of ["before", "blocked", "pause"]) {
    let pieces = 0;
    const stream = new SnapshotStream(contextOf(machine.runtime), db);
    const running = stream.run({
      write() {
        pieces++;
        return when === "blocked" ? new Promise(() => {}) : undefined;
      },
    });
    running.catch(() => {});
    if (when === "pause") await sim.run(sim.nowMs + 0.5);
    if (when === "blocked") await sim.run(sim.nowMs + 50);
    stream.stop();
    const seen = pieces;
    await assert.rejects(sim.runUntil(running), SnapshotStopped);
    assert.equal(pieces, seen);
  }
  db.clear(); // an invariant of the tree: nobody reads it any more
});

test("a sink that fails ends the stream with its failure", async () => {
  const { sim, machine } = place();
  const { db } = filled(10);
  for (
    const write of [() => Promise.reject(new Error("gone")), (): void => {
      throw new Error("gone");
    }]
  ) {
    const stream = new SnapshotStream(contextOf(machine.runtime), db);
    await assert.rejects(sim.runUntil(stream.run({ write })), /gone/);
  }
  db.clear();
});

test("cut anywhere it is refused, and so is any other word at its end", async () => {
  const { sim, machine } = place();
  const stream = await streamed(sim, machine, filled(20).db);
  for (let size = 0; size < stream.length; size += 37) {
    await assert.rejects(receive(sim, machine, stream.subarray(0, size)), ProtocolError);
  }
  for (
    const word of ["\0\0\0\nBenWasThere", "\0\0\0\x0bBenWasHere!", "\x7f\xff\xff\xffxxxxxxxxxx"]
  ) {
    const bytes = joined([stream.subarray(0, -SIGNATURE.length), utf8Encode(word)]);
    await assert.rejects(
      receive(sim, machine, bytes),
      (error: Error) =>
        error instanceof ProtocolError && /leader's snapshot: .*BenWasHere/.test(error.message),
    );
  }
});

test("nonsense is refused in bounded memory: changed bytes never give an error of another kind", async () => {
  const { sim, machine } = place();
  const stream = await streamed(sim, machine, filled(12).db);
  for (let at = 0; at < stream.length; at += 3) {
    for (const bit of [0x80, 0x01]) {
      const spoilt = stream.slice();
      spoilt[at] = (spoilt[at] as number) ^ bit;
      const outcome = await receive(sim, machine, spoilt).catch((error: unknown) => error);
      if (outcome instanceof Error) assert.ok(outcome instanceof ProtocolError, String(outcome));
    }
  }
  const huge = stream.slice(0, 4);
  viewOf(huge).setInt32(0, 0x7fff_ffff);
  await assert.rejects(receive(sim, machine, huge), ProtocolError);
  viewOf(huge).setInt32(0, -1);
  await assert.rejects(receive(sim, machine, huge), /counts -1 sessions/);
});

test("a zxid that no server may continue from is refused", async () => {
  const { sim, machine } = place();
  const stream = await streamed(sim, machine, filled(3).db);
  for (const zxid of [-1, EPOCH_MAX * 2 ** 32]) {
    await assert.rejects(receive(sim, machine, stream, 1000, zx(zxid)), /its zxid is/);
  }
});

test("a connection that breaks is told as what it is", async () => {
  const { sim, machine } = place();
  const source = new PushSource();
  const db = new Database(codec, DB_OPTIONS);
  const receiving = receiveSnapshot(contextOf(machine.runtime), source, db, zx(1));
  receiving.catch(() => {});
  source.push(new Uint8Array(3));
  await sim.run(sim.nowMs + 1);
  source.end(new RuntimeError("RESET", "connection reset"));
  await assert.rejects(sim.runUntil(receiving), /leader's snapshot: connection reset/);
});

test("a source asks for a pause when it holds enough, and goes on when half is taken", async () => {
  const source = new PushSource();
  let rooms = 0;
  source.onRoom = () => rooms++;
  const chunk = new Uint8Array(PUSH_PENDING_BYTES / 4);
  for (let n = 0; n < 4; n++) assert.equal(source.push(chunk), true);
  assert.equal(source.push(chunk.fill(9)), false);
  chunk.fill(1);
  const into = new Uint8Array(PUSH_PENDING_BYTES / 2);
  assert.equal(await source.read(into), into.length);
  assert.equal(rooms, 0);
  assert.equal(source.push(new Uint8Array(0)), false, "still too much");
  await source.read(new Uint8Array(PUSH_PENDING_BYTES / 4));
  assert.equal(rooms, 1);
  source.unread(new Uint8Array([1, 2, 3]));
  const rest = source.takeRest();
  assert.deepEqual([...rest.subarray(0, 4), rest[rest.length - 1]], [1, 2, 3, 0, 9]);
  assert.equal(source.pendingBytes, 0);
  source.end();
  assert.equal(await source.read(into), 0);
});

interface Parts {
  readonly sessions: readonly string[];
  readonly acls: readonly string[];
  readonly nodes: readonly string[];
  readonly bytes: number;
}

/** Sections, and the records of section 4 in the order of their paths: siblings come in any order (storage-format §7.2). */
function partsOf(body: Uint8Array): Parts {
  const r = new Reader().reset(body, 0, body.length);
  const text = (from: number): string => Buffer.from(body.subarray(from, r.pos)).toString("latin1");
  const many = (read: () => void): string[] =>
    Array.from({ length: r.int32() }, () => {
      const from = r.pos;
      read();
      return text(from);
    }).sort();
  const sessions = many(() => r.skip(12));
  const acls = many(() => {
    r.skip(8);
    for (let count = r.int32(); count > 0; count--) {
      r.skip(4);
      r.ustring();
      r.ustring();
    }
  });
  const nodes: string[] = [];
  for (;;) {
    const from = r.pos;
    if (r.ustring() === "/") break;
    r.skip(Math.max(r.int32(), 0) + 8 + 60);
    nodes.push(text(from));
  }
  return { sessions, acls, nodes: nodes.sort(), bytes: r.pos };
}

for (const folder of ["3.8.0", "3.9.5"]) {
  test(`the stream of a tree of Apache ${folder} has the records of Apache's own snapshot`, async () => {
    const { sim, machine } = place();
    const directory = await readApache(folder);
    await putApache(sim, machine, directory);
    for (const { name } of namesOf("snapshot", [...directory.files.keys()])) {
      const body = (directory.files.get(name) as Uint8Array).subarray(16);
      const { db } = await load(sim, machine, name);
      const ours = await streamed(sim, machine, db);
      const parts = partsOf(body);
      assert.deepEqual(partsOf(ours), parts, name);
      const sent = joined([body.subarray(0, parts.bytes), SIGNATURE]);
      assertSame((await receive(sim, machine, sent)).db, db);
    }
  });
}
