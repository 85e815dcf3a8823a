/** A learner without clients works too, for those of the others, and then is idle as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerStats } from "../../../src/server/stats.ts";
import { create, done, setData } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("servers that only followed collect their garbage once nothing is written any more", async () => {
  await inSimEnsemble({ voters: 3, observers: 1 }, async (ensemble) => {
    const collections: number[] = [];
    await Promise.all([1, 2, 3, 4].map((sid) => {
      const { runtime } = ensemble.machine(sid);
      const collect = (): void => void collections.push(sid);
      return ensemble.server(sid).start({ ...runtime, process: { ...runtime.process, collect } });
    }));
    const leader = await ensemble.serve();
    const client = await ensemble.connect(leader);
    await done(create(client, "/n"));
    const others = [1, 2, 3, 4].filter((sid) => sid !== leader);
    for (const sid of others) {
      const stats = ensemble.server(sid).running?.view.stats as ServerStats;
      assert.ok(stats.txnsFollowed > 0, `server ${sid} has followed`);
      stats.txnsFollowed += 100_000;
    }
    for (let i = 0; i < 150; i++) {
      await Promise.all(Array.from({ length: 20 }, () => done(setData(client, "/n", "x"))));
      await ensemble.sleep(100);
    }
    assert.deepEqual(collections, []);
    await ensemble.sleep(15_000);
    assert.deepEqual(collections.toSorted(), others);
  });
});
