/** The checksums of both codecs against their definitions, each other and published values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Codec, createCodec, createPlainCodec } from "../../wasm/codec.ts";

const wasm = createCodec();
const plain = createPlainCodec();
const ascii = (text: string) => Uint8Array.from(text, (unit) => unit.charCodeAt(0));

/** CRC-32 bit by bit, from the polynomial alone. */
function bitwiseCrc32(seed: number, bytes: Uint8Array): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Adler-32 in exact integers, reduced once at the end. */
function exactAdler32(seed: number, bytes: Uint8Array): number {
  let a = BigInt(seed & 0xffff), b = BigInt(seed >>> 16);
  for (const byte of bytes) {
    a += BigInt(byte);
    b += a;
  }
  return Number((b % 65521n) * 65536n + (a % 65521n));
}

function noise(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed | 1;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Places bytes in a codec's memory. */
function placed(codec: Codec, bytes: Uint8Array, offset: number): number {
  const region = codec.logRegions[0];
  assert.ok(region !== undefined);
  const at = region.start + offset;
  // What lies around must not matter.
  codec.memory.fill(0xa5, at - Math.min(offset, 256), at);
  codec.memory.fill(0x5a, at + bytes.length, at + bytes.length + 256);
  codec.memory.set(bytes, at);
  return at;
}

test("checksums have the published values", () => {
  for (const codec of [wasm, plain]) {
    assert.equal(codec.crc32(0, ascii("123456789"), 0, 9), 0xcbf43926);
    assert.equal(codec.adler32(1, ascii("Wikipedia"), 0, 9), 0x11e60398);
    assert.equal(codec.crc32(0, new Uint8Array(0), 0, 0), 0);
    assert.equal(codec.adler32(1, new Uint8Array(0), 0, 0), 1);
    assert.equal(codec.crc32(0, new Uint8Array(1024).fill(0xff), 0, 1024), 0xb83afff4);
  }
});

test("CRC-32 of every length up to 1,400 bytes is the bitwise one, at shifting offsets", () => {
  const bytes = noise(1400, 7);
  for (let size = 0; size <= 1400; size++) {
    const part = bytes.subarray(0, size);
    const at = placed(wasm, part, (size * 7) % 67);
    const seed = size % 3 === 0 ? 0 : (size * 0x9e3779b9) >>> 0;
    const wanted = bitwiseCrc32(seed, part);
    assert.equal(wasm.crc32(seed, wasm.memory, at, at + size), wanted, `size ${size}`);
    assert.equal(wasm.crc32(seed, bytes, 0, size), wanted, `size ${size}, staged`);
    assert.equal(plain.crc32(seed, bytes, 0, size), wanted, `size ${size}, plain`);
  }
});

test("Adler-32 of every length up to 400 bytes is the exact one", () => {
  for (const bytes of [noise(400, 9), new Uint8Array(400).fill(255)]) {
    for (let size = 0; size <= 400; size++) {
      const part = bytes.subarray(0, size);
      const at = placed(wasm, part, (size * 5) % 61);
      const seed = size % 2 === 0 ? 1 : 0xfff0fff0 - size;
      const wanted = exactAdler32(seed, part);
      assert.equal(wasm.adler32(seed, wasm.memory, at, at + size), wanted, `size ${size}`);
      assert.equal(wasm.adler32(seed, bytes, 0, size), wanted, `size ${size}, staged`);
      assert.equal(plain.adler32(seed, bytes, 0, size), wanted, `size ${size}, plain`);
    }
  }
});

test("Adler-32 of the largest bytes does not overflow in long runs", () => {
  const bytes = new Uint8Array(200_001).fill(255);
  const at = placed(wasm, bytes, 1);
  for (const size of [5503, 5504, 5552, 5553, 11_008, 65_536, 200_001]) {
    const wanted = exactAdler32(0xfff0fff0, bytes.subarray(0, size));
    assert.equal(wasm.adler32(0xfff0fff0, wasm.memory, at, at + size), wanted);
    assert.equal(plain.adler32(0xfff0fff0, bytes, 0, size), wanted);
  }
});

test("wasm and plain checksums agree on random bytes, seeds, offsets and lengths", () => {
  const bytes = noise(300_000, 3);
  const input = fc.tuple(
    fc.nat(200),
    fc.oneof(fc.nat(700), fc.nat(20_000), fc.nat(290_000)),
    fc.nat(1000),
    fc.nat(0xffff_ffff),
  );
  fc.assert(
    fc.property(input, ([offset, size, from, seed]) => {
      const at = placed(wasm, bytes.subarray(from, from + size), offset);
      const crc = plain.crc32(seed, bytes, from, from + size);
      const adler = plain.adler32(seed, bytes, from, from + size);
      assert.equal(wasm.crc32(seed, wasm.memory, at, at + size), crc);
      assert.equal(wasm.crc32(seed, bytes, from, from + size), crc);
      assert.equal(wasm.adler32(seed, wasm.memory, at, at + size), adler);
      assert.equal(wasm.adler32(seed, bytes, from, from + size), adler);
    }),
    { numRuns: 150 },
  );
});

test("a checksum in pieces is the checksum of the whole", () => {
  const bytes = noise(9000, 11);
  const cuts = fc.array(fc.nat(9000), { maxLength: 6 });
  fc.assert(
    fc.property(cuts, (places) => {
      const at = placed(wasm, bytes, 3);
      const ends = [...places.sort((a, b) => a - b), bytes.length];
      let crc = 0, adler = 1, from = 0;
      for (const end of ends) {
        crc = wasm.crc32(crc, wasm.memory, at + from, at + end);
        adler = wasm.adler32(adler, wasm.memory, at + from, at + end);
        from = end;
      }
      assert.equal(crc, plain.crc32(0, bytes, 0, bytes.length));
      assert.equal(adler, plain.adler32(1, bytes, 0, bytes.length));
    }),
    { numRuns: 60 },
  );
});

test("a checksum writes nothing but the module's own page and staging buffer", () => {
  const codec = createCodec();
  const first = codec.scratch.start;
  const bytes = noise(codec.memory.length - first, 5);
  codec.memory.set(bytes, first);
  codec.crc32(0, codec.memory, first, codec.memory.length);
  codec.adler32(1, codec.memory, first, codec.memory.length);
  codec.crc32(0, bytes, 0, 150_000);
  const after = codec.memory.subarray(first);
  const differs = after.findIndex((byte, i) => byte !== bytes[i]);
  assert.equal(differs, -1);
});

test("a range outside of its bytes is our own bug", () => {
  for (const codec of [wasm, plain]) {
    for (const [start, end] of [[-1, 4], [3, 2], [0, 11], [11, 11]] as const) {
      assert.throws(() => codec.crc32(0, new Uint8Array(10), start, end), /Range lies/);
      assert.throws(() => codec.adler32(1, new Uint8Array(10), start, end), /Range lies/);
    }
    const size = codec.memory.length;
    assert.throws(() => codec.crc32(0, codec.memory, size - 1, size + 1), /Range lies/);
  }
});
