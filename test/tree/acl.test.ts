import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { type Acl, OPEN_ACL, Perm, READ_ONLY_ACL } from "../../src/protocol/acl.ts";
import { AclRecord } from "../../src/protocol/records.ts";
import { vector } from "../../src/protocol/schema.ts";
import { AclTable, OPEN_ACL_ID } from "../../src/tree/acl.ts";
import { newTree, put } from "./support.ts";

const world = (perms: number): Acl => ({ perms, scheme: "world", id: "anyone" });
const digest = (id: string, perms: number = Perm.all): Acl => ({ perms, scheme: "digest", id });
const nobody: readonly never[] = [];

// storage-format §15 case 52

test("the same list has the same id; order matters; ids count up and are not given twice", () => {
  const acls = new AclTable();
  const a = [world(1), digest("u:h")], b = [digest("u:h"), world(1)];
  assert.equal(acls.intern(a), 1);
  assert.equal(acls.intern(b), 2);
  assert.equal(acls.intern([...a]), 1);
  acls.dropUnused();
  assert.equal(acls.intern(a), 3);
  assert.deepEqual(acls.get(3), a);
});

test("lists whose texts could run together are kept apart", () => {
  const acls = new AclTable();
  const one = acls.intern([digest("a1 6 1 digestb", 1)]);
  assert.notEqual(acls.intern([digest("a", 1), digest("b", 1)]), one);
});

test("a list goes with its last user, and not while one is left", () => {
  const acls = new AclTable();
  const id = acls.intern([world(1)]);
  acls.retain(id);
  acls.retain(id);
  acls.release(id);
  acls.dropUnused();
  assert.equal(acls.users(id), 1);
  assert.deepEqual([...acls.entries()], [[id, [world(1)]]]);
  acls.release(id);
  assert.deepEqual([...acls.entries()], []);
  assert.equal(acls.has(id), true); // a change under way may hold it
  acls.dropUnused();
  assert.equal(acls.has(id), false);
});

test("unused lists do not pile up", () => {
  const acls = new AclTable();
  const kept = acls.intern([world(31)]);
  acls.retain(kept);
  for (let i = 0; i < 10_000; i++) acls.intern([world(i)]);
  assert.ok(acls.size <= 4097);
  assert.equal(acls.has(kept), true);
});

test("znodes count as users through insert, setAcl and remove", () => {
  const tree = newTree();
  const one = tree.acls.intern([world(2)]), two = tree.acls.intern([world(3)]);
  const a = put(tree, "/a", { acl: one });
  put(tree, "/b", { acl: one });
  assert.equal(tree.acls.users(one), 2);
  tree.setAcl(a, two, 1);
  assert.equal(tree.aclId(a), two);
  assert.deepEqual([tree.acls.users(one), tree.acls.users(two)], [1, 1]);
  tree.setAcl(a, two, 2);
  assert.equal(tree.acls.users(two), 1);
  tree.remove(a);
  assert.equal(tree.acls.users(two), 0);
});

test("the next key is above every key that a snapshot named, in its map or its nodes", () => {
  const acls = new AclTable();
  acls.load(7, [world(1)]);
  assert.equal(acls.idOfKey(9), 9); // a gap of a fuzzy snapshot
  assert.equal(acls.intern([world(2)]), 10);
  assert.equal(acls.intern([world(1)]), 7);
});

test("keys beyond 32 bits are renamed, the same way each time", () => {
  const acls = new AclTable();
  acls.load(2 ** 40, [world(1)]);
  const id = acls.idOfKey(2 ** 40);
  assert.ok(id > 0 && id < 100);
  assert.deepEqual(acls.get(id), [world(1)]);
  assert.equal(acls.idOfKey(OPEN_ACL_ID), OPEN_ACL_ID);
});

test("loading more lists than may idle loses none", () => {
  const acls = new AclTable();
  for (let key = 1; key <= 6000; key++) acls.load(key, [world(key)]);
  assert.equal(acls.size, 6000);
});

test("a list is read as a snapshot writes it, and null parts are refused", () => {
  const w = new Writer();
  w.int64Number(5);
  const from = new AclTable();
  from.writeAcl(from.intern([world(1), digest("u:h")]), w);
  const acls = new AclTable();
  acls.loadFrom(new Reader().reset(w.bytes, 0, w.pos));
  assert.deepEqual(acls.get(5), [world(1), digest("u:h")]);
  const bad = new Writer();
  bad.int64Number(6);
  vector(AclRecord).write(bad, [{ perms: 1, id: { scheme: null, id: "x" } }]);
  assert.throws(() => acls.loadFrom(new Reader().reset(bad.bytes, 0, bad.pos)), /null scheme/);
});

