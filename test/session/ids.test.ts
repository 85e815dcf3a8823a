import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SessionIds } from "../../src/session/ids.ts";

const WALL = 1_790_000_000_000;
const topByte = (id: bigint) => Number(BigInt.asUintN(64, id) >> 56n);

test("an id holds the server, 40 bits of the clock, and a count from zero", () => {
  const ids = new SessionIds(1, WALL);
  const clock = BigInt(WALL) & 0xff_ffff_ffffn;
  assert.equal(ids.next(), (1n << 56n) | (clock << 16n));
  assert.equal(ids.next(), (1n << 56n) | (clock << 16n) | 1n);
});

test("server ids above 127 give negative ids, of larger ones the low byte counts", () => {
  assert.equal(new SessionIds(127, WALL).next() > 0n, true);
  assert.equal(new SessionIds(128, WALL).next() < 0n, true);
  assert.equal(topByte(new SessionIds(254, WALL).next()), 254);
  assert.equal(topByte(new SessionIds(0x305, WALL).next()), 5);
});

test("the container marker is never a session id", () => {
  const ids = new SessionIds(0x80, 0);
  assert.equal(BigInt.asUintN(64, ids.next()), 0x8000_0000_0000_0001n);
});

test("zero, which asks for a new session, is never a session id", () => {
  assert.equal(new SessionIds(0, 0).next(), 1n);
});

test("ids go above a known one of the same server, though the clock went back", () => {
  const before = new SessionIds(200, WALL);
  const known = [before.next(), before.next(), before.next()];
  const after = new SessionIds(200, WALL - 86_400_000);
  // The others have ended and are forgotten; their clients may still come back for them.
  after.observe(known[0] as bigint);
  const next = after.next();
  assert.ok(next > (known[2] as bigint), "an id is issued again");
  assert.equal(next & 0xffffn, 0n);
});

test("ids go above the time of the last txn, though the own clock went back and no id is left to see", () => {
  const before = new SessionIds(3, WALL).next();
  const after = new SessionIds(3, WALL - 3_600_000);
  after.observeTime(WALL + 5000);
  assert.ok(after.next() > before);
  const calm = new SessionIds(3, WALL);
  calm.observeTime(WALL - 5000);
  assert.equal(calm.next(), before);
});

test("known ids of other servers and older ones change nothing", () => {
  const first = new SessionIds(1, WALL).next();
  for (const known of [first + (1n << 56n) + 9n, -1n, first - 9n, 0n]) {
    const ids = new SessionIds(1, WALL);
    ids.observe(known);
    assert.equal(ids.next(), first);
  }
});

test("the last id of the range is followed by free ones of the same server", () => {
  const last = (1n << 56n) | ((1n << 56n) - 1n);
  const taken = new Set([(1n << 56n) | 1n]);
  const ids = new SessionIds(1, WALL, (id) => taken.has(id));
  ids.observe(last);
  assert.equal(ids.next(), (1n << 56n) | 2n);
});

test("no id is issued twice over restarts with any clock", () => {
  const restarts = fc.array(
    fc.record({ wall: fc.nat({ max: 2 ** 50 }), count: fc.nat(5) }),
    { maxLength: 8 },
  );
  fc.assert(fc.property(fc.nat(255), restarts, (serverId, lives) => {
    const known = new Set<bigint>();
    for (const { wall, count } of lives) {
      const ids = new SessionIds(serverId, wall, (id) => known.has(id));
      for (const id of known) ids.observe(id);
      for (let i = 0; i < count; i++) {
        const id = ids.next();
        assert.equal(known.has(id), false);
        assert.equal(topByte(id), serverId);
        known.add(id);
      }
    }
  }));
});
