/** Memory for a snapshot's znodes that another thread makes ready while it is loaded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import type { Fs } from "../../src/runtime.ts";
import { PushSource } from "../../src/storage/push_source.ts";
import { loadSnapshot } from "../../src/storage/snapshot_reader.ts";
import { receiveSnapshot } from "../../src/storage/snapshot_stream.ts";
import { Database } from "../../src/txn/database.ts";
import { nameOf } from "./logs.ts";
import { FOLDER, take } from "./snapshots.ts";
import { streamed } from "./streams.ts";
import { Author, codec, contextOf, DB_OPTIONS } from "./support.ts";

type Zeros = NonNullable<Fs["zeros"]>;

/** Beyond the first pages of ids and segments of the arena, which are small. */
const ZNODES = 110_000;

async function saved(
  znodes: number,
  dataBytes = 120,
): Promise<{ sim: Sim; machine: Machine; name: string; author: Author }> {
  const sim = createSim({ seed: 1 }), machine = sim.machine("a");
  const author = new Author(), data = new Uint8Array(dataBytes).fill(7);
  for (let n = 0; n < znodes; n++) author.payload({ kind: "create", path: `/n${n}`, data });
  const { report } = await take(sim, machine, author.db);
  return { sim, machine, name: report.name, author };
}

const large = await saved(ZNODES);
const instantly: Zeros = (bytes) => Promise.resolve(new Uint8Array(bytes));

/** @returns the database, and the sizes that were asked for */
async function loadedWith(
  { sim, machine, name }: typeof large,
  zeros: Zeros | undefined,
): Promise<{ db: Database; asked: number[] }> {
  const { runtime } = machine, asked: number[] = [];
  const counted: Zeros | undefined = zeros && ((bytes) => {
    asked.push(bytes);
    return zeros(bytes);
  });
  const host = { ...runtime, fs: counted ? { ...runtime.fs, zeros: counted } : runtime.fs };
  const db = new Database(codec, DB_OPTIONS);
  await sim.runUntil(loadSnapshot(host, `${FOLDER}/${name}`, nameOf(name), db));
  return { db, asked };
}

function isWhole(db: Database): void {
  assert.equal(db.tree.nodeCount, large.author.db.tree.nodeCount);
  assert.equal(db.tree.digest, large.author.db.tree.digest);
}

test("what the snapshot needs is made ready, and used", async () => {
  const blocks: Uint8Array[] = [];
  const { db } = await loadedWith(large, async (bytes) => {
    blocks.push(await instantly(bytes));
    return blocks.at(-1) as Uint8Array;
  });
  isWhole(db);
  for (const { stock } of db.tree.growing) {
    const used = blocks.filter(({ length }) => length === stock.blockBytes)
      .map((block) => block.some((byte) => byte !== 0));
    assert.ok(used.includes(true) && used.filter((isUsed) => !isUsed).length <= 1, `${used}`);
  }
});

test("what was made ready in vain is not kept", async () => {
  // Each has a segment of its own: no other is added.
  const { db, asked } = await loadedWith(await saved(10, 5 << 20), instantly);
  assert.ok(asked.length > 0);
  assert.deepEqual(db.tree.growing.map(({ stock }) => stock.size), [0, 0]);
});

test("a small snapshot asks for none", async () => {
  const { asked } = await loadedWith(await saved(100), instantly);
  assert.deepEqual(asked, []);
});

test("without it, refused, or never ready in time a load is the same", async () => {
  isWhole((await loadedWith(large, undefined)).db);
  const refused = await loadedWith(large, () => Promise.reject(new Error("no /dev/zero here")));
  isWhole(refused.db);
  assert.equal(refused.asked.length, 1, "asked once");
  const late: (() => void)[] = [];
  const { db, asked } = await loadedWith(
    large,
    (bytes) => new Promise((resolve) => late.push(() => resolve(new Uint8Array(bytes)))),
  );
  isWhole(db);
  assert.equal(asked.length, 1, "one at a time");
  late.forEach((come) => come());
  await Promise.resolve();
  assert.deepEqual(db.tree.growing.map(({ stock }) => stock.size), [0, 0], "kept by nobody");
});

test("a snapshot that another server sends finds memory ready too, a small one asks for none", async () => {
  for (const [from, isReady] of [[large, true], [await saved(100), false]] as const) {
    const { sim, machine, author } = from;
    const stream = await streamed(sim, machine, author.db);
    const blocks: Uint8Array[] = [];
    const host = {
      ...machine.runtime,
      fs: {
        ...machine.runtime.fs,
        zeros: async (bytes: number) => {
          blocks.push(await instantly(bytes));
          return blocks.at(-1) as Uint8Array;
        },
      },
    };
    const source = new PushSource(), db = new Database(codec, DB_OPTIONS);
    source.push(stream);
    source.end();
    await sim.runUntil(receiveSnapshot(contextOf(host), source, db, author.db.lastZxid));
    assert.equal(db.tree.digest, author.db.tree.digest);
    assert.equal(blocks.some((block) => block.some((byte) => byte !== 0)), isReady);
    assert.deepEqual(db.tree.growing.map(({ stock }) => stock.size), [0, 0]);
    assert.equal(blocks.length > 0, isReady);
  }
});
