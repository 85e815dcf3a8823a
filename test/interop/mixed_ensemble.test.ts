// test-timeout: 300s
// Apache's servers and ours in one ensemble: each as leader and as follower of the other.
import assert from "node:assert/strict";
import { Op } from "../../src/protocol/ops.ts";
import type { TestClient } from "../support/client.ts";
import { childrenOf, create, done, textAt } from "../support/requests.ts";
import { type MixedEnsemble, sync, withMixed, writeEverywhere } from "./mixed_ensemble.ts";
import { test } from "./reference.ts";

for (const version of ["3.8.0", "3.9.5"] as const) {
  test(`one of ours follows Apache ${version}`, async () => {
    await withMixed(["ours", version, version], async (ensemble) => {
      ensemble.start(2, 3);
      assert.notEqual(await ensemble.serving(), 1);
      await writeEverywhere(ensemble, "/a");
      ensemble.start(1);
      await ensemble.serving();
      await writeEverywhere(ensemble, "/b");
    });
  });

  test(`one of ours leads Apache ${version}`, async () => {
    await withMixed([version, version, "ours"], async (ensemble) => {
      ensemble.start(1, 3);
      assert.equal(await ensemble.serving(), 3);
      await writeEverywhere(ensemble, "/a");
      ensemble.start(2);
      await ensemble.serving();
      await writeEverywhere(ensemble, "/b");
    });
  });
}

/** With the same session, at another server. */
async function move(
  ensemble: MixedEnsemble,
  client: TestClient,
  sid: number,
): Promise<TestClient> {
  const { session } = client;
  assert.ok(session !== undefined);
  const again = await ensemble.connect(sid, {
    ...session,
    lastZxidSeen: client.replies.at(-1)?.zxid ?? 0,
  });
  assert.equal(again.session?.sessionId, session.sessionId);
  return again;
}

for (const version of ["3.8.0", "3.9.5"] as const) {
  test(`leaders die and sessions move between ours and Apache ${version}`, async () => {
    await withMixed(["ours", version, "ours"], async (ensemble) => {
      ensemble.start();
      let client: TestClient | undefined;
      for (let round = 0; round < 4; round++) {
        const leader = await ensemble.serving();
        const sids = [1, 2, 3].filter((sid) => sid !== leader);
        const at = sids[round % 2] as number;
        client = client === undefined
          ? await ensemble.connect(at)
          : await move(ensemble, client, at);
        await done(create(client, `/round${round}`, "x", 1));
        await ensemble.kill(leader);
        await ensemble.serving();
        client = await move(ensemble, client, sids[(round + 1) % 2] as number);
        for (let i = 0; i <= round; i++) assert.equal(await textAt(client, `/round${i}`), "x");
        ensemble.start(leader);
      }
      await ensemble.serving();
      await done((client as TestClient).send(Op.closeSession));
      const other = await ensemble.connect(2);
      await sync(other);
      assert.deepEqual(await childrenOf(other, "/"), ["zookeeper"]);
    });
  });

  for (const [follower, leader] of [[version, "ours"], ["ours", version]] as const) {
    test(`observers of ours and of Apache ${version}, ${leader} leads`, async () => {
      const kinds = [follower, leader, { observer: "ours" }, { observer: version }] as const;
      await withMixed(kinds, async (ensemble) => {
        ensemble.start(1, 2);
        assert.equal(await ensemble.serving(), 2);
        ensemble.start();
        await ensemble.serving();
        await writeEverywhere(ensemble, "/a");
        await ensemble.kill(3);
        await ensemble.kill(4);
        const client = await ensemble.connect(1);
        for (let i = 0; i < 20; i++) await done(create(client, `/away${i}`, "y"));
        ensemble.start();
        assert.equal(await ensemble.serving(), 2);
        const clients = await writeEverywhere(ensemble, "/b");
        for (const one of clients) assert.equal(await textAt(one, "/away19"), "y");
        // Leader and follower change places behind the observers' backs.
        await ensemble.kill(2);
        ensemble.start(2);
        await ensemble.serving();
        await writeEverywhere(ensemble, "/c");
      });
    });
  }

  for (const [leader, learner] of [["ours", version], [version, "ours"]] as const) {
    test(`${learner} takes a snapshot of ${leader} (${version})`, async () => {
      // Server 2 leads, 3 is the one that comes from empty; the log may not be read.
      const config = ["snapshotSizeFactor=-1"];
      await withMixed([leader, leader, learner], async (ensemble) => {
        ensemble.start(1, 2);
        await ensemble.serving();
        const client = await ensemble.connect(1);
        for (let i = 0; i < 12; i++) {
          const nodes = Array.from(
            { length: 100 },
            (_, j) => done(create(client, `/n${i * 100 + j}`, new Uint8Array(200))),
          );
          await Promise.all(nodes);
        }
        ensemble.start(3);
        await ensemble.serving();
        const there = await ensemble.connect(3);
        assert.equal((await childrenOf(there, "/")).length, 1201);
        await ensemble.kill(3);
        ensemble.start(3);
        await ensemble.serving();
        assert.equal((await childrenOf(await ensemble.connect(3), "/")).length, 1201);
        await writeEverywhere(ensemble, "/b");
      }, { config });
    });
  }
}
