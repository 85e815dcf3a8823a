// Groups and weights (peer-protocol §4): the weights say what is a quorum, not how many servers there are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ZXID_ZERO } from "../../../src/base/zxid.ts";
import { type Member, type Membership, membershipOf } from "../../../src/zab/membership.ts";
import type { Sid } from "../../../src/zab/vote.ts";
import { create, done, textAt } from "../../support/requests.ts";
import { type EnsembleSetup, inSimEnsemble, type SimEnsemble } from "./support.ts";

/**
 * Two of the three groups are needed, and of each more than half of its weight: server 1 without 2, server 3 with or without
 * 4, server 5.
 */
function membership(members: readonly Member[]): Membership {
  const sids = (...list: number[]): Sid[] => list.map((sid) => sid as Sid);
  const groups = new Map([[1, sids(1, 2)], [2, sids(3, 4)], [3, sids(5)]]);
  const weights = new Map([[1 as Sid, 2], [2 as Sid, 1], [4 as Sid, 0]]);
  return membershipOf(members, ZXID_ZERO, groups, weights);
}
const SETUP: EnsembleSetup = { voters: 5, membership };

async function write(ensemble: SimEnsemble, path: string): Promise<void> {
  const { leader, follower } = ensemble.serving();
  await done(create(await ensemble.connect(leader[0] as number), path, "1"));
  for (const sid of follower) {
    const client = await ensemble.connect(sid);
    await ensemble.sync(client);
    assert.equal(await textAt(client, path), "1");
  }
}

const none = (ensemble: SimEnsemble): boolean => {
  const { leader, follower } = ensemble.serving();
  return leader.length + follower.length === 0;
};

test("most servers without enough weight are no quorum; few with it are one", async () => {
  await inSimEnsemble(SETUP, async (ensemble) => {
    await ensemble.start(2, 4, 5);
    await ensemble.sleep(120_000);
    assert.ok(none(ensemble), "three of five, and one group of three");
    await ensemble.start(3);
    assert.equal(await ensemble.serve(3), 5);
    await write(ensemble, "/a");
    for (const sid of [2, 4]) ensemble.end(sid);
    await ensemble.sleep(30_000);
    assert.equal(await ensemble.serve(1), 5, "two of five, and two groups");
    await write(ensemble, "/b");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("whoever loses a group that it needs serves no more, whoever is still there", async () => {
  await inSimEnsemble(SETUP, async (ensemble) => {
    await ensemble.start();
    assert.equal(await ensemble.serve(), 5);
    await write(ensemble, "/a");
    ensemble.end(1);
    ensemble.end(3);
    await ensemble.until(() => none(ensemble));
    await ensemble.sleep(60_000);
    assert.ok(none(ensemble));
    await ensemble.revive(1);
    await ensemble.serve(3);
    await write(ensemble, "/b");
    // 5 and with it a group is lost: what is left needs both others.
    ensemble.end(5);
    await ensemble.until(() => none(ensemble));
    await ensemble.revive(3);
    assert.equal(await ensemble.serve(3), 2, "3 was away, and 4 has no weight and never leads");
    await write(ensemble, "/c");
    ensemble.end(4);
    ensemble.end(2);
    assert.equal(await ensemble.serve(1), 3);
    await write(ensemble, "/d");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("a write is committed when a quorum by weight has it on its disks, not before", async () => {
  await inSimEnsemble(SETUP, async (ensemble) => {
    await ensemble.start();
    assert.equal(await ensemble.serve(), 5);
    const client = await ensemble.connect(5);
    // 2 and 4 are there and ack; 1 and 3 do not hear what is proposed.
    for (const sid of [1, 3]) ensemble.sim.network.partition("server5", `server${sid}`);
    const answer = create(client, "/only", "1").then(() => "answered", () => "lost");
    await ensemble.until(() => ensemble.server(5).mode === "none");
    assert.equal(await answer, "lost");
    ensemble.sim.network.heal();
    await ensemble.serve(4);
    await write(ensemble, "/after");
    assert.deepEqual(ensemble.errors(), []);
  });
});
