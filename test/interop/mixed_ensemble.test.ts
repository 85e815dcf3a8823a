// test-timeout: 300s
// Apache's servers and ours in one ensemble: each as leader and as follower of the other.
import assert from "node:assert/strict";
import { Op } from "../../src/protocol/ops.ts";
import type { TestClient } from "../support/client.ts";
import { create, done, pathOnly, setData, textAt } from "../support/requests.ts";
import { type MixedEnsemble, withMixed } from "./mixed_ensemble.ts";
import { test } from "./reference.ts";

async function sync(client: TestClient): Promise<void> {
  await done(client.send(Op.sync, pathOnly("/")));
}

/** A write at each server, seen at every other. */
async function writeEverywhere(ensemble: MixedEnsemble, root: string): Promise<TestClient[]> {
  const sids = ensemble.members.filter(({ process }) => process).map(({ sid }) => sid);
  const clients = await Promise.all(sids.map((sid) => ensemble.connect(sid)));
  await done(create(clients[0] as TestClient, root));
  for (const [index, client] of clients.entries()) {
    await sync(client);
    await done(create(client, `${root}/n${index}`, `from ${index}`));
    await done(setData(client, `${root}/n${index}`, `again ${index}`));
  }
  for (const client of clients) {
    await sync(client);
    for (const index of clients.keys()) {
      assert.equal(await textAt(client, `${root}/n${index}`), `again ${index}`);
    }
  }
  return clients;
}

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
