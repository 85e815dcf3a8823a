// Ensembles of other shapes: one server alone, five servers, observers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, done, textAt } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("a server alone in its configuration leads itself", async () => {
  await inSimEnsemble({ voters: 1 }, async (ensemble) => {
    await ensemble.start();
    assert.equal(await ensemble.serve(), 1);
    const client = await ensemble.connect(1);
    await done(create(client, "/a", "1"));
    ensemble.end(1, "crash");
    await ensemble.revive(1);
    await ensemble.serve();
    const again = await ensemble.connect(1, ensemble.resume(client));
    assert.equal(await textAt(again, "/a"), "1");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("five servers serve with two of them gone, not with three", async () => {
  await inSimEnsemble({ voters: 5 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const others = [1, 2, 3, 4, 5].filter((sid) => sid !== leader);
    const client = await ensemble.connect(others[0] as number);
    await done(create(client, "/a", "1"));
    ensemble.end(leader);
    ensemble.end(others[3] as number);
    const next = await ensemble.serve();
    await done(create(await ensemble.connect(next), "/b", "2"));
    const third = [0, 1, 2].map((at) => others[at] as number).find((sid) => sid !== next);
    ensemble.end(third as number);
    await ensemble.until(() => ensemble.serving().leader.length === 0);
    await ensemble.until(() => ensemble.serving().follower.length === 0);
    await ensemble.revive(leader);
    await ensemble.revive(others[3] as number);
    await ensemble.revive(third as number);
    await ensemble.serve(4);
    const back = await ensemble.connect(leader);
    await ensemble.sync(back);
    assert.equal(await textAt(back, "/b"), "2");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("an observer serves, forwards writes, and is no part of a quorum", async () => {
  await inSimEnsemble({ voters: 3, observers: 1 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    assert.deepEqual(ensemble.serving().observer, [4]);
    const client = await ensemble.connect(4);
    await done(create(client, "/a", "1"));
    const other = await ensemble.connect(leader);
    await done(create(other, "/b", "2"));
    await ensemble.sync(client);
    assert.equal(await textAt(client, "/b"), "2");
    for (const sid of [1, 2, 3]) if (sid !== leader) ensemble.end(sid);
    await ensemble.until(() => ensemble.serving().leader.length === 0);
    await ensemble.until(() => ensemble.serving().observer.length === 0);
    for (const sid of [1, 2, 3]) if (sid !== leader) await ensemble.revive(sid);
    await ensemble.serve();
    const again = await ensemble.connect(4, ensemble.resume(client));
    assert.equal(await textAt(again, "/a"), "1");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("an observer that was away gets what was committed meanwhile", async () => {
  await inSimEnsemble({ voters: 3, observers: 1 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const client = await ensemble.connect(leader);
    ensemble.end(4);
    for (let i = 0; i < 20; i++) await done(create(client, `/n${i}`, String(i)));
    await ensemble.revive(4);
    await ensemble.serve();
    const there = await ensemble.connect(4);
    await done(create(there, "/own"));
    assert.equal(await textAt(there, "/n19"), "19");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("/zookeeper/config has the server lines, also behind a snapshot of the leader's", async () => {
  const setup = { voters: 3, ensemble: { forceSnapshotSync: true } };
  await inSimEnsemble(setup, async (ensemble) => {
    await ensemble.start();
    await ensemble.serve();
    const lines = [1, 2, 3].map((sid) => `server.${sid}=server${sid}:2888:3888:participant`);
    const text = [...lines, "version=0"].join("\n");
    for (const sid of [1, 2, 3]) {
      assert.equal(await textAt(await ensemble.connect(sid), "/zookeeper/config"), text);
    }
    assert.deepEqual(ensemble.syncs().map((sync) => sync.split(" ")[1]), ["snap", "snap"]);
  });
});

test("a leader that serves no clients leads all the same", async () => {
  await inSimEnsemble({ voters: 3, ensemble: { leaderServes: false } }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    await assert.rejects(ensemble.connect(leader));
    const client = await ensemble.connect(leader === 1 ? 2 : 1);
    await done(create(client, "/a"));
  });
});

test("a server whose disk fails stops by itself; the others go on", async () => {
  for (const role of ["leader", "follower"] as const) {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      await ensemble.start();
      const leader = await ensemble.serve();
      const ill = role === "leader" ? leader : leader % 3 + 1;
      const client = await ensemble.connect(leader % 3 + 1 === ill ? leader : leader % 3 + 1);
      ensemble.machine(ill).files.failNext("syncData", "IO");
      create(client, "/a").catch(() => {});
      await ensemble.until(() => ensemble.server(ill).failure !== undefined);
      const next = await ensemble.serve(1);
      assert.notEqual(next, ill);
      await done(create(await ensemble.connect(next), "/b"));
      ensemble.end(ill);
      await ensemble.revive(ill);
      await ensemble.serve(2);
      const back = await ensemble.connect(ill);
      await ensemble.sync(back);
      assert.equal(await textAt(back, "/b"), "");
    });
  }
});
