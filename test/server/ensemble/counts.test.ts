// What operators are told of a server of an ensemble is what happened; and signs of life of many sessions pass a small packet limit.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, done } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("a follower counts proposals and commits, an observer what it is informed of", async () => {
  await inSimEnsemble({ voters: 3, observers: 1 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const client = await ensemble.connect(leader);
    const sids = ensemble.servers.map(({ sid }) => sid).filter((sid) => sid !== leader);
    const counts = (sid: number): number[] => {
      const { proposalsReceived = -1, commitsReceived = -1 } =
        ensemble.server(sid).running?.view.stats.counters ?? {};
      return [proposalsReceived, commitsReceived];
    };
    const caughtUp = async (): Promise<void> => {
      for (const sid of sids) {
        const there = await ensemble.connect(sid);
        await ensemble.sync(there);
      }
    };
    await caughtUp();
    await ensemble.sync(client);
    await ensemble.sleep(500);
    const before = sids.map(counts);
    for (let i = 0; i < 20; i++) await done(create(client, `/c${i}`));
    await ensemble.sleep(500);
    const after = sids.map(counts);
    const grown = after.map((all, at) => all.map((count, i) => count - (before[at]?.[i] ?? 0)));
    const wanted = sids.map((sid) => ensemble.server(sid).mode === "observer" ? [0, 20] : [20, 20]);
    assert.deepEqual(grown, wanted);
    // orst
    const leading = ensemble.server(leader).running?.view.quorum?.leading;
    const observer = (): number[] =>
      leading?.observers().flatMap((one) => [one.packetsReceived, one.batchesSent]) ?? [];
    assert.ok(observer().every((count) => count > 0));
    leading?.resetObservers();
    assert.deepEqual(observer(), [0, 0]);
  });
});

test("a follower with more sessions than one packet has room for keeps them all", async () => {
  const options = { juteMaxBufferBytes: 1000, juteExtraBytes: 1000, maxClientCnxns: 0 };
  await inSimEnsemble({ voters: 3, options }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const sid = [1, 2, 3].find((one) => one !== leader) as number;
    const clients = [];
    for (let i = 0; i < 250; i++) clients.push(await ensemble.connect(sid));
    const lines = ensemble.lines.length;
    for (let i = 0; i < 5; i++) {
      await Promise.all(clients.map((client) => ensemble.sync(client)));
      await ensemble.sleep(1000);
    }
    assert.deepEqual(ensemble.lines.slice(lines).map(({ message }) => message), []);
  });
});
