import assert from "node:assert/strict";
import { test } from "node:test";
import { isPasswordOf, passwordOf } from "../../src/session/password.ts";

const VECTORS: readonly (readonly [id: bigint, hex: string])[] = [
  [0x1n, "054cc74a37327db215e702e20c73f005"],
  [0x100000000000000n, "f22acd4a97e69d6d20a49bb638eadb38"],
  [0x1000abcdef10000n, "75107ecf5e51e709dbe44039d77bc427"],
  [0x7fffffffffffffffn, "20f62cb5648dc2d771471c8a2486a9ee"],
];

test("passwords are those that Apache derives from the id", () => {
  for (const [id, hex] of VECTORS) {
    const found = [...passwordOf(id)].map((b) => b.toString(16).padStart(2, "0")).join("");
    assert.equal(found, hex);
  }
});

test("a negative id and its unsigned form have one password", () => {
  assert.deepEqual(passwordOf(-2n), passwordOf(0xffff_ffff_ffff_fffen));
});

test("only the very password opens a session (S1)", () => {
  for (const [id] of VECTORS) {
    const right = passwordOf(id);
    assert.equal(isPasswordOf(id, right), true);
    assert.equal(isPasswordOf(id + 1n, right), false);
    for (let at = 0; at < 16; at++) {
      const wrong = right.slice();
      wrong[at] = (wrong[at] as number) ^ 1;
      assert.equal(isPasswordOf(id, wrong), false);
    }
    assert.equal(isPasswordOf(id, right.subarray(0, 15)), false);
    assert.equal(isPasswordOf(id, new Uint8Array([...right, 0])), false);
    assert.equal(isPasswordOf(id, new Uint8Array()), false);
    assert.equal(isPasswordOf(id, null), false);
  }
  assert.equal(isPasswordOf(0n, passwordOf(0n)), false);
});
