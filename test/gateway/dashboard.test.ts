/** Apache's Grafana dashboard fills from our /metrics (operations §4.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostRuntime } from "../support/runtime.ts";
import { DASHBOARD } from "./dashboard_names.ts";
import { withEnsemble } from "./members.ts";

/** What there is nothing to show for (docs/http.md), and why. */
const ABSENT: Readonly<Record<string, string>> = {
  write_per_namespace_sum: "a set by path, which would cost every request",
  read_per_namespace_sum: "a set by path, which would cost every request",
  ack_latency_sum: "a set by learner",
  learner_handler_qp_size_sum: "a set by learner",
  jvm_classes_loaded: "no runtime has classes to load",
};
/** Only Node tells of its collections. */
const OF_NODE = ["jvm_gc_collection_seconds_sum"];

/** What the load below must have moved, at a leader. */
const MOVED = `znode_count global_sessions approximate_data_size packets_received packets_sent
  startup_snap_load_time_count startup_txns_loaded_count dbinittime_count quorum_size learners synced_observers
  election_time_count uptime commit_count diff_count looking_count proposal_count last_proposal_size watch_count
  node_changed_watch_count_sum node_children_watch_count_sum node_deleted_watch_count_sum
  node_created_watch_count_sum bytes_received_count connection_request_count num_alive_connections
  last_client_response_size open_file_descriptor_count fsynctime_count sync_processor_batch_size_sum
  readlatency_count updatelatency_count jvm_threads_current jvm_threads_state jvm_memory_pool_bytes_used
  process_cpu_seconds_total process_resident_memory_bytes process_virtual_memory_bytes process_open_fds
  process_start_time_seconds jvm_memory_bytes_used jvm_memory_bytes_max`;

/** Sums of the series of each name; NaN quantiles count as there. */
function valuesOf(page: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of page.split("\n")) {
    const sample = /^([a-z_0-9]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (sample === null) continue;
    const [, name, value] = sample as unknown as [string, string, string];
    values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}

async function garbage(): Promise<void> {
  let kept: object[] = [];
  for (let i = 0; i < 3_000_000; i++) {
    kept.push({ i });
    if (i % 100_000 === 0) kept = [];
  }
  await new Promise((resolve) => setImmediate(resolve));
}

test("each panel of Apache's dashboard has its series at a leader, and those of what happened show it", async () => {
  const runtime = await hostRuntime();
  await withEnsemble(async ({ leader: { url } }) => {
    const send = async (method: string, path: string, body?: string): Promise<void> => {
      const headers = { "content-type": "application/octet-stream" };
      const response = await fetch(`${url}/v1/nodes${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      assert.ok(response.ok, `${method} ${path}: ${response.status}`);
      await response.arrayBuffer();
    };
    await send("POST", "/a", "data");
    const stream = new AbortController();
    const events = await fetch(`${url}/v1/events/a?mode=recursive`, { signal: stream.signal });
    const children = await fetch(`${url}/v1/events/a`, { signal: stream.signal });
    for (const body of [events.body, children.body]) await body?.getReader().read();
    await send("POST", "/a/b", "child");
    await send("PUT", "/a", "changed");
    await send("GET", "/a");
    await send("DELETE", "/a/b");
    await garbage();
    const values = valuesOf(await (await fetch(`${url}/metrics`)).text());
    stream.abort();
    for (const [row, names] of Object.entries(DASHBOARD)) {
      for (const name of names) {
        const isThere = !(name in ABSENT) && (runtime.name === "node" || !OF_NODE.includes(name));
        assert.equal(values.has(name), isThere, `${row}: ${name}`);
      }
    }
    for (const name of MOVED.split(/\s+/)) assert.ok((values.get(name) ?? 0) > 0, name);
    if (runtime.name === "node") {
      assert.ok((values.get("jvm_gc_collection_seconds_count") ?? 0) > 0, "garbage was collected");
    }
  });
});
