/** The codec's memory and its built module. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCodec, createPlainCodec, type Region } from "../../wasm/codec.ts";

test("both codecs have the same layout: regions apart, inside memory, of the promised sizes", () => {
  const wasm = createCodec(), plain = createPlainCodec();
  assert.equal(wasm.kind, "wasm");
  assert.equal(plain.kind, "plain");
  assert.equal(wasm.memory.length, plain.memory.length);
  for (const codec of [wasm, plain]) {
    const sizes = (list: readonly Region[]) => list.map(({ start, end }) => end - start);
    assert.deepEqual(sizes(codec.logRegions), new Array(4).fill(8 * 1024 * 1024));
    assert.deepEqual(sizes(codec.snapshotRegions), new Array(3).fill(1024 * 1024 + 65_536));
    assert.deepEqual(sizes([codec.scratch]), [256 * 1024]);
    const all = [codec.scratch, ...codec.snapshotRegions, ...codec.logRegions];
    let last = 128 * 1024; // the module's tables and staging buffer
    for (const { start, end } of all) {
      assert.ok(start >= last);
      last = end;
    }
    assert.ok(last <= codec.memory.length);
    assert.equal(codec.view.buffer, codec.memory.buffer);
  }
});

test("memory never grows and its views stay good under use", () => {
  const codec = createCodec();
  const { buffer } = codec.memory;
  const size = buffer.byteLength;
  const large = new Uint8Array(3 * size);
  codec.crc32(0, large, 0, large.length);
  codec.crc32(0, codec.memory, 0, size);
  codec.adler32(1, codec.memory, 0, size);
  assert.equal(buffer.byteLength, size);
  assert.equal(codec.memory.length, size);
  codec.memory[size - 1] = 7;
  assert.equal(codec.view.getUint8(size - 1), 7);
});

test("each codec has a memory of its own", () => {
  const one = createCodec(), other = createCodec();
  one.memory[one.scratch.start] = 1;
  assert.equal(other.memory[other.scratch.start], 0);
});
