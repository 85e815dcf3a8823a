/** Deno's node:process and node:os give what the door asks for, but its perf_hooks tells of no garbage collection. */
import type { Process } from "../../src/runtime.ts";
import { nodeProcess } from "../node/process.ts";
import { commonVitals } from "../node/vitals.ts";
import { collectAndTrim } from "./collect.ts";

export function denoProcess(): Process {
  return { ...nodeProcess(), collect: collectAndTrim, vitals: commonVitals };
}
