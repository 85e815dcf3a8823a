/** What can be done to the simulated network. Each case compares with a run without the fault, or would fail without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Machine, type Sim, type Way } from "../../runtimes/sim/index.ts";
import {
  bytesOf,
  concat,
  deferred,
  failsWith,
  pattern,
  Recorder,
  sameBytes,
  text,
} from "../support/conformance.ts";

const SEEDS = 12;
const PORT = 2888;
/** Longer than any latency, shorter than the patience of any sender. */
const LONG_MS = 50;
const OUTAGE_MS = 2000;

interface World {
  readonly sim: Sim;
  readonly a: Machine;
  readonly b: Machine;
}
interface Pair extends World {
  /** `a`'s end of a stream to `b`. */
  readonly near: Recorder;
  readonly far: Recorder;
}

function world(seed: number): World {
  const sim = createSim({ seed });
  return { sim, a: sim.machine("a"), b: sim.machine("b") };
}

async function join({ sim, a, b }: World, port: number): Promise<Pair> {
  const accepted = deferred<Recorder>();
  await sim.runUntil(
    b.runtime.net.listen({ port }, (connection) => accepted.resolve(new Recorder(connection))),
  );
  const connection = await sim.runUntil(a.runtime.net.connect({ host: "b", port }));
  const near = new Recorder(connection);
  return { sim, a, b, near, far: await sim.runUntil(accepted.promise) };
}

async function eachSeed(body: (pair: Pair, seed: number) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) await body(await join(world(seed), PORT), seed);
}

function passMs(sim: Sim, ms: number): Promise<void> {
  return sim.run(sim.nowMs + ms);
}

test("without a fault bytes of both ways arrive within the table's latency", () =>
  eachSeed(async ({ sim, near, far }) => {
    near.connection.write(bytesOf("ping"));
    far.connection.write(bytesOf("pong"));
    await passMs(sim, LONG_MS);
    assert.deepEqual([text(far.all()), text(near.all())], ["ping", "pong"]);
    assert.deepEqual([near.closes, far.closes], [0, 0]);
  }));

test("a partition holds what is sent, each way by itself, until it heals: nothing is lost, nothing reordered", async () => {
  const arrives: Record<Way, [number, number]> = { both: [0, 0], from: [0, 1], to: [1, 0] };
  for (const way of ["both", "from", "to"] as const) {
    await eachSeed(async ({ sim, near, far }) => {
      near.connection.write(bytesOf("0"));
      far.connection.write(bytesOf("0"));
      sim.network.partition("a", "b", way); // with both under way
      for (let i = 1; i < 100; i++) {
        near.connection.write(pattern(10, 10 * i));
        far.connection.write(pattern(10, 10 * i));
      }
      await passMs(sim, OUTAGE_MS);
      const [there, here] = arrives[way];
      assert.deepEqual([Math.sign(far.bytes), Math.sign(near.bytes)], [there, here], way);
      sim.network.heal();
      for (let i = 100; i < 110; i++) near.connection.write(pattern(10, 10 * i));
      await passMs(sim, 2 * OUTAGE_MS);
      const sent = concat([bytesOf("0"), pattern(1090, 10)]);
      sameBytes(far.all(), sent, "what a sent");
      sameBytes(near.all(), sent.subarray(0, 991), "what b sent");
      assert.deepEqual([near.closes, far.closes], [0, 0]);
      assert.ok(sim.faults.of("retransmission") > 0 && sim.faults.of("packet held") > 0);
    });
  }
});

test("after a heal what was held comes late, up to as late as the partition was long", async () => {
  const lateMs: number[] = [];
  await eachSeed(async ({ sim, near, far }) => {
    sim.network.partition("a", "b");
    near.connection.write(bytesOf("x"));
    await passMs(sim, OUTAGE_MS);
    sim.network.heal("a");
    const healedMs = sim.nowMs;
    await sim.runUntil(() => far.bytes === 1, 2 * OUTAGE_MS);
    lateMs.push(sim.nowMs - healedMs);
  });
  assert.ok(Math.max(...lateMs) > OUTAGE_MS / 4 && Math.min(...lateMs) < 300, lateMs.join(" "));
});

