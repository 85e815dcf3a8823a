/**
 * /metrics: the same values as `mntr`, in Prometheus's text format under the names of Apache's provider (operations §4.1),
 * so that dashboards and alerts made for it go on. Basic summaries have the median alone. What Java calls its heap is the
 * runtime's.
 */
import type { MemoryPool, Runtime, Vitals } from "../runtime.ts";
import type { LatencySummary, Summary } from "../server/summary.ts";
import type { ServerView } from "../server/view.ts";
import { ADVANCED, BASIC, COUNTERS, gauges } from "./metrics.ts";

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Quantiles = readonly (readonly [quantile: string, permille: number])[];
const MEDIAN: Quantiles = [["0.5", 500]];
const QUANTILES: Quantiles = [...MEDIAN, ["0.9", 900], ["0.99", 990]];

type Host = Pick<Runtime, "name" | "version" | "clock" | "process">;

export function prometheusText(view: ServerView, host: Host, version: string): string {
  const lines: string[] = [];
  for (const [name, value] of gauges(view, host)) lines.push(...family(name, "gauge", ["", value]));
  lines.push(...quotas(view));
  for (const [name, field] of COUNTERS) {
    const value = field === undefined ? 0 : view.stats.counters[field];
    lines.push(...family(name, "counter", ["", value]));
  }
  for (const [name, field] of BASIC) {
    const summary = field === undefined ? undefined : view.stats.summaries[field];
    lines.push(...summaryFamily(name, summary, quantilesOf(summary, MEDIAN)));
  }
  for (const [name, field] of ADVANCED) {
    const summary = field === undefined ? undefined : view.stats.summaries[field];
    lines.push(...summaryFamily(name, summary, quantilesOf(summary, QUANTILES)));
  }
  lines.push(...ofMemory(view));
  if (view.options.exportProcessInfo) lines.push(...ofProcess(view, host, version));
  return lines.join("\n") + "\n";
}

type Sample = readonly [suffixAndLabels: string, value: number | string];

function family(
  name: string,
  type: "gauge" | "counter" | "summary",
  ...samples: Sample[]
): string[] {
  return [
    `# HELP ${name} ${name}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
  ];
}

/** Nothing, where the value is not known or has no end. */
function maybe(name: string, value: number | undefined, labels = ""): string[] {
  const isKnown = value !== undefined && Number.isFinite(value);
  return isKnown ? family(name, "gauge", [labels, value]) : [];
}

function summaryFamily(
  name: string,
  summary: Summary | undefined,
  quantiles: readonly Sample[],
): string[] {
  return [
    `# HELP ${name} ${name}`,
    `# TYPE ${name} summary`,
    ...quantiles.map(([labels, value]) => `${name}${labels} ${value}`),
    `${name}_count ${summary?.count ?? 0}`,
    `${name}_sum ${summary?.sum ?? 0}`,
  ];
}

function quantilesOf(summary: LatencySummary | undefined, quantiles: Quantiles): Sample[] {
  return quantiles.map(([quantile, permille]) => [
    `{quantile="${quantile}"}`,
    // A summary without values has no quantile.
    summary === undefined || summary.count === 0 ? "NaN" : summary.percentile(permille),
  ]);
}

/** Sets have a label `key`, and no family while they are empty. */
function quotas(view: ServerView): string[] {
  const all = [...view.quotas()];
  if (all.length === 0) return [];
  const set = (name: string, of: (quota: typeof all[number]) => number): string[] =>
    family(
      name,
      "gauge",
      ...all.map((quota): Sample => [`{key="${escaped(quota.namespace)}"}`, of(quota)]),
    );
  return [
    ...set("quota_count_limit_per_namespace", ({ countLimit }) => countLimit),
    ...set("quota_bytes_limit_per_namespace", ({ bytesLimit }) => bytesLimit),
    ...set("quota_count_usage_per_namespace", ({ count }) => count),
    ...set("quota_bytes_usage_per_namespace", ({ bytes }) => bytes),
  ];
}

