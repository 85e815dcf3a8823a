/** What can be done to a simulated machine beside its network and its files: pauses, clocks, lives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import type { MonotonicMs } from "../../src/runtime.ts";
import {
  bytesOf,
  deferred,
  failsWith,
  pattern,
  Recorder,
  sameBytes,
  text,
} from "../support/conformance.ts";

const SEEDS = 12;

async function eachSeed(body: (sim: Sim, machine: Machine) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const sim = createSim({ seed });
    await body(sim, sim.machine("a"));
  }
}

function wakeIn(machine: Machine, ms: number, wake: () => void): () => void {
  const { clock } = machine.runtime;
  return clock.wakeAt(clock.monotonicMs() + ms as MonotonicMs, wake);
}

test("a paused process does nothing; at its resume all that was due happens, in order, before what is new", () =>
  eachSeed(async (sim, machine) => {
    const told: string[] = [];
    wakeIn(machine, 10, () => told.push("10"));
    wakeIn(machine, 20, () => {
      told.push("20");
      machine.runtime.clock.soon(() => told.push("new"));
      cancelled();
    });
    const cancelled = wakeIn(machine, 30, () => told.push("cancelled"));
    wakeIn(machine, 40, () => {
      told.push("40");
      void Promise.resolve().then(() => told.push("40's promise"));
    });
    wakeIn(machine, 50, () => told.push("50"));
    wakeIn(machine, 500, () => told.push("500"));
    machine.pause();
    await sim.run(100);
    assert.deepEqual([told, machine.alive, machine.paused], [[], true, true]);
    machine.resume();
    await sim.run(101);
    assert.deepEqual(told, ["10", "20", "40", "40's promise", "50", "new"]);
    await sim.run();
    assert.equal(told.at(-1), "500");
  }));

test("a pause while catching up stops in the middle", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  let rung = 0;
  for (let i = 0; i < 10; i++) {
    wakeIn(machine, 5, () => {
      if (++rung === 4) machine.pause();
    });
  }
  machine.pause();
  await sim.run(10);
  machine.resume();
  await sim.run(20);
  assert.equal(rung, 4);
  machine.resume();
  machine.pause();
  machine.resume();
  await sim.run(30);
  assert.equal(rung, 10);
  assert.deepEqual([sim.faults.of("pause"), sim.faults.of("resume")], [3, 3]);
});

test("the streams of a paused process stay open, take a window, and go on", () =>
  eachSeed(async (sim, machine) => {
    const b = sim.machine("b");
    const accepted = deferred<Recorder>();
    await sim.runUntil(machine.runtime.net.listen({ port: 1 }, (connection) => {
      accepted.resolve(new Recorder(connection));
    }));
    const connect = (): Promise<Recorder> =>
      sim.runUntil(b.runtime.net.connect({ host: "a", port: 1, timeoutMs: 100 }))
        .then((connection) => new Recorder(connection));
    machine.pause();
    const client = await connect(); // the system accepts
    const whole = pattern(1_000_000);
    assert.equal(client.connection.write(whole), false);
    client.connection.end();
    await sim.run(sim.nowMs + 60_000);
    assert.ok(client.connection.bufferedBytes > 500_000, "no more than a window");
    assert.equal(client.closes, 0);
    machine.resume();
    const server = await sim.runUntil(accepted.promise);
    await sim.runUntil(server.ended);
    sameBytes(server.all(), whole, "everything");
  }));

test("a reset reaches a paused process at its resume", async () => {
  const sim = createSim({ seed: 1 });
  const [a, b] = [sim.machine("a"), sim.machine("b")];
  const accepted = deferred<Recorder>();
  await sim.runUntil(
    a.runtime.net.listen({ port: 1 }, (connection) => accepted.resolve(new Recorder(connection))),
  );
  await sim.runUntil(b.runtime.net.connect({ host: "a", port: 1 }));
  const server = await sim.runUntil(accepted.promise);
  a.pause();
  sim.network.cut("a", "b");
  await sim.run(sim.nowMs + 100);
  assert.equal(server.closes, 0);
  a.resume();
  await sim.run();
  assert.deepEqual([server.closes, server.error?.code], [1, "RESET"]);
});

test("a file operation ends while its process is paused, and is told at the resume", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const file = await sim.runUntil(machine.runtime.fs.open("/f", "create"));
  let isTold = false;
  void file.write(bytesOf("abc"), 0).then(() => isTold = true);
  machine.pause();
  await sim.run();
  assert.equal(text(machine.disk.peek("/f") ?? new Uint8Array(0)), "abc");
  assert.equal(isTold, false);
  machine.resume();
  await sim.run();
  assert.equal(isTold, true);
});

test("a paused process can be killed; its next life is not paused", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  let rung = 0;
  wakeIn(machine, 1, () => rung++);
  machine.pause();
  await sim.run(10);
  machine.kill();
  machine.start();
  wakeIn(machine, 1, () => rung += 10);
  await sim.run();
  assert.deepEqual([rung, machine.paused], [10, false]);
});

test("the wall clock is skewed and jumps, the monotonic one does not", async () => {
  const sim = createSim({ seed: 1, wallMs: 1_000_000 });
  const a = sim.machine("a", { wallSkewMs: -500 });
  const { clock } = a.runtime;
  assert.equal(clock.wallMs(), 999_500);
  await sim.run(100);
  a.jumpWall(-90_000);
  assert.deepEqual([clock.wallMs(), clock.monotonicMs()], [909_600, 100]);
  a.jumpWall(3_600_000);
  assert.equal(sim.machine("b").runtime.clock.wallMs(), 1_000_100);
  const file = await sim.runUntil(a.runtime.fs.open("/f", "create"));
  await sim.runUntil(file.write(bytesOf("x"), 0));
  const stat = await sim.runUntil(a.runtime.fs.stat("/f"));
  assert.ok((stat?.modifiedMs ?? 0) >= 4_509_600, "files have the machine's own time");
  assert.equal(sim.faults.of("wall jump"), 2);
});

test("a clock that runs fast or slow: wakes are due by it, never early, also when the rate changes", async () => {
  const rates = [[1001, 1000], [9, 10], [3, 2]] as const;
  for (const [local, real] of rates) {
    await eachSeed(async (sim, machine) => {
      machine.setClockRate({ local, true: real });
      const { clock } = machine.runtime;
      await sim.run(999);
      const rung: number[] = [];
      const atMs = clock.monotonicMs() + 1000.123;
      clock.wakeAt(atMs as MonotonicMs, () => rung.push(clock.monotonicMs()));
      await sim.run(1200);
      machine.setClockRate({ local: 1, true: 2 });
      const before = clock.monotonicMs();
      await sim.run(1300);
      assert.equal(clock.monotonicMs() - before, 50);
      await sim.run();
      assert.ok((rung[0] ?? 0) >= atMs && (rung[0] ?? 0) < atMs + 2, `${rung[0]} for ${atMs}`);
    });
  }
  const sim = createSim({ seed: 1 });
  const fast = sim.machine("a", { clockRate: { local: 1001, true: 1000 } });
  await sim.run(1_000_000);
  assert.equal(fast.runtime.clock.monotonicMs(), 1_001_000);
  assert.equal(fast.runtime.clock.wallMs() - sim.wallStartMs, 1_001_000);
  assert.throws(() => fast.setClockRate({ local: 0, true: 1 }), /ratio of integers/);
});

test("power that is lost stays lost until the start", async () => {
  const sim = createSim({ seed: 1 });
  const [a, b] = [sim.machine("a"), sim.machine("b")];
  const listen = (): Promise<unknown> => sim.runUntil(a.runtime.net.listen({ port: 1 }, () => {}));
  const connect = (): Promise<unknown> =>
    sim.runUntil(b.runtime.net.connect({ host: "a", port: 1, timeoutMs: 50 }));
  await listen();
  await connect();
  a.kill();
  await failsWith("REFUSED", /a:1/, connect());
  a.start();
  a.crash();
  await failsWith("TIMED_OUT", /a:1/, connect());
  assert.deepEqual([a.alive, a.powered], [false, false]);
  a.start();
  await listen();
  await connect();
  const { faults } = sim;
  assert.deepEqual([faults.of("kill"), faults.of("crash"), faults.of("start")], [1, 1, 2]);
});
