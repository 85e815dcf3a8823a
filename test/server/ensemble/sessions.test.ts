// Sessions of an ensemble: they move between servers, are kept alive at any of them, expire at the leader, and own ephemerals.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../../src/protocol/ops.ts";
import type { TestClient } from "../../support/client.ts";
import { codeOf, create, done, exists, ping, setData, textAt } from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

const EPHEMERAL = 1;
const TRIES_MAX = 100;

async function begin(
  ensemble: SimEnsemble,
): Promise<{ leader: number; one: number; two: number }> {
  await ensemble.start();
  const leader = await ensemble.serve();
  const [one = 0, two = 0] = [1, 2, 3].filter((sid) => sid !== leader);
  return { leader, one, two };
}

/** As a client does: a server that is behind what it has seen refuses it, and it calls again. */
async function move(ensemble: SimEnsemble, client: TestClient, sid: number): Promise<TestClient> {
  const session = ensemble.resume(client);
  for (let tries = 1;; tries++) {
    try {
      return await ensemble.connect(sid, session);
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
      await ensemble.sleep(20);
    }
  }
}

test("a session goes from follower to follower to leader and back", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const { leader, one, two } = await begin(ensemble);
    let client = await ensemble.connect(one);
    await done(create(client, "/mine", "0", EPHEMERAL));
    for (const [index, sid] of [two, leader, one, leader].entries()) {
      client.cut();
      client = await move(ensemble, client, sid);
      await done(setData(client, "/mine", String(index)));
      assert.equal(await textAt(client, "/mine"), String(index));
    }
    await done(client.send(Op.closeSession));
    const other = await ensemble.connect(two);
    await ensemble.sync(other);
    assert.equal(await codeOf(exists(other, "/mine")), "NO_NODE");
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("a session whose client moved on cannot write from where it was", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const { one, two } = await begin(ensemble);
    const old = await ensemble.connect(one);
    await done(create(old, "/a"));
    const client = await ensemble.connect(two, ensemble.resume(old));
    await assert.rejects(done(setData(old, "/a", "late")));
    await old.gone;
    await done(setData(client, "/a", "in time"));
    assert.deepEqual(ensemble.errors(), []);
  });
});

for (const at of ["leader", "follower"] as const) {
  test(`a session at a ${at} expires when it is silent, not while it pings`, async () => {
    await inSimEnsemble({ voters: 3 }, async (ensemble) => {
      const { leader, one, two } = await begin(ensemble);
      const client = await ensemble.connect(at === "leader" ? leader : one, { timeoutMs: 4000 });
      const watcher = await ensemble.connect(two, { timeoutMs: 40_000 });
      await done(create(client, "/mine", "", EPHEMERAL));
      for (let i = 0; i < 10; i++) {
        await ensemble.sleep(1500);
        await done(ping(client));
        await done(ping(watcher));
      }
      await ensemble.sync(watcher);
      assert.equal(await codeOf(exists(watcher, "/mine", true)), "OK");
      client.cut();
      await watcher.eventsReached(1);
      assert.equal(await codeOf(exists(watcher, "/mine")), "NO_NODE");
      await assert.rejects(ensemble.connect(one, ensemble.resume(client)), /session is gone/);
      assert.deepEqual(ensemble.errors(), []);
    });
  });
}

test("watches at a follower fire for writes of others, ahead of what shows the change", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    const { leader, one } = await begin(ensemble);
    const watcher = await ensemble.connect(one), writer = await ensemble.connect(leader);
    await done(create(writer, "/a", "0"));
    await ensemble.sync(watcher);
    assert.equal(await codeOf(exists(watcher, "/a", true)), "OK");
    const writing = done(setData(writer, "/a", "1"));
    let seen = "0";
    while (seen === "0") seen = await textAt(watcher, "/a");
    assert.equal(watcher.events.length, 1);
    await writing;
    assert.deepEqual(ensemble.errors(), []);
  });
});

test("writes and syncs of many clients at all servers keep their order", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await begin(ensemble);
    const clients: TestClient[] = [];
    for (let i = 0; i < 9; i++) clients.push(await ensemble.connect(1 + i % 3));
    const work = clients.map(async (client, index) => {
      const path = `/c${index}`;
      const replies = [create(client, path, "0")];
      for (let i = 1; i <= 30; i++) {
        replies.push(setData(client, path, String(i)));
        if (i % 7 === 0) replies.push(client.send(Op.sync, syncBody(path)));
      }
      for (const reply of replies) await done(reply);
      assert.equal(await textAt(client, path), "30");
    });
    await Promise.all(work);
    for (const client of clients) {
      await ensemble.sync(client);
      for (const index of clients.keys()) assert.equal(await textAt(client, `/c${index}`), "30");
    }
    assert.deepEqual(ensemble.errors(), []);
  });
});

function syncBody(path: string): Uint8Array {
  const text = new TextEncoder().encode(path), body = new Uint8Array(4 + text.length);
  new DataView(body.buffer).setInt32(0, text.length);
  body.set(text, 4);
  return body;
}