test("a sender gives up on a partition that stays, a receiver and an idle stream do not", () =>
  eachSeed(async ({ sim, near, far }) => {
    sim.network.partition("a", "b");
    near.connection.write(bytesOf("x"));
    await sim.runUntil(() => near.closes > 0, 1_000_000);
    assert.equal(near.error?.code, "TIMED_OUT");
    assert.match(near.error?.message ?? "", /10\.0\.0\.2:2888: .*not acknowledged/);
    await sim.run();
    assert.deepEqual([far.closes, far.bytes], [0, 0], "half-open");
    assert.equal(sim.faults.of("stream timed out"), 1);
    sim.network.heal();
    far.connection.write(bytesOf("y"));
    await passMs(sim, LONG_MS);
    assert.deepEqual([far.error?.code, near.bytes], ["RESET", 0], "found out by sending");
    assert.equal(sim.faults.of("half-open found"), 1);
  }));

test("one way: data comes through, its sender gives up for want of acknowledgements", () =>
  eachSeed(async ({ sim, near, far }) => {
    sim.network.partition("a", "b", "to");
    near.connection.write(bytesOf("x"));
    await passMs(sim, LONG_MS);
    assert.equal(far.bytes, 1);
    await sim.runUntil(() => near.closes > 0, 1_000_000);
    assert.equal(near.error?.code, "TIMED_OUT");
    assert.equal(far.closes, 0);
  }));

test("a window fills while acknowledgements are lost, and moves on after the heal", () =>
  eachSeed(async ({ sim, near, far }) => {
    sim.network.partition("a", "b", "to");
    const whole = pattern(1_000_000);
    const taken = near.connection.write(whole);
    await passMs(sim, LONG_MS);
    assert.ok(!taken && near.connection.bufferedBytes > 0 && far.bytes > 0);
    sim.network.heal();
    await sim.runUntil(() => far.bytes === whole.length, 60_000);
    sameBytes(far.all(), whole, "all of it");
  }));

test("a connect under a partition is tried again after the heal, or times out", async () => {
  for (const way of ["both", "from", "to"] as const) {
    const { sim, a, b } = world(3);
    let accepted = 0;
    await sim.runUntil(b.runtime.net.listen({ port: PORT }, () => accepted++));
    sim.network.partition("a", "b", way);
    const { net } = a.runtime;
    await failsWith(
      "TIMED_OUT",
      /no answer in 500 ms/,
      sim.runUntil(net.connect({ host: "b", port: PORT, timeoutMs: 500 })),
    );
    const patient = net.connect({ host: "b", port: PORT });
    await passMs(sim, OUTAGE_MS);
    sim.network.heal();
    assert.equal(accepted, 0, way);
    await sim.runUntil(patient, 10_000);
    await passMs(sim, LONG_MS);
    assert.equal(accepted, 1, way);
    sim.network.isolate("b");
    await failsWith("TIMED_OUT", /no answer/, sim.runUntil(net.connect({ host: "b", port: PORT })));
    assert.ok(sim.faults.of("connect lost") > 5);
  }
});

test("isolate cuts off one machine and leaves the others alone", async () => {
  const { sim, a, b } = world(1);
  const c = sim.machine("c");
  for (const { runtime } of [a, b, c]) {
    await sim.runUntil(runtime.net.listen({ port: PORT }, () => {}));
  }
  sim.network.isolate("c");
  const connect = (from: Machine, to: string): Promise<unknown> =>
    sim.runUntil(from.runtime.net.connect({ host: to, port: PORT, timeoutMs: 100 }));
  await connect(a, "b");
  await connect(c, "c");
  await assert.rejects(connect(a, "c"));
  await assert.rejects(connect(c, "b"));
  sim.network.heal("c", "b");
  await connect(c, "b");
  await assert.rejects(connect(a, "c"));
});

test("a clog piles up what is sent and lets it through in order, one way alone if asked", () =>
  eachSeed(async ({ sim, near, far }) => {
    const sinceMs = sim.nowMs;
    sim.network.clog("a", "b", 500, "from");
    for (let i = 0; i < 50; i++) near.connection.write(pattern(20, 20 * i));
    far.connection.write(bytesOf("free"));
    await passMs(sim, LONG_MS);
    assert.deepEqual([far.bytes, near.bytes], [0, 4]);
    await sim.runUntil(() => far.bytes === 1000, 1000);
    assert.ok(sim.nowMs - sinceMs >= 500 && sim.nowMs - sinceMs < 550);
    sameBytes(far.all(), pattern(1000), "order");
  }));

