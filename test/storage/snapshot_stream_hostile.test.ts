/** What the other end of the stream behind SNAP does with bytes that are none, and with too many (peer-protocol §8.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/base/errors.ts";
import { utf8Encode } from "../../src/base/host.ts";
import { EPOCH_MAX } from "../../src/base/zxid.ts";
import { Reader } from "../../src/jute/reader.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { namesOf } from "../../src/storage/names.ts";
import { PUSH_PENDING_BYTES, PushSource } from "../../src/storage/push_source.ts";
import { receiveSnapshot } from "../../src/storage/snapshot_stream.ts";
import { Database } from "../../src/txn/database.ts";
import { putApache, readApache } from "./apache.ts";
import { load } from "./snapshots.ts";
import { codec, contextOf, DB_OPTIONS, zx } from "./support.ts";
import { assertSame, filled, joined, place, receive, SIGNATURE, streamed } from "./streams.ts";

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
