// Reaching the leader: several addresses at once, and no longer than allowed (peer-protocol §10).
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../../runtimes/sim/index.ts";
import { LeaderDial } from "../../../src/server/ensemble/dial_leader.ts";

const NOWHERE = { host: "10.9.9.9", quorumPort: 2888, electionPort: 3888 };
const THERE = { host: "leader", quorumPort: 2888, electionPort: 3888 };

test("an address that swallows packets holds up no other; the connections that come late are closed", async () => {
  const sim = createSim({ seed: 7 });
  const leader = sim.machine("leader"), { net, clock } = sim.machine("learner").runtime;
  let open = 0;
  await sim.runUntil(leader.runtime.net.listen({ port: 2888 }, (connection) => {
    open++;
    connection.onData(() => {});
    connection.onEnd(() => connection.end());
    connection.onClose(() => open--);
  }));
  const dialling = { limitMs: 5000, pauseMs: 100, isOver: () => false, onPending: () => {} };
  const addresses = [NOWHERE, THERE, THERE];
  const connection = await sim.runUntil(
    new LeaderDial({ net, clock }, { ...dialling, addresses }).next(),
  );
  assert.notEqual(connection, undefined);
  assert.ok(sim.nowMs < 100, `${sim.nowMs} ms`);
  await sim.run(sim.nowMs + 1000);
  assert.equal(open, 1);
  const none = await sim.runUntil(
    new LeaderDial({ net, clock }, { ...dialling, addresses: [NOWHERE] }).next(),
  );
  assert.equal(none, undefined);
  assert.ok(sim.nowMs >= 5000 && sim.nowMs < 8000, `${sim.nowMs} ms`);
});

test("who is not wanted any more is not waited for", async () => {
  const sim = createSim({ seed: 7 }), { net, clock } = sim.machine("learner").runtime;
  let isOver = false, giveUp = (): void => {};
  const work = new LeaderDial({ net, clock }, {
    addresses: [NOWHERE],
    limitMs: 60_000,
    pauseMs: 100,
    isOver: () => isOver,
    onPending: (cancel) => giveUp = cancel,
  }).next();
  isOver = true;
  giveUp();
  assert.equal(await sim.runUntil(work), undefined);
  assert.ok(sim.nowMs < 200, `${sim.nowMs} ms`);
});

test("what accepts for a leader that does not listen yet is called again, after pauses, and not for ever", async () => {
  const sim = createSim({ seed: 7 });
  const gate = sim.machine("leader"), { net, clock } = sim.machine("learner").runtime;
  await sim.runUntil(gate.runtime.net.listen({ port: 2888 }, (connection) => connection.close()));
  const dial = new LeaderDial({ net, clock }, {
    addresses: [THERE],
    limitMs: 60_000,
    pauseMs: 1000,
    isOver: () => false,
    onPending: () => {},
  });
  const atMs: number[] = [];
  while (await sim.runUntil(dial.next()) !== undefined) atMs.push(Math.round(sim.nowMs));
  assert.ok(atMs.length >= 10 && atMs.length <= 12, `${atMs}`);
  assert.ok(atMs.some((ms) => ms > 5 && ms < 50), `a second call within 50 ms: ${atMs}`);
  assert.ok(sim.nowMs >= 4000 && sim.nowMs < 6000, `${sim.nowMs} ms`);
});
