/**
 * Bun's node:process and node:os give what the door asks for, with exceptions: its heap statistics know no limit, its
 * perf_hooks tells of no garbage collection, its heap has one part whatever V8's are called, and the use of it has the
 * buffers in it, but heapTotal has not.
 */
import os from "node:os";
import type { Process, Vitals } from "../../src/runtime.ts";
import { nodeProcess } from "../node/process.ts";
import { commonVitals } from "../node/vitals.ts";

export function bunProcess(): Process {
  const base = nodeProcess();
  return {
    ...base,
    memory: () => ({ ...base.memory(), heapMaxBytes: os.totalmem() }),
    vitals,
  };
}

function vitals(): Vitals {
  const common = commonVitals();
  const [whole] = common.pools;
  return {
    ...common,
    heapCommittedBytes: whole?.committedBytes ?? common.heapCommittedBytes,
    externalBytes: undefined,
    pools: whole === undefined ? [] : [{ ...whole, name: "heap" }],
  };
}
