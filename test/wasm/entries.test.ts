/** Log entries: golden bytes of Apache's server, groups sealed by both codecs, and hostile bytes under a scan. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Codec,
  createCodec,
  createPlainCodec,
  ENTRY_EXTRA_BYTES,
  entryChecksum,
  entryLeft,
  type Scan,
  sealEntry2,
  sealEntry3,
  verifyEntry2,
  verifyEntry3,
} from "../../wasm/codec.ts";

const wasm = createCodec();
const plain = createPlainCodec();
const codecs = [wasm, plain];
const LENGTH_MAX = 2_097_150;
const CHAIN = 0x89abcdef;

/** The first entries of a log.1 that Apache 3.8.0 wrote (storage-format §14.2). */
const golden = [
  "00000000c58c0aef 00000030 0100001126730000 00000000 0000000000000001 000001a1f855defc fffffff6" +
  "00002710 00000002 0000000051c6d660 42",
  "00000000cad80d2a 00000059 0100001126730000 00000001 0000000000000002 000001a1f855df07 00000001" +
  "000000022f61 000000036f6e65 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00" +
  "00000001 00000002 00000000ada6f8a3 42",
  "00000000bd1e0848 0000003d 0100001126730000 00000002 0000000000000003 000001a1f855df10 00000005" +
  "000000022f61 0000000374776f 00000001 00000002 00000000a87bf7a8 42",
].map(fromHex);

function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(" ", "");
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Entries with their lengths filled in, seal fields dirty. */
function unsealed(payloads: readonly Uint8Array[]): Uint8Array {
  return concat(payloads.map((payload) => {
    const entry = new Uint8Array(payload.length + ENTRY_EXTRA_BYTES).fill(0xee);
    new DataView(entry.buffer).setInt32(8, payload.length);
    entry.set(payload, 12);
    return entry;
  }));
}

function place(codec: Codec, bytes: Uint8Array, offset: number): { start: number; end: number } {
  const start = (codec.logRegions[1]?.start ?? 0) + offset;
  codec.memory.set(bytes, start);
  return { start, end: start + bytes.length };
}

function sealed3(payloads: readonly Uint8Array[], chain = CHAIN): Uint8Array {
  const { start, end } = place(plain, unsealed(payloads), 0);
  plain.sealGroup3(start, end, chain);
  return plain.memory.slice(start, end);
}

function sealed2(payloads: readonly Uint8Array[]): Uint8Array {
  const { start, end } = place(plain, unsealed(payloads), 0);
  plain.sealGroup2(start, end);
  return plain.memory.slice(start, end);
}

/** Scans by every road and demands one answer, offsets counted from the first byte. */
function scanned(
  version: 2 | 3,
  bytes: Uint8Array,
  lengthMax: number,
  chain = CHAIN,
  left = 0,
): Scan {
  const results = codecs.flatMap((codec) => {
    const { start, end } = place(codec, bytes, bytes.length % 19);
    return [[codec.memory, start, end], [bytes, 0, bytes.length]] as const;
  }).map(([from, start, end], i) => {
    const codec = i < 2 ? wasm : plain;
    const scan = version === 2
      ? codec.scanGroup2(from, start, end, lengthMax)
      : codec.scanGroup3(from, start, end, lengthMax, chain, left);
    return { ...scan, end: scan.end - start };
  });
  for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
  return results[0] as Scan;
}

const payload = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 90 }),
  fc.uint8Array({ minLength: 1, maxLength: 1500, size: "max" }),
);
const payloads = fc.array(payload, { minLength: 1, maxLength: 12 });

test("Apache's entries are sealed to the same bytes", () => {
  const whole = concat(golden);
  for (const codec of codecs) {
    const { start, end } = place(codec, whole, 5);
    for (const entry of [0, 61, 163]) codec.memory.fill(0xee, start + entry, start + entry + 8);
    codec.memory.fill(0xee, end - 1, end);
    assert.equal(codec.sealGroup2(start, end), 3);
    assert.deepEqual(codec.memory.slice(start, end), whole);
  }
});

test("Apache's entries scan as good, alone and together", () => {
  const whole = concat(golden);
  const good = { end: whole.length, entries: 3, stop: "end", chain: 0, left: 0 };
  assert.deepEqual(scanned(2, whole, LENGTH_MAX), good);
  for (const entry of golden) assert.equal(verifyEntry2(entry, 0, entry.length), true);
});

