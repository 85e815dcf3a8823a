// Servers that cannot hear each other: a minority serves nobody, and joins again when it can (simulated network).
import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, create, done, exists, textAt } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("a leader cut off from the others stops, and what it did not commit is gone", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const others = [1, 2, 3].filter((sid) => sid !== leader);
    const client = await ensemble.connect(leader);
    await done(create(client, "/a", "1"));
    for (const sid of others) ensemble.sim.network.partition(`server${leader}`, `server${sid}`);
    const lost = create(client, "/lost");
    await assert.rejects(lost);
    assert.equal(ensemble.server(leader).mode, "none");
    await ensemble.until(() => ensemble.serving().leader.length === 1);
    const next = ensemble.serving().leader[0] as number;
    assert.notEqual(next, leader);
    const other = await ensemble.connect(next);
    await done(create(other, "/b", "2"));
    ensemble.sim.network.heal();
    await ensemble.serve();
    const back = await ensemble.connect(leader);
    await ensemble.sync(back);
    assert.equal(await textAt(back, "/b"), "2");
    assert.equal(await codeOf(exists(back, "/lost")), "NO_NODE");
    assert.deepEqual(ensemble.errors(), []);
  });
});

for (const way of ["both", "from", "to"] as const) {
  test(`a follower that is cut off (${way}) leaves, and comes back`, async () => {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      await ensemble.start();
      const leader = await ensemble.serve();
      const away = [1, 2, 3].find((sid) => sid !== leader) as number;
      ensemble.sim.network.isolate(`server${away}`, way);
      await ensemble.until(() => ensemble.server(away).mode === "none");
      const client = await ensemble.connect(ensemble.serving().leader[0] as number);
      await done(create(client, "/a", "1"));
      ensemble.sim.network.heal();
      await ensemble.serve();
      const there = await ensemble.connect(away);
      await ensemble.sync(there);
      assert.equal(await textAt(there, "/a"), "1");
      assert.deepEqual(ensemble.errors(), []);
    });
  });
}
