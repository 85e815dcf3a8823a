// Members with several addresses (multiAddress.enabled): one that leads nowhere holds up neither election nor following.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Member, membershipOf } from "../../../src/zab/membership.ts";
import { create, done, textAt } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

/** Swallows packets; refuses. */
const NOWHERE = { host: "10.9.9.9", quorumPort: 2888, electionPort: 3888 };
const CLOSED = (sid: number) => ({
  host: `server${sid}`,
  quorumPort: 12_888,
  electionPort: 13_888,
});

test("of the others' addresses some lead nowhere", async () => {
  const membership = (members: readonly Member[], own: number) =>
    membershipOf(members.map((member) => ({
      ...member,
      addresses: member.sid === own
        ? member.addresses
        : [NOWHERE, CLOSED(member.sid), ...member.addresses],
    })));
  await inSimEnsemble({ voters: 3, observers: 1, membership }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    assert.ok(ensemble.sim.nowMs < 4000, `${ensemble.sim.nowMs} ms`);
    const client = await ensemble.connect(4);
    await done(create(client, "/a", "1"));
    const endedMs = ensemble.sim.nowMs;
    ensemble.end(leader);
    await ensemble.serve();
    assert.ok(ensemble.sim.nowMs - endedMs < 10_000, `${ensemble.sim.nowMs - endedMs} ms`);
    await ensemble.revive(leader);
    await ensemble.serve();
    for (const sid of [1, 2, 3, 4]) {
      const one = await ensemble.connect(sid);
      await ensemble.sync(one);
      assert.equal(await textAt(one, "/a"), "1");
    }
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("a server listens at each of its addresses, and its text names them all", async () => {
  const membership = (members: readonly Member[]) =>
    membershipOf(members.map((member) => ({
      ...member,
      addresses: [...member.addresses, CLOSED(member.sid)],
    })));
  await inSimEnsemble({ voters: 3, membership }, async (ensemble) => {
    await ensemble.start();
    await ensemble.serve();
    for (const port of [2888, 3888, 12_888, 13_888]) {
      const connection = await ensemble.clients.runtime.net.connect({ host: "server1", port });
      connection.close();
    }
    const text = await textAt(await ensemble.connect(1), "/zookeeper/config");
    assert.match(text, /^server\.2=server2:2888:3888\|server2:12888:13888:participant$/m);
    assert.deepEqual(ensemble.errors(), []);
  });
});
