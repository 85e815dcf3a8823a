/** A leader whose own clients are gone works for those of the others: it is not idle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerStats } from "../../../src/server/stats.ts";
import { create, done, setData } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("a leader that decides others' writes collects no garbage, and does when there are none any more", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const collections: number[] = [];
    await Promise.all([1, 2, 3].map((sid) => {
      const { runtime } = ensemble.machine(sid);
      const collect = (): void => void collections.push(sid);
      return ensemble.server(sid).start({ ...runtime, process: { ...runtime.process, collect } });
    }));
    const leader = await ensemble.serve();
    const own = await ensemble.connect(leader);
    await done(create(own, "/n"));
    (ensemble.server(leader).running?.view.stats as ServerStats).received(100_000);
    const client = await ensemble.connect(leader === 1 ? 2 : 1);
    for (let i = 0; i < 150; i++) {
      await Promise.all(Array.from({ length: 20 }, () => done(setData(client, "/n", "x"))));
      await ensemble.sleep(100);
    }
    assert.deepEqual(collections, []);
    await ensemble.sleep(15_000);
    assert.deepEqual(collections, [leader]);
  });
});
