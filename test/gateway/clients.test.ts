/** When the gateway lets go of its sessions, on a clock of the simulator's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import type { Client } from "../../src/client/client.ts";
import type { ConnectOptions } from "../../src/client/options.ts";
import { Clients } from "../../src/gateway/clients.ts";
import type { Caller } from "../../src/gateway/guard.ts";
import type { MonotonicMs } from "../../src/runtime.ts";

const CALLER: Caller = { host: "127.0.0.1", credentials: [] };

/** Sessions that note when they were closed, in milliseconds from the start, rounded: a wake is never early, but may be late. */
async function withClients(
  body: (
    clients: Clients,
    until: (ms: number) => Promise<void>,
    closed: { readonly timeoutMs: number; readonly atMs: number }[],
  ) => Promise<void>,
): Promise<void> {
  const sim = createSim({ seed: 1 });
  const { clock, random } = sim.machine("one").runtime;
  const began = clock.monotonicMs();
  const closed: { timeoutMs: number; atMs: number }[] = [];
  const connect = (_host: string, { sessionTimeoutMs = 0 }: ConnectOptions): Promise<Client> =>
    Promise.resolve(
      {
        session: { timeoutMs: sessionTimeoutMs },
        onState: () => () => {},
        close: () => {
          closed.push({
            timeoutMs: sessionTimeoutMs,
            atMs: Math.round((clock.monotonicMs() - began) / 100) * 100,
          });
          return Promise.resolve();
        },
      } as unknown as Client,
    );
  const clients = new Clients({
    clock,
    random,
    connect,
    isServing: () => true,
    sessionsMax: 10,
    frameBytesMax: 0xfffff,
  });
  const until = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.wakeAt((began + ms) as MonotonicMs, resolve));
  await sim.runUntil(body(clients, until, closed));
}

test("a session without heartbeats ends at its deadline, whatever else is waited for", async () => {
  await withClients(async (clients, until, closed) => {
    await clients.get(CALLER, undefined); // shared: idle at 60 s
    await clients.open(CALLER, 5000);
    await clients.open(CALLER, 1000);
    const { token } = await clients.open(CALLER, 2000);
    await until(1500);
    clients.heartbeat(CALLER, token);
    await until(59_000);
    assert.deepEqual(closed, [
      { timeoutMs: 1000, atMs: 1000 },
      { timeoutMs: 2000, atMs: 3500 },
      { timeoutMs: 5000, atMs: 5000 },
    ]);
    assert.equal(clients.sessionCount, 0);
    await until(61_000);
    assert.deepEqual(closed.slice(3), [{ timeoutMs: 30_000, atMs: 60_000 }]);
  });
});

test("a shared session stays while it is used or held, and goes a minute later", async () => {
  await withClients(async (clients, until, closed) => {
    await clients.get(CALLER, undefined);
    await until(50_000);
    const { release } = await clients.hold(CALLER, undefined);
    await until(200_000);
    assert.deepEqual(closed, []);
    release();
    await until(250_000);
    await clients.get(CALLER, undefined);
    await until(400_000);
    assert.deepEqual(closed, [{ timeoutMs: 30_000, atMs: 310_000 }]);
  });
});

test("nothing is waited for once the gateway is closed", async () => {
  await withClients(async (clients, until, closed) => {
    await clients.get(CALLER, undefined);
    await clients.open(CALLER, 1000);
    await clients.close();
    await until(100_000);
    assert.deepEqual(closed.map(({ atMs }) => atMs), [0, 0]);
  });
});
