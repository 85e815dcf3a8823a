/** Limits that an operator sets (client-protocol §10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import { concat, requestFrame, type TestClient } from "../support/client.ts";
import { inSim, onHost, type Stage } from "../support/in_process.ts";
import {
  authBody,
  childrenOf,
  codeOf,
  create,
  createBody,
  done,
  exists,
  getData,
  pathWatch,
  ping,
  setDataBody,
} from "../support/requests.ts";

async function hasSession(stage: Stage): Promise<boolean> {
  const client = await stage.open();
  return await client.handshake() !== undefined;
}

test("maxClientCnxns counts the connections of an address, and one that ends makes room [7, 8]", async () => {
  await inSim({ maxClientCnxns: 3 }, async (stage) => {
    const clients: TestClient[] = [];
    for (let i = 0; i < 3; i++) clients.push(await stage.connect());
    for (let i = 0; i < 5; i++) assert.equal(await hasSession(stage), false);
    clients[0]?.cut();
    await stage.sleep(50);
    assert.equal(await hasSession(stage), true);
    for (const client of clients.slice(1)) await ping(client);
    // Another address has room of its own.
    const other = stage.sim.machine("other");
    const theirs = await other.runtime.net.connect({ host: stage.host, port: stage.port });
    await stage.sleep(20);
    assert.equal(theirs.remote.port, stage.port);
    assert.equal(stage.server.view.connectionCount, 4);
  });
});

test("maxCnxns counts all connections of the port [9]", async () => {
  await inSim({ maxCnxns: 2 }, async (stage) => {
    const first = await stage.connect();
    await stage.connect();
    assert.equal(await hasSession(stage), false);
    first.cut();
    await stage.sleep(50);
    assert.equal(await hasSession(stage), true);
  });
});

test("a connection without a session is closed in time, one with a session is not [15]", async () => {
  await inSim({ sessionlessTimeoutMs: 4000 }, async (stage) => {
    const began = stage.nowMs();
    const silent = await stage.open(), client = await stage.connect();
    const talking = await stage.open();
    talking.raw(Uint8Array.of(0, 0, 0));
    await Promise.all([silent.gone, talking.gone]);
    assert.ok(
      stage.nowMs() - began >= 3990 && stage.nowMs() - began <= 8100,
      `${stage.nowMs() - began} ms`,
    );
    await ping(client);
    // Each has its own time, also those that come while another waits.
    const early = await stage.open();
    await stage.sleep(2500);
    const late = await stage.open();
    const lateBegan = stage.nowMs();
    await early.gone;
    assert.equal(late.isGone, false);
    await late.gone;
    assert.ok(stage.nowMs() - lateBegan >= 3990);
  });
});

test("the connect throttle closes what is above its tokens, without a reply, and refills by the clock", async () => {
  const options = {
    connectionThrottleTokens: 3,
    connectionThrottleFillTimeMs: 10_000,
    connectionThrottleFillCount: 1,
  };
  await inSim(options, async (stage) => {
    const granted = async (count: number) => {
      let sessions = 0;
      for (let i = 0; i < count; i++) if (await hasSession(stage)) sessions++;
      return sessions;
    };
    assert.equal(await granted(6), 3);
    await stage.sleep(20_100);
    assert.equal(await granted(6), 2);
  });
});

test("weights of the connect throttle: a session that is taken up again costs less than a new one", async () => {
  const options = {
    connectionThrottleTokens: 2,
    connectionThrottleFillTimeMs: 3_600_000,
    connectionThrottleWeightEnabled: true,
    connectionThrottleGlobalWeight: 3,
    connectionThrottleRenewWeight: 1,
  };
  await inSim(options, async (stage) => {
    const { session } = await stage.connect();
    const { sessionId = 0n, password = null } = session ?? {};
    for (let i = 0; i < 3; i++) {
      const client = await stage.open();
      assert.equal(
        (await client.handshake({ sessionId, password }))?.sessionId,
        sessionId,
        `renewal ${i}`,
      );
    }
    assert.equal(await hasSession(stage), false);
  });
});

test("large requests beyond their budget close the connection, within it they are served [143]", async () => {
  const options = { largeRequestThresholdBytes: 150, largeRequestMaxBytes: 400 };
  await inSim(options, async (stage) => {
    const large = (path: string) => createBody(path, "x".repeat(100));
    const client = await stage.connect();
    for (let i = 0; i < 5; i++) await done(client.send(Op.create, large(`/one${i}`)));
    const frames = [1, 2, 3].map((xid) =>
      requestFrame(100 + xid, Op.create, large(`/three${xid}`))
    );
    const replies = [101, 102, 103].map((xid) => client.expect(xid));
    client.raw(concat(...frames));
    await client.gone;
    assert.ok((await Promise.allSettled(replies)).some(({ status }) => status === "rejected"));
    assert.ok(stage.closeReasons().includes("Rejecting large request"));
    const next = await stage.connect();
    await done(next.send(Op.create, large("/after")));
    const small = Array.from({ length: 20 }, (_, i) => create(next, `/small${i}`));
    for (const reply of small) await done(reply);
  });
});

test("beyond globalOutstandingLimit the server stops reading, and forgets nothing", async () => {
  for (const limit of [1, 10]) {
    await inSim({ globalOutstandingLimit: limit }, async (stage) => {
      const clients = [await stage.connect(), await stage.connect(), await stage.connect()];
      let most = 0;
      const replies = clients.flatMap((client, who) => {
        const xids = Array.from({ length: 300 }, () => client.takeXid());
        client.raw(
          concat(...xids.map((xid) => requestFrame(xid, Op.create, createBody(`/n${who}-${xid}`)))),
        );
        return xids.map((xid) =>
          client.expect(xid).then((reply) => {
            most = Math.max(most, stage.server.view.outstandingRequests);
            return reply;
          })
        );
      });
      for (const reply of replies) await done(reply);
      assert.ok(most <= limit + clients.length + 1, `${most} outstanding with a limit of ${limit}`);
      assert.equal((await childrenOf(clients[0] as TestClient, "/")).length, 901);
    });
  }
});

test("a client may have as many ids as the limit says, and one more fails", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    let codes = 0;
    for (let i = 0; i < 1100 && !client.isGone; i++) {
      const reply = await client.send(Op.auth, authBody("digest", `u${i}:p`)).catch(() =>
        undefined
      );
      if (reply?.err === 0) codes++;
    }
    assert.equal(codes, 1023, "with the address 1024");
    assert.equal(client.replies.at(-1)?.err, -115);
    await client.gone;
  });
});

test("jute.maxbuffer bounds requests, not replies [27, S13]", async () => {
  await inSim({ juteMaxBufferBytes: 1000, juteExtraBytes: 1024 }, async (stage) => {
    const client = await stage.connect();
    for (let i = 0; i < 60; i++) await done(create(client, `/a-rather-long-name-${i}`));
    const reply = await done(client.send(Op.getChildren, pathWatch("/")));
    assert.ok(reply.body.length > 1000);
    // A frame of the limit is taken, one byte more is not.
    const overhead = setDataBody("/a-rather-long-name-0", "").length + 8;
    const exact = setDataBody("/a-rather-long-name-0", "x".repeat(1000 - overhead));
    await done(client.send(Op.setData, exact));
    const above = setDataBody("/a-rather-long-name-0", "x".repeat(1001 - overhead));
    await assert.rejects(client.send(Op.setData, above));
    const next = await stage.connect();
    assert.equal(await codeOf(exists(next, "/a-rather-long-name-0")), "OK");
  });
});

test("the same limits hold on the host's sockets", async () => {
  await onHost({ maxClientCnxns: 20 }, async (stage) => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => hasSession(stage).catch(() => false)),
    );
    assert.equal(answers.filter((has) => has).length, 20);
    const last = stage.server.view.connectionCount;
    assert.equal(last, 20);
  });
});

test("reads of a size that fills the queue behind a write wait in the socket", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    await done(create(client, "/a"));
    const junk = new Uint8Array(900_000);
    const frames: Uint8Array[] = [], replies = [];
    for (let i = 0; i < 30; i++) {
      const write = client.takeXid(), read = client.takeXid();
      frames.push(requestFrame(write, Op.setData, setDataBody("/a", `${i}`)));
      frames.push(requestFrame(read, Op.getData, concat(pathWatch("/a"), junk)));
      replies.push(client.expect(write), client.expect(read));
    }
    client.raw(concat(...frames));
    for (const reply of replies) await done(reply);
    await done(getData(client, "/a"));
  });
});
