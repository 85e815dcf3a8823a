/** What takes time, in the simulator: minutes pass in none, and the same way each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectWith } from "../../src/client/connect.ts";
import type { Client, ConnectOptions } from "../../src/client/index.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import { failure, reached } from "./cases.ts";
import { Proxy } from "./proxy.ts";

/** A server with sessions of up to a minute, and a proxy on the clients' machine before it. */
function world(
  body: (
    stage: SimStage,
    proxy: Proxy,
    open: (options?: ConnectOptions) => Promise<Client>,
  ) => Promise<void>,
): Promise<void> {
  return inSim(
    { tickMs: 1000, minSessionTimeoutMs: 1000, maxSessionTimeoutMs: 60_000 },
    async (stage) => {
      const target = { host: stage.host, port: stage.port };
      const host = stage.sim.machine("proxy");
      const proxy = await Proxy.start(host.runtime, target, host.address, 2181);
      await body(stage, proxy, (options) =>
        connectWith(stage.runtime, `${host.address}:2181`, {
          sessionTimeoutMs: 6000,
          reconnectJitterMs: 100,
          ...options,
        }));
      await proxy.stop();
      await stage.stop();
    },
  );
}

test("an idle session is kept alive by pings", () =>
  world(async (stage, _proxy, open) => {
    const zk = await open();
    await zk.create("/e", "", { mode: "ephemeral" });
    await stage.sleep(120_000);
    assert.equal(zk.state, "connected");
    assert.notEqual(await zk.exists("/e"), undefined);
    await zk.close();
  }));

test("a session without servers is over after four thirds of its timeout, finally and for all calls", () =>
  world(async (stage, proxy, open) => {
    const zk = await open();
    const states: string[] = [];
    zk.onState((state) => void states.push(state));
    const ends: string[] = [];
    await zk.addWatch("/", "recursive", { onEvent: (event) => void ends.push(event.type) });
    const lastHeard = stage.nowMs();
    proxy.isRefusing = true;
    proxy.cut();
    await reached(zk, "disconnected");
    const queued = failure(zk.create("/queued"));
    const error = await queued;
    const tookMs = stage.nowMs() - lastHeard;
    assert.deepEqual([error.code, error.outcome], ["SESSION_EXPIRED", "failed"]);
    assert.ok(tookMs >= 7900 && tookMs < 8200, `${tookMs} ms`);
    assert.deepEqual(states, ["disconnected", "expired"]);
    assert.deepEqual(ends, ["ended"]);
    proxy.isRefusing = false;
    await stage.sleep(30_000);
    assert.equal((await failure(zk.sync())).code, "SESSION_EXPIRED");
    assert.equal(proxy.open, 0);
  }));

test("a server that says the session is gone ends it at once", () =>
  world(async (stage, proxy, open) => {
    const zk = await open();
    await zk.create("/e", "", { mode: "ephemeral" });
    const since = stage.nowMs();
    proxy.isRefusing = true;
    proxy.cut();
    await reached(zk, "disconnected");
    await stage.sleep(7200);
    proxy.isRefusing = false;
    await reached(zk, "expired");
    assert.ok(stage.nowMs() - since < 7900, "before the client's own clock says so");
  }));

test("a silent server is left after two thirds of the timeout, with the session and with what was queued", () =>
  world(async (stage, proxy, open) => {
    const zk = await open();
    const { id } = zk.session;
    await zk.sync();
    const since = stage.nowMs();
    proxy.isSilent = true;
    const lost = await failure(zk.sync());
    const tookMs = stage.nowMs() - since;
    assert.deepEqual([lost.code, lost.outcome], ["CONNECTION_LOSS", "unknown"]);
    assert.ok(tookMs >= 3990 && tookMs < 4200, `${tookMs} ms`);
    const queued = zk.sync();
    proxy.isSilent = false;
    await queued;
    assert.equal(zk.session.id, id);
    await zk.close();
  }));

test("a call has its own time limit: unknown once sent, without effect while queued", () =>
  world(async (stage, proxy, open) => {
    const zk = await open();
    proxy.isSilent = true;
    const since = stage.nowMs();
    const sent = await failure(zk.create("/sent", "", { timeoutMs: 500 }));
    assert.equal(Math.round(stage.nowMs() - since), 500);
    assert.deepEqual([sent.code, sent.outcome], ["OPERATION_TIMEOUT", "unknown"]);
    assert.match(sent.message, /no answer came in 500 ms/);
    proxy.isRefusing = true;
    proxy.cut();
    await reached(zk, "disconnected");
    const before = zk.create("/before");
    const queued = await failure(zk.create("/queued", "", { timeoutMs: 500 }));
    const after = zk.create("/after");
    assert.deepEqual([queued.code, queued.outcome], ["OPERATION_TIMEOUT", "failed"]);
    proxy.isSilent = false;
    proxy.isRefusing = false;
    await Promise.all([before, after]);
    assert.deepEqual((await zk.getChildren("/")).children.sort(), ["after", "before", "zookeeper"]);
    await zk.close();
  }));

