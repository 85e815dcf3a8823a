/** Sessions ended, connections cut and requests failed at will. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, textOf, ZkError } from "../../src/client/index.ts";
import { Op } from "../../src/protocol/ops.ts";
import { startServer, type TestServerOptions } from "../../src/testing/index.ts";
import { requestFrame, TestClient } from "../support/client.ts";

const NETWORKS: readonly TestServerOptions[] = [{ network: "memory" }, { network: "tcp" }];

/** Resolves when the client is in this state. */
function reached(client: Client, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = client.onState((state) => {
      if (state !== wanted) return;
      stop();
      resolve();
    });
    if (client.state === wanted) resolve();
  });
}

async function isLost(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof ZkError, String(error));
    assert.deepEqual([error.code, error.outcome], ["CONNECTION_LOSS", "unknown"]);
    return true;
  });
}

for (const options of NETWORKS) {
  const on = `over ${options.network}`;

  test(`${on}: an expired session loses its ephemeral nodes, others see it, its client is told`, async () => {
    await using zk = await startServer(options);
    const [victim, other] = [await zk.connect(), await zk.connect()];
    await victim.create("/alive", "", { mode: "ephemeral" });
    let told = 0;
    await other.exists("/alive", { watch: () => told++ });
    await zk.expireSession(victim);
    assert.equal(await other.exists("/alive"), undefined);
    assert.equal(told, 1);
    await reached(victim, "expired");
    assert.equal(other.state, "connected");
    await assert.rejects(
      victim.exists("/"),
      (error) => error instanceof ZkError && error.code === "SESSION_EXPIRED",
    );
  });

  test(`${on}: a session that there is not cannot be expired`, async () => {
    await using zk = await startServer(options);
    const client = await zk.connect();
    const { id } = client.session;
    await client.close();
    await assert.rejects(
      zk.expireSession(id),
      /Cannot expire session 0x[0-9a-f]+: .*no such session/,
    );
  });

  test(`${on}: cut connections come back with their sessions; a filter spares the others`, async () => {
    await using zk = await startServer(options);
    const [cut, spared] = [await zk.connect(), await zk.connect()];
    const states: string[] = [];
    cut.onState((state) => states.push(`cut ${state}`));
    spared.onState((state) => states.push(`spared ${state}`));
    const { id } = cut.session;
    await cut.create("/mine", "", { mode: "ephemeral" });
    assert.equal(await zk.cutConnections(({ sessionId }) => sessionId === id), 1);
    await cut.exists("/mine");
    assert.equal(cut.session.id, id);
    assert.notEqual(await spared.exists("/mine"), undefined);
    assert.deepEqual(states, ["cut disconnected", "cut connected"]);
    assert.equal(await zk.cutConnections(), 2);
    await Promise.all([cut.exists("/mine"), spared.exists("/mine")]);
  });

  test(`${on}: of each write before says that nothing happened, after that all did; the client cannot tell`, async () => {
    await using zk = await startServer(options);
    const client = await zk.connect();
    for (const when of ["before", "after"] as const) {
      await client.create("/set", "old");
      await client.create("/gone");
      const writes = {
        create: () => client.create("/new"),
        setData: () => client.setData("/set", "new"),
        delete: () => client.delete("/gone"),
      };
      for (const [op, write] of Object.entries(writes)) {
        const failure = zk.failNext({ when, op: op as keyof typeof writes });
        await isLost(write());
        assert.ok(failure.hasHappened);
        assert.equal((await failure.happened).op, op);
      }
      const done = when === "after";
      assert.equal(await client.exists("/new") !== undefined, done, `create, ${when}`);
      assert.equal(textOf((await client.getData("/set")).data), done ? "new" : "old");
      assert.equal(await client.exists("/gone") === undefined, done, `delete, ${when}`);
      for (const path of ["/new", "/set", "/gone"]) {
        if (await client.exists(path) !== undefined) await client.delete(path);
      }
    }
  });

  test(`${on}: reads fail too, and the next one is answered`, async () => {
    await using zk = await startServer(options);
    const client = await zk.connect();
    for (const when of ["before", "after"] as const) {
      zk.failNext({ when, op: "getChildren" });
      await isLost(client.getChildren("/"));
      await client.getChildren("/");
    }
  });

  test(`${on}: what was answered before the failed request arrives`, async () => {
    await using zk = await startServer(options);
    const client = await zk.connect();
    await client.create("/a");
    for (const when of ["before", "after"] as const) {
      zk.failNext({ when, op: "getData" });
      const [before, failed, behind] = [
        client.exists("/a"),
        client.getData("/a"),
        client.exists("/a"),
      ];
      const lost = Promise.all([isLost(failed), isLost(behind)]);
      assert.notEqual(await before, undefined);
      await lost;
    }
  });

  test(`${on}: the answer to a connect can be lost, and the client finds another way in`, async () => {
    await using zk = await startServer(options);
    for (const when of ["before", "after"] as const) {
      const failure = zk.failNext({ when, op: "connect" });
      const client = await zk.connect();
      assert.ok(failure.hasHappened);
      await client.create(`/${when}`);
    }
  });
}

