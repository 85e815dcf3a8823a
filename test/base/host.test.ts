import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8Decode, utf8DecodeRange, utf8Encode, utf8EncodeInto } from "../../src/base/host.ts";

test("texts survive encoding and decoding, in a range of any place and length", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 120 });
  fc.assert(fc.property(text, fc.nat(9), (value, before) => {
    const bytes = utf8Encode(value);
    assert.equal(utf8Decode(bytes), value);
    const around = new Uint8Array(before + bytes.length + 3).fill(0xff);
    around.set(bytes, before);
    assert.equal(utf8DecodeRange(around, before, before + bytes.length), value);
    const into = new Uint8Array(value.length * 3);
    assert.equal(utf8EncodeInto(value, into), bytes.length);
    assert.deepEqual(into.slice(0, bytes.length), bytes);
  }));
});

test("a lone surrogate becomes U+FFFD", () => {
  assert.equal(utf8Decode(utf8Encode("a\ud800b")), "a\ufffdb");
});

test("any bytes decode the same way by range and as a whole", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    assert.equal(utf8DecodeRange(bytes, 0, bytes.length), utf8Decode(bytes));
  }));
});
