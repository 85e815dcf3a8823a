/** Txns are read from the log while it goes on: in order, each once, never beyond what is durable. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { type Zxid, ZXID_NONE, zxidOf } from "../../src/base/zxid.ts";
import type { FileFormat } from "../../src/storage/host.ts";
import { RANGE_BUFFER_BYTES } from "../../src/storage/limits.ts";
import type { LogRange, RangeEnd } from "../../src/storage/log_range.ts";
import { purge } from "../../src/storage/retention.ts";
import { type Lab, lab } from "./lab.ts";
import { boundaries, groupsOf, padded, sealed } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, Changes, contextOf, MiniServer, zx } from "./support.ts";

interface Got {
  readonly end: RangeEnd;
  readonly zxids: number[];
  readonly payloads: Uint8Array[];
  readonly before: Zxid;
}

async function collect(range: LogRange, through: number): Promise<Got> {
  const zxids: number[] = [], payloads: Uint8Array[] = [];
  const end = await range.read(zx(through), (zxid, bytes, start, to) => {
    zxids.push(zxid);
    payloads.push(bytes.slice(start, to));
  });
  await range.close();
  return { end, zxids, payloads, before: range.before };
}

function readRange(it: Lab, server: MiniServer, from: number, through: number): Promise<Got> {
  return it.sim.runUntil(
    server.storage.openRange(zx(from)).then((range) => collect(range, through)),
  );
}

const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A server over logs made by hand. */
async function over(
  logs: Readonly<Record<string, Uint8Array>>,
): Promise<{ it: Lab; server: MiniServer }> {
  const it = lab();
  await it.stop(await it.start());
  const server = await it.start();
  for (const [name, bytes] of Object.entries(logs)) await it.put(name, bytes);
  return { it, server };
}

for (const format of [2, 3] as const satisfies readonly FileFormat[]) {
  test(`every range of three logs comes whole, with the bytes that were logged (format ${format})`, async () => {
    const payloads = groupsOf([4, 1, 6, 2, 7, 5]);
    const [a, b, c, d, e, f] = payloads as Uint8Array[][] as [
      Uint8Array[],
      Uint8Array[],
      Uint8Array[],
      Uint8Array[],
      Uint8Array[],
      Uint8Array[],
    ];
    const { it, server } = await over({
      "log.1": sealed(format, [a, b, c]),
      "log.c": padded(sealed(format, [d]), 5000),
      "log.e": padded(sealed(format, [e, f]), 70_000),
    });
    const all = payloads.flat();
    for (let from = 0; from <= 25; from++) {
      for (let through = Math.max(from, 1); through <= 25; through++) {
        const got = await readRange(it, server, from, through);
        assert.deepEqual(got.end, { kind: "through" }, `${from} to ${through}`);
        assert.deepEqual(got.zxids, upTo(Math.max(from, 1), through));
        assert.deepEqual(got.payloads, all.slice(Math.max(from - 1, 0), through));
        const isFirstOfFile = from <= 1 || from === 12 || from === 14;
        assert.equal(got.before, isFirstOfFile ? ZXID_NONE : from - 1);
      }
    }
  });

  test(`entries larger than the buffer come whole (format ${format})`, async () => {
    const author = new Author();
    const payloads = [10, RANGE_BUFFER_BYTES - 200, RANGE_BUFFER_BYTES, 3 * RANGE_BUFFER_BYTES, 5]
      .map((size, n) =>
        author.payload({ kind: "create", path: `/n${n}`, data: new Uint8Array(size).fill(n) })
      );
    const { it, server } = await over({
      "log.1": padded(sealed(format, [payloads]), 3 * RANGE_BUFFER_BYTES),
    });
    const got = await readRange(it, server, 1, 5);
    assert.deepEqual([got.end.kind, got.zxids], ["through", [1, 2, 3, 4, 5]]);
    assert.deepEqual(got.payloads, payloads);
  });

  test(`while the journal writes and rolls, what is durable is read (format ${format})`, async () => {
    const it = lab(5);
    const server = await it.start({
      fileFormat: format,
      txnLogSizeLimitBytes: 2000,
      preAllocBytes: 4096,
    });
    const changes = new Changes(5);
    const ranges: Promise<Got>[] = [];
    const wanted: number[] = [];
    for (let n = 1; n <= 300; n++) {
      server.submit(changes.next());
      if (n % 3 === 0) await it.sim.run(it.sim.nowMs + 1);
      if (n % 10 !== 0 || server.acked === 0) continue;
      const through = server.acked;
      wanted.push(through);
      ranges.push(server.storage.openRange(zx(1)).then((range) => collect(range, through)));
    }
    await it.sim.runUntil(() => server.acked === 300);
    const all = await it.sim.runUntil(Promise.all(ranges));
    assert.ok((await it.names()).filter((name) => name.startsWith("log.")).length > 3);
    for (const [index, got] of all.entries()) {
      assert.deepEqual([got.end.kind, got.zxids], ["through", upTo(1, wanted[index] as number)]);
    }
    assert.equal(server.storage.directories.use.isHeld, false);
  });

  test(`the unfinished tail is not judged, damage before it is (format ${format})`, async () => {
    const groups = groupsOf([3, 3, 3]);
    const good = sealed(format, groups);
    const [, , last] = boundaries(groups) as [number, number, number];
    for (let at = last; at < good.length; at += 7) {
      const torn = padded(good.subarray(0, at), 3000);
      torn.fill(0xa5, at, at + 20);
      const { it, server } = await over({ "log.1": torn });
      assert.deepEqual((await readRange(it, server, 2, 6)).zxids, [2, 3, 4, 5, 6]);
      await assert.rejects(readRange(it, server, 2, 9), CorruptionError);
    }
    const spoilt = good.slice();
    spoilt[last - 20] = (spoilt[last - 20] ?? 0) ^ 1;
    const { it, server } = await over({ "log.1": spoilt });
    await assert.rejects(
      readRange(it, server, 2, 6),
      /Cannot read log "log.1" at byte \d+: .*the last zxid read is 0x5/,
    );
    assert.equal(
      server.storage.directories.use.isHeld,
      true,
      "an error leaves the range to its owner",
    );
  });
}

