// Learners that do not keep up: they are served from the history, in order, and the others do not wait for them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../../src/protocol/ops.ts";
import { create, done, pathOnly, setData, textAt } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

for (const away of ["follower", "observer"] as const) {
  test(`a ${away} behind a slow link gets everything, and its syncs in their places`, async () => {
    await inSimEnsemble({ voters: 3, observers: 1 }, async (ensemble) => {
      await ensemble.start();
      const leader = await ensemble.serve();
      const slow = away === "observer" ? 4 : leader % 3 + 1;
      const far = await ensemble.connect(slow), near = await ensemble.connect(leader);
      await done(create(near, "/a"));
      await done(create(far, "/b"));
      ensemble.sim.network.slow(`server${leader}`, `server${slow}`, { bytesPerMs: 2000 }, "from");
      const value = "x".repeat(20_000);
      const beganMs = ensemble.sim.nowMs;
      const fast = Array.from({ length: 400 }, (_, i) => done(setData(near, "/a", value + i)));
      const slowly = [];
      for (let i = 0; i < 20; i++) {
        slowly.push(done(setData(far, "/b", String(i))), done(far.send(Op.sync, pathOnly("/b"))));
      }
      await Promise.all(fast);
      const fastMs = ensemble.sim.nowMs - beganMs;
      await Promise.all(slowly);
      await ensemble.sync(far);
      const slowMs = ensemble.sim.nowMs - beganMs;
      assert.ok(slowMs > 3 * fastMs, `${slowMs} ms behind the slow link, ${fastMs} ms else`);
      assert.equal(await textAt(far, "/a"), value + "399");
      assert.equal(await textAt(far, "/b"), "19");
      const gone = ensemble.lines.filter(({ message }) => message === "Learner is gone");
      assert.deepEqual(gone, []);
      assert.deepEqual(ensemble.errors(), []);
    });
  });
}

test("observers beyond the bound of syncs at a time are sent away", async () => {
  const bound = { maxConcurrentDiffSyncs: 0, maxConcurrentSnapSyncs: 0 };
  await inSimEnsemble({ voters: 3, observers: 1, ensemble: bound }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve(2);
    // One that is in time has nothing to be sent, and is no sync.
    ensemble.end(4);
    await done(create(await ensemble.connect(leader), "/a"));
    await ensemble.revive(4);
    await ensemble.until(() =>
      ensemble.lines.some(({ facts }) => String(facts["reason"]).includes("observers are being"))
    );
    assert.deepEqual(ensemble.serving().observer, []);
    assert.deepEqual(ensemble.errors(), []);
  });
});
