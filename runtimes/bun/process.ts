/**
 * Bun's node:process and node:os give what the door asks for, with exceptions. Its perf_hooks tells of no garbage collection. Its
 * heap statistics know no limit, have V8's names for the one part that there is, and walk the heap, which takes
 * milliseconds: they are not asked. The use of the heap has the buffers in it, but heapTotal has not.
 */
import os from "node:os";
import type { Process, Vitals } from "../../src/runtime.ts";
import { nodeProcess } from "../node/process.ts";
import { hostVitals, memoryUsage } from "../node/vitals.ts";

export function bunProcess(): Process {
  return { ...nodeProcess(() => os.totalmem()), vitals };
}

function vitals(): Vitals {
  const usedBytes = memoryUsage().heapUsed;
  return {
    ...hostVitals(),
    heapCommittedBytes: undefined,
    externalBytes: undefined,
    pools: [{ name: "heap", usedBytes, committedBytes: undefined }],
    collections: undefined,
  };
}
