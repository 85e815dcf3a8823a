import assert from "node:assert/strict";
import { test } from "node:test";
import { prometheusText } from "../../src/admin/prometheus.ts";
import type { ServerView } from "../../src/server/view.ts";
import { hostRuntime } from "../support/runtime.ts";
import { ADVANCED, BASIC, PLAIN } from "./apache_metrics.ts";
import { busyView, stopped } from "./view.ts";

async function text(view: ServerView = busyView()): Promise<string> {
  return prometheusText(view, stopped(await hostRuntime()), "0.1.0");
}

/** Families by name, each with its type and samples. */
function parse(metrics: string): Map<string, { type: string; samples: Map<string, string> }> {
  const families = new Map<string, { type: string; samples: Map<string, string> }>();
  let current = "";
  for (const line of metrics.trimEnd().split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type !== null) {
      current = type[1] as string;
      assert.ok(!families.has(current), `${current} has one family`);
      families.set(current, { type: type[2] as string, samples: new Map() });
      continue;
    }
    if (line.startsWith("# HELP ")) continue;
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (-?[0-9.e+-]+|NaN)$/.exec(line);
    assert.ok(sample, `a sample: ${line}`);
    assert.ok((sample[1] as string).startsWith(current), `${line} belongs to ${current}`);
    families.get(current)?.samples.set(
      (sample[1] as string).slice(current.length) + (sample[2] ?? ""),
      sample[3] as string,
    );
  }
  return families;
}

test("every name of Apache's provider is there, with its type", async () => {
  const families = parse(await text());
  for (const name of PLAIN) assert.ok(families.has(name), name);
  for (const name of [...BASIC, ...ADVANCED]) {
    const found = families.get(name);
    assert.equal(found?.type, "summary", name);
    assert.ok(found.samples.has("_count") && found.samples.has("_sum"), name);
    // Panels of dashboards show the median: it is there also while there is none.
    assert.ok(found.samples.has('{quantile="0.5"}'), name);
    assert.equal(found.samples.has('{quantile="0.99"}'), ADVANCED.includes(name), name);
  }
  assert.equal(families.get("znode_count")?.type, "gauge");
  assert.equal(families.get("bytes_received_count")?.type, "counter");
});

test("values are those of the server, quantiles those of its buckets", async () => {
  const view = busyView();
  view.stats.counters.bytesReceived = 12_345;
  for (let ms = 1; ms <= 100; ms++) view.stats.summaries.readMs.add(ms);
  for (const ms of [1, 1, 9]) view.stats.summaries.fsyncMs.add(ms);
  const families = parse(await text(view));
  assert.equal(families.get("znode_count")?.samples.get(""), "9");
  assert.equal(families.get("bytes_received_count")?.samples.get(""), "12345");
  assert.deepEqual([...families.get("readlatency")?.samples ?? []], [
    ['{quantile="0.5"}', "50"],
    ['{quantile="0.9"}', "90"],
    ['{quantile="0.99"}', "99"],
    ["_count", "100"],
    ["_sum", "5050"],
  ]);
  assert.deepEqual([...families.get("fsynctime")?.samples ?? []], [
    ['{quantile="0.5"}', "1"],
    ["_count", "3"],
    ["_sum", "11"],
  ]);
  assert.equal(families.get("snapshottime")?.samples.get('{quantile="0.5"}'), "NaN");
  assert.equal(families.get("updatelatency")?.samples.get('{quantile="0.5"}'), "NaN");
});

test("quotas are sets with a key, whatever the name", async () => {
  const quota = { namespace: 'a"\\', countLimit: 5, bytesLimit: -1, count: 2, bytes: 3 };
  const families = parse(await text({ ...busyView(), quotas: () => [quota] }));
  const samples = families.get("quota_count_limit_per_namespace")?.samples;
  assert.equal(samples?.get('{key="a\\"\\\\"}'), "5");
  assert.ok(!parse(await text()).has("quota_count_limit_per_namespace"));
});

test("the process's own can be left out", async () => {
  assert.ok(parse(await text()).has("process_resident_memory_bytes"));
  const without = parse(await text(busyView({ exportProcessInfo: false })));
  assert.ok(!without.has("process_resident_memory_bytes"));
  assert.ok(!without.has("menagerie_build_info"));
  for (const name of without.keys()) assert.doesNotMatch(name, /^(jvm_(?!pause)|process_)/);
});
