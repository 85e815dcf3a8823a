import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zxid } from "../../src/base/zxid.ts";
import { setConfigNode } from "../../src/txn/config_node.ts";
import { Database } from "../../src/txn/database.ts";
import { Writer } from "../../src/jute/writer.ts";
import { createCodec } from "../../wasm/codec.ts";

test("the config node has text, version -1 and the version's zxid, and the tree digest stays", () => {
  const db = new Database(createCodec(), { digest: true, extendedTypes: false, emulate353: false });
  const { tree } = db, { digest } = tree;
  const node = tree.findPath("/zookeeper/config");
  for (const text of ["server.1=a:1:2:participant\nversion=100000001", "version=0"]) {
    setConfigNode(db, text, 0x1_0000_0001 as Zxid, 1_800_000_000_000);
    const w = new Writer();
    tree.writeData(node, w);
    assert.equal(new TextDecoder().decode(w.written().subarray(4)), text);
    assert.deepEqual(
      [tree.version(node), tree.mzxid(node), tree.mtime(node), tree.aversion(node)],
      [-1, 0x1_0000_0001, 1_800_000_000_000, -1],
    );
    assert.equal(tree.digest, digest);
  }
  assert.equal(db.lastZxid, 0);
});
