// Txns that every server has applied are let go, whatever it is and was: a learner sends them to nobody.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, done, setData } from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

const MIB = 1024 * 1024;
const WRITES = 120;
/** Chunks of a MiB: the one that is filled, the one before it, and room for what is not applied yet. */
const BYTES_MAX = 6 * MIB;

/** 12 MB of writes, at the leader; when all have them and a few more, each server's share in memory. */
async function written(ensemble: SimEnsemble): Promise<Map<string, number>> {
  const client = await ensemble.connect(await ensemble.serve());
  await create(client, "/big"); // there the second time
  const data = "x".repeat(100_000);
  for (let i = 0; i < WRITES; i++) await done(setData(client, "/big", data));
  for (const { sid } of ensemble.servers) await ensemble.sync(await ensemble.connect(sid));
  for (let i = 0; i < 3; i++) await done(setData(client, "/big", data));
  const sizes = new Map<string, number>();
  for (const { sid, mode, running } of ensemble.servers) {
    await ensemble.sync(await ensemble.connect(sid));
    sizes.set(`${mode} ${sid}`, running?.view.quorum?.historyBytes ?? Infinity);
  }
  return sizes;
}

function assertSmall(sizes: ReadonlyMap<string, number>): void {
  for (const [server, bytes] of sizes) assert.ok(bytes <= BYTES_MAX, `${server}: ${bytes} bytes`);
}

test("leader, follower and observer keep no more than was asked for", async () => {
  const setup = { voters: 3, observers: 1, ensemble: { commitLogCount: 10 } };
  await inSimEnsemble(setup, async (ensemble) => {
    await ensemble.start();
    const first = await ensemble.serve();
    assertSmall(await written(ensemble));
    // The leader becomes a follower without being started anew.
    ensemble.sim.network.isolate(`server${first}`, "both");
    await ensemble.until(() => ensemble.server(first).mode === "none");
    ensemble.sim.network.heal();
    assert.notEqual(await ensemble.serve(), first);
    assertSmall(await written(ensemble));
  });
});
