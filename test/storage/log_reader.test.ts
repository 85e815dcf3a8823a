/** The end of a log: padding, torn tails, damage (storage-format §4.4, DESIGN decision 4). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { Prng } from "../../src/base/random.ts";
import type { FileFormat } from "../../src/storage/host.ts";
import { logHeader } from "../../src/storage/log_format.ts";
import { viewOf } from "../../src/jute/writer.ts";
import { sealEntry2 } from "../../wasm/codec.ts";
import { boundaries, groupsOf, padded, Reads, sealed } from "./logs.ts";

const SIZES = [3, 1, 1, 4, 2, 5];
const FORMATS: readonly FileFormat[] = [2, 3];

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  return copy;
}

const refusal = (error: unknown): boolean =>
  error instanceof CorruptionError &&
  /^Cannot read log "log\.1"( at byte \d+)?: .*(restore|use the program)/.test(error.message);

for (const format of FORMATS) {
  test(`format ${format}: every txn is read once, in order, with padding and without`, async () => {
    const reads = new Reads();
    const bytes = sealed(format, groupsOf(SIZES));
    for (const zeros of [0, 1, 11, 12, 5000, 300_000]) {
      const read = await reads.read(padded(bytes, zeros));
      assert.deepEqual(read.zxids, upTo(16));
      assert.equal(read.isTorn, false);
      assert.equal(read.endsAt, bytes.length);
      assert.equal(read.format, format);
      assert.deepEqual((await reads.read(padded(bytes, zeros), false)).zxids, upTo(16));
    }
  });

  test(`format ${format}: a log cut at any byte gives what lies whole before the cut`, async () => {
    const reads = new Reads();
    const groups = groupsOf(SIZES);
    const bytes = sealed(format, groups);
    const ends = boundaries(format === 3 ? groups : groups.flat().map((payload) => [payload]));
    const counts = format === 3 ? SIZES : SIZES.flatMap((size) => upTo(size).map(() => 1));
    for (let size = 16; size < bytes.length; size += 3) {
      for (const zeros of [0, 700]) {
        const read = await reads.read(padded(bytes.subarray(0, size), zeros));
        const whole = ends.filter((end) => end <= size).length - 1;
        // A cut may leave the last byte out that alone was zero: it reads as if it were there.
        const expected = counts.slice(0, whole).reduce((sum, count) => sum + count, 0);
        assert.equal(read.zxids.length, expected, `cut at ${size}`);
        assert.equal(read.endsAt, ends[whole]);
        if (zeros === 0) {
          assert.equal(
            read.isTorn,
            size > (ends[whole] ?? 0) && !isZero(bytes, ends[whole] ?? 0, size),
          );
        }
      }
    }
  });

  test(`format ${format}: a txn larger than a region is read`, async () => {
    const [first, ...rest] = groupsOf([1, 1, 1]);
    const big = padded((first as Uint8Array[])[0] as Uint8Array, 9 * 1024 * 1024);
    const read = await new Reads().read(sealed(format, [[big], ...rest]));
    assert.deepEqual(read.zxids, [1, 2, 3]);
    assert.equal(read.isTorn, false);
  });

  test(`format ${format}: a last log that was never begun holds nothing; elsewhere it is damage`, async () => {
    const reads = new Reads();
    for (
      const bytes of [
        new Uint8Array(0),
        new Uint8Array(9),
        new Uint8Array(5000),
        logHeader(format).subarray(0, 7),
      ]
    ) {
      const read = await reads.read(bytes);
      assert.equal(read.format, undefined);
      await assert.rejects(reads.read(bytes, false), refusal);
    }
    const bytes = sealed(format, groupsOf([2]));
    await assert.rejects(reads.read(changed(bytes, (copy) => copy.fill(0, 0, 16))), refusal);
    await assert.rejects(reads.read(changed(bytes, (copy) => copy[7] = 9)), refusal);
  });
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  return bytes.subarray(from, to).every((byte) => byte === 0);
}

test("format 3: any changed byte before the last group refuses the log", async () => {
  const reads = new Reads();
  const groups = groupsOf(SIZES);
  const bytes = sealed(3, groups);
  const lastGroup = boundaries(groups)[SIZES.length - 1] ?? 0;
  for (let at = 0; at < lastGroup; at++) {
    for (const zeros of [0, 600]) {
      const damaged = padded(
        changed(bytes, (copy) => copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8))),
        zeros,
      );
      await assert.rejects(reads.read(damaged), refusal, `byte ${at}`);
    }
  }
});

test("format 3: any changed byte before a last group of one entry refuses the log", async () => {
  const reads = new Reads();
  const groups = groupsOf([1, 1, 1, 1]);
  const bytes = sealed(3, groups);
  const lastGroup = boundaries(groups)[3] ?? 0;
  for (let at = 16; at < lastGroup; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = changed(bytes, (copy) => copy[at] = (copy[at] ?? 0) ^ (1 << bit));
      await assert.rejects(reads.read(damaged), refusal, `byte ${at} bit ${bit}`);
    }
  }
});

test("format 3: damage before the last two groups refuses the log also when the last one is torn", async () => {
  const reads = new Reads();
  const sizes = [3, 1, 4, 3, 3];
  const groups = groupsOf(sizes);
  const bytes = sealed(3, groups);
  const ends = boundaries(groups);
  for (let at = 16; at < (ends[3] ?? 0); at++) {
    const damaged = changed(bytes, (copy) => copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8)));
    for (const tail of [5, bytes.length - (ends[4] ?? 0) - 40]) {
      await assert.rejects(
        reads.read(damaged.subarray(0, bytes.length - tail)),
        refusal,
        `byte ${at}`,
      );
    }
  }
});

test("format 3: spoilt heads and runs of bytes before the last group refuse the log", async () => {
  const reads = new Reads();
  for (let seed = 1; seed < 20; seed++) {
    const random = new Prng(seed);
    const sizes = Array.from({ length: 3 }, () => 1 + random.below(4));
    const groups = groupsOf(sizes, seed);
    const bytes = sealed(3, groups);
    const lastGroup = boundaries(groups)[2] ?? 0;
    const starts = [
      16,
      boundaries(groups)[1] ?? 0,
      ...Array.from({ length: 8 }, () => 16 + random.below(lastGroup - 16)),
    ];
    for (const at of starts) {
      const end = Math.min(at + 4 + random.below(30), lastGroup);
      for (const fill of [0, 0x42]) {
        if (bytes.subarray(at, end).every((byte) => byte === fill)) continue;
        const damaged = padded(changed(bytes, (copy) => copy.fill(fill, at, end)), 600);
        await assert.rejects(reads.read(damaged), refusal, `seed ${seed} from ${at} to ${end}`);
      }
    }
  }
});

test("format 3: half a group gone and data behind its end: not torn", async () => {
  const reads = new Reads();
  const groups = groupsOf([3, 3]);
  const bytes = sealed(3, groups);
  const second = boundaries(groups)[1] ?? 0;
  const damaged = changed(bytes, (copy) => copy[60] = (copy[60] ?? 0) ^ 1).subarray(0, second + 40);
  await assert.rejects(reads.read(damaged), /data follows the group's end/);
});

test("format 3: a last group that is broken anywhere is cut as a whole, or refused; the rest is read", async () => {
  const reads = new Reads();
  const groups = groupsOf(SIZES);
  const bytes = sealed(3, groups);
  const lastGroup = boundaries(groups)[SIZES.length - 1] ?? 0;
  let cut = 0;
  for (let at = lastGroup; at < bytes.length; at++) {
    const damaged = changed(bytes, (copy) => copy[at] = (copy[at] ?? 0) ^ 0x10);
    const read = await reads.read(damaged).catch((error: unknown) => {
      if (!refusal(error)) throw error;
      return undefined;
    });
    if (read === undefined) continue;
    cut++;
    assert.deepEqual(
      [read.zxids, read.isTorn, read.endsAt],
      [upTo(11), true, lastGroup],
      `byte ${at}`,
    );
    await assert.rejects(reads.read(damaged, false), refusal);
  }
  assert.ok(cut > (bytes.length - lastGroup) * 0.8, `${cut} cut`);
});

test("format 3: a last group whose head began in the last bytes of a lost sector is cut", async () => {
  const reads = new Reads();
  const seen = new Set<number>();
  for (let seed = 1; seen.size < 8; seed++) {
    const groups = groupsOf([2, 3, 4], seed), lastGroup = boundaries(groups)[2] ?? 0;
    const left = 512 - lastGroup % 512;
    if (left > 8 || seen.has(left)) continue;
    const bytes = sealed(3, groups);
    const damaged = changed(bytes, (copy) => copy.fill(0, lastGroup, lastGroup + left));
    const read = await reads.read(padded(damaged, 900));
    seen.add(left);
    // What the sector had of the head may have been zeros.
    if (damaged.every((byte, at) => byte === bytes[at])) continue;
    assert.deepEqual(
      [read.zxids.length, read.isTorn, read.endsAt],
      [5, true, lastGroup],
      `${left} bytes`,
    );
  }
});

test("format 3: a last group of which any sectors are missing is cut", async () => {
  const reads = new Reads();
  const groups = groupsOf([2, 3, 30]);
  const bytes = sealed(3, groups);
  const lastGroup = boundaries(groups)[2] ?? 0;
  const sectors = Math.ceil(bytes.length / 512) - Math.floor(lastGroup / 512);
  assert.ok(sectors > 5);
  for (let pattern = 1; pattern < 2 ** Math.min(sectors, 9); pattern++) {
    const damaged = changed(bytes, (copy) => {
      for (let sector = 0; sector < sectors; sector++) {
        if ((pattern & (1 << sector)) === 0) continue;
        const from = (Math.floor(lastGroup / 512) + sector) * 512;
        copy.fill(0, Math.max(from, lastGroup), Math.min(from + 512, copy.length));
      }
    });
    const read = await reads.read(padded(damaged, 900));
    if (isZero(damaged, lastGroup, damaged.length)) continue;
    assert.deepEqual(
      [read.zxids.length, read.isTorn, read.endsAt],
      [5, true, lastGroup],
      `pattern ${pattern}`,
    );
  }
});

test("format 3: bytes that look like an entry of another group do not make a torn group lost data", async () => {
  const payloads = Array.from({ length: 21 }, (_, index) => {
    const payload = new Uint8Array(index === 20 ? 310 : 60).fill(9, 32);
    viewOf(payload).setInt32(16, index + 1); // zxid
    viewOf(payload).setInt32(28, 1); // create
    return payload;
  });
  // From 12 bytes before the last entry on: left 5, any checksum, length 0x142; the rest is the last entry itself.
  payloads[19]?.set([0, 0, 0, 5, 9, 9, 9, 9, 0, 0, 1], 49);
  payloads[20]?.set([0, 0, 0, 0, 0, 0, 0, 30], 0);
  const groups = [payloads.slice(0, 1), payloads.slice(1)];
  const bytes = changed(sealed(3, groups), (copy) => copy.fill(0, 300, 500));
  const read = await new Reads().read(padded(bytes, 100));
  assert.deepEqual([read.zxids, read.isTorn, read.endsAt], [[1], true, boundaries(groups)[1]]);
});

test("format 3: entries of a group that is announced and not there are not read", async () => {
  const groups = groupsOf([2, 4]);
  const bytes = sealed(3, groups);
  const lastEntry = (groups[1]?.[3]?.length ?? 0) + 13;
  const read = await new Reads().read(bytes.subarray(0, bytes.length - lastEntry));
  assert.deepEqual([read.zxids, read.isTorn], [[1, 2], true]);
});

test("format 2: seven bytes overwritten inside are a wrong checksum, whatever follows", async () => {
  const reads = new Reads();
  const groups = groupsOf([20]);
  const bytes = sealed(2, groups);
  await assert.rejects(
    reads.read(changed(bytes, (copy) => copy.set([1, 2, 3, 4, 5, 6, 7], 500))),
    /at byte \d+: (a wrong checksum|an entry without|an entry runs|an unreasonable)/,
  );
});

test("format 2: unreasonable lengths are refused, -1 and less and more", async () => {
  const reads = new Reads();
  const groups = groupsOf([3]);
  const bytes = sealed(2, groups);
  const second = 16 + 13 + (groups[0]?.[0]?.length ?? 0);
  for (const length of [-1, -2, -0x7fffffff, 0x7fffffff]) {
    const damaged = changed(bytes, (copy) => viewOf(copy).setInt32(second + 8, length));
    await assert.rejects(reads.read(damaged), /unreasonable length/);
    await assert.rejects(reads.read(damaged, false), /unreasonable length/);
  }
});

test("format 2: a length that jumps over good entries is damage, not a torn tail", async () => {
  const reads = new Reads();
  const bytes = sealed(2, groupsOf([9]));
  const damaged = changed(bytes, (copy) => viewOf(copy).setInt32(16 + 8, bytes.length));
  await assert.rejects(reads.read(padded(damaged, 5000)), /a good entry follows/);
  await assert.rejects(reads.read(damaged), /a good entry follows/);
});

test("format 2: a missing end byte with zeros behind it is a torn tail, with data behind it damage", async () => {
  const reads = new Reads();
  const groups = groupsOf([3]);
  const bytes = sealed(2, groups);
  const third = (groups[0]?.[2]?.length ?? 0) + 13;
  const torn = await reads.read(padded(changed(bytes, (copy) => copy[copy.length - 1] = 0), 100));
  assert.deepEqual([torn.zxids, torn.isTorn, torn.endsAt], [[1, 2], true, bytes.length - third]);
  const second = bytes.length - third - 1;
  await assert.rejects(
    reads.read(changed(bytes, (copy) => copy[second] = 0)),
    /without its end byte/,
  );
});

test("format 2: data behind padding is refused", async () => {
  const reads = new Reads();
  const bytes = sealed(2, groupsOf([3]));
  const damaged = padded(bytes, 5000);
  damaged[damaged.length - 100] = 1;
  await assert.rejects(reads.read(damaged), /data follows the padding/);
});

test("format 2: stray bytes too few for an entry are a torn tail, in any log", async () => {
  const reads = new Reads();
  const bytes = sealed(2, groupsOf([3]));
  const stray = padded(bytes, 9);
  stray.fill(7, bytes.length);
  for (const isLast of [true, false]) {
    const read = await reads.read(stray, isLast);
    assert.deepEqual([read.zxids, read.isTorn, read.endsAt], [[1, 2, 3], true, bytes.length]);
  }
});

test("a log entry of version 2 is what Apache 3.8.0 wrote, byte for byte", () => {
  const golden = [
    "00000000c58c0aef00000030010000112673000000000000000000000000000100" +
    "0001a1f855defcfffffff600002710000000020000000051c6d66042",
    "00000000cad80d2a000000590100001126730000000000010000000000000002000001a1f855df0700000001" +
    "000000022f61000000036f6e65000000010000001f00000005776f726c6400000006616e796f6e65000000" +
    "000100000002" + "00000000ada6f8a342",
  ];
  for (const text of golden) {
    const bytes = Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    const again = bytes.slice();
    again.fill(0, 0, 8);
    again[again.length - 1] = 0;
    sealEntry2(again, 0, again.length);
    assert.deepEqual(again, bytes);
  }
});