test("a slow link takes its latency and its bandwidth", () =>
  eachSeed(async ({ sim, near, far }) => {
    sim.network.slow("a", "b", { extraMs: 40, bytesPerMs: 1000 }, "from");
    const sinceMs = sim.nowMs;
    for (let i = 0; i < 4; i++) near.connection.write(pattern(1000, 1000 * i));
    await sim.runUntil(() => far.bytes > 0, 1000);
    assert.ok(sim.nowMs - sinceMs >= 40);
    await sim.runUntil(() => far.bytes === 4000, 1000);
    assert.ok(
      sim.nowMs - sinceMs >= 44 && sim.nowMs - sinceMs < 60,
      "4000 bytes at 1000 a millisecond",
    );
    sameBytes(far.all(), pattern(4000), "order");
    far.connection.write(bytesOf("quick"));
    const backMs = sim.nowMs;
    await sim.runUntil(() => near.bytes === 5, 1000);
    assert.ok(sim.nowMs - backMs < 10);
  }));

test("a slow link's factor stretches latency", async () => {
  const sums: number[] = [];
  for (const factor of [1, 20]) {
    let sum = 0;
    await eachSeed(async ({ sim, near, far }) => {
      sim.network.slow("a", "b", { factor });
      const sinceMs = sim.nowMs;
      near.connection.write(bytesOf("x"));
      await sim.runUntil(() => far.bytes === 1, 1000);
      sum += sim.nowMs - sinceMs;
    });
    sums.push(sum);
  }
  assert.ok((sums[1] ?? 0) > 5 * (sums[0] ?? 0), sums.join(" "));
  assert.throws(() => world(1).sim.network.slow("a", "b", { factor: 1.5 }), /whole numbers/);
});

test("a cut is told to both ends, or to one; the other finds out when it sends", async () => {
  await eachSeed(async ({ sim, near, far }) => {
    assert.equal(sim.network.cut("a", "b", { port: 1 }), 0);
    assert.equal(sim.network.cut("b", "a"), 1);
    assert.deepEqual([near.error?.code, far.error?.code], ["RESET", "RESET"]);
    await passMs(sim, LONG_MS);
    assert.deepEqual([near.closes, far.closes], [1, 1]);
  });
  await eachSeed(async ({ sim, near, far }) => {
    assert.equal(sim.network.cut("a", "b", { told: "first", port: PORT }), 1);
    await passMs(sim, 60_000);
    assert.deepEqual([near.error?.code, far.closes], ["RESET", 0]);
    far.connection.write(bytesOf("x"));
    await passMs(sim, LONG_MS);
    assert.deepEqual([far.error?.code, near.bytes], ["RESET", 0]);
  });
  await eachSeed(({ sim, near, far }) => {
    sim.network.cut("a", "b", { told: "second" });
    assert.deepEqual([near.closes, far.error?.code], [0, "RESET"]);
    return Promise.resolve();
  });
});

test("a stream is reset at each byte of a message: exactly so much arrives, then both ends know", async () => {
  for (let cutAt = 0; cutAt <= 21; cutAt++) {
    const { sim, near, far } = await join(world(cutAt + 1), PORT);
    sim.network.resetAfter("a", "b", cutAt, PORT);
    sim.network.resetAfter("a", "b", 1, 9); // another port's streams
    for (let i = 0; i < 4; i++) near.connection.write(pattern(5, 5 * i));
    far.connection.write(bytesOf("the other way"));
    await passMs(sim, LONG_MS);
    sameBytes(far.all(), pattern(Math.min(cutAt, 20)), `cut at ${cutAt}`);
    const wanted = cutAt <= 20 ? "RESET" : undefined;
    assert.deepEqual([near.error?.code, far.error?.code], [wanted, wanted], `cut at ${cutAt}`);
  }
});

