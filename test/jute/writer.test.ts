import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8Encode } from "../../src/base/host.ts";
import { InvariantError } from "../../src/base/invariant.ts";
import { Reader } from "../../src/jute/reader.ts";
import { viewOf, Writer } from "../../src/jute/writer.ts";

const value = fc.oneof(
  fc.record({ kind: fc.constant("bool" as const), value: fc.boolean() }),
  fc.record({
    kind: fc.constant("int32" as const),
    value: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  }),
  fc.record({
    kind: fc.constant("int64" as const),
    value: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  }),
  fc.record({ kind: fc.constant("int64Number" as const), value: fc.maxSafeInteger() }),
  fc.record({
    kind: fc.constant("buffer" as const),
    value: fc.option(fc.uint8Array({ maxLength: 80 })),
  }),
  fc.record({
    kind: fc.constant("ustring" as const),
    value: fc.option(fc.string({ unit: "grapheme", maxLength: 150 })),
  }),
);
type Value = typeof value extends fc.Arbitrary<infer T> ? T : never;

function write(w: Writer, one: Value): void {
  switch (one.kind) {
    case "bool":
      return w.bool(one.value);
    case "int32":
      return w.int32(one.value);
    case "int64":
      return w.int64(one.value);
    case "int64Number":
      return w.int64Number(one.value);
    case "buffer":
      return w.buffer(one.value);
    case "ustring":
      return w.ustring(one.value);
  }
}

test("what is written is read again, whatever the buffer's first size", () => {
  fc.assert(fc.property(fc.array(value), fc.integer({ min: 0, max: 40 }), (values, size) => {
    const w = new Writer(size);
    for (const one of values) write(w, one);
    const r = new Reader().reset(w.bytes, 0, w.pos);
    for (const one of values) assert.deepEqual(r[one.kind](), one.value, one.kind);
    assert.equal(r.remaining, 0);
  }));
});

test("a text is its UTF-8 length and bytes, also when only its last unit is not ASCII", () => {
  for (const text of ["", "a", "/zookeeper", "é", `${"x".repeat(100)}ü`, "日本語", "😀", "a😀b"]) {
    const w = new Writer(1);
    w.ustring(text);
    const utf8 = utf8Encode(text);
    assert.deepEqual(w.written().slice(4), utf8);
    assert.equal(w.view.getInt32(0), utf8.length);
  }
});

test("raw ranges of every length are copied exactly, short loop and long copy alike", () => {
  const source = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
  for (let start = 0; start < 8; start++) {
    for (let end = start; end <= 64; end += 3) {
      const w = new Writer(0);
      w.int32(0x55555555);
      w.span(source, start, end);
      w.raw(source, start, end);
      const part = source.subarray(start, end);
      const whole = w.written();
      assert.equal(viewOf(whole).getInt32(4), part.length);
      assert.deepEqual(whole.slice(8), Uint8Array.of(...part, ...part));
    }
  }
});

test("halves of a 64-bit integer are written as they are", () => {
  const w = new Writer(0);
  w.int64Halves(-1, 0x1234_5678);
  assert.equal(
    new Reader().reset(w.bytes, 0, w.pos).int64(),
    BigInt.asIntN(64, 0xffffffff_12345678n),
  );
});

test("patching reaches what is written and nothing else", () => {
  const w = new Writer(16);
  w.int32(1);
  w.int32(2);
  w.patchInt32(4, 9);
  assert.deepEqual([w.view.getInt32(0), w.view.getInt32(4)], [1, 9]);
  assert.throws(() => w.patchInt32(5, 0), InvariantError);
  assert.throws(() => w.patchInt32(-1, 0), InvariantError);
});

test("a writer over lent memory stays inside its limit until it must grow", () => {
  const lent = new Uint8Array(32).fill(7);
  const w = new Writer(lent);
  w.retarget(lent, viewOf(lent), 8, 16);
  w.int64Number(1);
  assert.equal(w.bytes, lent);
  w.bool(true);
  assert.notEqual(w.bytes, lent, "the byte at the limit belongs to another");
  assert.deepEqual(lent.slice(16), new Uint8Array(16).fill(7));
  assert.equal(w.bytes[16], 1);
});