// client-protocol §7.2, §7.3

test("the open ACL allows everything, an unknown id nothing, an empty list everything", () => {
  const acls = new AclTable();
  assert.equal(acls.allows(OPEN_ACL_ID, Perm.admin, nobody), true);
  assert.deepEqual(acls.get(OPEN_ACL_ID), OPEN_ACL);
  assert.equal(acls.allows(99, Perm.read, nobody), false);
  assert.equal(acls.allows(0, Perm.read, nobody), false);
  assert.equal(acls.allows(99, Perm.read, [{ scheme: "super", id: "" }]), true);
  assert.equal(acls.allows(acls.intern([]), Perm.read, nobody), true);
});

test("world entries allow their bits to everyone; one wanted bit is enough", () => {
  const acls = new AclTable();
  const id = acls.intern(READ_ONLY_ACL);
  assert.equal(acls.allows(id, Perm.read, nobody), true);
  assert.equal(acls.allows(id, Perm.write, nobody), false);
  assert.equal(acls.allows(id, Perm.read | Perm.admin, nobody), true);
  assert.equal(acls.allows(acls.intern([world(0)]), Perm.all, nobody), false);
  assert.equal(acls.allows(id, Perm.read, nobody), true);
});

test("an entry of another scheme needs an identity of the same scheme and id", () => {
  const acls = new AclTable();
  const id = acls.intern([digest("ben:h", Perm.read)]);
  assert.equal(acls.allows(id, Perm.read, nobody), false);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "digest", id: "ben:other" }]), false);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "sasl", id: "ben:h" }]), false);
  const both = [{ scheme: "digest", id: "x:y" }, { scheme: "digest", id: "ben:h" }];
  assert.equal(acls.allows(id, Perm.read, both), true);
  assert.equal(acls.allows(id, Perm.write, both), false);
});

test("ip entries match by prefix; a connection id that is no address never does", () => {
  const acls = new AclTable();
  const id = acls.intern([{ perms: Perm.read, scheme: "ip", id: "127.0.0.1/16" }]);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "ip", id: "127.0.3.4" }]), true);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "ip", id: "127.1.3.4" }]), false);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "ip", id: "::1" }]), false);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "ip", id: "127.0.0.1/16" }]), false);
  assert.equal(acls.allows(id, Perm.read, [{ scheme: "digest", id: "127.0.0.1" }]), false);
});

test("super bypasses, skipACL lets all pass, and further schemes may bring their own match", () => {
  const list = [{ perms: Perm.read, scheme: "x509", id: "CN=a" }];
  const acls = new AclTable();
  const id = acls.intern(list);
  assert.equal(acls.allows(id, Perm.admin, [{ scheme: "super", id: "" }]), true);
  const open = new AclTable({ skipAcl: true });
  assert.equal(open.allows(open.intern(list), Perm.admin, nobody), true);
  const matches = (_scheme: string, _acl: string, mine: string) => mine === "CN=root";
  const own = new AclTable({ matches });
  const ownId = own.intern(list);
  assert.equal(own.allows(ownId, Perm.read, [{ scheme: "x509", id: "CN=root" }]), true);
  assert.equal(own.allows(ownId, Perm.read, [{ scheme: "x509", id: "CN=b" }]), false);
});

test("a redacted list cuts digest ids after the colon and nothing else", () => {
  const acls = new AclTable();
  const list = [world(1), digest("user:hash="), { perms: 1, scheme: "ip", id: "::1" }];
  const id = acls.intern(list);
  const read = (redact: boolean) => {
    const w = new Writer();
    acls.writeAcl(id, w, redact);
    return vector(AclRecord).read(new Reader().reset(w.bytes, 0, w.pos))?.map((acl) => acl.id.id);
  };
  assert.deepEqual(read(true), ["anyone", "user:x", "::1"]);
  assert.deepEqual(read(false), ["anyone", "user:hash=", "::1"]);
});

test("a dropped list allows nothing, even right after it was asked for", () => {
  const acls = new AclTable();
  assert.equal(acls.allows(0, Perm.read, nobody), false);
  const id = acls.intern([world(31)]);
  assert.equal(acls.allows(id, Perm.read, nobody), true);
  acls.dropUnused();
  assert.equal(acls.allows(id, Perm.read, nobody), false);
});
