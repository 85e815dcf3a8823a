import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8Encode } from "../../src/base/host.ts";
import { ZXID_MAX } from "../../src/base/zxid.ts";
import { JuteError, Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";

function readerOf(hex: string): Reader {
  const bytes = fromHex(hex);
  return new Reader().reset(bytes, 0, bytes.length);
}

function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(" ", "");
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

function written(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(1);
  write(w);
  return w.written();
}

test("integers are big-endian two's complement", () => {
  assert.equal(readerOf("fffffffe").int32(), -2);
  assert.equal(readerOf("7fffffff").int32(), 0x7fff_ffff);
  assert.equal(readerOf("80000000").int32(), -0x8000_0000);
  assert.equal(readerOf("ff00000000000001").int64(), -0xff_ffff_ffff_ffffn);
  assert.equal(readerOf("0000000100000002").int64Number(), 0x1_0000_0002);
  assert.equal(readerOf("ffffffffffffffff").int64Number(), -1);
});

test("any byte but zero is true", () => {
  assert.deepEqual(["00", "01", "02", "ff"].map((hex) => readerOf(hex).bool()), [
    false,
    true,
    true,
    true,
  ]);
});

test("a zxid beyond 2^53 saturates in its direction", () => {
  assert.equal(readerOf("7fffffffffffffff").zxid(), ZXID_MAX);
  assert.equal(readerOf("0020000000000000").zxid(), ZXID_MAX);
  assert.equal(readerOf("001fffffffffffff").zxid(), ZXID_MAX);
  assert.equal(readerOf("8000000000000000").zxid(), -ZXID_MAX);
});

test("null and empty stay distinct in strings, buffers and lists", () => {
  assert.equal(readerOf("ffffffff").ustring(), null);
  assert.equal(readerOf("00000000").ustring(), "");
  assert.equal(readerOf("ffffffff").buffer(), null);
  assert.deepEqual(readerOf("00000000").buffer(), new Uint8Array(0));
  assert.equal(readerOf("ffffffff").vectorCount(), -1);
  assert.equal(readerOf("00000000").vectorCount(), 0);
});

test("a negative count other than -1 reads as an empty list", () => {
  assert.equal(readerOf("fffffffe").vectorCount(), 0);
  assert.equal(readerOf("80000000").vectorCount(), 0);
});

test("a negative length other than -1, or one beyond the limit, is an error even when the bytes are there", () => {
  for (const hex of ["fffffffe", "80000000"]) {
    assert.throws(() => readerOf(hex).buffer(), JuteError);
    assert.throws(() => readerOf(hex).ustring(), JuteError);
  }
  const bytes = written((w) => w.buffer(new Uint8Array(11)));
  assert.throws(() => new Reader(10).reset(bytes, 0, bytes.length).buffer(), /length 11/);
  assert.equal(new Reader(11).reset(bytes, 0, bytes.length).buffer()?.length, 11);
});

test("invalid UTF-8 becomes U+FFFD, also in the short path for ASCII", () => {
  for (const length of [3, 200]) {
    const text = new Uint8Array(length).fill(0x61);
    text[1] = 0xff;
    const r = new Reader();
    const bytes = written((w) => w.buffer(text));
    const read = r.reset(bytes, 0, bytes.length).ustring();
    assert.equal(read, `a\ufffd${"a".repeat(length - 2)}`);
  }
});

test("a leading byte order mark is kept", () => {
  const bytes = written((w) => w.buffer(utf8Encode("\ufeffa")));
  assert.equal(new Reader().reset(bytes, 0, bytes.length).ustring(), "\ufeffa");
});

/** One of each kind, for the cuts. */
const decoders: readonly (readonly [string, Uint8Array, (r: Reader) => unknown])[] = [
  ["bool", written((w) => w.bool(true)), (r) => r.bool()],
  ["int32", written((w) => w.int32(-5)), (r) => r.int32()],
  ["int64", written((w) => w.int64(-5n)), (r) => r.int64()],
  ["int64Number", written((w) => w.int64Number(2 ** 40)), (r) => r.int64Number()],
  ["buffer", written((w) => w.buffer(utf8Encode("hello"))), (r) => r.buffer()],
  ["ustring", written((w) => w.ustring("grüße")), (r) => r.ustring()],
  ["bufferSpan", written((w) => w.buffer(utf8Encode("hello"))), (r) => r.bufferSpan()],
  ["vectorCount", written((w) => w.int32(7)), (r) => r.vectorCount()],
  ["skip", new Uint8Array(3), (r) => r.skip(3)],
];

for (const [name, bytes, decode] of decoders) {
  test(`${name}: bytes cut anywhere are an error, and nothing beyond the end is read`, () => {
    for (let end = 0; end < bytes.length; end++) {
      const padded = new Uint8Array(bytes.length + 8).fill(0x11);
      padded.set(bytes);
      assert.throws(() => decode(new Reader().reset(padded, 0, end)), JuteError, `cut at ${end}`);
    }
    const r = new Reader().reset(bytes, 0, bytes.length);
    decode(r);
    assert.equal(r.remaining, 0);
  });
}

test("a buffer read is a copy: the chunk may change afterwards", () => {
  const bytes = written((w) => w.buffer(Uint8Array.of(1, 2, 3)));
  const copy = new Reader().reset(bytes, 0, bytes.length).buffer();
  bytes.fill(0);
  assert.deepEqual(copy, Uint8Array.of(1, 2, 3));
});

test("a span says where its bytes lie, wherever the record begins", () => {
  const record = written((w) => w.buffer(Uint8Array.of(9, 8)));
  const bytes = new Uint8Array(20);
  bytes.set(record, 7);
  const r = new Reader().reset(bytes, 7, 13);
  assert.equal(r.bufferSpan(), 2);
  assert.deepEqual([r.spanStart, r.pos], [11, 13]);
});

test("random bytes give values or a JuteError, and the position stays inside", () => {
  const steps = fc.array(
    fc.constantFrom("bool", "int32", "int64", "buffer", "ustring", "vectorCount"),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), steps, (bytes, names) => {
    const r = new Reader(40).reset(bytes, 0, bytes.length);
    try {
      for (const name of names) r[name as "bool"]();
    } catch (error) {
      assert.ok(error instanceof JuteError, String(error));
    }
    assert.ok(r.pos >= 0 && r.pos <= r.end);
  }));
});
