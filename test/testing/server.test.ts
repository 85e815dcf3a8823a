/** The server for tests, as its users meet it: networks, directories, restarts, and how long it takes. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { textOf, ZkError } from "../../src/client/index.ts";
import { startServer, type TestServerOptions } from "../../src/testing/index.ts";
import { TestClient } from "../support/client.ts";
import { hostRuntime } from "../support/runtime.ts";

const KINDS: readonly TestServerOptions[] = [
  {},
  { network: "memory" },
  { clock: "virtual" },
  { network: "memory", clock: "virtual" },
  { directory: "temporary" },
  { network: "memory", clock: "virtual", directory: "temporary" },
];

for (const kind of KINDS) {
  const name = JSON.stringify(kind);
  test(`a server with ${name} serves a client from start to stop`, async () => {
    await using zk = await startServer(kind);
    const client = await zk.connect();
    await client.create("/a", "one");
    await client.setData("/a", "two");
    assert.equal(textOf((await client.getData("/a")).data), "two");
    assert.equal(zk.view.connectionCount, 1);
    await client.close();
    assert.equal(zk.view.sessionCount, 0);
  });

  test(`a server with ${name} keeps data, sessions and port over a restart`, async () => {
    await using zk = await startServer(kind);
    const client = await zk.connect({ sessionTimeoutMs: 20_000 });
    const { connectString } = zk, { id } = client.session;
    await client.create("/kept", "yes");
    await client.create("/mine", "", { mode: "ephemeral" });
    await zk.restart(); // what is asked from now on waits for the next connection
    assert.equal(zk.connectString, connectString);
    if (zk.clock.isVirtual) await zk.clock.advance(1000); // the client's pause between attempts
    assert.equal(textOf((await client.getData("/kept")).data), "yes");
    assert.notEqual(await client.exists("/mine"), undefined);
    assert.equal(client.session.id, id);
  });
}

test("a server in memory is ready within milliseconds: the figure is printed", async () => {
  const host = await hostRuntime();
  const took: string[] = [];
  for (const kind of [{ network: "memory" }, {}, { directory: "temporary" }] as const) {
    const rounds: number[] = [];
    for (let round = 0; round < 3; round++) {
      const startedMs = host.clock.monotonicMs();
      await using zk = await startServer(kind);
      rounds.push(host.clock.monotonicMs() - startedMs);
      assert.ok(zk.view.serving);
    }
    took.push(`${JSON.stringify(kind)} ${rounds.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  }
  console.log(`ready on ${host.name} after: ${took.join("; ")}`);
});

test("a server with a port serves clients that know nothing of it, and none after its end", async () => {
  const host = await hostRuntime();
  const zk = await startServer();
  const port = Number(zk.connectString.split(":")[1]);
  const client = await TestClient.open(host, port);
  const session = await client.handshake();
  assert.ok(session !== undefined && session.timeoutMs > 0);
  await zk.stop();
  await client.gone;
  await assert.rejects(TestClient.open(host, port), /refused/i);
});

test("four-letter words are answered, and are no frames", async () => {
  await using zk = await startServer({ network: "memory" });
  for (const word of ["ruok", "srvr", "mntr"]) {
    const client = new TestClient(await zk.runtime.net.connect({ host: "memory", port: 2181 }));
    client.raw(new TextEncoder().encode(word));
    await client.gone;
    assert.match(client.text, word === "ruok" ? /^imok$/ : /[Mm]ode|zk_version/);
  }
});

test("two servers in memory do not meet", async () => {
  await using one = await startServer({ network: "memory" });
  await using other = await startServer({ network: "memory" });
  const [a, b] = [await one.connect(), await other.connect()];
  await a.create("/only-here");
  assert.equal(await b.exists("/only-here"), undefined);
});

test("a chroot and other options reach the client", async () => {
  await using zk = await startServer({ network: "memory" });
  const root = await zk.connect();
  await root.create("/app");
  const app = await zk.connect({ chroot: "/app", sessionTimeoutMs: 12_345 });
  assert.equal(app.session.timeoutMs, 12_345);
  await app.create("/inside");
  assert.notEqual(await root.exists("/app/inside"), undefined);
});

test("settings reach the server", async () => {
  await using zk = await startServer({
    network: "memory",
    settings: { minSessionTimeoutMs: 5000, extendedTypes: false },
  });
  const client = await zk.connect({ sessionTimeoutMs: 1000 });
  assert.equal(client.session.timeoutMs, 5000);
});

test("a temporary directory is gone after the end, one that was given stays and can be opened again", async () => {
  const mine = mkdtempSync(join(tmpdir(), "menagerie-testing-"));
  try {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("menagerie-test-"));
    const zk = await startServer({ directory: "temporary" });
    const during = readdirSync(tmpdir()).filter((name) => name.startsWith("menagerie-test-"));
    assert.equal(during.length, before.length + 1);
    await zk.stop();
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith("menagerie-test-"));
    assert.deepEqual(after, before);

    const directory = { path: join(mine, "data") };
    const first = await startServer({ directory });
    await (await first.connect()).create("/stays");
    await first.stop();
    assert.ok(existsSync(directory.path));
    await using second = await startServer({ directory });
    assert.notEqual(await (await second.connect()).exists("/stays"), undefined);
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
});

test("stop closes the clients that connect made, may be repeated, and then nothing goes", async () => {
  const zk = await startServer({ network: "memory" });
  const client = await zk.connect();
  await Promise.all([zk.stop(), zk.stop()]);
  assert.equal(client.state, "closed");
  await assert.rejects(client.exists("/a"), (error) => error instanceof ZkError);
  assert.throws(() => zk.view, /was stopped/);
  await assert.rejects(zk.expireSession(1n), /was stopped/);
  await assert.rejects(zk.connect(), /Cannot connect to it: the server was stopped/);
});
