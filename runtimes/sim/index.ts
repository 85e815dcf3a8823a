/** The simulator, the fourth runtime: see sim.ts. */
import { Sim } from "./sim.ts";
import type { SimOptions } from "./sim.ts";

export function createSim(options: SimOptions): Sim {
  return new Sim(options);
}

export type { CrashFate } from "./disk.ts";
export type { FileOperation } from "./faults.ts";
export { Machine } from "./machine.ts";
export type { MachineOptions } from "./machine.ts";
export { SimExit } from "./process.ts";
export { Sim } from "./sim.ts";
export type { SimOptions } from "./sim.ts";
