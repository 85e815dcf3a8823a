import assert from "node:assert/strict";
import { test } from "node:test";
import { ipIdentity, withIdentities } from "../../../src/session/auth/identities.ts";

test("identities add up as a set, and the list a request holds does not change", () => {
  const start = [ipIdentity("127.0.0.1")];
  const ben = { scheme: "digest", id: "ben:x" };
  const later = withIdentities(start, [ben, ipIdentity("127.0.0.1"), { ...ben }]);
  assert.deepEqual(later, [{ scheme: "ip", id: "127.0.0.1" }, ben]);
  assert.equal(start.length, 1);
  assert.equal(withIdentities(later, [{ ...ben }]), later);
});
