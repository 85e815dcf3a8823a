// Nodes whose owner is no session: what a start does with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { utf8Encode } from "../../src/base/host.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { OPEN_ACL } from "../../src/protocol/acl.ts";
import { removeOrphans } from "../../src/server/orphans.ts";
import { ttlOwner } from "../../src/tree/owner.ts";
import { NO_NODE } from "../../src/tree/tree.ts";
import { Database } from "../../src/txn/database.ts";
import { createPlainCodec } from "../../wasm/codec.ts";

const codec = createPlainCodec();

function databaseWith(path: string, owner: bigint, extendedTypes: boolean): Database {
  const options = { digest: true, extendedTypes, emulate353: false };
  const db = new Database(codec, options);
  const name = utf8Encode(path.slice(1)), { tree } = db;
  const acl = tree.acls.intern(OPEN_ACL);
  tree.insert(tree.root, name, 0, name.length, null, 0, 0, acl, owner, 5 as Zxid, 1, -1);
  db.lastZxid = 5 as Zxid;
  return db;
}

test("the ephemeral of a session that does not exist goes", () => {
  const db = databaseWith("/e", 0x1234n, false);
  assert.equal(removeOrphans(db, silentLog), true);
  assert.equal(db.tree.findPath("/e"), NO_NODE);
});

test("the ephemeral of a living session stays", () => {
  const db = databaseWith("/e", 0x1234n, false);
  db.sessions.set(0x1234n, 10_000);
  assert.equal(removeOrphans(db, silentLog), false);
  assert.notEqual(db.tree.findPath("/e"), NO_NODE);
});

test("a TTL node is not taken for an orphan: while TTLs are off, the start is refused", () => {
  const owner = ttlOwner(1000, { extendedTypes: true, emulate353: false });
  assert.ok(owner !== undefined);
  const off = databaseWith("/ttl", owner, false);
  assert.throws(() => removeOrphans(off, silentLog), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /"\/ttl".*extendedTypesEnabled=true/);
    return true;
  });
  assert.notEqual(off.tree.findPath("/ttl"), NO_NODE);
  assert.equal(removeOrphans(databaseWith("/ttl", owner, true), silentLog), false);
});
