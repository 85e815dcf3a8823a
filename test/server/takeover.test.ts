/** Sessions that move between connections, and peers that end half of theirs (client-protocol §2.2, §2.6). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import { concat, connectFrame, ConnectionGone, requestFrame } from "../support/client.ts";
import { inSim, onHost, type Stage } from "../support/in_process.ts";
import {
  codeOf,
  create,
  createBody,
  done,
  exists,
  getData,
  pathWatch,
  ping,
  setData,
  setDataBody,
  statAt,
  textAt,
} from "../support/requests.ts";

async function both(body: (stage: Stage) => Promise<void>): Promise<void> {
  for (const seed of [1, 2, 3]) await inSim({}, body, seed);
  await onHost({}, body);
}

test("the newest connection has the session, the one before is closed [4]", async () => {
  await both(async (stage) => {
    const first = await stage.connect();
    await done(create(first, "/e", "", 1));
    const { sessionId = 0n, password = null } = first.session ?? {};
    const second = await stage.connect({ sessionId, password });
    await first.gone;
    assert.equal((await statAt(second, "/e")).ephemeralOwner, sessionId);
    const third = await stage.connect({ sessionId, password });
    await second.gone;
    await ping(third);
    await third.send(Op.closeSession);
    const other = await stage.connect();
    assert.equal(await codeOf(exists(other, "/e")), "NO_NODE");
  });
});

test("what the old connection still sends behind the takeover gets no answer", async () => {
  await both(async (stage) => {
    const first = await stage.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    const second = await stage.open();
    const [answer, late] = await Promise.allSettled([
      second.handshake({ sessionId, password }),
      stage.sleep(1).then(() => create(first, "/late")),
    ]);
    assert.equal(answer.status, "fulfilled");
    await first.gone;
    if (late.status === "rejected") assert.ok(late.reason instanceof ConnectionGone);
    await ping(second);
  });
});

test("watches stay behind with their connection", async () => {
  await both(async (stage) => {
    const first = await stage.connect();
    await done(create(first, "/w"));
    await done(getData(first, "/w", true));
    const { sessionId = 0n, password = null } = first.session ?? {};
    const second = await stage.connect({ sessionId, password });
    await done(setData(second, "/w", "x"));
    assert.deepEqual([first.events.length, second.events.length], [0, 0]);
    assert.equal(stage.server.view.watches.watchCount, 0);
  });
});

test("a wrong password refuses, and the session lives on without its connection [S1]", async () => {
  await both(async (stage) => {
    const first = await stage.connect();
    await done(create(first, "/e", "", 1));
    const { sessionId = 0n, password = null } = first.session ?? {};
    for (
      const wrong of [
        new Uint8Array(16),
        new Uint8Array(0),
        null,
        (password ?? new Uint8Array(0)).slice(0, 15),
      ]
    ) {
      const thief = await stage.open();
      const answer = await thief.handshake({ sessionId, password: wrong });
      assert.deepEqual([answer?.timeoutMs, answer?.sessionId], [0, 0n]);
      await thief.gone;
    }
    await first.gone;
    const again = await stage.connect({ sessionId, password });
    assert.equal((await statAt(again, "/e")).ephemeralOwner, sessionId);
  });
});

test("a session id that nobody has is refused as expired, whatever the password", async () => {
  await both(async (stage) => {
    for (const sessionId of [1n, -1n, 0x100000000000000n, -0x8000_0000_0000_0000n]) {
      const client = await stage.open();
      assert.equal((await client.handshake({ sessionId, readOnly: undefined }))?.timeoutMs, 0);
      await client.gone;
    }
  });
});

test("many connections race for one session: one has it in the end, and it works", async () => {
  await both(async (stage) => {
    const first = await stage.connect();
    const { sessionId = 0n, password = null } = first.session ?? {};
    const racers = await Promise.all(Array.from({ length: 12 }, async () => {
      const client = await stage.open();
      await client.handshake({ sessionId, password }).catch(() => undefined);
      return client;
    }));
    await stage.sleep(50);
    const living = racers.filter((client) => !client.isGone);
    assert.equal(living.length, 1);
    await done(create(living[0] ?? first, "/won"));
  });
});

test("connect, ephemeral create and closeSession in one burst leave nothing [14]", async () => {
  await both(async (stage) => {
    const client = await stage.open();
    const handshake = client.expectHandshake();
    const replies = [client.expect(1), client.expect(2)];
    client.raw(concat(
      connectFrame(),
      requestFrame(1, Op.create, createBody("/burst", "", 1)),
      requestFrame(2, Op.closeSession),
    ));
    assert.ok(await handshake);
    for (const reply of replies) assert.equal(await codeOf(reply), "OK");
    await client.gone;
    assert.equal(await codeOf(exists(await stage.connect(), "/burst")), "NO_NODE");
  });
});

test("a peer that sends its FIN behind its requests gets every answer, then our FIN", async () => {
  await both(async (stage) => {
    const client = await stage.open();
    const handshake = client.expectHandshake();
    const frames = [connectFrame(), requestFrame(1, Op.create, createBody("/half", "0"))];
    const replies = [client.expect(1)];
    for (let xid = 2; xid < 60; xid += 2) {
      frames.push(requestFrame(xid, Op.setData, setDataBody("/half", `${xid}`)));
      frames.push(requestFrame(xid + 1, Op.getData, pathWatch("/half")));
      replies.push(client.expect(xid), client.expect(xid + 1));
    }
    client.raw(concat(...frames));
    client.finish();
    assert.ok(await handshake);
    for (const reply of replies) assert.equal(await codeOf(reply), "OK");
    await client.gone;
    assert.equal(await textAt(await stage.connect(), "/half"), "58");
  });
});

test("a FIN in the middle of a frame ends the connection, and the session waits for its timeout", async () => {
  await both(async (stage) => {
    const client = await stage.connect();
    await done(create(client, "/e", "", 1));
    client.raw(requestFrame(9, Op.create, createBody("/never")).subarray(0, 20));
    client.finish();
    await client.gone;
    const { sessionId = 0n, password = null } = client.session ?? {};
    const again = await stage.connect({ sessionId, password });
    await statAt(again, "/e");
    assert.equal(await codeOf(exists(again, "/never")), "NO_NODE");
  });
});

test("a peer that ends without a word leaves nothing", async () => {
  await both(async (stage) => {
    const before = await stage.connect();
    for (let i = 0; i < 10; i++) {
      const client = await stage.open();
      if (i % 2 === 0) client.finish();
      else client.cut();
    }
    await stage.sleep(30);
    assert.equal(stage.server.view.connectionCount, 1);
    await ping(before);
  });
});
