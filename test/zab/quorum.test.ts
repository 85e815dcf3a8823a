import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { haveQuorum, HierarchicalQuorum, MajorityQuorum } from "../../src/zab/quorum.ts";
import type { Sid } from "../../src/zab/vote.ts";
import { majority, sid, sids } from "./support.ts";

test("§4: a majority is more than half of the voters; others do not count", () => {
  const of3 = majority(1, 2, 3), of4 = majority(1, 2, 3, 4);
  assert.equal(of3.has(sids(1)), false);
  assert.equal(of3.has(sids(1, 3)), true);
  assert.equal(of3.has(sids(1, 8, 9)), false);
  assert.equal(of4.has(sids(1, 2)), false);
  assert.equal(of4.has(sids(1, 2, 4)), true);
  assert.equal(majority(7).has(sids(7)), true);
  assert.equal(majority(7).has(sids()), false);
  assert.deepEqual([of3.weightOf(sid(3)), of3.weightOf(sid(4))], [1, 0]);
});

/** Three groups of three: 1-3, 4-6, 7-9. */
function grouped(weights: readonly (readonly [number, number])[]): HierarchicalQuorum {
  const voters = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(sid);
  const groups = new Map(voters.map((voter) => [voter, Math.ceil(voter / 3)]));
  return new HierarchicalQuorum(voters, groups, new Map(weights as [Sid, number][]));
}

test("§4: more than half of the weight, in more than half of the groups", () => {
  const plain = grouped([]);
  assert.equal(plain.has(sids(1, 2, 4, 5)), true, "two of three groups, two of three each");
  assert.equal(plain.has(sids(1, 2, 3, 4, 7)), false, "a whole group and one each");
  assert.equal(plain.has(sids(1, 2, 4, 7)), false);
  assert.equal(plain.has(sids(1, 2, 4, 5, 20)), true, "servers without a group do not count");

  const heavy = grouped([[1, 3]]); // 1 outweighs 2 and 3
  assert.equal(heavy.has(sids(1, 4, 5)), true);
  assert.equal(heavy.has(sids(2, 3, 4, 5)), false);
  assert.equal(heavy.weightOf(sid(1)), 3);
  assert.equal(heavy.weightOf(sid(2)), 1);
});

test("§4: groups without weight are no groups, and servers without weight vote for nothing", () => {
  const two = grouped([[7, 0], [8, 0], [9, 0]]); // two groups are left
  assert.equal(two.has(sids(1, 2, 4, 5)), true);
  assert.equal(two.has(sids(1, 2, 3, 7, 8, 9)), false);
  assert.equal(two.weightOf(sid(8)), 0);
  const one = grouped([4, 5, 6, 7, 8, 9].map((voter) => [voter, 0]));
  assert.equal(one.has(sids(1, 3)), true);
  assert.equal(one.has(sids(1, 4, 5, 6, 7, 8, 9)), false);
  const none = grouped([1, 2, 3, 4, 5, 6, 7, 8, 9].map((voter) => [voter, 0]));
  assert.equal(none.has(sids(1, 2, 3, 4, 5, 6, 7, 8, 9)), false);
});

test("§4: two configurations are asked while members change", () => {
  const both = [majority(1, 2, 3), majority(3, 4, 5)];
  assert.equal(haveQuorum(both, sids(1, 3)), false);
  assert.equal(haveQuorum(both, sids(1, 3, 4)), true);
  assert.equal(haveQuorum([], sids()), true);
});

test("two quorums share a server, whatever groups and weights are", () => {
  const voters = [1, 2, 3, 4, 5, 6].map(sid);
  const weightLists = fc.array(fc.nat(3), { minLength: 6, maxLength: 6 });
  const groupLists = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 6, maxLength: 6 });
  const subset = () => fc.subarray(voters).map((list) => new Set(list));
  fc.assert(
    fc.property(weightLists, groupLists, subset(), subset(), (weights, groups, a, b) => {
      const quorums = [
        new MajorityQuorum(voters),
        new HierarchicalQuorum(
          voters,
          new Map(voters.map((voter, i) => [voter, groups[i] as number])),
          new Map(voters.map((voter, i) => [voter, weights[i] as number])),
        ),
      ];
      for (const quorum of quorums) {
        if (!quorum.has(a) || !quorum.has(b)) continue;
        const shared = [...a].filter((voter) => b.has(voter) && quorum.weightOf(voter) > 0);
        assert.ok(shared.length > 0, `${[...a]} and ${[...b]}`);
      }
    }),
    { numRuns: 2000 },
  );
});
