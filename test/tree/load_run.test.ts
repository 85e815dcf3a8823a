/** Znodes loaded in runs: the same tree as one by one, and one that lives on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../src/base/errors.ts";
import { Prng } from "../../src/base/random.ts";
import { JuteError, Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { CONTAINER_OWNER } from "../../src/tree/owner.ts";
import type { Tree } from "../../src/tree/tree.ts";
import { type Codec, createCodec, createPlainCodec } from "../../wasm/codec.ts";
import {
  childrenOf,
  dataOf,
  drop,
  loadInto,
  newTree,
  pathsIn,
  put,
  setData,
  snapshotOf,
  statOf,
} from "./support.ts";

const SIZES = [0, 1, 15, 16, 17, 100, 1024, 1025, 5000];

/** Wide and deep, with every kind of znode in between. */
function sample(seed: number): Tree {
  const random = new Prng(seed, seed + 1), tree = newTree({ hashSeed: 5 });
  const acl = tree.acls.intern([{ perms: 3, scheme: "digest", id: "u:h" }]);
  const parents = ["", "/zookeeper/quota", "/wide"];
  put(tree, "/wide");
  for (let i = 0; i < 3000; i++) {
    const parent = parents[i % 3 === 0 ? random.below(parents.length) : 2] ?? "";
    const path = `${parent}/${"n".repeat(random.below(20))}${i}`;
    const size = SIZES[random.below(SIZES.length)] ?? 0;
    const kind = random.below(40);
    put(tree, path, {
      data: kind === 0 ? null : new Uint8Array(size).fill(i),
      zxid: 2 ** 33 + i,
      time: 1_700_000_000_000 + i,
      ...(kind === 1 ? { owner: 42n } : kind === 2 ? { owner: CONTAINER_OWNER } : {}),
      ...(kind % 7 === 3 ? { acl } : {}),
    });
    if (kind === 4) parents.push(path);
  }
  return tree;
}

/** As a snapshot is read: pieces of any length, through the codec's memory (a file) or outside of it (a stream). */
function loadRuns(
  tree: Tree,
  codec: Codec,
  bytes: Uint8Array,
  acls: Tree["acls"],
  random: Prng,
  isOutside: boolean,
) {
  tree.clear();
  for (const [id, list] of acls.entries()) tree.acls.load(id, list);
  const region = codec.snapshotRegions[2] ?? codec.scratch;
  const memory = isOutside ? new Uint8Array(region.end) : codec.memory;
  const r = new Reader().reset(memory, region.start, region.start);
  let given = 0, inRuns = 0;
  for (;;) {
    const rest = memory.slice(r.pos, r.end);
    const more = Math.min(1 + random.below(200_000), bytes.length - given);
    memory.set(rest, region.start);
    memory.set(bytes.subarray(given, given + more), region.start + rest.length);
    given += more;
    r.reset(memory, region.start, region.start + rest.length + more);
    for (;;) {
      inRuns += tree.loadRun(r);
      const mark = r.pos;
      try {
        if (tree.load(r)) continue;
        tree.finishLoad();
        return inRuns;
      } catch (error) {
        if (!(error instanceof JuteError)) throw error;
        r.pos = mark;
        break;
      }
    }
  }
}

function assertSame(one: Tree, other: Tree): void {
  assert.equal(one.digest, other.digest);
  assert.equal(one.approximateDataBytes, other.approximateDataBytes);
  assert.deepEqual(one.ephemeralSessions(), other.ephemeralSessions());
  const paths = pathsIn(snapshotOf(other)).sort();
  assert.deepEqual(pathsIn(snapshotOf(one)).sort(), paths);
  for (const path of paths.map((text) => text === "" ? "/" : text)) {
    assert.deepEqual(statOf(one, path), statOf(other, path), path);
    assert.equal(dataOf(one, path), dataOf(other, path), path);
    assert.deepEqual(
      one.acls.get(one.aclId(one.findPath(path))),
      other.acls.get(other.aclId(other.findPath(path))),
    );
  }
  assert.deepEqual(childrenOf(one, "/wide"), childrenOf(other, "/wide"));
}

test("runs give the tree that single loads give, and it goes on the same", () => {
  for (const codec of [createCodec(), createPlainCodec()]) {
    for (const [digest, isOutside] of [[true, false], [true, true], [false, false]] as const) {
      const random = new Prng(7, 8), origin = sample(3);
      const bytes = snapshotOf(origin);
      const single = newTree({ codec, digest }), runs = newTree({ codec, digest });
      loadInto(single, bytes, origin.acls);
      const inRuns = loadRuns(runs, codec, bytes, origin.acls, random, isOutside);
      assert.ok(inRuns > 2500 && inRuns < runs.nodeCount, `${inRuns} in runs`);
      assertSame(runs, single);
      if (digest) assert.equal(runs.digest, origin.digest);
      const leaves = childrenOf(origin, "/wide").filter((name) =>
        childrenOf(origin, `/wide/${name}`).length === 0
      );
      for (const name of leaves) {
        const path = `/wide/${name}`, fate = random.below(3), size = random.below(1500);
        for (const tree of [single, runs]) {
          if (fate === 0) drop(tree, path, 9);
          else if (fate === 1) setData(tree, path, new Uint8Array(size).fill(fate), 9);
          else put(tree, `${path}x`, { data: "new", zxid: 10 });
        }
      }
      assertSame(runs, single);
    }
  }
});

test("a run ends before a znode that cannot be, which is then refused by name", () => {
  const codec = createCodec(), region = codec.snapshotRegions[2] ?? codec.scratch;
  for (const [path, why] of [["/c/d/e", "its parent did not come"], ["/b", "it came twice"]]) {
    const w = new Writer();
    for (const each of ["/a", "/b", "/b/c", path ?? "", "/z"]) {
      w.ustring(each);
      w.buffer(new Uint8Array(3));
      w.int64Number(-1);
      for (let i = 0; i < 15; i++) w.int32(0);
    }
    const tree = newTree({ codec });
    codec.memory.set(w.written(), region.start);
    const r = new Reader().reset(codec.memory, region.start, region.start + w.pos);
    assert.equal(tree.loadRun(r), 3);
    const { digest, nodeCount } = tree;
    assert.throws(
      () => tree.load(r),
      (error) => error instanceof CorruptionError && error.message.includes(`"${path}": ${why}`),
    );
    assert.deepEqual([tree.digest, tree.nodeCount], [digest, nodeCount]);
  }
});
