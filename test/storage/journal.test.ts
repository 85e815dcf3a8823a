/** Group commit, room, rolling, padding (storage-format §4.3, §4.6, §15 cases 1-9; performance-notes §3). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "../../src/base/invariant.ts";
import { logHeader, paddedSize } from "../../src/storage/log_format.ts";
import { createPlainCodec } from "../../wasm/codec.ts";
import { lab } from "./journal_lab.ts";
import { Reads, sealed } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, codec, Entry, zx } from "./support.ts";

test("one write and one sync for all that arrived while the last one was under way", async () => {
  const it = await lab();
  it.write(10);
  it.journal.flush();
  for (let n = 0; n < 50; n++) {
    it.write(10);
    it.journal.flush();
  }
  const syncs = it.machine.files.count("syncData");
  await it.sim.runUntil(it.journal.drain());
  assert.deepEqual(it.groups.map(({ length }) => length), [1, 50]);
  assert.deepEqual(it.groups.flat(), Array.from({ length: 51 }, (_, at) => at + 1));
  assert.equal(it.machine.files.count("syncData") - syncs, 3, "the header, and one a group");
  assert.equal(it.journal.pendingBytes, 0);
  const { groups, txns, bytes, fsyncCount, files } = it.journal.stats;
  assert.deepEqual([groups, txns, fsyncCount, files], [2, 51, 2, 1]);
  assert.equal(bytes, (await it.file("log.1")).length - 16);
});

test("zeros written ahead are not synced: the disk's errors are for the groups alone", async () => {
  const it = await lab({ preAllocBytes: 65_536 });
  const before = it.machine.files.count("syncData");
  for (let n = 0; n < 8; n++) {
    it.write(12_000);
    await it.sim.runUntil(it.journal.drain());
    await it.sim.run(it.sim.nowMs + 10); // the zeros behind it
  }
  assert.ok((await it.file("log.1")).length > it.journal.fileBytes, "zeros lie ahead");
  assert.equal(it.machine.files.count("syncData") - before, 1 + 8, "the header, and one a group");
  await it.sim.runUntil(it.journal.close());
  assert.equal((await it.file("log.1")).length, it.journal.stats.bytes + 16, "and are cut off");
});

test("nothing is durable before its sync has ended, nor before the file's name is on the disk", async () => {
  const it = await lab();
  it.write(10);
  it.journal.flush();
  while (it.groups.length === 0) {
    assert.equal(it.journal.stats.fsyncCount, 0);
    await it.sim.run(it.sim.nowMs + 0.01);
  }
  assert.equal(it.machine.files.count("syncDir"), 1);
  assert.equal(it.journal.stats.fsyncCount, 1);
});

test("what is written is what was given, in both formats, whatever the sizes", async () => {
  for (const format of [2, 3] as const) {
    for (const kind of [codec, createPlainCodec()]) {
      const it = await lab({ format, preAllocBytes: 8192 }, kind);
      const given: Uint8Array[] = [];
      for (const size of [0, 1, 5000, 30, 9 * 1024 * 1024, 7, 70_000, 20]) {
        given.push(it.write(size));
        if (size === 30) it.journal.flush();
      }
      given.push(it.write(200_000, 10)); // longer than said
      given.push(it.write(3, 10));
      await it.sim.runUntil(it.journal.drain());
      assert.deepEqual(it.payloads, given);
      await it.sim.runUntil(it.journal.close());
      const read = await new Reads().read(await it.file("log.1"));
      assert.deepEqual([read.zxids, read.isTorn], [
        Array.from({ length: 10 }, (_, at) => at + 1),
        false,
      ]);
    }
  }
});

test("a payload that outgrows its region goes on elsewhere, positions kept, order kept", async () => {
  const it = await lab();
  const regionBytes = 8 * 1024 * 1024;
  const first = it.write(regionBytes - 2000);
  const w = it.journal.begin(100);
  const start = w.pos;
  const second = new Author().payload({
    kind: "create",
    path: "/big",
    data: new Uint8Array(50_000).fill(9),
  }, 2);
  w.raw(second.subarray(0, 500));
  const mark = w.pos;
  w.int32(0);
  w.raw(second.subarray(504));
  w.patchInt32(mark, new DataView(second.buffer, second.byteOffset).getInt32(500));
  assert.equal(w.pos, start + second.length);
  it.journal.end(new Entry(zx(2)));
  const w3 = it.journal.begin(100);
  const third = new Author().payload({ kind: "create", path: "/c" }, 3);
  w3.raw(third);
  it.journal.end(new Entry(zx(3)));
  await it.sim.runUntil(it.journal.drain());
  assert.deepEqual(it.groups.flat(), [1, 2, 3]);
  assert.deepEqual(it.payloads, [first, second, third]);
  assert.deepEqual((await new Reads().read(await it.file("log.1"))).zxids, [1, 2, 3]);
});

test("room ends when all regions wait for the disk, and is told again", async () => {
  const it = await lab();
  let told = 0;
  it.journal.onRoom = () => told++;
  const size = 5 * 1024 * 1024;
  let written = 0;
  while (it.journal.hasRoom(size + 200)) {
    it.write(size);
    it.journal.flush();
    written++;
  }
  assert.equal(written, 4, "one a region");
  assert.equal(told, 0);
  await it.sim.runUntil(() => told > 0);
  assert.ok(it.journal.hasRoom(size + 200));
  await it.sim.runUntil(it.journal.drain());
  assert.equal(it.groups.flat().length, 4);
});

test("after a failure nothing is written or told durable, whatever else is given", async () => {
  const it = await lab();
  let failures = 0;
  it.journal.onFailure = () => failures++;
  it.write(10);
  it.journal.flush();
  it.machine.files.failNext("syncData", "IO", { skip: 1 });
  await assert.rejects(it.sim.runUntil(it.journal.drain()), /injected IO/);
  const writes = it.machine.files.count("write");
  it.write(10);
  it.journal.flush();
  await assert.rejects(it.journal.drain(), /injected IO/);
  await it.sim.run(it.sim.nowMs + 100);
  await it.sim.runUntil(it.journal.close());
  assert.deepEqual([it.groups, failures, it.journal.hasFailed], [[], 1, true]);
  assert.equal(it.machine.files.count("write"), writes);
});

test("a roll holds for the next entry, even one too large for the region that waited", async () => {
  const it = await lab();
  it.write(10);
  await it.sim.runUntil(it.journal.drain());
  it.journal.begin(10);
  it.journal.cancel();
  it.journal.roll();
  it.write(9 * 1024 * 1024);
  await it.sim.runUntil(it.journal.close());
  assert.deepEqual(await it.names(), ["log.1", "log.2"]);
});

test("a cancelled entry leaves nothing", async () => {
  const it = await lab();
  const given = [it.write(10)];
  it.journal.begin(100).raw(new Uint8Array(100));
  it.journal.cancel();
  it.journal.begin(9 * 1024 * 1024).raw(new Uint8Array(100));
  it.journal.cancel();
  given.push(it.write(20));
  await it.sim.runUntil(it.journal.drain());
  assert.deepEqual(it.payloads, given);
});

test("an entry that is not empty, one at a time: anything else is a bug of the caller", async () => {
  const it = await lab();
  it.journal.begin(10);
  assert.throws(() => it.journal.begin(10), InvariantError);
  assert.throws(() => it.journal.end(new Entry(zx(1))), InvariantError);
});

test("after a roll the next entry begins a new file; what came before stays in the old one", async () => {
  const it = await lab({ preAllocBytes: 65536 });
  it.write(10);
  it.write(10);
  it.journal.roll();
  it.journal.roll();
  it.write(10);
  await it.sim.runUntil(it.journal.drain());
  it.journal.roll();
  it.write(10);
  await it.sim.runUntil(it.journal.close());
  assert.deepEqual(await it.names(), ["log.1", "log.3", "log.4"]);
  const reads = new Reads();
  assert.deepEqual((await reads.read(await it.file("log.1"), false)).zxids, [1, 2]);
  assert.deepEqual((await reads.read(await it.file("log.3"), false)).zxids, [3]);
});

test("size limit 4 KiB with 1 KiB txns: files below limit and one txn, all read back", async () => {
  const it = await lab({ txnLogSizeLimitBytes: 4096, preAllocBytes: 4096 });
  for (let n = 0; n < 12; n++) {
    it.write(1024);
    await it.sim.runUntil(it.journal.drain());
  }
  await it.sim.runUntil(it.journal.close());
  assert.deepEqual(await it.names(), ["log.1", "log.5", "log.9"]);
  const zxids: number[] = [];
  for (const name of await it.names()) {
    const bytes = await it.file(name);
    assert.ok(bytes.length > 4096 && bytes.length < 4096 + 1200, `${bytes.length}`);
    zxids.push(...(await new Reads().read(bytes)).zxids);
  }
  assert.deepEqual(zxids, Array.from({ length: 12 }, (_, at) => at + 1));
});

test("padding is asked for within 4 KB of the known end, by whole units, and never without a unit", () => {
  const kib = 1024;
  assert.equal(paddedSize(100 * kib, 8 * kib, 0), 8 * kib);
  assert.equal(paddedSize(100 * kib, 8 * kib, -5), 8 * kib);
  assert.equal(paddedSize(kib, 10 * kib, 10 * kib), 10 * kib);
  assert.equal(paddedSize(6 * kib - 1, 10 * kib, 10 * kib), 10 * kib);
  assert.equal(paddedSize(6 * kib, 10 * kib, 10 * kib), 20 * kib);
  assert.equal(paddedSize(31 * kib, 10 * kib, 10 * kib), 40 * kib);
  assert.equal(paddedSize(16, 16, 67_108_864), 67_108_880, "as Apache's first log");
});

test("zeros are written ahead and cut off at the end; without preallocation the size is that of the entries", async () => {
  for (const preAllocBytes of [0, -1, 8192]) {
    const it = await lab({ preAllocBytes });
    for (let n = 0; n < 30; n++) {
      const payload = it.write(700);
      await it.sim.runUntil(it.journal.drain());
      await it.sim.run(it.sim.nowMs + 5);
      const bytes = await it.file("log.1");
      if (preAllocBytes <= 0) assert.equal(bytes.length, it.journal.fileBytes);
      else assert.ok(bytes.length > it.journal.fileBytes, "zeros are ahead");
      assert.equal(bytes.subarray(it.journal.fileBytes).every((byte) => byte === 0), true);
      assert.ok(payload.length > 700);
    }
    await it.sim.runUntil(it.journal.close());
    assert.equal((await it.file("log.1")).length, 16 + it.journal.stats.bytes);
  }
});

test("a txn larger than the unit of padding is not overwritten by zeros", async () => {
  const it = await lab({ preAllocBytes: 4096 });
  const given = [it.write(50_000), it.write(10)];
  it.journal.flush();
  given.push(it.write(20_000), it.write(10));
  await it.sim.runUntil(it.journal.drain());
  given.push(it.write(5));
  await it.sim.runUntil(it.journal.close());
  assert.deepEqual(
    await it.file("log.1").then((bytes) => bytes.length),
    16 + it.journal.stats.bytes,
  );
  assert.equal((await new Reads().read(await it.file("log.1"))).zxids.length, given.length);
});

test("the header is on the disk before anything else is in the file", async () => {
  const it = await lab({ preAllocBytes: 65536, format: 2 });
  it.write(10);
  it.journal.flush();
  for (let seen = false; !seen;) {
    await it.sim.run(it.sim.nowMs + 0.01);
    const bytes = (await it.names()).length === 0 ? new Uint8Array(0) : await it.file("log.1");
    if (bytes.length > 16) assert.deepEqual(bytes.subarray(0, 16), logHeader(2));
    seen = bytes.length > 100;
  }
});

test("whoever holds the journal next is told of what becomes durable next; nothing need be applied", async () => {
  const it = await lab();
  const first: number[] = [], second: number[] = [];
  it.journal.onDurable = (entries) => void first.push(...entries.map(({ zxid }) => zxid));
  it.write(10);
  it.journal.flush();
  it.write(10); // another group, under way when the role changes
  await it.sim.runUntil(() => first.length === 1);
  it.journal.onDurable = (entries) => void second.push(...entries.map(({ zxid }) => zxid));
  it.write(10);
  await it.sim.runUntil(it.journal.drain());
  assert.deepEqual([first, second], [[1], [2, 3]]);
  it.journal.roll();
  it.write(10);
  await it.sim.runUntil(it.journal.drain());
  assert.deepEqual(
    await it.names(),
    ["log.1", "log.4"],
    "the file goes on across roles, a roll ends it",
  );
  assert.equal(it.journal.pendingBytes, 0);
});

test("a slow sync is counted and told", async () => {
  const it = await lab({ fsyncWarningMs: 0 });
  it.write(10);
  await it.sim.runUntil(it.journal.drain());
  assert.equal(it.journal.stats.fsyncSlow, 1);
  assert.ok(it.journal.stats.fsyncMsMax > 0);
  assert.match(it.heard.lines.join("\n"), /took long to sync.*log\.1/);
});

test("a log with entries is never replaced by a new one of its name", async () => {
  const it = await lab();
  const { fs } = it.machine.runtime;
  const file = await it.sim.runUntil(fs.open(`${FOLDER}/log.1`, "create"));
  await it.sim.runUntil(
    file.write(sealed(3, [[new Author().payload({ kind: "create", path: "/a" })]]), 0),
  );
  let failure: unknown;
  it.journal.onFailure = (error) => failure = error;
  it.write(10);
  await assert.rejects(it.sim.runUntil(it.journal.drain()), InvariantError);
  assert.ok(failure instanceof InvariantError);
  assert.deepEqual(it.groups, []);
});
