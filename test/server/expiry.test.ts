/** Sessions by the clock (client-protocol §2.5), in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import { Op } from "../../src/protocol/ops.ts";
import { EventType } from "../../src/protocol/watch_types.ts";
import type { Cancel, Clock, MonotonicMs } from "../../src/runtime.ts";
import type { TestClient } from "../support/client.ts";
import { inSim, SimStage } from "../support/in_process.ts";
import {
  authBody,
  codeOf,
  create,
  done,
  exists,
  ping,
  setData,
  statAt,
} from "../support/requests.ts";

const TICK = 1000;
const TIMES = { tickMs: TICK, minSessionTimeoutMs: 2000, maxSessionTimeoutMs: 20_000 };
const EPHEMERAL = 1;

/** Virtual milliseconds from now until a watcher hears that `path` is gone. */
async function lifeOf(stage: SimStage, path: string): Promise<number> {
  const watcher = await stage.connect({ timeoutMs: 20_000 });
  await done(exists(watcher, path, true));
  const began = stage.nowMs();
  const alive = keepAlive(stage, watcher, 5000);
  await watcher.eventsReached(1);
  alive.stop();
  assert.equal(watcher.events[0]?.type, EventType.nodeDeleted);
  return stage.nowMs() - began;
}

function keepAlive(stage: SimStage, client: TestClient, everyMs: number): { stop(): void } {
  let isOn = true;
  const run = async (): Promise<void> => {
    while (isOn && !client.isGone) {
      await ping(client);
      await stage.sleep(everyMs);
    }
  };
  void run().catch(() => {});
  return { stop: () => isOn = false };
}

test("an idle session lives longer than its timeout, and no longer than a tick more", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    await inSim(TIMES, async (stage) => {
      await stage.sleep(seed * 237);
      const client = await stage.connect({ timeoutMs: 5000 });
      await done(create(client, "/e", "", EPHEMERAL));
      const ms = await lifeOf(stage, "/e");
      assert.ok(ms > 4900 && ms <= 5000 + TICK + 50, `${ms} ms`);
      await client.gone;
    }, seed);
  }
});

test("sessions expire on ticks, those of one bucket together and under one zxid each", async () => {
  await inSim(TIMES, async (stage) => {
    const watcher = await stage.connect({ timeoutMs: 20_000 });
    const alive = keepAlive(stage, watcher, 5000);
    for (const name of ["a", "b"]) {
      const owner = await stage.connect({ timeoutMs: 4000 });
      await done(create(owner, `/${name}1`, "", EPHEMERAL));
      await done(create(owner, `/${name}2`, "", EPHEMERAL));
      for (const i of [1, 2]) await done(exists(watcher, `/${name}${i}`, true));
    }
    await watcher.eventsReached(4);
    alive.stop();
    const zxidsOf = (name: string) =>
      new Set(watcher.events.filter(({ path }) => path.startsWith(name)).map(({ zxid }) => zxid));
    assert.deepEqual(
      [zxidsOf("/a").size, zxidsOf("/b").size],
      [1, 1],
      "one closeSession txn a session",
    );
    assert.equal(
      Math.floor(stage.serverRuntime.clock.monotonicMs()) % TICK < 20,
      true,
      "on a tick",
    );
  });
});

test("an expired client's connection closes without a message, and its next connect says so", async () => {
  await inSim(TIMES, async (stage) => {
    const client = await stage.connect({ timeoutMs: 3000 });
    const frames = client.replies.length + client.events.length;
    await client.gone;
    assert.equal(client.replies.length + client.events.length, frames);
    const { sessionId = 0n, password = null } = client.session ?? {};
    const again = await stage.open();
    const answer = await again.handshake({ sessionId, password });
    assert.deepEqual(answer, {
      timeoutMs: 0,
      sessionId: 0n,
      password: new Uint8Array(16),
      readOnly: false,
    });
    await again.gone;
  });
});

