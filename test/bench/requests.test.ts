import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LOAD, type LoadOptions, parseLoad } from "../../bench/load/options.ts";
import { patchCreate, type Ring, ringOf } from "../../bench/load/requests.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Op } from "../../src/protocol/ops.ts";

function bodies(ring: Ring): { xid: number; type: number; path: string | null }[] {
  return Array.from({ length: ring.frames }, (_, i) => {
    const start = ring.starts[i] as number, end = ring.starts[i + 1] as number;
    const r = new Reader().reset(ring.bytes, start, end);
    assert.equal(r.int32(), end - start - 4);
    return { xid: r.int32(), type: r.int32(), path: r.ustring() };
  });
}

function load(some: Partial<LoadOptions>): LoadOptions {
  return { ...DEFAULT_LOAD, ...some };
}

test("reads ask for every znode once a round, in an order of their own", () => {
  const frames = bodies(ringOf(load({ znodes: 300 })));
  assert.deepEqual(frames.map(({ xid }) => xid), frames.map((_, i) => i + 1));
  assert.equal(new Set(frames.map(({ path }) => path)).size, 300);
  assert.notDeepEqual(frames.map(({ path }) => path), frames.map(({ path }) => path).sort());
});

test("the ring holds two windows at least, and few bytes for large data", () => {
  assert.equal(ringOf(load({ znodes: 3, window: 100 })).frames, 200);
  const large = ringOf(load({ load: "setData", znodes: 50_000, dataBytes: 100_000, window: 10 }));
  assert.ok(large.frames >= 20 && large.bytes.length < 10_000_000, String(large.frames));
});

test("a mixed load has about the share of reads that was asked for", () => {
  const frames = bodies(
    ringOf(load({ load: "mixed", readPercent: 90, znodes: 10_000, dataBytes: 10 })),
  );
  const reads = frames.filter(({ type }) => type === Op.getData).length / frames.length;
  assert.ok(reads > 0.87 && reads < 0.93, String(reads));
});

test("a create's path is made new in place, and nothing else of it changes", () => {
  const ring = ringOf(load({ load: "create", window: 2, znodes: 1 }));
  const before = ring.bytes.slice();
  patchCreate(ring.bytes, ring.starts[1] as number, 123_456, 42, 987_654_321);
  const [first, second] = bodies(ring);
  assert.equal(second?.path, "/bench/c12345600042987654321");
  assert.equal(first?.path, "/bench/c00000000000000000000");
  const changed = ring.bytes.reduce((sum, byte, i) => sum + (byte === before[i] ? 0 : 1), 0);
  assert.equal(changed, [..."12345600042987654321"].filter((digit) => digit !== "0").length);
});

test("options are checked, and a refusal says what is wanted", () => {
  const options = parseLoad([
    "--connect",
    "localhost:22600",
    "--op",
    "setData",
    "--seconds",
    "0.5",
  ]);
  assert.deepEqual([options.host, options.port, options.load, options.seconds], [
    "localhost",
    22600,
    "setData",
    0.5,
  ]);
  assert.throws(() => parseLoad(["--op", "fly"]), /"fly": wanted getData, setData/);
  assert.throws(() => parseLoad(["--window", "0"]), /--window "0": wanted a number from 1/);
  assert.throws(() => parseLoad(["--connect", "localhost"]), /wanted HOST:PORT/);
});
