/**
 * What the engine and Linux tell of this process, for metrics. Deno and Bun ship the same modules, but their adapters leave
 * out what those answer without knowing it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { constants, PerformanceObserver } from "node:perf_hooks";
import process from "node:process";
import { getHeapSpaceStatistics } from "node:v8";
import type { Collections, MemoryPool, Threads, Vitals } from "../../src/runtime.ts";

export function nodeVitals(): Vitals {
  return { ...commonVitals(), collections: collections() };
}

/** That without garbage collections. */
export function commonVitals(): Vitals {
  const { heapTotal, external } = memoryUsage();
  return {
    ...hostVitals(),
    heapCommittedBytes: heapTotal,
    externalBytes: external,
    pools: pools(),
    collections: undefined,
  };
}

let usage: NodeJS.MemoryUsage | undefined;

/** To ask the system takes a file descriptor: where there is none left, what it said before. Deno says 0 then. */
export function memoryUsage(): NodeJS.MemoryUsage {
  try {
    const now = process.memoryUsage();
    if (now.rss > 0 || usage === undefined) usage = now;
  } catch (error) {
    if (usage === undefined) throw error;
  }
  return usage;
}

/** What the system tells, whatever the engine. */
export function hostVitals(): Pick<Vitals, "cpuSeconds" | "virtualBytes" | "threads"> {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, virtualBytes: virtualBytes(), threads: threads() };
}

function pools(): readonly MemoryPool[] {
  return getHeapSpaceStatistics().filter(({ space_size }) => space_size > 0).map((space) => ({
    name: space.space_name,
    usedBytes: space.space_used_size,
    committedBytes: space.space_size,
  }));
}

/** Undefined where there is no /proc. */
function virtualBytes(): number | undefined {
  try {
    const size = /^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"));
    return size === null ? undefined : Number(size[1]) * 1024;
  } catch {
    return undefined;
  }
}

/** The system's threads of this process; those that end while they are counted are left out. */
function threads(): Threads | undefined {
  try {
    let running = 0, waiting = 0;
    for (const id of readdirSync("/proc/self/task")) {
      try {
        const stat = readFileSync(`/proc/self/task/${id}/stat`, "utf8");
        if (stat[stat.lastIndexOf(")") + 2] === "R") running++;
        else waiting++;
      } catch {
        continue;
      }
    }
    return { running, waiting };
  } catch {
    return undefined;
  }
}

// What perf_hooks calls the kinds of collection.
const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weak",
};

/** Counts from the first time that someone asks. */
let observed: { readonly counts: Collections; readonly catchUp: () => void } | undefined;

function collections(): Collections {
  observed ??= observe();
  observed.catchUp();
  return observed.counts;
}

function observe(): NonNullable<typeof observed> {
  const counts: Record<string, { count: number; seconds: number }> = {};
  for (const kind of Object.values(KINDS)) counts[kind] = { count: 0, seconds: 0 };
  const add = (entries: readonly { readonly duration: number; readonly detail?: unknown }[]) => {
    for (const { duration, detail } of entries) {
      const of = counts[KINDS[(detail as { kind: number }).kind] ?? ""];
      if (of === undefined) continue;
      of.count++;
      of.seconds += duration / 1000;
    }
  };
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  return { counts, catchUp: () => add(observer.takeRecords()) };
}
