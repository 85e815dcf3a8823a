import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Zxid } from "../../src/base/zxid.ts";
import { type Holder, Holders } from "../../src/zab/holders.ts";
import { haveQuorum, HierarchicalQuorum, type Quorum } from "../../src/zab/quorum.ts";
import { majority, sid, sids, zxid } from "./support.ts";

test("what a quorum has is the smallest of its largest", () => {
  const holders = new Holders([majority(1, 2, 3)]);
  const [a, b, c] = [1, 2, 3].map((one): Holder => ({ sid: sid(one), acked: zxid(0) }));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  holders.add(a);
  assert.equal(holders.areQuorum, false);
  a.acked = zxid(9);
  assert.equal(holders.heldByQuorum(zxid(3)), 3, "one alone decides nothing");
  holders.add(b);
  holders.add(c);
  assert.equal(holders.areQuorum, true);
  b.acked = zxid(5);
  assert.equal(holders.heldByQuorum(zxid(3)), 5);
  c.acked = zxid(7);
  assert.equal(holders.heldByQuorum(zxid(5)), 7);
  assert.equal(holders.heldByQuorum(zxid(7)), 7);
  assert.equal(holders.heldByQuorum(zxid(8)), 8, "never below what was committed before");
  holders.remove(a);
  assert.equal(holders.heldByQuorum(zxid(0)), 5);
  holders.remove(a);
  holders.remove(c);
  assert.equal(holders.heldByQuorum(zxid(0)), 0);
});

/** By trying every zxid. */
function slow(quorums: readonly Quorum[], list: readonly Holder[], floor: Zxid): Zxid {
  const held = list.map(({ acked }) => acked).filter((acked) => acked > floor)
    .filter((acked) => {
      const have = list.filter((one) => one.acked >= acked).map((one) => one.sid);
      return haveQuorum(quorums, sids(...have));
    });
  return Math.max(floor, ...held) as Zxid;
}

test("as the slow way says, with majorities, groups and two configurations", () => {
  const voters = [1, 2, 3, 4, 5, 6].map(sid);
  const groups = new Map(voters.map((voter) => [voter, Math.ceil(voter / 2)]));
  const kinds: (readonly Quorum[])[] = [
    [majority(1, 2, 3, 4, 5, 6)],
    [new HierarchicalQuorum(voters, groups, new Map([[sid(1), 3], [sid(6), 0]]))],
    [majority(1, 2, 3), majority(3, 4, 5, 6)],
  ];
  const moves = fc.array(fc.tuple(fc.nat(5), fc.nat(12)), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(fc.constantFrom(...kinds), moves, fc.nat(12), (quorums, list, floor) => {
    const holders = new Holders(quorums);
    const all = voters.map((voter): Holder => ({ sid: voter, acked: zxid(0) }));
    for (const holder of all) holders.add(holder);
    for (const [index, acked] of list) {
      (all[index] as Holder).acked = zxid(acked);
      assert.equal(holders.heldByQuorum(zxid(floor)), slow(quorums, all, zxid(floor)));
    }
  }));
});
