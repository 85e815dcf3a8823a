/** What a restart keeps: everything acknowledged, however the server ended (client-protocol §2.3, §2.5, §9). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { Op } from "../../src/protocol/ops.ts";
import { GetAclResponse, SetWatches2 } from "../../src/protocol/records.ts";
import { EventType } from "../../src/protocol/watch_types.ts";
import type { TestClient } from "../support/client.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { inSim, SimStage } from "../support/in_process.ts";
import {
  authBody,
  childrenOf,
  codeOf,
  create,
  createBody,
  done,
  exists,
  getData,
  multiBody,
  ok,
  pathOnly,
  remove,
  setAclBody,
  setData,
  statAt,
  textAt,
  ttlBody,
} from "../support/requests.ts";

const ENDS = ["stop", "kill", "crash"] as const;

async function restart(stage: SimStage, how: (typeof ENDS)[number]): Promise<void> {
  if (how === "stop") return await stage.restart();
  stage.end(how);
  await stage.revive();
}

test("every kind of write is there after a restart, with its Stat", async () => {
  for (const how of ENDS) {
    await inSim({ extendedTypes: true }, async (stage) => {
      const client = await stage.connect({ timeoutMs: 60_000 });
      await done(client.send(Op.auth, authBody("digest", "u:p")));
      await done(create(client, "/a", "one"));
      await done(setData(client, "/a", "two"));
      await done(create(client, "/a/s", "", 2));
      await done(client.send(Op.createContainer, createBody("/box", "", 4)));
      await done(client.send(Op.createTtl, ttlBody("/ttl", 1e9)));
      await done(create(client, "/e", "mine", 1));
      await done(create(client, "/gone"));
      await done(remove(client, "/gone"));
      await done(client.send(Op.multi, multiBody([[Op.create, createBody("/m", "multi")]])));
      await done(client.send(Op.setAcl, setAclBody("/m", [{ perms: 31, scheme: "auth", id: "" }])));
      const paths = ["/", "/a", "/a/s0000000000", "/box", "/ttl", "/e"];
      const before = [];
      for (const path of paths) before.push(await statAt(client, path));
      await restart(stage, how);
      const again = await stage.connect();
      const after = [];
      for (const path of paths) after.push(await statAt(again, path));
      assert.deepEqual(after, before, how);
      assert.equal(await textAt(again, "/a"), "two");
      assert.equal(await codeOf(exists(again, "/gone")), "NO_NODE");
      assert.equal(await codeOf(getData(again, "/m")), "NO_AUTH");
      await done(again.send(Op.auth, authBody("digest", "u:p")));
      const { acl } = await ok(again.send(Op.getAcl, pathOnly("/m")), GetAclResponse);
      assert.equal(acl?.[0]?.id.scheme, "digest");
      assert.deepEqual(stage.errors(), []);
    });
  }
});

test("a session closed before the end stays closed, its ephemerals gone [17, 18]", async () => {
  for (const how of ENDS) {
    await inSim({}, async (stage) => {
      const client = await stage.connect();
      await done(create(client, "/e", "", 1));
      const { sessionId = 0n, password = null } = client.session ?? {};
      await done(client.send(Op.closeSession));
      await restart(stage, how);
      const again = await stage.open();
      assert.equal((await again.handshake({ sessionId, password }))?.timeoutMs, 0, how);
      const fresh = await stage.connect();
      assert.equal(await codeOf(exists(fresh, "/e")), "NO_NODE");
    });
  }
});

test("session ids are never issued twice, also when the wall clock goes back [DESIGN 1]", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    await inSim({ snapCount: 20 }, async (stage) => {
      const random = new Prng(seed), seen = new Set<bigint>();
      for (let life = 0; life < 8; life++) {
        for (let i = 0; i < 5; i++) {
          const client = await stage.connect();
          const id = client.session?.sessionId ?? 0n;
          assert.ok(!seen.has(id), `${id} again in life ${life}`);
          seen.add(id);
          // Some stay alive, some are closed: both are in the log.
          const fate = random.below(3);
          if (fate === 0) await done(client.send(Op.closeSession));
          else if (fate === 1) await done(create(client, `/e${id}`, "", 1));
        }
        stage.machine.wallSkewMs -= random.below(3) * 3_600_000 +
          Math.round(stage.sim.nowMs % 1000);
        await restart(stage, ENDS[random.below(3)] ?? "kill");
      }
      assert.equal(seen.size, 40);
    }, seed);
  }
});

test("a session id is not issued again when its close is older than the last snapshot and the clock stands still", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const id = client.session?.sessionId ?? 0n;
    await done(client.send(Op.closeSession));
    for (let life = 0; life < 3; life++) {
      await stage.stop(); // each start leaves a snapshot that knows nothing of the closed session
      stage.machine.wallSkewMs = -stage.sim.nowMs;
      await stage.start();
      await stage.sleep(1000);
      assert.equal(stage.snapshots(), life + 1);
      const next = await stage.connect();
      assert.notEqual(next.session?.sessionId, id);
      await done(next.send(Op.closeSession));
    }
  });
});

test("nor when the log of its life is passed over, and the next one was written after the clock went back", async () => {
  await inSim({}, async (stage) => {
    const old = await stage.connect({ timeoutMs: 40_000 });
    const { sessionId = 0n, password = null } = old.session ?? {};
    old.cut();
    await stage.stop();
    stage.machine.jumpWall(3_600_000);
    const wallMs = stage.machine.runtime.clock.wallMs();
    await stage.start();
    const living = await stage.connect({ sessionId, password });
    const client = await stage.connect();
    const id = client.session?.sessionId ?? 0n;
    await done(client.send(Op.closeSession));
    await stage.server.control.takeSnapshot();
    stage.machine.jumpWall(-1_800_000);
    await done(create(living, "/n"));
    stage.end("kill");
    stage.serverRuntime = stage.machine.start();
    stage.machine.jumpWall(wallMs - stage.serverRuntime.clock.wallMs());
    await stage.start();
    assert.notEqual((await stage.connect()).session?.sessionId, id);
  });
});

test("zxids go on above the last one, and a client that saw it is welcome [10]", async () => {
  for (const how of ENDS) {
    await inSim({}, async (stage) => {
      const client = await stage.connect();
      const { zxid } = await done(create(client, "/a"));
      await restart(stage, how);
      const again = await stage.connect({ lastZxidSeen: zxid });
      const next = await done(create(again, "/b"));
      assert.ok(next.zxid > zxid);
    });
  }
});

test("persistent watches come back with setWatches2, and missed changes are told [91, 104]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    await done(create(client, "/p"));
    const { zxid } = await done(create(client, "/d"));
    await done(setData(client, "/d", "missed"));
    await stage.restart();
    const again = await stage.connect();
    await done(again.record(Op.setWatches2, SetWatches2, {
      relativeZxid: zxid,
      dataWatches: ["/d"],
      existWatches: [],
      childWatches: [],
      persistentWatches: ["/p"],
      persistentRecursiveWatches: [],
    }));
    assert.deepEqual(again.events.map(({ type, path, zxid: at }) => [type, path, at]), [
      [EventType.nodeDataChanged, "/d", -1],
    ]);
    await done(setData(again, "/p", "1"));
    await done(setData(again, "/p", "2"));
    assert.deepEqual(again.events.slice(1).map(({ path }) => path), ["/p", "/p"]);
  });
});

test("quotas are active after a start from a snapshot, their usage counted [138]", async () => {
  await inSim({ enforceQuota: true }, async (stage) => {
    const client = await stage.connect();
    await done(create(client, "/q", "12345"));
    await done(create(client, "/zookeeper/quota/q"));
    await done(
      create(
        client,
        "/zookeeper/quota/q/zookeeper_limits",
        "count=-1,bytes=-1=;byteHardLimit=6;countHardLimit=2",
      ),
    );
    await done(create(client, "/zookeeper/quota/q/zookeeper_stats"));
    for (const how of ENDS) {
      await restart(stage, how);
      const again = await stage.connect();
      assert.equal(await codeOf(setData(again, "/q", "1234567")), "QUOTA_EXCEEDED");
      assert.equal(await textAt(again, "/zookeeper/quota/q/zookeeper_stats"), "count=1,bytes=5");
      await done(create(again, "/q/c", "6"));
      assert.equal(await codeOf(create(again, "/q/d")), "QUOTA_EXCEEDED");
      await done(remove(again, "/q/c"));
    }
  });
});

test("writes under way when the server is stopped are answered or not there, never lost after the answer", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    await inSim({}, async (stage) => {
      const client = await stage.connect();
      const answered: string[] = [];
      for (let i = 0; i < 40; i++) {
        create(client, `/n${i}`).then(({ err }) => err === 0 && answered.push(`n${i}`), () => {});
      }
      await stage.sleep(seed * 0.15);
      const how = ENDS[seed % 3] ?? "stop";
      await restart(stage, how);
      const names = new Set(await childrenOf(await stage.connect(), "/"));
      for (const name of answered) assert.ok(names.has(name), `${how}: ${name} was acknowledged`);
      // A log is a prefix: no write is there whose forerunner is not.
      const count = names.size - 1;
      for (let i = 0; i < count; i++) assert.ok(names.has(`n${i}`), `${how}: n${i} of ${count}`);
      assert.deepEqual(stage.errors(), []);
    }, seed);
  }
});

test("an orderly stop answers what was read, then ends every connection", async () => {
  await inSim({}, async (stage) => {
    const clients: TestClient[] = [];
    for (let i = 0; i < 5; i++) clients.push(await stage.connect());
    const replies = clients.map((client, i) => create(client, `/n${i}`));
    await stage.sleep(1); // they are in the server, perhaps not on its disk
    await stage.stop();
    const codes = await Promise.all(replies.map((reply) => codeOf(reply).catch(() => "lost")));
    for (const client of clients) await client.gone;
    await stage.start();
    const names = await childrenOf(await stage.connect(), "/");
    codes.forEach((code, i) => {
      if (code === "OK") assert.ok(names.includes(`n${i}`));
    });
    await assert.doesNotReject(stage.stop());
  });
});

test("a server that was stopped leaves nothing that still wants to wake up", async () => {
  const sim = createSim({ seed: 1 });
  const stage = new SimStage(sim, {});
  await sim.runUntil((async () => {
    await stage.start();
    await done(create(await stage.connect(), "/a"));
    await stage.open();
    await stage.stop();
  })());
  const stoppedMs = sim.nowMs;
  await sim.run();
  assert.ok(sim.nowMs - stoppedMs < 100, `the last event came after ${sim.nowMs - stoppedMs} ms`);
});