test("txns that are there twice, as Apache may log them, come once", async () => {
  const all = groupsOf([9]).flat();
  const part = (from: number, to: number): Uint8Array[] => all.slice(from - 1, to);
  const { it, server } = await over({
    "log.1": sealed(2, [part(1, 4), part(3, 5)]),
    "log.4": sealed(2, [part(4, 7), part(5, 9)]),
  });
  for (const from of [1, 3, 5]) {
    const got = await readRange(it, server, from, 9);
    assert.deepEqual([got.end.kind, got.zxids], ["through", upTo(from, 9)]);
  }
});

test("a torn entry of an earlier log of version 2 is passed over when the next log goes on there", async () => {
  const all = groupsOf([6]).flat();
  const torn = sealed(2, [all.slice(0, 4)]);
  const { it, server } = await over({
    "log.1": torn.subarray(0, torn.length - 9),
    "log.4": sealed(2, [all.slice(3)]),
  });
  assert.deepEqual((await readRange(it, server, 2, 6)).zxids, [2, 3, 4, 5, 6]);
});

test("logs that begin too late, or miss a part, say so", async () => {
  const all = groupsOf([20]).flat();
  const { it, server } = await over({
    "log.5": sealed(3, [all.slice(4, 9)]),
    "log.c": sealed(3, [all.slice(11, 15)]),
  });
  assert.deepEqual((await readRange(it, server, 2, 8)).end, { kind: "startMissing" });
  const gap = await readRange(it, server, 6, 15);
  assert.deepEqual(gap.zxids, [6, 7, 8, 9]);
  assert.deepEqual(gap.end, { kind: "gap", after: 9, next: 12 });
  const short = await readRange(it, server, 13, 16);
  assert.deepEqual(short.end, { kind: "gap", after: 15, next: undefined });
  const { it: none, server: empty } = await over({});
  assert.deepEqual((await readRange(none, empty, 0, 1)).end, { kind: "startMissing" });
});

test("the beginning of an epoch counts as there when its first txn is; epochs follow each other", async () => {
  const author = new Author();
  const changes = new Changes(4);
  const of = (zxid: number): Uint8Array => author.payload(changes.next(), zxid);
  const old = [of(zxidOf(1, 1)), of(zxidOf(1, 2))];
  const young = [of(zxidOf(3, 1)), of(zxidOf(3, 2))];
  const { it, server } = await over({
    "log.100000001": sealed(3, [old]),
    "log.300000001": sealed(3, [young]),
  });
  const across = await readRange(it, server, zxidOf(1, 2), zxidOf(3, 2));
  assert.deepEqual(across.zxids, [zxidOf(1, 2), zxidOf(3, 1), zxidOf(3, 2)]);
  const fresh = await readRange(it, server, zxidOf(1, 0), zxidOf(1, 2));
  assert.deepEqual([fresh.end.kind, fresh.zxids.length], ["through", 2]);
  const second = await readRange(it, server, zxidOf(3, 0), zxidOf(3, 2));
  assert.deepEqual([second.end.kind, second.zxids.length, second.before], [
    "through",
    2,
    zxidOf(1, 2),
  ]);
  assert.deepEqual((await readRange(it, server, zxidOf(0, 9), zxidOf(3, 2))).end, {
    kind: "startMissing",
  });
});

