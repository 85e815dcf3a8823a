/** The stream behind SNAP: what Apache would send, and what comes out of it at the other end (peer-protocol §8.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { SNAPSHOT_SLICE_BYTES } from "../../src/base/limits.ts";
import { PushSource } from "../../src/storage/push_source.ts";
import { receiveSnapshot, SnapshotStream } from "../../src/storage/snapshot_stream.ts";
import { SnapshotStopped } from "../../src/storage/snapshot_writer.ts";
import { Applier } from "../../src/txn/apply.ts";
import { Database } from "../../src/txn/database.ts";
import { take } from "./snapshots.ts";
import { Author, Changes, codec, contextOf, DB_OPTIONS, zx } from "./support.ts";
import {
  assertSame,
  bodyOf,
  filled,
  joined,
  pathsOf,
  place,
  receive,
  SIGNATURE,
  streamed,
} from "./streams.ts";

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
    }, () => paced));
    assert.ok(sizes.length > 5);
    for (const size of sizes) assert.ok(size <= SNAPSHOT_SLICE_BYTES + 2000, `${size}`);
    sizes.length = 1000;
    await sim.run(sim.nowMs + 10);
  }
});

test("a stream that is stopped sends nothing more and lets go of the tree", async () => {
  const { sim, machine } = place();
  const { db } = filled(12_000, 5); // more than is sent without a pause
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
