/** Runs as a whole: the same plan gives the same run, one server alone works too, and shrinking keeps what is wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shrink, traceOf } from "./campaign.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { runPlan } from "./run.ts";

test("a plan is data, and gives the same run again", async () => {
  for (const seed of ["7", "18446744073709551615"]) {
    const plan = drawPlan(seed);
    const copy = JSON.parse(JSON.stringify(plan)) as Plan;
    assert.deepEqual(copy, drawPlan(seed));
    const [first, second] = [await runPlan(plan), await runPlan(copy)];
    assert.deepEqual(first.violations, []);
    assert.equal(first.traceHash, second.traceHash);
    assert.deepEqual(first.counts, second.counts);
    assert.ok(first.counts.answered > 0 && first.counts.txns > 0);
  }
});

test("standalone: one server that is killed, crashed and cut off", async () => {
  const plan = drawPlan("11");
  const alone: Plan = {
    ...plan,
    servers: { ...plan.servers, count: 1, observers: 0, leaderServes: true, fileFormat: 3 },
    faults: [
      { atMs: 1500, kind: "kill", target: 1, downMs: 50 },
      { atMs: 4000, kind: "crash", target: "leader", fate: "any", downMs: 300 },
      { atMs: 6000, kind: "partition", target: 1, from: "client0", way: "both", forMs: 800 },
      { atMs: 7000, kind: "cut", target: 1, from: "client0", told: "first" },
    ],
  };
  const { violations, faults, counts } = await runPlan(alone);
  assert.deepEqual(violations, []);
  assert.equal(faults.size, 4);
  assert.equal(counts.epochs, 0);
  assert.ok(counts.txns > 20);
});

test("a plan shrinks to what it takes", async () => {
  const plan: Plan = {
    ...drawPlan("5"),
    faults: Array.from({ length: 13 }, (_, index) => ({
      atMs: index,
      kind: "wallJump",
      target: 1,
      byMs: index,
    })),
  };
  const seen: number[] = [];
  const isBad = ({ faults, clients }: Plan): Promise<boolean> => {
    const at = faults.map(({ atMs }) => atMs);
    seen.push(faults.length);
    return Promise.resolve(
      at.includes(3) && at.includes(9) && clients.some(({ errands }) => errands > 10),
    );
  };
  assert.equal(await isBad(plan), true);
  const small = await shrink(plan, 100, isBad);
  assert.deepEqual(small.faults.map(({ atMs }) => atMs), [3, 9]);
  assert.equal(small.clients.length, 1);
  assert.ok((small.clients[0]?.errands ?? 0) <= 21);
  assert.ok(seen.length < 60, `${seen.length} plans were tried`);
  assert.deepEqual(await shrink(plan, 0, isBad), plan);
});

test("a trace tells what was asked, answered, done to the servers, and agreed on", async () => {
  const faults = [{
    atMs: 200,
    kind: "clog",
    target: 1,
    from: 2,
    way: "both",
    forMs: 300,
  }] as const;
  const trace = await traceOf({ ...drawPlan("5"), faults });
  for (
    const words of [
      /^seed 5\n/,
      /^fault \{"atMs":200,"kind":"clog"/m,
      /^ +200\.000 FAULT clog server1 /m,
      /FAULT none from here on/,
      /c1\.1 is session 0x[0-9a-f]+, timeout/,
      /c1\.1\/1 > 1 create \/f0 ""/,
      /c1\.1\/1 < 1 -?\d+ at 0x100000/,
      /server \d info Serving mode=leader/,
      /The log that was agreed on:\n0x100000001 0x\w+ 0 createSession/,
    ]
  ) assert.match(trace, words);
});
