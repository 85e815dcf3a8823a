// Three servers in the simulator: they elect, serve, replicate, and survive the loss of one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, create, exists, setData, textAt } from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

async function serve(ensemble: SimEnsemble): Promise<number> {
  await ensemble.start();
  return ensemble.serve();
}

test("three servers elect a leader and serve", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const leader = await serve(ensemble);
    assert.ok(leader >= 1 && leader <= 3);
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("a write at each server is seen at every server", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await serve(ensemble);
    const clients = await Promise.all([1, 2, 3].map((sid) => ensemble.connect(sid)));
    for (const [index, client] of clients.entries()) {
      await create(client, `/n${index}`, `from ${index}`);
      await setData(client, `/n${index}`, `again ${index}`);
    }
    for (const client of clients) {
      await ensemble.sync(client);
      for (const index of [0, 1, 2]) {
        assert.equal(await textAt(client, `/n${index}`), `again ${index}`);
      }
    }
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("the leader is killed: the others elect anew, and the sessions live on", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const leader = await serve(ensemble);
    const others = [1, 2, 3].filter((sid) => sid !== leader);
    const client = await ensemble.connect(others[0] as number);
    await create(client, "/a", "1");
    ensemble.end(leader);
    const next = await ensemble.serve();
    assert.notEqual(next, leader);
    const again = await ensemble.connect(others[1] as number, ensemble.resume(client));
    assert.equal(await textAt(again, "/a"), "1");
    await create(again, "/b", "2");
    await ensemble.revive(leader);
    await ensemble.serve(2);
    const third = await ensemble.connect(leader);
    await ensemble.sync(third);
    assert.equal(await textAt(third, "/b"), "2");
    assert.equal(await codeOf(exists(third, "/c")), "NO_NODE");
    assert.deepEqual(ensemble.errors(), []);
  });
});
