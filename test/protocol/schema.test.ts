import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JuteError, Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import * as records from "../../src/protocol/records.ts";
import {
  bool,
  buffer,
  int,
  long,
  longNumber,
  record,
  text,
  ustring,
  vector,
} from "../../src/protocol/schema.ts";

const everything = record({
  yes: bool,
  small: int,
  big: long,
  number: longNumber,
  name: ustring,
  bytes: buffer,
  inner: vector(record({ names: vector(ustring), at: int })),
});

const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const value = fc.record({
  yes: fc.boolean(),
  small: int32,
  big: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  number: fc.maxSafeInteger(),
  name: fc.option(fc.string({ unit: "grapheme" })),
  bytes: fc.option(fc.uint8Array()),
  inner: fc.option(fc.array(fc.record({
    names: fc.option(fc.array(fc.option(fc.string()))),
    at: int32,
  }, { noNullPrototype: true }))),
}, { noNullPrototype: true });

test("records of records survive a round, nulls and empties kept apart", () => {
  fc.assert(fc.property(value, (one) => {
    const w = new Writer(0);
    everything.write(w, one);
    assert.deepEqual(everything.read(new Reader().reset(w.bytes, 0, w.pos)), one);
  }));
});

test("a count that claims more elements than there are bytes is an error, not memory", () => {
  const w = new Writer(8);
  w.int32(0x7fff_ffff);
  w.int32(0);
  const r = new Reader().reset(w.bytes, 0, w.pos);
  assert.throws(() => vector(ustring).read(r), JuteError);
});

test("a text that must be there refuses null", () => {
  const r = new Reader().reset(Uint8Array.of(255, 255, 255, 255), 0, 4);
  assert.throws(() => text.read(r), JuteError);
});

test("random bytes never make a decoder throw anything but a JuteError", () => {
  const schemas = [
    records.CreateTtlRequest,
    records.SetWatches2,
    records.GetAclResponse,
    records.MultiTxn,
  ];
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(3), (bytes, which) => {
    try {
      schemas[which]?.read(new Reader().reset(bytes, 0, bytes.length));
    } catch (error) {
      assert.ok(error instanceof JuteError, String(error));
    }
  }));
});
