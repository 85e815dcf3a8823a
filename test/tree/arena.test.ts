import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { Arena, classOf, unitsOfClass } from "../../src/tree/arena.ts";

test("a size class holds what it is asked for, with at most a quarter wasted", () => {
  for (let units = 1; units <= 1 << 19; units++) {
    const size = unitsOfClass(classOf(units));
    if (size < units || size > units * 1.25 || (units <= 128 && size !== units)) {
      assert.fail(`${units} units got a block of ${size}`);
    }
  }
  assert.equal(classOf(1 << 19), 175);
});

test("size classes grow with their number, and are their own classes", () => {
  for (let i = 1; i < 176; i++) {
    assert.ok(unitsOfClass(i) > unitsOfClass(i - 1));
    assert.equal(classOf(unitsOfClass(i)), i);
  }
});

test("blocks do not overlap, and keep their bytes until released", () => {
  const arena = new Arena(), random = new Prng(7);
  const blocks: { ref: number; bytes: Uint8Array }[] = [];
  for (let step = 0; step < 4000; step++) {
    if (blocks.length > 50 && random.chance(1, 2)) {
      const [gone] = blocks.splice(random.below(blocks.length), 1);
      assert.ok(gone !== undefined);
      arena.release(gone.ref, gone.bytes.length);
      continue;
    }
    const bytes = new Uint8Array(random.chance(1, 20) ? random.below(90_000) : random.below(200));
    random.fill(bytes);
    const ref = arena.allocate(bytes.length);
    arena.store(ref, bytes, 0, bytes.length);
    blocks.push({ ref, bytes });
  }
  for (const { ref, bytes } of blocks) {
    if (bytes.length === 0) continue;
    const at = arena.offsetOf(ref);
    assert.deepEqual(arena.segmentOf(ref).subarray(at, at + bytes.length), bytes);
  }
});

test("a released block is used again", () => {
  const arena = new Arena();
  const ref = arena.allocate(100);
  arena.release(ref, 100);
  assert.equal(arena.allocate(97), ref);
});

test("a block beyond the classes has a segment of its own, which goes with it", () => {
  const arena = new Arena();
  arena.allocate(10);
  const before = arena.reservedBytes, size = 5 * 1024 * 1024 + 3;
  const ref = arena.allocate(size);
  const bytes = new Uint8Array(size).fill(9);
  arena.store(ref, bytes, 0, size);
  assert.equal(arena.segmentOf(ref)[size - 1], 9);
  assert.ok(arena.reservedBytes >= before + size);
  arena.release(ref, size);
  assert.equal(arena.reservedBytes, before);
  assert.equal(arena.allocate(size), ref);
});

test("what a full segment has left is not lost", () => {
  const arena = new Arena();
  arena.allocate(40 * 1024); // of the first 64 KiB
  const reserved = arena.reservedBytes;
  const far = arena.allocate(100 * 1024);
  assert.ok(arena.reservedBytes > reserved && far !== 0);
  const after = arena.reservedBytes;
  assert.equal(arena.allocate(24 * 1024) >>> 20, 0);
  assert.equal(arena.reservedBytes, after);
});

test("an arena that holds little is small", () => {
  const arena = new Arena();
  assert.equal(arena.reservedBytes, 0);
  arena.allocate(1000);
  assert.ok(arena.reservedBytes <= 65536);
});

test("blocks freed in one size serve smaller ones before a segment is added", () => {
  const arena = new Arena(), count = 1000;
  const refs = Array.from({ length: count }, () => arena.allocate(1024));
  for (let i = 0; i < 1000; i++) arena.allocate(8); // the rest of the segment is not what serves
  const reserved = arena.reservedBytes;
  for (const ref of refs) arena.release(ref, 1024);
  const seen = new Set<number>();
  for (let i = 0; i < count * 8; i++) seen.add(arena.allocate(112));
  assert.equal(seen.size, count * 8);
  assert.equal(arena.reservedBytes, reserved);
});

test("blocks that grow together leave no heap of smaller ones behind", () => {
  const arena = new Arena(), count = 2000;
  let refs = Array.from({ length: count }, () => arena.allocate(16));
  for (let size = 24; size <= 1024; size += 8) {
    refs = refs.map((ref) => {
      const larger = arena.allocate(size);
      arena.release(ref, size - 8);
      return larger;
    });
  }
  const live = count * 1024;
  assert.ok(arena.reservedBytes < 8 * live, `${arena.reservedBytes} bytes for ${live}`);
});

test("joined blocks do not overlap, and those in use keep their bytes", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const arena = new Arena(), random = new Prng(seed);
    let blocks: { ref: number; bytes: Uint8Array }[] = [];
    for (let round = 0; round < 30; round++) {
      const size = 8 << random.below(10);
      for (let i = random.below(Math.min(20_000, 4_000_000 / size)); i > 0; i--) {
        const bytes = new Uint8Array(size - random.below(8)).fill(random.below(256));
        const ref = arena.allocate(bytes.length);
        arena.store(ref, bytes, 0, bytes.length);
        blocks.push({ ref, bytes });
      }
      const share = random.below(10);
      blocks = blocks.filter(({ ref, bytes }) => {
        if (random.below(10) >= share) return true;
        arena.release(ref, bytes.length);
        return false;
      });
    }
    for (const { ref, bytes } of blocks) {
      const at = arena.offsetOf(ref);
      const there = arena.segmentOf(ref).subarray(at, at + bytes.length);
      assert.ok(bytes.every((byte, i) => byte === there[i]), `seed ${seed}`);
    }
    for (const { ref, bytes } of blocks) arena.release(ref, bytes.length);
    // All but what is still to be given out for the first time is free again, each byte once.
    assert.ok(arena.freeBytes <= arena.reservedBytes);
    assert.ok(arena.reservedBytes - arena.freeBytes <= 8 * 1024 * 1024);
  }
});

test("what is free and cannot serve a larger block is not said to be there for use", () => {
  const arena = new Arena(), small = Array.from({ length: 200_000 }, () => arena.allocate(64));
  small.forEach((ref, i) => {
    if (i % 2 === 0) arena.release(ref, 64);
  });
  assert.equal(arena.reusableBytes, arena.freeBytes);
  for (let i = 0; i < 20_000; i++) arena.allocate(1024);
  assert.ok(arena.freeBytes > 6_000_000);
  assert.ok(arena.reusableBytes < 1_000_000, `${arena.reusableBytes}`);
  small.forEach((ref, i) => {
    if (i % 2 === 1) arena.release(ref, 64);
  });
  const reserved = arena.reservedBytes;
  for (let i = 0; i < 10_000; i++) arena.allocate(1024);
  assert.equal(arena.reservedBytes, reserved, "once they lie side by side they serve again");
});
