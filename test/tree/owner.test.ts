import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTAINER_OWNER, OwnerKind, ownerKind, ttlOf, ttlOwner } from "../../src/tree/owner.ts";

// storage-format §5.4, §15 case 72; client-protocol §11 cases 66 and 68

const extended = { extendedTypes: true, emulate353: false };
const emulating = { extendedTypes: true, emulate353: true };
const plain = { extendedTypes: false, emulate353: false };
const i64 = (bits: bigint) => BigInt.asIntN(64, bits);

test("an owner's kind, with extended types on", () => {
  assert.equal(ownerKind(0n, extended), OwnerKind.none);
  assert.equal(ownerKind(1n, extended), OwnerKind.ephemeral);
  assert.equal(ownerKind(i64(0xfe00000000000001n), extended), OwnerKind.ephemeral); // server id 254
  assert.equal(ownerKind(i64(0x8000000000000000n), extended), OwnerKind.container);
  assert.equal(ownerKind(i64(0xff00000000000000n), extended), OwnerKind.ttl);
  assert.equal(ownerKind(i64(0xff000000000003e8n), extended), OwnerKind.ttl);
  assert.equal(ownerKind(i64(0xff0000ffffffffffn), extended), OwnerKind.ttl);
  assert.equal(ownerKind(i64(0xff00010000000000n), extended), undefined);
  assert.equal(ownerKind(-1n, extended), undefined);
});

test("without extended types a TTL owner is an odd session's; containers need no option", () => {
  assert.equal(ownerKind(i64(0xff000000000003e8n), plain), OwnerKind.ephemeral);
  assert.equal(ownerKind(CONTAINER_OWNER, plain), OwnerKind.container);
  const emulate = { extendedTypes: false, emulate353: true };
  assert.equal(ownerKind(-1n, emulate), OwnerKind.ephemeral);
});

test("3.5.3 emulation takes every negative owner but the container's for a TTL", () => {
  assert.equal(ownerKind(-1n, emulating), OwnerKind.ttl);
  assert.equal(ownerKind(CONTAINER_OWNER + 1n, emulating), OwnerKind.ttl);
  assert.equal(ownerKind(CONTAINER_OWNER, emulating), OwnerKind.container);
  assert.equal(ownerKind(5n, emulating), OwnerKind.ephemeral);
});

test("a TTL goes into an owner and back within its limits", () => {
  for (const options of [extended, emulating]) {
    for (const ttl of [1, 1000, 0xff_ffff_ffff]) {
      const owner = ttlOwner(ttl, options);
      assert.ok(owner !== undefined);
      assert.equal(ownerKind(owner, options), OwnerKind.ttl);
      assert.equal(ttlOf(owner), ttl);
    }
    for (const ttl of [0, -100, 0x100_0000_0000, 1.5]) {
      assert.equal(ttlOwner(ttl, options), undefined);
    }
  }
  assert.equal(ttlOwner(1000, extended), i64(0xff000000000003e8n));
  assert.equal(ttlOwner(1000, emulating), i64(0x80000000000003e8n));
});
