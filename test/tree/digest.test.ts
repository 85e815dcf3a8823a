import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { Prng } from "../../src/base/random.ts";
import { DigestSum, EMPTY_DIGEST, pathDataCrc, statDigest } from "../../src/tree/digest.ts";
import { codec, drop, newTree, put, setData, zx } from "./support.ts";

// storage-format §9.1, §15 cases 30, 59, 60

test("a new database has the digest that Apache gives it", () => {
  const tree = newTree();
  assert.equal(tree.digest, BigInt(EMPTY_DIGEST));
  assert.equal(tree.nodeDigest(tree.root), 68323592);
  assert.equal(tree.nodeDigest(tree.findPath("/zookeeper")), 1303661912);
  assert.equal(tree.nodeDigest(tree.findPath("/zookeeper/config")), 0);
});

test("the sum is mod 2^64 in both directions, in any order", () => {
  const random = new Prng(5), sum = new DigestSum();
  const added: number[] = [];
  let expected = 0n;
  sum.set(0xffff_ffff, 0xffff_fff0);
  expected = -16n;
  for (let i = 0; i < 1000; i++) {
    const digest = random.uint32();
    added.push(digest);
    sum.add(digest);
    expected = BigInt.asIntN(64, expected + BigInt(digest));
    assert.equal(sum.value, expected);
  }
  while (added.length > 0) {
    const [digest] = added.splice(random.below(added.length), 1);
    sum.subtract(digest as number);
  }
  assert.equal(sum.value, -16n);
});

test("digest changes with create, setData, setACL's version and delete, and comes back", () => {
  const tree = newTree();
  put(tree, "/p");
  const seen = new Set<bigint>([tree.digest]);
  const isNew = () => assert.equal(seen.size, seen.add(tree.digest).size - 1);
  const before = tree.nodeDigest(tree.findPath("/p"));
  put(tree, "/p/a", { data: "x", zxid: 2, time: 5 });
  isNew();
  setData(tree, "/p/a", "y", 3);
  isNew();
  tree.setAcl(tree.findPath("/p/a"), -1, 1);
  isNew();
  drop(tree, "/p/a", 4);
  isNew();
  const p = tree.findPath("/p");
  tree.touchParent(p, 0, zx(1));
  assert.equal(tree.nodeDigest(p), before);
});

test("nodes under /zookeeper do not count, nor do paths that only begin like it", () => {
  const tree = newTree();
  const quota = tree.findPath("/zookeeper/quota"), before = tree.digest;
  const name = utf8Encode("a");
  const id = tree.insert(quota, name, 0, 1, name, 0, 1, -1, 0n, zx(9), 9, -1);
  assert.equal(tree.digest, before);
  assert.equal(tree.nodeDigest(id), 0);
  assert.equal(tree.isReserved(id), true);
  put(tree, "/zookeeper2");
  put(tree, "/zookeeper2/quota");
  assert.equal(tree.isReserved(tree.findPath("/zookeeper2/quota")), false);
  assert.notEqual(tree.nodeDigest(tree.findPath("/zookeeper2/quota")), 0);
});

test("the prepare stage's figures are the tree's, with the CRC given or not", () => {
  const tree = newTree();
  const path = utf8Encode("/é"), data = new Uint8Array(5000).fill(7);
  const crc = pathDataCrc(codec, path, 0, path.length, data, 0, data.length);
  const owner = -2n, zxid = zx(0x1_0000_0005), time = 1_700_000_000_123;
  const digest = statDigest(codec, crc, zxid, zxid, zxid, time, time, 0, 0, 0, -1, -2);
  const emulate = newTree({ emulate353: true });
  for (const known of [-1, crc]) {
    const target = known < 0 ? emulate : newTree({ emulate353: true });
    const id = target.insert(
      target.root,
      path,
      1,
      path.length,
      data,
      0,
      data.length,
      -1,
      owner,
      zxid,
      time,
      known,
    );
    assert.equal(target.nodeDigest(id), digest);
    assert.equal(target.crcPathData(id), crc);
  }
  assert.equal(tree.digest, BigInt(EMPTY_DIGEST));
});

test("a path too long for the codec's scratch is summed all the same", () => {
  const tree = newTree();
  const name = new Uint8Array(300_000).fill(0x61);
  const id = tree.insert(tree.root, name, 0, name.length, null, 0, 0, -1, 0n, zx(1), 0, -1);
  const path = new Uint8Array(name.length + 1).fill(0x61);
  path[0] = 0x2f;
  assert.equal(tree.crcPathData(id), codec.crc32(0, path, 0, path.length));
  assert.equal(tree.pathOf(id).length, name.length + 1);
});

test("with the digest off nothing is computed", () => {
  const tree = newTree({ digest: false });
  const id = put(tree, "/a", { data: "x" });
  setData(tree, "/a", "y");
  assert.equal(tree.digest, 0n);
  assert.equal(tree.nodeDigest(id), 0);
  assert.equal(tree.crcPathData(id), 0);
});

test("carries and borrows pass between the halves at the very edge", () => {
  const sum = new DigestSum();
  sum.set(0, 0xffff_ffff);
  sum.add(1);
  assert.deepEqual([sum.hi, sum.lo], [1, 0]);
  sum.subtract(1);
  assert.deepEqual([sum.hi, sum.lo], [0, 0xffff_ffff]);
  sum.set(0, 0);
  sum.subtract(1);
  assert.equal(sum.value, -1n);
});
