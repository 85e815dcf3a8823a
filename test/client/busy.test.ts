/** A program that computes, or sleeps with its machine, for longer than its connection likes: clock jumps in the simulator. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectWith } from "../../src/client/connect.ts";
import type { Clock, MonotonicMs, Runtime } from "../../src/runtime.ts";
import { inSim } from "../support/in_process.ts";

/** The same door with a clock that `jump` sets forward; what is due then is called at once, as after a busy spell. */
function withJumps(base: Runtime): { runtime: Runtime; jump: (ms: number) => void } {
  let ahead = 0;
  const due = new Map<() => void, number>();
  const clock: Clock = {
    monotonicMs: () => (base.clock.monotonicMs() + ahead) as MonotonicMs,
    wallMs: () => base.clock.wallMs() + ahead,
    soon: (task) => base.clock.soon(task),
    wakeAt: (at, wake) => {
      const once = (): void => {
        if (due.delete(once)) wake();
      };
      due.set(once, at);
      const cancel = base.clock.wakeAt((at - ahead) as MonotonicMs, once);
      return () => {
        due.delete(once);
        cancel();
      };
    },
  };
  const { net, fs, random, hash, gzip, process } = base;
  const jump = (ms: number): void => {
    ahead += ms;
    for (const [wake, at] of [...due]) if (at <= clock.monotonicMs()) wake();
  };
  return { runtime: { ...base, net, fs, random, hash, gzip, process, clock }, jump };
}

for (const busyMs of [5000, 3_600_000]) {
  test(`calls around ${busyMs} ms in which nothing else ran are answered, on the same connection`, () =>
    inSim({}, async (stage) => {
      const { runtime, jump } = withJumps(stage.runtime);
      const server = `${stage.host}:${stage.port}`;
      const zk = await connectWith(runtime, server, { sessionTimeoutMs: 6000 });
      assert.equal(zk.session.timeoutMs, 6000);
      const states: string[] = [];
      zk.onState((state) => void states.push(state));
      for (let round = 1; round < 4; round++) {
        await stage.sleep(500);
        const before = zk.exists("/"); // sent; the answer is not here yet
        for (let i = 0; i < 10; i++) await Promise.resolve();
        jump(busyMs);
        assert.equal((await zk.setData("/", "x")).version, round);
        assert.equal((await before)?.version, round - 1);
      }
      assert.deepEqual(states, []);
      await zk.close();
    }));
}

test("a machine that slept while its servers went away asks them before it says expired", () =>
  inSim({}, async (stage) => {
    const { runtime, jump } = withJumps(stage.runtime);
    const server = `${stage.host}:${stage.port}`;
    const zk = await connectWith(runtime, server, {
      sessionTimeoutMs: 6000,
      reconnectJitterMs: 10,
    });
    await stage.restart();
    jump(3_600_000);
    assert.notEqual(await zk.exists("/"), undefined, "the server has the session still");
    await zk.close();
  }));
