import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ZXID_NONE, zxidOf } from "../../src/base/zxid.ts";
import { Op } from "../../src/protocol/ops.ts";
import { ConnectionStats, Counters, ServerStats } from "../../src/server/stats.ts";
import { LatencySummary, Summary } from "../../src/server/summary.ts";

test("a summary keeps average, extremes, count and sum", () => {
  const summary = new Summary();
  assert.deepEqual([summary.min, summary.average, summary.max], [0, 0, 0]);
  summary.add(4);
  summary.add(1, 3);
  summary.add(9, 0);
  assert.deepEqual(
    [summary.min, summary.average, summary.max, summary.count, summary.sum],
    [1, 1.75, 4, 4, 7],
  );
  summary.reset();
  assert.deepEqual([summary.min, summary.max, summary.count, summary.sum], [0, 0, 0, 0]);
});

test("a percentile is the value at its rank, at most one part in 64 too low", () => {
  const values = fc.array(fc.integer({ min: 0, max: 0x7fff_ffff }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(fc.property(values, fc.integer({ min: 0, max: 1000 }), (list, permille) => {
    const summary = new LatencySummary();
    for (const value of list) summary.add(value);
    const sorted = [...list].sort((a, b) => a - b);
    const exact = sorted[Math.max(1, Math.ceil((list.length * permille) / 1000)) - 1] as number;
    const found = summary.percentile(permille);
    assert.ok(found <= exact && found >= exact - exact / 64, `${found} for ${exact}`);
    if (exact < 128) assert.equal(found, exact);
  }));
});

test("a batch of equal values counts as that many single ones", () => {
  const [batch, single] = [new LatencySummary(), new LatencySummary()];
  batch.add(5, 99);
  batch.add(200);
  for (let i = 0; i < 99; i++) single.add(5);
  single.add(200);
  for (const permille of [500, 990, 991, 1000]) {
    assert.equal(batch.percentile(permille), single.percentile(permille));
  }
  assert.deepEqual([batch.percentile(990), batch.percentile(1000)], [5, 200]);
});

test("values that no bucket holds go into the last one", () => {
  const summary = new LatencySummary();
  summary.add(Number.MAX_SAFE_INTEGER);
  assert.ok(summary.percentile(500) >= 0x7f00_0000);
});

test("srst zeroes every count and distribution of the server", () => {
  const stats = new ServerStats();
  const fresh = JSON.stringify(stats);
  stats.received(3);
  stats.sent();
  const first = stats.responseSize(40);
  stats.readDone(2, 5, first);
  stats.updateDone(7, 1, stats.responseSize(20));
  assert.equal(stats.counters.responseBytes, 60);
  assert.deepEqual([stats.lastResponseBytes, stats.minResponseBytes, stats.maxResponseBytes], [
    20,
    20,
    40,
  ]);
  for (const name of Object.keys(stats.counters) as (keyof typeof stats.counters)[]) {
    if (name !== "reset") stats.counters[name] += 1;
  }
  for (const summary of Object.values(stats.summaries) as Summary[]) summary.add(1);
  assert.equal(stats.latencyMs.count, 6);
  assert.notEqual(JSON.stringify(stats), fresh);
  stats.reset();
  assert.equal(JSON.stringify(stats), fresh);
  assert.equal(stats.summaries.readMs.percentile(1000), 0);
});

test("without metrics counters and distributions keep nothing, and what srvr shows is counted on", () => {
  const stats = new ServerStats(false);
  const counters = JSON.stringify(stats.counters), summaries = JSON.stringify(stats.summaries);
  stats.received(3);
  stats.readDone(2, 5);
  stats.updateDone(7);
  stats.responseSize(40);
  stats.proposed(9);
  for (const name of Object.keys(new Counters()) as (keyof Counters)[]) {
    if (name === "reset") continue;
    stats.counters[name] += 5;
    stats.counters[name]++;
    assert.equal(stats.counters[name], 0, name);
  }
  for (const summary of Object.values(stats.summaries) as LatencySummary[]) {
    summary.add(3, 4);
    assert.deepEqual([summary.count, summary.sum, summary.percentile(500)], [0, 0, 0]);
  }
  assert.equal(JSON.stringify(stats.counters), counters);
  assert.equal(JSON.stringify(stats.summaries), summaries);
  assert.deepEqual([stats.latencyMs.count, stats.packetsReceived], [6, 3]);
  assert.deepEqual([stats.lastResponseBytes, stats.lastProposalBytes], [40, 9]);
  stats.reset();
  assert.deepEqual([stats.latencyMs.count, stats.packetsReceived], [0, 0]);
});

test("a connection's statistics show its last reply, and nothing after a reset", () => {
  const stats = new ConnectionStats();
  const fresh = JSON.stringify(stats);
  stats.received += 2;
  stats.replied(Op.getData, 4, zxidOf(0, 9), 1000, 3, 2);
  assert.deepEqual([stats.lastOp, stats.lastCxid, stats.lastZxid], [Op.getData, 4, 9]);
  assert.deepEqual([stats.latencyMs.count, stats.latencyMs.sum], [2, 6]);
  stats.reset();
  assert.equal(JSON.stringify(stats), fresh);
  assert.equal(stats.lastZxid, ZXID_NONE);
});