test("version 3 seals chain each CRC to the one before and count down to 1", () => {
  const bytes = sealed3([Uint8Array.of(1), Uint8Array.of(2, 3), Uint8Array.of(4)]);
  let chain = CHAIN;
  for (const [i, [start, end]] of ([[0, 14], [14, 29], [29, 43]] as const).entries()) {
    assert.equal(entryLeft(bytes, start), 3 - i);
    chain = plain.crc32(chain, bytes, start + 8, end - 1);
    assert.equal(entryChecksum(bytes, start), chain);
    assert.equal(bytes[end - 1], 0x42);
  }
  const good = { end: 43, entries: 3, stop: "end", chain, left: 0 };
  assert.deepEqual(scanned(3, bytes, LENGTH_MAX), good);
});

test("both codecs and the single-entry functions seal groups alike", () => {
  fc.assert(
    fc.property(payloads, fc.nat(80), fc.nat(0xffff_ffff), (list, offset, chain) => {
      const raw = unsealed(list);
      const sealedBy = codecs.map((codec) => {
        const { start, end } = place(codec, raw, offset);
        const count = codec.sealGroup2(start, end);
        const version2 = codec.memory.slice(start, end);
        codec.memory.set(raw, start);
        const next = codec.sealGroup3(start, end, chain);
        return { count, version2, next, version3: codec.memory.slice(start, end) };
      });
      assert.deepEqual(sealedBy[0], sealedBy[1]);
      const version2 = raw.slice(), version3 = raw.slice();
      let at = 0, next = chain, left = list.length;
      for (const { length } of list) {
        const end = at + length + ENTRY_EXTRA_BYTES;
        sealEntry2(version2, at, end, wasm);
        assert.equal(verifyEntry2(version2, at, end), true);
        const before = next;
        next = sealEntry3(version3, at, end, before, --left);
        assert.equal(verifyEntry3(version3, at, end, before, wasm), true);
        assert.equal(verifyEntry3(version3, at, end, before ^ 1), false);
        at = end;
      }
      assert.deepEqual({ count: list.length, version2, next, version3 }, sealedBy[0]);
    }),
    { numRuns: 60 },
  );
});

test("a cut at every byte leaves the entries before it, and says short", () => {
  const list = [Uint8Array.of(1, 2, 3), new Uint8Array(150).fill(7), Uint8Array.of(9)];
  const ends = [0, 16, 179, 193];
  for (const version of [2, 3] as const) {
    const bytes = version === 2 ? sealed2(list) : sealed3(list);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const scan = scanned(version, bytes.subarray(0, cut), LENGTH_MAX);
      const entries = ends.filter((end) => end <= cut).length - 1;
      assert.equal(scan.entries, entries, `cut ${cut}`);
      assert.equal(scan.end, ends[entries]);
      assert.equal(scan.stop, ends.includes(cut) ? "end" : "short");
      assert.equal(scan.left, version === 3 && entries > 0 ? 3 - entries : 0);
    }
  }
});