test("nothing follows the byte at which a stream is reset, also of what an outage held", () =>
  eachSeed(async ({ sim, near, far }) => {
    sim.network.partition("a", "b");
    for (let i = 0; i < 4; i++) near.connection.write(pattern(5, 5 * i));
    await passMs(sim, LONG_MS);
    sim.network.heal();
    sim.network.resetAfter("a", "b", 7, PORT); // behind heal, which disarms
    await passMs(sim, OUTAGE_MS);
    sameBytes(far.all(), pattern(7), "cut at 7");
    assert.deepEqual([near.error?.code, far.error?.code], ["RESET", "RESET"]);
  }));

test("refused: connects only, on one port or all, until accepted again", async () => {
  const { sim, a, near, far } = await join(world(1), PORT);
  const again = (): Promise<unknown> =>
    sim.runUntil(a.runtime.net.connect({ host: "b", port: PORT, timeoutMs: 100 }));
  sim.network.refuse("b", PORT + 1);
  await again();
  sim.network.refuse("b", PORT);
  await failsWith("REFUSED", /connect to b:2888/, again());
  sim.network.accept("b", PORT);
  await again();
  sim.network.refuse("b");
  await failsWith("REFUSED", /connect to b:2888/, again());
  sim.network.heal("b");
  await again();
  near.connection.write(bytesOf("x"));
  await passMs(sim, LONG_MS);
  assert.equal(far.bytes, 1);
  assert.equal(sim.faults.of("connect refused"), 2);
});

test("a reset that meets a partition is lost: the peer stays half-open", () =>
  eachSeed(async ({ sim, a, near, far }) => {
    near.connection.pause();
    far.connection.write(bytesOf("unread"));
    await passMs(sim, LONG_MS);
    sim.network.partition("a", "b", "from");
    a.kill(); // with something unread: a reset
    await passMs(sim, OUTAGE_MS);
    sim.network.heal();
    await passMs(sim, OUTAGE_MS);
    assert.deepEqual([far.closes, sim.faults.of("packet lost")], [0, 1]);
    far.connection.write(bytesOf("x"));
    await passMs(sim, LONG_MS);
    assert.equal(far.error?.code, "RESET");
  }));

test("a killed process leaves FIN, after all that its system had taken", () =>
  eachSeed(async ({ sim, a, near, far }) => {
    await sim.runUntil(
      new Promise<void>((sent) => near.connection.write(bytesOf("last words"), sent)),
    );
    a.kill();
    await passMs(sim, LONG_MS);
    assert.deepEqual([text(far.all()), far.ends, far.closes], ["last words", 1, 0]);
    far.connection.write(bytesOf("x"));
    await passMs(sim, LONG_MS);
    assert.equal(far.error?.code, "RESET");
  }));

test("a machine without power answers nothing, and after its start knows no stream", () =>
  eachSeed(async ({ sim, a, b, near }) => {
    b.crash();
    await passMs(sim, OUTAGE_MS);
    assert.equal(near.closes, 0, "nobody was told");
    const { net } = a.runtime;
    await failsWith(
      "TIMED_OUT",
      /no answer/,
      sim.runUntil(net.connect({ host: "b", port: PORT, timeoutMs: 200 })),
    );
    near.connection.write(bytesOf("anybody?"));
    await passMs(sim, OUTAGE_MS);
    assert.equal(near.closes, 0);
    b.start();
    await passMs(sim, 3 * OUTAGE_MS);
    assert.equal(near.error?.code, "RESET");
    await failsWith(
      "REFUSED",
      /b:2888/,
      sim.runUntil(net.connect({ host: "b", port: PORT, timeoutMs: 200 })),
    );
  }));

test("what a crashed machine had to send again is forgotten with it, also when its process had closed the stream", async () => {
  for (const isClosed of [false, true]) {
    const { sim, a, near, far } = await join(world(5), PORT);
    sim.network.partition("a", "b", "from");
    await sim.runUntil(new Promise<void>((sent) => near.connection.write(bytesOf("lost"), sent)));
    if (isClosed) near.connection.close();
    await passMs(sim, LONG_MS);
    assert.equal(near.closes, isClosed ? 1 : 0);
    a.crash();
    sim.network.heal();
    a.start();
    await passMs(sim, 3 * OUTAGE_MS);
    assert.deepEqual([far.bytes, far.ends, far.closes], [0, 0, 0]);
  }
});

test("names that do not exist are refused", () => {
  const { sim } = world(1);
  assert.throws(() => sim.network.partition("a", "c"), /no machine "c"/);
});
