// test-timeout: 300s
// Groups, weights and several addresses in ensembles of Apache's servers and ours: both count the same, and call each other.
import assert from "node:assert/strict";
import { textAt } from "../support/requests.ts";
import { sync, withMixed, writeEverywhere } from "./mixed_ensemble.ts";
import { test } from "./reference.ts";

/** Two of three groups, of each more than half of its weight: 1 without 2, 3 with or without 4, 5. */
const GROUPS = ["group.1=1:2", "group.2=3:4", "group.3=5", "weight.1=2", "weight.4=0"];

for (const at of [1, 3, 5]) {
  test(`weights decide; server ${at} of five is Apache's`, async () => {
    const kinds = [1, 2, 3, 4, 5].map((sid) => sid === at ? "3.9.5" as const : "ours" as const);
    await withMixed(kinds, async (ensemble) => {
      ensemble.start(1, 3);
      assert.equal(await ensemble.serving(), 3, "two of five are a quorum");
      await writeEverywhere(ensemble, "/a");
      ensemble.start();
      await ensemble.serving();
      await writeEverywhere(ensemble, "/b");
      await ensemble.kill(3);
      await ensemble.kill(1);
      await ensemble.idle(2, 4, 5);
      ensemble.start(1);
      assert.equal(await ensemble.serving(), 5, "4 has no weight");
      for (const client of await writeEverywhere(ensemble, "/c")) {
        assert.equal(await textAt(client, "/a/n0"), "again 0");
      }
    }, { config: GROUPS });
  });
}

test("two addresses each: ours and Apache's follow each other, one goes and comes back", async () => {
  await withMixed(["3.9.5", "ours", "ours"], async (ensemble) => {
    ensemble.start();
    for (let round = 0; round < 3; round++) {
      const leader = await ensemble.serving();
      await writeEverywhere(ensemble, `/r${round}`);
      await ensemble.kill(leader);
      await ensemble.serving();
      ensemble.start(leader);
    }
    await ensemble.serving();
    const client = await ensemble.connect(1);
    await sync(client);
    assert.equal(await textAt(client, "/r2/n2"), "again 2");
    assert.match(
      await textAt(client, "/zookeeper/config"),
      /^server\.3=127\.0\.0\.1:\d+:\d+\|127\.0\.0\.1:\d+:\d+:participant$/m,
    );
  }, { hasTwoAddresses: true });
});