test("a slow taker holds the reading back; closing ends it", async () => {
  const { it, server } = await over({ "log.1": sealed(3, groupsOf([30])) });
  const range = await it.sim.runUntil(server.storage.openRange(zx(1)));
  const zxids: number[] = [];
  let goOn = (): void => {};
  const reading = range.read(zx(30), (zxid) => {
    zxids.push(zxid);
    return new Promise((resolve) => goOn = resolve);
  });
  await it.sim.run(it.sim.nowMs + 100);
  assert.deepEqual(zxids, [1]);
  goOn();
  await it.sim.run(it.sim.nowMs + 100);
  assert.deepEqual(zxids, [1, 2]);
  await it.sim.runUntil(range.close());
  assert.deepEqual(await it.sim.runUntil(reading), { kind: "stopped" });
  assert.equal(server.storage.directories.use.isHeld, false);
});

test("what replaces the files ends every reading first", async () => {
  const { it, server } = await over({ "log.1": sealed(3, groupsOf([30], 1)) });
  const range = await it.sim.runUntil(server.storage.openRange(zx(1)));
  const reading = range.read(zx(30), () => new Promise(() => {}));
  const opening = server.storage.openRange(zx(2));
  await it.sim.runUntil(server.storage.reload());
  assert.deepEqual(await it.sim.runUntil(reading), { kind: "stopped" });
  const late = await it.sim.runUntil(opening);
  assert.deepEqual(await it.sim.runUntil(late.read(zx(30), () => {})), { kind: "stopped" });
});

test("logs that are read are not purged; afterwards they are", async () => {
  const it = lab();
  const server = await it.start();
  const changes = new Changes(1);
  for (let n = 1; n <= 60; n++) {
    server.submit(changes.next());
    await it.sim.runUntil(() => server.acked === n);
    if (n % 10 !== 0) continue;
    server.storage.journal.roll();
    await it.sim.runUntil(server.storage.snapshotter.take(server.storage.database));
  }
  const { use } = server.storage.directories;
  const options = { snapshots: FOLDER, logs: FOLDER, purgeRetainCount: 3, use };
  const logs = async (): Promise<string[]> =>
    (await it.names()).filter((name) => name.startsWith("log."));
  assert.deepEqual(await logs(), ["log.1", "log.15", "log.1f", "log.29", "log.33", "log.b"]);
  const range = await it.sim.runUntil(server.storage.openRange(zx(25)));
  await it.sim.runUntil(purge(contextOf(it.machine.runtime), options));
  assert.deepEqual(await logs(), ["log.15", "log.1f", "log.29", "log.33"]);
  assert.deepEqual((await it.sim.runUntil(collect(range, 60))).zxids, upTo(25, 60));
  await it.sim.runUntil(purge(contextOf(it.machine.runtime), options));
  assert.deepEqual(await logs(), ["log.1f", "log.29", "log.33"]);
});

test("the size of what is to be read, and of the newest snapshot", async () => {
  const all = groupsOf([20]).flat();
  const first = sealed(3, [all.slice(0, 9)]), second = padded(sealed(3, [all.slice(9)]), 1000);
  const { it, server } = await over({ "log.1": first, "log.a": second });
  for (
    const [from, bytes] of [[1, first.length + second.length], [9, first.length + second.length], [
      10,
      second.length,
    ]] as const
  ) {
    const range = await it.sim.runUntil(server.storage.openRange(zx(from)));
    assert.equal(range.bytes, bytes);
    await it.sim.runUntil(range.close());
  }
  const size = (await it.bytes("snapshot.0")).length;
  assert.equal(await it.sim.runUntil(server.storage.newestSnapshotBytes()), size);
  await it.put("snapshot.9", new Uint8Array(50));
  assert.equal(
    await it.sim.runUntil(server.storage.newestSnapshotBytes()),
    size,
    "not a complete one",
  );
  await it.sim.runUntil(it.machine.runtime.fs.remove(`${FOLDER}/snapshot.0`));
  assert.equal(await it.sim.runUntil(server.storage.newestSnapshotBytes()), 0);
});

test("an operation fails, each in turn: the reader is told, and nothing stays open or held", async () => {
  for (let failAt = 1, failed = true; failed; failAt++) {
    const { it, server } = await over({ "log.1": sealed(3, groupsOf([9])) });
    it.machine.files.failOperation(failAt);
    const opened = await it.sim.runUntil(server.storage.openRange(zx(2)).catch(() => undefined));
    if (opened !== undefined) {
      await it.sim.runUntil(opened.read(zx(9), () => {}).catch(() => {}));
      await it.sim.runUntil(opened.close());
    }
    failed = it.machine.files.failed > 0;
    it.machine.files.clear();
    assert.equal(server.storage.directories.use.isHeld, false);
    assert.deepEqual((await readRange(it, server, 2, 9)).zxids, upTo(2, 9));
  }
});