test("pings keep a session, and so do requests of every kind", async () => {
  await inSim(TIMES, async (stage) => {
    const client = await stage.connect({ timeoutMs: 3000 });
    await done(create(client, "/e", "", EPHEMERAL));
    for (let i = 0; i < 20; i++) {
      await stage.sleep(2500);
      if (i % 3 === 0) await ping(client);
      else if (i % 3 === 1) await exists(client, "/missing");
      else await codeOf(setData(client, "/missing", "x"));
    }
    assert.equal(client.isGone, false);
    await statAt(client, "/e");
  });
});

test("auth packets are no sign of life", async () => {
  await inSim(TIMES, async (stage) => {
    const client = await stage.connect({ timeoutMs: 3000 });
    const began = stage.nowMs();
    while (!client.isGone && stage.nowMs() < began + 60_000) {
      void client.send(Op.auth, authBody("digest", "a:b"));
      await stage.sleep(500);
    }
    assert.ok(stage.nowMs() - began < 5000, `lived for ${stage.nowMs() - began} ms`);
  });
});

test("a client that only pings, told of a watch each second, does not expire [25]", async () => {
  await inSim(TIMES, async (stage) => {
    const idle = await stage.connect({ timeoutMs: 4000 });
    const busy = await stage.connect({ timeoutMs: 4000 });
    await done(create(busy, "/w"));
    const alive = keepAlive(stage, idle, 1300);
    for (let i = 1; i <= 60; i++) {
      await done(exists(idle, "/w", true));
      await stage.sleep(1000);
      await done(setData(busy, "/w", `${i}`));
      await idle.eventsReached(i);
    }
    alive.stop();
    assert.equal(idle.isGone, false);
  });
});

test("notifications alone do not keep a session", async () => {
  await inSim(TIMES, async (stage) => {
    const idle = await stage.connect({ timeoutMs: 4000 });
    const busy = await stage.connect({ timeoutMs: 4000 });
    await done(create(busy, "/w"));
    await done(idle.send(Op.addWatch, new Uint8Array([0, 0, 0, 2, 0x2f, 0x77, 0, 0, 0, 0])));
    for (let i = 0; i < 10 && !idle.isGone; i++) {
      await stage.sleep(1000);
      await done(setData(busy, "/w", `${i}`));
    }
    assert.equal(idle.isGone, true);
    assert.ok(idle.events.length >= 3);
  });
});

test("a connection cut keeps the session until its time is over, and a reconnect in time saves it [3]", async () => {
  await inSim(TIMES, async (stage) => {
    const first = await stage.connect({ timeoutMs: 5000 });
    await done(create(first, "/e", "", EPHEMERAL));
    const { sessionId = 0n, password = null } = first.session ?? {};
    first.cut();
    await stage.sleep(4000);
    const second = await stage.connect({ sessionId, password, timeoutMs: 10_000 });
    assert.equal(second.session?.sessionId, sessionId);
    assert.equal(second.session?.timeoutMs, 10_000, "the timeout is negotiated anew");
    assert.equal((await statAt(second, "/e")).ephemeralOwner, sessionId);
    await stage.sleep(9000);
    await statAt(second, "/e");
    second.cut();
    const ms = await lifeOf(stage, "/e");
    assert.ok(ms > 9000 && ms <= 10_000 + TICK + 50, `${ms} ms`);
  });
});

test("after a restart a session has its full timeout again, its ephemerals until then [16]", async () => {
  for (const how of ["stop", "kill", "crash"] as const) {
    await inSim(TIMES, async (stage) => {
      const client = await stage.connect({ timeoutMs: 8000 });
      await done(create(client, "/e", "", EPHEMERAL));
      await stage.sleep(6000);
      if (how === "stop") await stage.restart();
      else {
        stage.end(how);
        await stage.revive();
      }
      const ms = await lifeOf(stage, "/e");
      assert.ok(ms > 7900 && ms <= 8000 + TICK + 100, `${how}: ${ms} ms`);
    });
  }
});

