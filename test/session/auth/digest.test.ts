import assert from "node:assert/strict";
import { test } from "node:test";
import { digestIdOf, digestUserOf, isDigestId } from "../../../src/session/auth/digest.ts";
import { hostHash } from "./host_hash.ts";

test("digest ids are Apache's (case 120)", () => {
  const idOf = (text: string) => digestIdOf(hostHash, "SHA-1", text);
  assert.equal(idOf("super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
  assert.equal(idOf("user:test"), "user:tl+z3z0vO6PfPfEENfLF96E6pM0=");
  assert.equal(idOf("ben:passwd"), "ben:GnIFqmuceuc/72KWrVhTHjDv9u4=");
});

test("other algorithms hash the same text (case 120)", () => {
  // Computed with Python's hashlib.
  const vectors = [
    ["SHA-256", "wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig="],
    ["SHA3-256", "cRy/KPYuDpW/dtsepniTMpuiuupnWgdU9txltIfv3hA="],
  ] as const;
  for (const [name, wanted] of vectors) {
    assert.equal(digestIdOf(hostHash, name, "super:test"), `super:${wanted}`);
  }
});

test("the user is what stands before the first colon, or the whole text", () => {
  assert.deepEqual(["a:b:c", ":b", "a", ""].map(digestUserOf), ["a", "", "a", ""]);
  assert.equal(digestIdOf(hostHash, "SHA-1", "user:pass:word").startsWith("user:"), true);
});

test("a digest id in an ACL has exactly two parts, empty ones at the end not counted", () => {
  for (const id of ["a:b", ":b", "a:b:", "a:b::"]) assert.equal(isDigestId(id), true, id);
  for (const id of ["a:", "a", "", ":", "a:b:c", "a::c"]) assert.equal(isDigestId(id), false, id);
});
