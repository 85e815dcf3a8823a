import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { nameHash, NameIndex } from "../../src/tree/name_index.ts";

test("the index agrees with a Map under random additions and removals, collisions included", () => {
  const held = new Map<number, number>(); // id -> its name byte
  const index = new NameIndex((id, _parent, bytes, start) => held.get(id) === bytes[start]);
  const random = new Prng(3), name = new Uint8Array(1);
  // Few hashes, all in the same two sub-tables: long runs, and runs that wrap round the end.
  const hashOf = (byte: number) => ((byte % 2) << 31) | (0x3fff8 + (byte % 7));
  for (let step = 0; step < 20_000; step++) {
    const byte = random.below(200);
    name[0] = byte;
    const id = byte + 1000;
    assert.equal(index.find(hashOf(byte), 0, name, 0, 1), held.has(id) ? id : -1);
    const alike = index.candidate(hashOf(byte));
    if (alike < 0) assert.equal(held.has(id), false);
    else assert.equal(hashOf(held.get(alike) ?? -1), hashOf(byte));
    if (step % 997 === 0) index.reserve(random.below(5000));
    if (held.has(id)) {
      assert.equal(index.remove(hashOf(byte), id), true);
      held.delete(id);
    } else {
      assert.equal(index.remove(hashOf(byte), id), false);
      held.set(id, byte);
      index.add(hashOf(byte), id);
    }
  }
  for (let byte = 0; byte < 200; byte++) {
    name[0] = byte;
    assert.equal(index.find(hashOf(byte), 0, name, 0, 1), held.has(byte + 1000) ? byte + 1000 : -1);
  }
});

test("hashes of numbered names spread over sub-tables and slots", () => {
  const encoder = new TextEncoder();
  const upper = new Int32Array(1024), lower = new Int32Array(1024), names = 32 * 1024;
  for (let i = 0; i < names; i++) {
    const name = encoder.encode(`node-${String(i).padStart(10, "0")}`);
    const hash = nameHash(0, 5, name, 0, name.length);
    upper[hash >>> 22] = (upper[hash >>> 22] as number) + 1;
    lower[hash & 1023] = (lower[hash & 1023] as number) + 1;
  }
  for (const counts of [upper, lower]) {
    assert.ok(Math.max(...counts) < 70, `a bucket of ${Math.max(...counts)} where 32 are expected`);
  }
});

test("a hash depends on the seed, the parent and every byte", () => {
  const name = new TextEncoder().encode("abcdefg");
  const plain = nameHash(0, 1, name, 0, 7);
  assert.notEqual(nameHash(1, 1, name, 0, 7), plain);
  assert.notEqual(nameHash(0, 2, name, 0, 7), plain);
  for (let i = 0; i < 7; i++) {
    const other = name.slice();
    other[i] = (other[i] as number) ^ 1;
    assert.notEqual(nameHash(0, 1, other, 0, 7), plain);
  }
});
