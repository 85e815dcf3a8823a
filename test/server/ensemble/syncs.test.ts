// How a server that comes back is brought up to date: DIFF from memory and from the log, TRUNC, SNAP (peer-protocol §11).
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestClient } from "../../support/client.ts";
import {
  childrenOf,
  codeOf,
  create,
  done,
  exists,
  setData,
  textAt,
} from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

async function begin(ensemble: SimEnsemble): Promise<{ leader: number; others: number[] }> {
  await ensemble.start();
  const leader = await ensemble.serve();
  return { leader, others: [1, 2, 3].filter((sid) => sid !== leader) };
}

async function writeSome(client: TestClient, from: number, count: number): Promise<void> {
  const replies = Array.from(
    { length: count },
    (_, i) => done(create(client, `/n${from + i}`, new Uint8Array(1000))),
  );
  await Promise.all(replies);
}

async function checkSame(ensemble: SimEnsemble, nodes: number): Promise<void> {
  for (const sid of [1, 2, 3]) {
    const client = await ensemble.connect(sid);
    await ensemble.sync(client);
    assert.equal((await childrenOf(client, "/")).length, nodes + 1, `nodes of server ${sid}`);
  }
  const digests = ensemble.servers.map(({ running }) => [...running?.view.digests() ?? []].length);
  assert.equal(digests.length, 3);
  assert.deepEqual(ensemble.errors(), []);
}

test("a follower that was away for a while gets a DIFF from memory", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const { leader, others: [away = 0] } = await begin(ensemble);
    const client = await ensemble.connect(leader);
    await writeSome(client, 0, 10);
    ensemble.end(away);
    await writeSome(client, 10, 20);
    await ensemble.revive(away);
    await ensemble.serve(2);
    assert.equal(ensemble.syncs().at(-1), `${away} diff`);
    await checkSame(ensemble, 30);
  });
});

test("a follower whose place memory does not reach gets a DIFF from the log", async () => {
  // Padding counts, and the snapshot of an empty tree is small.
  const setup = { options: { preAllocBytes: 0 }, ensemble: { snapshotSizeFactor: 1_000_000 } };
  await inSimEnsemble({ voters: 3, ...setup }, async (ensemble) => {
    const { leader, others: [away = 0] } = await begin(ensemble);
    const client = await ensemble.connect(leader);
    await writeSome(client, 0, 10);
    ensemble.end(away);
    for (let i = 0; i < 30; i++) await writeSome(client, 10 + i * 100, 100);
    await ensemble.revive(away);
    await ensemble.serve(2);
    assert.equal(ensemble.syncs().at(-1), `${away} diff`);
    await checkSame(ensemble, 3010);
  });
});

test("a follower with an empty disk gets a SNAP when memory does not reach back", async () => {
  const ensembleOptions = { snapshotSizeFactor: -1 };
  await inSimEnsemble({ voters: 3, ensemble: ensembleOptions }, async (ensemble) => {
    const { leader, others: [away = 0] } = await begin(ensemble);
    const client = await ensemble.connect(leader);
    ensemble.end(away);
    for (let i = 0; i < 30; i++) await writeSome(client, i * 100, 100);
    await ensemble.revive(away, { dataDir: "/empty", dataLogDir: "/empty" });
    await ensemble.serve(2);
    assert.equal(ensemble.syncs().at(-1), `${away} snap`);
    await checkSame(ensemble, 3000);
    // What it took over is on its disk.
    await writeSome(client, 3000, 5);
    ensemble.end(away, "crash");
    await ensemble.revive(away);
    await ensemble.serve(2);
    assert.equal(ensemble.syncs().at(-1), `${away} diff`);
    await checkSame(ensemble, 3005);
  });
});

/** A write that only the leader has, and a new leader without it. @returns the old one and the new one */
async function diverge(ensemble: SimEnsemble): Promise<{ old: number; next: number }> {
  const { leader, others } = await begin(ensemble);
  const client = await ensemble.connect(leader);
  await writeSome(client, 0, 5);
  for (const sid of others) ensemble.end(sid);
  const lost = create(client, "/lost");
  lost.catch(() => {});
  await ensemble.sleep(100);
  ensemble.end(leader);
  for (const sid of others) await ensemble.revive(sid);
  return { old: leader, next: await ensemble.serve(1) };
}

for (const how of ["trunc", "snap"]) {
  test(`a leader's tail that nobody else has is gone when it comes back: ${how}`, async () => {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      const { old, next } = await diverge(ensemble);
      // Once the next epoch has txns nothing is cut across its border.
      if (how === "snap") await done(create(await ensemble.connect(next), "/kept", "1"));
      await ensemble.revive(old);
      await ensemble.serve(2);
      assert.equal(ensemble.syncs().at(-1), `${old} ${how}`);
      const there = await ensemble.connect(old);
      await ensemble.sync(there);
      assert.equal(await codeOf(exists(there, "/lost")), "NO_NODE");
      await checkSame(ensemble, how === "snap" ? 6 : 5);
    });
  });
}

test("learners come and go while writes go on", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const { leader, others: [away = 0] } = await begin(ensemble);
    const client = await ensemble.connect(leader);
    await done(create(client, "/counter"));
    let isOver = false, count = 0;
    const writing = (async () => {
      while (!isOver) {
        await done(setData(client, "/counter", String(++count)));
      }
    })();
    for (let i = 0; i < 5; i++) {
      ensemble.end(away, i % 2 === 0 ? "kill" : "crash");
      await ensemble.sleep(50);
      await ensemble.revive(away);
      await ensemble.serve(2);
    }
    isOver = true;
    await writing;
    const there = await ensemble.connect(away);
    await ensemble.sync(there);
    assert.equal(await textAt(there, "/counter"), String(count));
    await checkSame(ensemble, 1);
  });
});

test("a snapshot that takes long to store is waited for, by its learner", async () => {
  // The leader's patience is longer than the learner's: it is asked for by the learner's own options.
  const setup = { voters: 3, ensemble: { forceSnapshotSync: true, initLimitTicks: 600 } };
  await inSimEnsemble(setup, async (ensemble) => {
    const { leader, others: [away = 0] } = await begin(ensemble);
    await writeSome(await ensemble.connect(leader), 0, 20);
    ensemble.end(away);
    const server = ensemble.server(away), { ensemble: own } = server.options;
    if (own !== undefined) {
      server.options = { ...server.options, ensemble: { ...own, initLimitTicks: 10 } };
    }
    await ensemble.revive(away);
    ensemble.machine(away).files.slow({ kind: "rename", byMs: 20_000, forMs: 5000 });
    await ensemble.serve(2);
    assert.equal(ensemble.syncs().filter((sync) => sync === `${away} snap`).length, 2);
    await checkSame(ensemble, 20);
  });
});
