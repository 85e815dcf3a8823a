/** Requests that grow on their way, and what lies at the ends of ranges. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import { SetWatches } from "../../src/protocol/records.ts";
import { inSim } from "../support/in_process.ts";
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
  pathOnly,
  ping,
  setData,
  statAt,
} from "../support/requests.ts";

const AUTH = [{ perms: 31, scheme: "auth", id: "" }];

test("a txn much larger than its request is logged and read again at the start, one too large is refused", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    for (let i = 0; i < 1000; i++) {
      await done(client.send(Op.auth, authBody("digest", `user-${"long".repeat(40)}-${i}:p`)));
    }
    const multi = (count: number) => {
      const create = (): [number, Uint8Array] => [Op.create, createBody("/n", "", 2, AUTH)];
      return codeOf(client.send(Op.multi, multiBody(Array.from({ length: count }, create))));
    };
    assert.deepEqual([await multi(60), await multi(8)], ["MARSHALLING_ERROR", "OK"]);
    const before = await childrenOf(client, "/");
    assert.equal(before.length, 9);
    await done(create(client, "/after"));
    stage.end("kill");
    await stage.revive();
    const again = await stage.connect();
    assert.deepEqual(await childrenOf(again, "/"), ["after", ...before]);
  });
});

test("a request of the largest size is served, logged and read again", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const overhead = createBody("/large", "").length + 8;
    const data = new Uint8Array(0xfffff - overhead).fill(7);
    for (let i = 0; i < 4; i++) await done(create(client, `/larg${i}`, data));
    stage.end("crash");
    await stage.revive();
    const again = await stage.connect();
    assert.equal((await statAt(again, "/larg3")).dataLength, data.length);
    const reply = await done(getData(again, "/larg0"));
    assert.ok(reply.body.subarray(4, 4 + data.length).every((byte) => byte === 7));
  });
});

test("many large writes at once wait for room in the log, all are answered in order", async () => {
  await inSim({}, async (stage) => {
    const clients = [await stage.connect(), await stage.connect(), await stage.connect()];
    const data = new Uint8Array(900_000);
    const replies = clients.flatMap((client, who) =>
      Array.from({ length: 15 }, (_, i) => create(client, `/n${who}-${i}`, data))
    );
    for (const reply of replies) await done(reply);
    assert.equal((await childrenOf(clients[0] ?? await stage.connect(), "/")).length, 46);
  });
});

test("deep paths and wide nodes are served: as deep as a frame allows, as wide as memory", async () => {
  await inSim({ juteMaxBufferBytes: 100_000 }, async (stage) => {
    const client = await stage.connect();
    let path = "";
    for (let i = 0; i < 300; i++) await done(create(client, path += "/d"));
    const wide = Array.from({ length: 5000 }, (_, i) => create(client, `/d/w${i}`));
    for (const reply of wide) await done(reply);
    assert.equal((await childrenOf(client, "/d")).length, 5001);
    await stage.restart();
    const again = await stage.connect();
    await statAt(again, path);
    assert.equal((await childrenOf(again, "/d")).length, 5001);
  });
});

test("an unknown auth scheme fails and closes, requests before it are answered [119]", async () => {
  await inSim({}, async (stage) => {
    for (const scheme of ["", "nonsense", "world", "super", "sasl", "x509", "DIGEST"]) {
      const client = await stage.connect();
      const before = ping(client);
      const auth = client.send(Op.auth, authBody(scheme, "a:b"));
      assert.equal(await codeOf(before), "OK");
      assert.equal(await codeOf(auth), "AUTH_FAILED", scheme);
      await client.gone;
    }
  });
});

test("a watch whose request was never answered is not there after the reconnect [108]", async () => {
  await inSim({}, async (stage) => {
    const writer = await stage.connect();
    for (const path of ["/kept", "/lost"]) await done(create(writer, path));
    const client = await stage.connect();
    const { zxid } = await done(getData(client, "/kept", true));
    client.pause();
    void getData(client, "/lost", true);
    client.cut();
    const { sessionId = 0n, password = null } = client.session ?? {};
    const again = await stage.connect({ sessionId, password });
    await done(again.record(Op.setWatches, SetWatches, {
      relativeZxid: zxid,
      dataWatches: ["/kept"],
      existWatches: [],
      childWatches: [],
    }));
    await done(setData(writer, "/lost", "1"));
    await done(setData(writer, "/kept", "1"));
    await ping(again);
    assert.deepEqual(again.events.map(({ path }) => path), ["/kept"]);
  });
});

test("the whole descendants of a node are counted while they come and go [139]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const count = async (path: string) => {
      const { body } = await done(client.send(Op.getAllChildrenNumber, pathOnly(path)));
      return new DataView(body.buffer, body.byteOffset).getInt32(0);
    };
    assert.equal(await count("/"), 3);
    for (let i = 0; i < 10; i++) await done(create(client, `/n${i}`));
    assert.deepEqual([await count("/"), await count("/n0")], [13, 0]);
    assert.equal(await codeOf(exists(client, "/n10")), "NO_NODE");
  });
});

test("a client that saw a zxid beyond ours is sent away without an answer [10]", async () => {
  await inSim({}, async (stage) => {
    const client = await stage.connect();
    const { zxid } = await done(create(client, "/a"));
    for (const seen of [zxid + 1000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const far = await stage.open();
      assert.equal(await far.handshake({ lastZxidSeen: seen }), undefined);
    }
    for (const seen of [zxid, 0, -1]) {
      assert.ok(await (await stage.open()).handshake({ lastZxidSeen: seen }));
    }
    const hostile = await stage.open();
    const answer = hostile.expectHandshake();
    hostile.raw(
      Uint8Array.of(
        0,
        0,
        0,
        28,
        0,
        0,
        0,
        0,
        0x7f,
        ...new Uint8Array(7).fill(0xff),
        ...new Uint8Array(16),
      ),
    );
    assert.equal(await answer, undefined, "the largest i64 of all");
  });
});
