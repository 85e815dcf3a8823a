/** A test server's odd moments: an end beside a beginning, sessions that are none, plans that meet, spans that are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTurn } from "../../runtimes/turn.ts";
import { type Client, ZkError } from "../../src/client/index.ts";
import { FaultConnection } from "../../src/testing/fault_connection.ts";
import { Faults } from "../../src/testing/faults.ts";
import { startServer, type TestServerOptions } from "../../src/testing/index.ts";
import { MemoryNet } from "../../src/testing/memory_net.ts";
import { connectFrame } from "../support/client.ts";

const NETWORKS: readonly TestServerOptions[] = [{ network: "memory" }, { network: "tcp" }];

/** What each of these creates, asked for at once, came to. */
function outcomes(client: Client, paths: readonly string[]): Promise<string[]> {
  return Promise.all(paths.map((path) =>
    client.create(path).then(
      () => "done",
      (error: unknown) => error instanceof ZkError ? error.code : String(error),
    )
  ));
}

for (const options of NETWORKS) {
  const on = `over ${options.network}`;

  test(`${on}: after: what was sent behind the request meant is never carried out`, async () => {
    await using zk = await startServer(options);
    const client = await zk.connect();
    zk.failNext({ when: "after", path: "/b" });
    const lost = "CONNECTION_LOSS";
    assert.deepEqual(await outcomes(client, ["/b", "/c", "/d"]), [lost, lost, lost]);
    assert.deepEqual((await client.getChildren("/")).children.sort(), ["b", "zookeeper"]);
  });

  test(`${on}: of two planned failures the second waits for a request that it can fail`, async () => {
    for (const second of ["before", "after"] as const) {
      await using zk = await startServer(options);
      const client = await zk.connect();
      const plans = [
        zk.failNext({ when: "after", op: "create" }),
        zk.failNext({ when: second, op: "create" }),
      ];
      await outcomes(client, ["/a", "/b"]);
      assert.deepEqual(plans.map(({ hasHappened }) => hasHappened), [true, false]);
      assert.deepEqual(await outcomes(client, ["/c"]), ["CONNECTION_LOSS"]);
      assert.deepEqual((await plans[1]?.happened)?.paths, ["/c"]);
      assert.equal(await client.exists("/c") !== undefined, second === "after");
    }
  });

  test(`${on}: stop during a restart, and restart during a stop, leave no server`, async () => {
    for (const first of ["restart", "stop"] as const) {
      const zk = await startServer(options);
      const restarted = first === "restart" ? zk.restart() : undefined;
      const stopped = zk.stop();
      const late = first === "stop" ? zk.restart() : undefined;
      await restarted;
      if (late !== undefined) await assert.rejects(late, /the server was stopped/);
      await stopped;
      const [host, port] = zk.connectString.split(":");
      await assert.rejects(
        zk.runtime.net.connect({ host: host as string, port: Number(port) }),
        /refused|nothing listens/i,
      );
    }
  });

  test(`${on}: stop closes a client whose connect is under way`, async () => {
    const zk = await startServer(options);
    const connecting = zk.connect();
    await zk.stop();
    assert.equal((await connecting).state, "closed");
  });
}

for (
  const kind of [
    { network: "memory" },
    { network: "tcp" },
    { network: "memory", directory: "temporary" },
    { network: "tcp", directory: "temporary", settings: { snapshotCompression: "gz" } },
  ] as const
) {
  test(`no virtual time passes by itself over a restart: ${JSON.stringify(kind)}`, async () => {
    await using zk = await startServer({ ...kind, clock: "virtual" });
    const client = await zk.connect({ sessionTimeoutMs: 100 });
    await client.create("/mine", "", { mode: "ephemeral" });
    const start = zk.clock.wallMs();
    for (let round = 0; round < 5; round++) await zk.restart();
    assert.equal(zk.clock.wallMs(), start);
    assert.notEqual(client.state, "expired");
  });
}

test("session 0 stands for none, and is no session to expire", async () => {
  await using zk = await startServer({ network: "memory" });
  await assert.rejects(zk.expireSession(0n), /Cannot expire session 0x0/);
  assert.equal(zk.view.sessionCount, 0);
});

test("a failure after a request happens too when the connection is cut first", async () => {
  const faults = new Faults();
  const net = new MemoryNet({ soon: nextTurn });
  const sides: FaultConnection[] = [];
  await net.listen({ port: 1 }, (inner) => {
    const side = new FaultConnection(inner, { faults, soon: nextTurn, onGone: () => {} });
    side.onData(() => side.cut()); // it has come, and is not answered
    sides.push(side);
  });
  const plan = faults.plan({ when: "after", op: "connect" });
  const client = await net.connect({ host: "memory", port: 1 });
  client.write(connectFrame());
  assert.equal((await plan.happened).op, "connect");
});

test("time goes on by a finite span, 0 or more", async () => {
  await using zk = await startServer({ network: "memory", clock: "virtual" });
  const start = zk.clock.wallMs();
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    await assert.rejects(
      zk.clock.advance(ms),
      /Cannot advance the clock by .*: it takes 0 or more/,
    );
  }
  await zk.clock.advance(1);
  assert.equal(zk.clock.wallMs(), start + 1);
});
