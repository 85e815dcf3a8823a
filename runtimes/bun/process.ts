/** Bun's node:process and node:os give what the door asks for, but its heap statistics know no limit. */
import os from "node:os";
import type { Process } from "../../src/runtime.ts";
import { nodeProcess } from "../node/process.ts";

export function bunProcess(): Process {
  const base = nodeProcess();
  return { ...base, memory: () => ({ ...base.memory(), heapMaxBytes: os.totalmem() }) };
}
