/** Time in the hands of a test: sessions, containers and TTL nodes live and end by `advance` alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTurn } from "../../runtimes/turn.ts";
import type { MonotonicMs } from "../../src/runtime.ts";
import { startServer, type TestServerOptions } from "../../src/testing/index.ts";
import { MemoryFs } from "../../src/testing/memory_fs.ts";
import { buildStage } from "../../src/testing/stage.ts";
import { Tracker } from "../../src/testing/tracked.ts";
import { VirtualClock } from "../../src/testing/virtual_clock.ts";
import { TestClient } from "../support/client.ts";
import { deferred } from "../support/conformance.ts";
import { hostRuntime } from "../support/runtime.ts";

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

test("an advance waits for what is under way outside the clock, and for turns that were asked for", async () => {
  const { clock: host } = await hostRuntime();
  let busyFor = 0;
  const clock = new VirtualClock(host, { soon: nextTurn }, () => busyFor-- > 0);
  let turns = 0;
  const again = (): void => {
    if (++turns < 20) clock.soon(again);
  };
  clock.wakeAt(clock.monotonicMs() + 10 as MonotonicMs, () => {
    busyFor = 20;
    again();
  });
  await clock.advance(10);
  assert.equal(turns, 20);
  assert.ok(busyFor <= 0, "it was still busy");
});

test("wakes ring in the order of their times, then of their asking; what is due already needs no advance", async () => {
  const { clock: host } = await hostRuntime();
  const clock = new VirtualClock(host, { soon: nextTurn }, () => false);
  const rung: string[] = [];
  const at = (ms: number, name: string) =>
    clock.wakeAt(clock.monotonicMs() + ms as MonotonicMs, () => void rung.push(name));
  at(20, "third");
  at(10, "first");
  at(10, "second");
  at(15, "never")();
  at(21, "too late");
  await clock.advance(20);
  assert.deepEqual(rung, ["first", "second", "third"]);
  await new Promise<void>((resolve) => clock.wakeAt(clock.monotonicMs(), resolve));
});

test("files under way are counted until they are done, also when they fail", async () => {
  const { clock } = await hostRuntime();
  const tracker = new Tracker();
  const fs = tracker.fs(new MemoryFs(clock));
  const writing = fs.open("/a", "create").then((file) => file.write(new Uint8Array(10), 0));
  assert.equal(tracker.pending, 1);
  await writing;
  await assert.rejects(fs.readFile("/none"));
  const slow = deferred<void>();
  const watched = tracker.watch(slow.promise);
  assert.equal(tracker.pending, 1);
  slow.resolve();
  await watched;
  assert.equal(tracker.pending, 0);
});

test("on a virtual clock clients take the way through memory, with a port too; on the real one the port", async () => {
  const host = await hostRuntime();
  const virtual = await buildStage(host, nextTurn, { clock: "virtual" });
  assert.equal(virtual.clients.net, virtual.memory);
  assert.equal(virtual.clients.clock, virtual.server.clock);
  assert.equal((await buildStage(host, nextTurn, {})).clients.net, host.net);
});
