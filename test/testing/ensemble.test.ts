// An ensemble inside a test: found by clients, cut, stopped, on real and on virtual time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../../src/client/index.ts";
import { startEnsemble } from "../../src/testing/index.ts";

for (const network of ["tcp", "memory"] as const) {
  test(`three servers over ${network}: a write through any is read from all`, async () => {
    await using zk = await startEnsemble(3, { network });
    assert.deepEqual(zk.members.map(({ role }) => role).sort(), ["follower", "follower", "leader"]);
    await using client = await zk.connect();
    await client.create("/a", "1");
    for (const member of zk.members) {
      await using one = await zk.connect({ to: member });
      await one.sync("/");
      assert.equal(textOf((await one.getData("/a")).data), "1", `server ${member.sid}`);
      await one.create(`/from-${member.sid}`, "x");
    }
    assert.equal((await client.getChildren("/")).children.length, 5);
  });
}

test("the leader stops: another one leads, sessions and their ephemerals stay", async () => {
  await using zk = await startEnsemble(3, { network: "memory" });
  await using client = await zk.connect();
  await client.create("/mine", "", { mode: "ephemeral" });
  const { leader } = zk;
  await leader.stop();
  await zk.settled();
  assert.notEqual(zk.leader.sid, leader.sid);
  await client.create("/after", "");
  assert.deepEqual((await client.getChildren("/")).children.sort(), ["after", "mine", "zookeeper"]);
  await leader.start();
  await zk.settled();
  await using back = await zk.connect({ to: leader });
  await back.sync("/");
  assert.deepEqual((await back.getChildren("/")).children.sort(), ["after", "mine", "zookeeper"]);
});

test("a leader that is cut off leads no more, and acknowledges nothing meanwhile", async () => {
  await using zk = await startEnsemble(3, { network: "memory", clock: "virtual" });
  const old = zk.leader;
  await using client = await zk.connect({ to: old });
  old.isolate();
  const outcome = client.create("/lost", "").then(() => "acknowledged", () => "refused");
  assert.equal(await zk.through(outcome), "refused");
  await zk.clock.advance(1000);
  const next = zk.leader;
  assert.notEqual(next.sid, old.sid);
  assert.equal(old.role, "looking");
  old.rejoin();
  await zk.settled();
  assert.deepEqual([old.role, zk.leader.sid], ["follower", next.sid]);
  await using other = await zk.connect({ to: old });
  assert.equal(await zk.through(other.exists("/lost")), undefined);
});

test("on virtual time a session expires on every server when its time has passed, not before", async () => {
  await using zk = await startEnsemble(4, { network: "memory", clock: "virtual", observers: 1 });
  assert.equal(zk.member(4).role, "observer");
  await using client = await zk.connect({ to: zk.member(4) });
  const gone = await zk.connect({ to: zk.member(1), sessionTimeoutMs: 1000 });
  await zk.through(gone.create("/gone", "", { mode: "ephemeral" }));
  await zk.clock.advance(5000);
  assert.notEqual(await zk.through(client.exists("/gone")), undefined, "its client pings");
  await zk.member(1).stop();
  await zk.clock.advance(500);
  assert.notEqual(await zk.through(client.exists("/gone")), undefined);
  await zk.clock.advance(3000);
  assert.equal(await zk.through(client.exists("/gone")), undefined);
});
