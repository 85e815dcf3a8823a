/** Znodes read ahead of a snapshot: both codecs find the same in plain, odd, cut and hostile records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as layout from "../../wasm/layout.ts";
import { type Codec, createCodec, createPlainCodec } from "../../wasm/codec.ts";
import { plainCrc32 } from "../../wasm/checksums.ts";

const codecs = [createCodec(), createPlainCodec()];
const EPOCH_MAX = 0x1f_ffff;
const AT = codecs[0]?.snapshotRegions[2]?.start ?? 0;

interface Given {
  readonly path: string;
  readonly data: number | null;
  readonly acl: bigint;
  /** czxid mzxid ctime mtime, three versions, owner, pzxid. */
  readonly stat: readonly [bigint, bigint, bigint, bigint, number, number, number, bigint, bigint];
}

function recordOf({ path, data, acl, stat }: Given): Uint8Array {
  const name = new TextEncoder().encode(path), size = data ?? 0;
  const bytes = new Uint8Array(8 + name.length + size + 68), view = new DataView(bytes.buffer);
  view.setInt32(0, name.length);
  bytes.set(name, 4);
  let at = 4 + name.length;
  view.setInt32(at, data ?? -1);
  for (let i = 0; i < size; i++) bytes[at + 4 + i] = (i * 7 + name.length) & 255;
  at += 4 + size;
  view.setBigInt64(at, acl);
  stat.forEach((field, i) => {
    if (typeof field === "number") view.setInt32(at + 40 + (i - 4) * 4, field);
    else view.setBigInt64(at + (i < 4 ? 8 + i * 8 : 52 + (i - 7) * 8), field);
  });
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** What a scan says and leaves. */
function scan(codec: Codec, bytes: Uint8Array, hasDigest = true) {
  codec.memory.fill(0, layout.ZNODE_FACTS_AT, layout.ZNODE_IMAGE_AT + layout.ZNODE_IMAGE_BYTES);
  codec.memory.set(bytes, AT);
  const { count, units } = codec.scanZnodes(AT, AT + bytes.length, EPOCH_MAX, hasDigest);
  const facts = Array.from(
    { length: count },
    (_, i) =>
      Array.from({ length: 28 }, (_, fact) =>
        codec.view.getInt32(
          layout.ZNODE_FACTS_AT + (i * layout.ZNODE_FACTS_WORDS + fact) * 4,
          true,
        )),
  );
  const image = layout.ZNODE_IMAGE_AT;
  return {
    count,
    units,
    facts,
    image: codec.memory.slice(image, image + units * layout.ZNODE_UNIT_BYTES),
  };
}

function same(bytes: Uint8Array, hasDigest = true) {
  const [ours, twin] = codecs.map((codec) => scan(codec, bytes, hasDigest));
  assert.deepEqual(ours, twin);
  return ours as ReturnType<typeof scan>;
}

const PLAIN: Given = {
  path: "/a/b",
  data: 5,
  acl: -1n,
  stat: [0x1_0000_0002n, 0x2_0000_0003n, 1_700_000_000_000n, 1_700_000_000_001n, 1, 2, 3, 0n, 4n],
};

test("a plain record's facts, image and digest", () => {
  const { count, units, facts, image } = same(concat([recordOf(PLAIN), recordOf(PLAIN)]));
  assert.deepEqual([count, units], [2, 4]);
  const [first, second] = facts as [number[], number[]];
  assert.equal(first[layout.FACT_SLASH_AT], AT + 6);
  assert.deepEqual([first[layout.FACT_DATA_LENGTH], first[layout.FACT_DATA_UNIT]], [5, 1]);
  assert.deepEqual([first[layout.FACT_SAME_PARENT], second[layout.FACT_SAME_PARENT]], [0, 1]);
  assert.deepEqual([...image.subarray(0, 1)], [0x62]);
  const bytes = recordOf(PLAIN), stat = bytes.length - 60;
  let crc = plainCrc32(0, bytes, 4, 8);
  crc = plainCrc32(crc, bytes, 12, 17);
  assert.equal((first[layout.FACT_CRC] as number) >>> 0, crc);
  for (const [from, to] of [[0, 16], [52, 60], [16, 52]] as const) {
    crc = plainCrc32(crc, bytes, stat + from, stat + to);
  }
  assert.equal((first[layout.FACT_DIGEST] as number) >>> 0, crc);
  assert.equal(same(bytes, false).facts[0]?.[layout.FACT_DIGEST], 0);
});

test("a znode is fresh until anything of its stat tells of a change", () => {
  const fresh: Given["stat"] = [7n << 32n, 7n << 32n, 5n, 5n, 0, 0, 0, 0n, 7n << 32n];
  const freshness = (stat: Given["stat"]) =>
    same(recordOf({ ...PLAIN, stat })).facts[0]?.[layout.FACT_IS_FRESH];
  assert.equal(freshness(fresh), 1);
  for (const field of [0, 1, 2, 3, 4, 5, 6, 8]) {
    const changed = fresh.map((value, i) =>
      i !== field ? value : typeof value === "number" ? value + 1 : value + 1n
    );
    assert.equal(freshness(changed as unknown as Given["stat"]), 0, `field ${field}`);
  }
});

test("what is not plain, or not whole, ends the scan before it", () => {
  const odd: readonly Partial<Given>[] = [
    { path: "" },
    { path: "/" },
    { path: "a/b" },
    { path: "/a/" },
    { path: "//a" },
    { path: `/${"n".repeat(layout.ZNODE_BLOCK_MAX + 1)}` },
    { stat: [0n, 0n, 0n, 0n, 0, 0, 0, 1n, 0n] },
    { stat: [0n, 0n, 0n, 0n, 0, 0, 0, -(1n << 63n), 0n] },
    { stat: [0x20_0000n << 32n, 0n, 0n, 0n, 0, 0, 0, 0n, 0n] },
    { stat: [0n, -0x20_0000n << 32n, 0n, 0n, 0, 0, 0, 0n, 0n] },
    { stat: [0n, 0n, 0n, 0n, 0, 0, 0, 0n, -(1n << 63n)] },
  ];
  for (const given of odd) {
    const bytes = concat([recordOf(PLAIN), recordOf({ ...PLAIN, ...given }), recordOf(PLAIN)]);
    assert.equal(same(bytes).count, 1, JSON.stringify(given.path ?? String(given.stat)));
  }
  const whole = recordOf(PLAIN);
  for (let end = 0; end < whole.length; end++) assert.equal(same(whole.subarray(0, end)).count, 0);
  for (const length of [-2, -(2 ** 31), 2 ** 31 - 1, 80]) {
    for (const at of [0, 8]) {
      const bytes = recordOf(PLAIN);
      new DataView(bytes.buffer).setInt32(at, length);
      assert.equal(same(bytes).count, 0);
    }
  }
});

test("facts and image end when they are full; long data stays outside", () => {
  const small = recordOf({ ...PLAIN, data: null });
  assert.equal(same(concat(Array.from({ length: 1030 }, () => small))).count, layout.ZNODES_MAX);
  const large = recordOf({ ...PLAIN, data: layout.ZNODE_BLOCK_MAX });
  const full = same(concat(Array.from({ length: 140 }, () => large)));
  assert.deepEqual([full.count, full.units], [126, 126 * 129]);
  const alone = same(recordOf({ ...PLAIN, data: layout.ZNODE_BLOCK_MAX + 1 }));
  assert.deepEqual([alone.count, alone.units, alone.facts[0]?.[layout.FACT_DATA_UNIT]], [1, 1, -1]);
});

const zxids = fc.bigInt({ min: -(1n << 52n), max: 1n << 52n });
const records = fc.record({
  path: fc.array(fc.constantFrom("a", "bc", "é", "name-17-bytes-long"), { maxLength: 4 })
    .map((names) => names.map((name) => `/${name}`).join("")),
  data: fc.option(fc.nat(1200)),
  acl: fc.bigInt({ min: -3n, max: 1n << 40n }),
  stat: fc.tuple(
    zxids,
    zxids,
    zxids,
    zxids,
    fc.integer(),
    fc.integer(),
    fc.integer(),
    fc.oneof({ weight: 9, arbitrary: fc.constant(0n) }, zxids),
    zxids,
  ),
});

test("any records, any bytes changed: both codecs agree", () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
  const given = fc.tuple(fc.array(records, { maxLength: 30 }), changes, fc.nat(20), fc.boolean());
  fc.assert(
    fc.property(given, ([some, changed, cut, hasDigest]) => {
      const bytes = concat(some.map(recordOf));
      for (const [at, value] of changed) if (bytes.length > 0) bytes[at % bytes.length] = value;
      same(bytes.subarray(0, Math.max(0, bytes.length - cut)), hasDigest);
    }),
    { numRuns: 300 },
  );
});