test("a call is aborted by its signal, before it is sent, while queued, and under way", () =>
  world(async (_stage, proxy, open) => {
    const zk = await open();
    const gone = await failure(zk.create("/a", "", { signal: AbortSignal.abort("reason") }));
    assert.deepEqual([gone.code, gone.outcome, gone.cause], ["ABORTED", "failed", "reason"]);
    const controller = new AbortController();
    const answered = zk.create("/b", "", { signal: controller.signal });
    await zk.sync();
    const second = new AbortController();
    proxy.isSilent = true;
    const sent = failure(zk.sync("/", { signal: second.signal }));
    await failure(zk.sync("/", { timeoutMs: 10 })); // a turn later it has left
    second.abort();
    assert.deepEqual([(await sent).code, (await sent).outcome], ["ABORTED", "unknown"]);
    controller.abort(); // answered before: nothing happens
    proxy.isSilent = false;
    proxy.cut();
    await reached(zk, "disconnected");
    const third = new AbortController();
    const queued = failure(zk.create("/c", "", { signal: third.signal }));
    third.abort();
    assert.deepEqual([(await queued).code, (await queued).outcome], ["ABORTED", "failed"]);
    assert.equal(await zk.exists("/c"), undefined);
    assert.equal((await answered).path, "/b");
    await zk.close();
  }));

test("waiting for the first value of what is kept has limits too", () =>
  world(async (_stage, proxy, open) => {
    const zk = await open();
    proxy.isSilent = true;
    const late = await failure(zk.watchValue("/a", { timeoutMs: 300 }));
    assert.deepEqual([late.code, late.op, late.outcome], [
      "OPERATION_TIMEOUT",
      "watchValue",
      "failed",
    ]);
    const controller = new AbortController();
    const aborted = failure(zk.watchChildren("/a", { signal: controller.signal }));
    controller.abort();
    assert.equal((await aborted).code, "ABORTED");
    assert.equal(
      (await failure(zk.watchChildren("/a", { signal: controller.signal }))).code,
      "ABORTED",
    );
    proxy.isSilent = false;
    proxy.cut();
    await using live = await zk.watchValue("/a", { timeoutMs: 10_000 });
    assert.equal(live.current, undefined);
    await zk.close();
  }));

test("connect gives up in time, or when aborted, and says what it met", () =>
  world(async (stage, proxy, open) => {
    proxy.isRefusing = true;
    const since = stage.nowMs();
    const late = await failure(open({ timeoutMs: 3000 }));
    assert.deepEqual([late.code, late.op], ["OPERATION_TIMEOUT", "connect"]);
    assert.match(late.message, /gave a session in 3000 ms; the last failure was ".+"/);
    const waited = stage.nowMs() - since;
    assert.ok(waited >= 3000 && waited < 3002, `${waited} ms: a timer may be a little late`);
    const controller = new AbortController();
    const aborted = failure(open({ signal: controller.signal }));
    await stage.sleep(500);
    controller.abort(new Error("no longer wanted"));
    assert.equal((await aborted).code, "ABORTED");
    await stage.sleep(10_000);
    const before = proxy.connections;
    await stage.sleep(10_000);
    assert.equal(proxy.connections, before, "nobody tries any more");
    const nowhere = await failure(connectWith(stage.runtime, "nowhere:1", { timeoutMs: 1000 }));
    assert.match(nowhere.message, /nowhere/);
  }));

test("the first connection is tried until a server is there", () =>
  world(async (stage, proxy, open) => {
    proxy.isRefusing = true;
    const opening = open({ timeoutMs: 60_000 });
    await stage.sleep(20_000);
    proxy.isRefusing = false;
    const zk = await opening;
    assert.equal(zk.state, "connected");
    await zk.close();
  }));

test("a restarted server finds the session again, and the kept value its change", () =>
  world(async (stage, _proxy, open) => {
    const zk = await open();
    await zk.create("/v", "1");
    const live = await zk.watchValue("/v");
    const { id } = zk.session;
    await stage.restart({ clientPort: 2181 });
    await zk.setData("/v", "2");
    for await (const value of live) if (value?.stat.version === 1) break;
    assert.equal(zk.session.id, id);
    await zk.close();
    assert.equal(live.error, undefined);
  }));

test("a session is handed on to another client", () =>
  world(async (_stage, _proxy, open) => {
    const first = await open({ reconnectJitterMs: 4000 }); // or it would take its session back too soon
    await first.create("/e", "", { mode: "ephemeral" });
    const second = await open({ session: first.session });
    assert.equal(second.session.id, first.session.id);
    assert.deepEqual(await second.getEphemerals(), ["/e"]);
    await second.close();
    await reached(first, "expired");
  }));

test("a socket that opens too late is closed again", () =>
  world(async (stage, proxy, open) => {
    const controller = new AbortController();
    const opening = failure(open({ signal: controller.signal }));
    await Promise.resolve();
    controller.abort();
    assert.equal((await opening).code, "ABORTED");
    await stage.sleep(1000);
    assert.equal(proxy.connections, 1, "it was under way");
    assert.equal(proxy.open, 0);
  }));

test("a listener may close the client: all hear of the states in their order", () =>
  world(async (stage, proxy, open) => {
    const zk = await open();
    const seen: string[] = [];
    zk.onState((state) => {
      if (state === "disconnected") void zk.close();
    });
    zk.onState((state) => void seen.push(state));
    proxy.cut();
    await reached(zk, "closed");
    await stage.sleep(1000);
    assert.deepEqual(seen, ["disconnected", "closed"]);
    assert.equal(proxy.open, 0);
  }));