test("a session whose time is over while the server is down is taken up again after the start", async () => {
  await inSim(TIMES, async (stage) => {
    const client = await stage.connect({ timeoutMs: 4000 });
    await done(create(client, "/e", "", EPHEMERAL));
    const { sessionId = 0n, password = null } = client.session ?? {};
    stage.end("kill");
    await stage.sleep(60_000);
    await stage.revive();
    const again = await stage.connect({ sessionId, password });
    assert.equal((await statAt(again, "/e")).ephemeralOwner, sessionId);
  });
});

test("what a closing session still sends is dropped without a reply, and nothing of it happens", async () => {
  await inSim(TIMES, async (stage) => {
    const client = await stage.connect({ timeoutMs: 2000 });
    const other = await stage.connect({ timeoutMs: 20_000 });
    client.send(Op.closeSession).catch(() => {});
    const late = create(client, "/late");
    await assert.rejects(late);
    assert.equal(await codeOf(exists(other, "/late")), "NO_NODE");
  });
});

/** A clock that stands still with its process: what was due meanwhile rings at once, as hosts do it, before sockets are read. */
class StoppedClock implements Clock {
  readonly #inner: Clock;
  readonly #wakes = new Set<{ readonly atMs: number; readonly ring: () => void }>();
  #lostMs = 0;

  constructor(inner: Clock) {
    this.#inner = inner;
  }
  monotonicMs(): MonotonicMs {
    return this.#inner.monotonicMs() + this.#lostMs as MonotonicMs;
  }
  wallMs(): number {
    return this.#inner.wallMs() + this.#lostMs;
  }
  soon(task: () => void): void {
    this.#inner.soon(task);
  }
  wakeAt(at: MonotonicMs, wake: () => void): Cancel {
    const entry = {
      atMs: at,
      ring: () => {
        cancel();
        wake();
      },
    };
    const inner = this.#inner.wakeAt(at - this.#lostMs as MonotonicMs, entry.ring);
    const cancel = (): void => {
      this.#wakes.delete(entry);
      inner();
    };
    this.#wakes.add(entry);
    return cancel;
  }
  standStill(ms: number): void {
    this.#lostMs += ms;
    for (const { atMs, ring } of [...this.#wakes]) if (atMs <= this.monotonicMs()) ring();
  }
}

test("a server that stood still reads what its clients sent before it ends their sessions", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const sim = createSim({ seed });
    const stage = new SimStage(sim, TIMES);
    const clock = new StoppedClock(stage.serverRuntime.clock);
    stage.serverRuntime = { ...stage.serverRuntime, clock };
    await sim.runUntil(
      (async () => {
        await stage.start();
        const alive = await stage.connect({ timeoutMs: 4000 });
        const silent = await stage.connect({ timeoutMs: 4000 });
        await done(create(alive, "/alive", "", EPHEMERAL));
        await done(create(silent, "/silent", "", EPHEMERAL));
        clock.standStill(9000);
        await ping(alive);
        await silent.gone;
        assert.equal(await codeOf(exists(alive, "/silent")), "NO_NODE");
        assert.equal(await codeOf(exists(alive, "/alive")), "OK");
      })(),
      3_600_000,
    );
  }
});

test("expiry makes room: three hundred sessions leave nothing behind", async () => {
  await inSim({ ...TIMES, maxClientCnxns: 0 }, async (stage) => {
    const clients = await Promise.all(
      Array.from({ length: 300 }, () => stage.connect({ timeoutMs: 3000 })),
    );
    await Promise.all(clients.map((client, i) => done(create(client, `/e${i}`, "", EPHEMERAL))));
    await Promise.all(clients.map((client) => client.gone));
    const last = await stage.connect();
    const root = await statAt(last, "/");
    assert.equal(root.numChildren, 1);
    assert.equal(stage.server.view.sessionCount, 1);
  });
});
