/** ACL lists of requests that are refused: nobody uses them, so they take next to no memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AclTable } from "../../src/tree/acl.ts";

/** About 100 KB as text. */
function longList(of: number): { perms: number; scheme: string; id: string }[] {
  return Array.from({ length: 2500 }, (_, i) => ({
    perms: 31,
    scheme: "digest",
    id: `user${of}-${i}:${"x".repeat(16)}`,
  }));
}

test("long lists without users are pushed out by their size, the newest stays", () => {
  const acls = new AclTable();
  for (let i = 0; i < 100; i++) {
    const id = acls.intern(longList(i));
    assert.ok(acls.has(id), "what was interned last is there");
    acls.retain(id);
    acls.release(id);
  }
  assert.ok(acls.size < 20, `${acls.size} lists of 100 KB`);
});

test("a list in use stays, however many long ones come and go", () => {
  const acls = new AclTable();
  const used = acls.intern(longList(-1));
  acls.retain(used);
  for (let i = 0; i < 100; i++) acls.intern(longList(i));
  assert.equal(acls.get(used).length, 2500);
  acls.release(used);
  for (let i = 0; i < 100; i++) acls.intern(longList(i));
  assert.equal(acls.has(used), false);
});