/** What the tree may take, what was taken when last looked, and what was refused because of it. */
function ofMemory({ stats, quorum }: ServerView): string[] {
  const { memoryLimitBytes, memoryUsedBytes, counters } = stats;
  return [
    ...family("menagerie_memory_limit_bytes", "gauge", ["", memoryLimitBytes]),
    ...family("menagerie_memory_used_bytes", "gauge", ["", memoryUsedBytes]),
    ...family("menagerie_memory_refusals", "counter", ["", counters.memoryRefusals]),
    ...maybe("menagerie_history_bytes", quorum?.historyBytes),
  ];
}

function ofProcess(view: ServerView, { name, version: hosts, clock, process }: Host, own: string) {
  const { residentBytes, heapUsedBytes, heapMaxBytes } = process.memory();
  const vitals = process.vitals();
  const files = process.fileDescriptors();
  const startedMs = clock.wallMs() - (clock.monotonicMs() - view.startedMs);
  const labels = `{version="${escaped(own)}",runtime="${name}",runtime_version="${
    escaped(hosts)
  }",mode="${view.mode}"}`;
  return [
    ...family("process_cpu_seconds_total", "counter", ["", vitals.cpuSeconds]),
    ...family("process_resident_memory_bytes", "gauge", ["", residentBytes]),
    ...maybe("process_virtual_memory_bytes", vitals.virtualBytes),
    ...family("process_start_time_seconds", "gauge", ["", Math.floor(startedMs / 1000)]),
    ...(files === undefined ? [] : [
      ...family("process_open_fds", "gauge", ["", files.open]),
      ...maybe("process_max_fds", files.max),
    ]),
    ...family(
      "jvm_memory_bytes_used",
      "gauge",
      ['{area="heap"}', heapUsedBytes],
      ...(vitals.externalBytes === undefined
        ? []
        : [['{area="nonheap"}', vitals.externalBytes] as const]),
    ),
    ...maybe("jvm_memory_bytes_committed", vitals.heapCommittedBytes, '{area="heap"}'),
    ...family("jvm_memory_bytes_max", "gauge", ['{area="heap"}', heapMaxBytes]),
    ...ofEngine(vitals),
    ...family("menagerie_build_info", "gauge", [labels, 1]),
  ];
}

/** Under the names of the Java client library's hotspot collectors: the equivalents that there are, and no others. */
function ofEngine({ pools, threads, collections }: Vitals): string[] {
  const labelled = (of: (pool: MemoryPool) => number | undefined): Sample[] =>
    pools.flatMap((pool) => {
      const value = of(pool);
      return value === undefined ? [] : [[`{pool="${escaped(pool.name)}"}`, value] as const];
    });
  const committed = labelled(({ committedBytes }) => committedBytes);
  return [
    ...family("jvm_memory_pool_bytes_used", "gauge", ...labelled(({ usedBytes }) => usedBytes)),
    ...(committed.length === 0
      ? []
      : family("jvm_memory_pool_bytes_committed", "gauge", ...committed)),
    ...(threads === undefined ? [] : [
      ...family("jvm_threads_current", "gauge", ["", threads.running + threads.waiting]),
      // Nothing here takes a lock that it could wait for in a ring.
      ...family("jvm_threads_deadlocked", "gauge", ["", 0]),
      ...family(
        "jvm_threads_state",
        "gauge",
        ['{state="RUNNABLE"}', threads.running],
        ['{state="WAITING"}', threads.waiting],
      ),
    ]),
    ...(collections === undefined ? [] : family(
      "jvm_gc_collection_seconds",
      "summary",
      ...Object.entries(collections).flatMap(([kind, { count, seconds }]): Sample[] => [
        [`_count{gc="${kind}"}`, count],
        [`_sum{gc="${kind}"}`, seconds],
      ]),
    )),
  ];
}

function escaped(label: string): string {
  return label.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}