test("paths choose: the exact one, a pattern, one within a multi", async () => {
  await using zk = await startServer({ network: "memory" });
  const client = await zk.connect();
  const exact = zk.failNext({ when: "before", path: "/b" });
  await client.create("/a");
  await isLost(client.create("/b"));
  assert.deepEqual((await exact.happened).paths, ["/b"]);

  zk.failNext({ when: "before", path: /^\/c/, op: "create" });
  await client.create("/b");
  await isLost(client.create("/cc"));

  const inMulti = zk.failNext({ when: "after", op: "multi", path: "/e" });
  await client.multi().create("/d").commit();
  await isLost(client.multi().check("/a", 0).create("/e").setData("/a", "x").commit());
  assert.deepEqual((await inMulti.happened).paths, ["/a", "/e", "/a"]);
  assert.notEqual(await client.exists("/e"), undefined);
});

test("without an operation the next request of a user is meant, not the client's own", async () => {
  await using zk = await startServer({ network: "memory", clock: "virtual" });
  const client = await zk.connect({ sessionTimeoutMs: 3000 });
  const failure = zk.failNext({ when: "before" });
  await zk.clock.advance(10_000); // pings
  await zk.cutConnections();
  await zk.clock.advance(1000); // a connect, setWatches
  assert.equal(failure.hasHappened, false);
  await isLost(client.exists("/"));
  assert.ok(failure.hasHappened);
});

test("several failures happen in their order, a cancelled one never", async () => {
  await using zk = await startServer({ network: "memory" });
  const client = await zk.connect();
  const [first, second, third] = [1, 2, 3].map(() => zk.failNext({ when: "before", op: "exists" }));
  second?.cancel();
  await isLost(client.exists("/"));
  assert.deepEqual([first?.hasHappened, third?.hasHappened], [true, false]);
  await isLost(client.exists("/"));
  await client.exists("/");
  assert.deepEqual([second?.hasHappened, third?.hasHappened], [false, true]);
});

test("a failure that cannot be is refused", async () => {
  await using zk = await startServer({ network: "memory" });
  const wrong = (wish: unknown) => () => zk.failNext(wish as Parameters<typeof zk.failNext>[0]);
  assert.throws(wrong({ when: "during" }), /when is "during"; it is one of before, after/);
  assert.throws(wrong({ when: "before", op: "destroy" }), /op is "destroy"; it is one of create,/);
  assert.throws(wrong({ when: "before", path: /a/g }), /drop g and y/);
});

test("requests of 900 kB pass whole and can be failed", async () => {
  await using zk = await startServer();
  const client = await zk.connect();
  const data = new Uint8Array(900_000).map((_, at) => at * 7);
  await client.create("/large", data);
  assert.deepEqual((await client.getData("/large")).data, data);
  zk.failNext({ when: "after", op: "setData", path: "/large" });
  await isLost(client.setData("/large", data.subarray(1)));
  assert.equal((await client.getData("/large")).data?.length, 899_999);
  zk.failNext({ when: "after", op: "getData" });
  await isLost(client.getData("/large"));
});

test("a client that keeps its lost connection is neither counted nor kept after the end", async () => {
  const zk = await startServer({ network: "memory" });
  const connection = await zk.runtime.net.connect({ host: "memory", port: 2181 });
  const raw = new TestClient(connection, false);
  await raw.handshake();
  zk.failNext({ when: "before", op: "whoAmI" });
  raw.raw(requestFrame(1, Op.whoAmI));
  await raw.gone;
  assert.equal(await zk.cutConnections(), 0);
  await zk.stop();
  const closed = new Promise<unknown>((resolve) => connection.onClose(resolve));
  connection.write(new Uint8Array(1));
  assert.match(String(await closed), /reset/);
});

test("writes in front of a request that is lost before the server sees it are done, and their replies arrive", async () => {
  for (const options of NETWORKS) {
    for (const directory of ["memory", "temporary"] as const) {
      await using zk = await startServer({ ...options, directory, settings: { forceSync: true } });
      const client = await zk.connect();
      const failure = zk.failNext({ when: "before", path: "/lost" });
      const made = [1, 2, 3].map((n) => client.create(`/made-${n}`));
      const lost = [client.create("/lost"), client.create("/behind")];
      await Promise.all([...lost.map(isLost), ...made]);
      assert.ok(failure.hasHappened);
      assert.deepEqual((await client.getChildren("/")).children.sort(), [
        "made-1",
        "made-2",
        "made-3",
        "zookeeper",
      ]);
    }
  }
});

test("watch events are not taken for the replies that a lost request waits for", async () => {
  await using zk = await startServer({ network: "memory" });
  const client = await zk.connect();
  let told = 0;
  for (const path of ["/a", "/b"]) await client.exists(path, { watch: () => told++ });
  const failure = zk.failNext({ when: "before", op: "delete" });
  const made = [client.create("/a"), client.create("/b")];
  await isLost(client.delete("/a"));
  await Promise.all(made);
  assert.deepEqual([told, failure.hasHappened], [2, true]);
});

test("the begin of a request reaches the server, its end does not when it is to be lost before", async () => {
  await using zk = await startServer({ network: "memory" });
  const connection = await zk.runtime.net.connect({ host: "memory", port: 2181 });
  const raw = new TestClient(connection, false);
  await raw.handshake();
  const received = () => zk.view.stats.counters.bytesReceived;
  const before = received(), frame = requestFrame(1, Op.whoAmI);
  raw.raw(frame.subarray(0, 7));
  while (received() < before + 7) await new Promise((resolve) => setTimeout(resolve, 1));
  zk.failNext({ when: "before", op: "whoAmI" });
  raw.raw(frame.subarray(7));
  await raw.gone;
  assert.equal(received(), before + 7);
  connection.close();
});
