import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../src/jute/reader.ts";
import { DEFAULT_LOAD, formatMix, type LoadOptions, parseMix } from "../../src/load/options.ts";
import { createPath, patchCreate, type Ring, ringOf } from "../../src/load/requests.ts";
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
  const mix = { setData: 1 };
  const large = ringOf(load({ mix, znodes: 50_000, dataBytes: 100_000, window: 10 }));
  assert.ok(large.frames >= 20 && large.bytes.length < 52_000_000, String(large.frames));
});

test("a mix has about the shares that were asked for", () => {
  const mix = { getData: 80, setData: 10, create: 5, exists: 5, getChildren: 0 };
  const ring = ringOf(load({ mix, znodes: 10_000, dataBytes: 10 }));
  const frames = bodies(ring);
  const share = (wanted: number) =>
    frames.filter(({ type }) => type === wanted).length / frames.length;
  assert.ok(Math.abs(share(Op.getData) - 0.8) < 0.03, String(share(Op.getData)));
  assert.ok(Math.abs(share(Op.setData) - 0.1) < 0.03, String(share(Op.setData)));
  assert.ok(Math.abs(share(Op.exists) - 0.05) < 0.03, String(share(Op.exists)));
  assert.equal(share(Op.getChildren), 0);
  assert.deepEqual([...ring.isCreate], frames.map(({ type }) => type === Op.create ? 1 : 0));
});

test("a create's path is made new in place, and nothing else of it changes", () => {
  // The second base has more bytes than letters.
  for (const base of ["/bench", "/bänk/unter"]) {
    const ring = ringOf(load({ base, mix: { create: 1 }, window: 2, znodes: 1 }));
    const before = ring.bytes.slice();
    patchCreate(ring, 1, 123_456, 42, 987_654_321);
    const [first, second] = bodies(ring);
    assert.equal(second?.path, createPath(base, 123_456, 42, 987_654_321));
    assert.equal(second?.path, `${base}/c12345600042987654321`);
    assert.equal(first?.path, `${base}/c00000000000000000000`);
    const changed = ring.bytes.reduce((sum, byte, i) => sum + (byte === before[i] ? 0 : 1), 0);
    assert.equal(changed, [..."12345600042987654321"].filter((digit) => digit !== "0").length);
    const replyBytes = 16 + 4 + new TextEncoder().encode(first?.path ?? "").length;
    assert.equal(ring.replyLengths[0], replyBytes);
  }
});

test("a mix is written as shares or as one operation", () => {
  assert.deepEqual(parseMix("getData=90, setData=10"), { getData: 90, setData: 10 });
  assert.deepEqual(parseMix("create"), { create: 1 });
  assert.equal(formatMix(parseMix("getData=90,setData=10,create=0")), "getData=90,setData=10");
  assert.equal(formatMix(parseMix("create=7")), "create");
  for (
    const [text, words] of [
      ["fly", /"fly" is no share of a mix.*one of getData, exists/],
      ["getData=", /"getData=" is no share/],
      ["getData=1.5", /"getData=1.5" is no share/],
      ["setData=-1", /"setData=-1" is no share/],
      ["getData=0", /holds nothing/],
    ] as const
  ) {
    assert.throws(() => parseMix(text), words);
  }
});
