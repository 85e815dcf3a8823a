/** Time in the hands of a test: sessions, containers and TTL nodes live and end by `advance` alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startServer, type TestServerOptions } from "../../src/testing/index.ts";
import { TestClient } from "../support/client.ts";

const KINDS: readonly TestServerOptions[] = [
  { clock: "virtual", network: "memory" },
  { clock: "virtual", network: "tcp" },
  { clock: "virtual", network: "memory", directory: "temporary" },
];

for (const kind of KINDS) {
  const on = `${kind.network}, ${kind.directory ?? "memory"}`;

  test(`${on}: a silent session ends at its time, a client's own goes on for a day`, async () => {
    await using zk = await startServer(kind);
    const steady = await zk.connect({ sessionTimeoutMs: 10_000 });
    const [host, port] = zk.connectString.split(":");
    const silent = new TestClient(
      await zk.runtime.net.connect({ host: host as string, port: Number(port) }),
    );
    await silent.handshake({ timeoutMs: 10_000 });
    await zk.clock.advance(9_990);
    assert.equal(zk.view.sessionCount, 2);
    await zk.clock.advance(40);
    assert.equal(zk.view.sessionCount, 1);
    await silent.gone;
    const states: string[] = [];
    steady.onState((state) => states.push(state));
    await zk.clock.advance(24 * 3_600_000);
    assert.deepEqual([steady.state, ...states], ["connected"]);
    assert.notEqual(await steady.exists("/"), undefined);
  });
}

test("TTL nodes and empty containers go when their time is over", async () => {
  await using zk = await startServer({ network: "memory", clock: "virtual" });
  const client = await zk.connect();
  await client.create("/brief", "", { mode: "persistentWithTtl", ttlMs: 300_000 });
  await client.create("/box", "", { mode: "container" });
  await client.create("/box/child");
  await client.delete("/box/child");
  await zk.clock.advance(240_000);
  assert.deepEqual((await client.getChildren("/")).children.sort(), ["brief", "zookeeper"]);
  await zk.clock.advance(180_000);
  assert.equal(await client.exists("/brief"), undefined);
});

test("the wall clock of the server is the test's", async () => {
  await using zk = await startServer({ network: "memory", clock: "virtual" });
  const client = await zk.connect();
  const first = await client.create("/a");
  assert.equal(first.stat?.ctime, zk.clock.wallMs());
  await zk.clock.advance(86_400_000);
  await client.setData("/a", "x");
  const { stat } = await client.getData("/a");
  assert.equal(stat.mtime - stat.ctime, 86_400_000);
});

test("advances wait for each other", async () => {
  await using zk = await startServer({ network: "memory", clock: "virtual" });
  const start = zk.clock.wallMs();
  await Promise.all([zk.clock.advance(1000), zk.clock.advance(500), zk.clock.advance(0)]);
  assert.equal(zk.clock.wallMs(), start + 1500);
});

test("the real clock cannot be advanced, and says what to do", async () => {
  await using zk = await startServer({ network: "memory" });
  await assert.rejects(zk.clock.advance(1), /start the server with clock: "virtual"/);
});