test("a scan in two pieces, chain and left handed on, ends as one scan", () => {
  const bytes = sealed3([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
  const first = scanned(3, bytes.subarray(0, 20), LENGTH_MAX);
  assert.deepEqual([first.end, first.left, first.stop], [14, 2, "short"]);
  const rest = scanned(3, bytes.subarray(14), LENGTH_MAX, first.chain, first.left);
  const whole = scanned(3, bytes, LENGTH_MAX);
  assert.deepEqual({ ...rest, end: rest.end + 14, entries: 3 }, whole);
});

test("every flipped bit stops a scan before its entry", () => {
  const list = [Uint8Array.of(1, 2), new Uint8Array(130).fill(3), Uint8Array.of(4, 5)];
  for (const version of [2, 3] as const) {
    const bytes = version === 2 ? sealed2(list) : sealed3(list);
    for (let bit = 15 * 8; bit < (15 + 143) * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      const scan = scanned(version, damaged, LENGTH_MAX);
      assert.deepEqual([scan.end, scan.entries], [15, 1], `bit ${bit}`);
      assert.notEqual(scan.stop, "end");
    }
  }
});

test("padding, hostile lengths and wrong end bytes stop a scan with their name", () => {
  const good = sealed2([Uint8Array.of(1)]);
  const after = (length: number, size: number): Uint8Array => {
    const rest = new Uint8Array(size);
    if (size >= 12) new DataView(rest.buffer).setInt32(8, length);
    return concat([good, rest]);
  };
  const stops = (bytes: Uint8Array, lengthMax = LENGTH_MAX) => {
    const scan = scanned(2, bytes, lengthMax);
    assert.deepEqual([scan.end, scan.entries], [14, 1]);
    assert.equal(scanned(3, bytes.subarray(14), lengthMax).stop, scan.stop);
    return scan.stop;
  };
  assert.equal(stops(after(0, 11)), "short");
  assert.equal(stops(after(0, 12)), "padding");
  assert.equal(stops(after(0, 4096)), "padding");
  for (const length of [-1, -2, -2147483648]) assert.equal(stops(after(length, 64)), "length");
  assert.equal(stops(after(LENGTH_MAX + 1, 64)), "length");
  assert.equal(stops(after(LENGTH_MAX, 64)), "short");
  for (const length of [2147483647, 2147483635, 52, 53]) {
    assert.equal(stops(after(length, 64), Number.MAX_SAFE_INTEGER), "short");
  }
  assert.equal(stops(after(51, 64)), "endByte");
  assert.equal(stops(after(10, 64), 9), "length");
});

test("version 2 refuses a high half, as Apache does with an entry of version 3", () => {
  const bytes = sealed2([Uint8Array.of(1)]);
  bytes[3] = 1;
  assert.equal(scanned(2, bytes, LENGTH_MAX).stop, "checksum");
});

test("version 3 demands that a group counts down", () => {
  const bytes = sealed3([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
  for (const wrong of [0, 1, 3, 0xffff_ffff]) {
    const damaged = bytes.slice();
    new DataView(damaged.buffer).setUint32(14, wrong);
    const scan = scanned(3, damaged, LENGTH_MAX);
    assert.deepEqual([scan.end, scan.stop, scan.left], [14, "group", 2]);
  }
  const unplaced = bytes.slice();
  new DataView(unplaced.buffer).setUint32(0, 0);
  assert.equal(scanned(3, unplaced, LENGTH_MAX).stop, "group");
  assert.equal(scanned(3, bytes, LENGTH_MAX, CHAIN, 2).stop, "group");
  assert.equal(scanned(3, bytes, LENGTH_MAX, CHAIN, 3).stop, "end");
});

test("random bytes never scan outside of their range", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(0xffff), (bytes, lengthMax) => {
      for (const version of [2, 3] as const) {
        const scan = scanned(version, bytes, lengthMax);
        assert.ok(scan.end >= 0 && scan.end <= bytes.length);
      }
    }),
    { numRuns: 300 },
  );
});

test("an entry that claims the rest of memory and more is short at memory's very end", () => {
  for (const codec of codecs) {
    const end = codec.memory.length;
    const start = end - 12;
    for (const length of [1, 1000, 2147483647]) {
      codec.view.setInt32(start + 8, length);
      assert.equal(codec.scanGroup2(codec.memory, start, end, 2147483647).stop, "short");
      assert.equal(codec.scanGroup3(codec.memory, start, end, 2147483647, 0, 0).stop, "short");
      assert.throws(() => codec.sealGroup2(start, end), /fill their group/);
    }
    codec.memory.fill(0, start, end);
  }
});

test("a group whose lengths do not fill it is our own bug, and nothing is written", () => {
  for (const codec of codecs) {
    for (const length of [-1, 0, 3, 5, 2147483647, -2147483648]) {
      const raw = unsealed([Uint8Array.of(1), new Uint8Array(4)]);
      new DataView(raw.buffer).setInt32(22, length);
      const { start, end } = place(codec, raw, 0);
      assert.throws(() => codec.sealGroup2(start, end), /fill their group/);
      assert.throws(() => codec.sealGroup3(start, end, 0), /fill their group/);
      assert.deepEqual(codec.memory.slice(start, end), raw);
    }
    assert.equal(codec.sealGroup2(100_000, 100_000), 0);
    assert.equal(codec.sealGroup3(100_000, 100_000, CHAIN), CHAIN);
  }
});

test("sealing or verifying one entry that is not there is refused", () => {
  const entry = golden[0] as Uint8Array;
  assert.throws(() => sealEntry2(entry.slice(), 0, entry.length - 1), /fills the entry/);
  assert.throws(() => sealEntry3(entry.slice(), 0, entry.length + 1, 0), /lies in its bytes/);
  assert.equal(verifyEntry2(entry, 0, entry.length - 1), false);
  assert.equal(verifyEntry2(entry, 0, 5), false);
  assert.equal(verifyEntry2(concat([entry, entry]), 0, 2 * entry.length), false);
});

test("a group as large as a region is sealed and scanned", () => {
  const region = wasm.logRegions[3];
  assert.ok(region !== undefined && region.end === wasm.memory.length);
  const size = region.end - region.start;
  wasm.view.setInt32(region.start + 8, size - ENTRY_EXTRA_BYTES);
  const chain = wasm.sealGroup3(region.start, region.end, 0);
  const scan = wasm.scanGroup3(wasm.memory, region.start, region.end, size, 0, 0);
  assert.deepEqual(scan, { end: region.end, entries: 1, stop: "end", chain, left: 0 });
});
