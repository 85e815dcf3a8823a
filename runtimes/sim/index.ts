/**
 * The simulator, the fourth runtime: see sim.ts. A schedule of faults calls, at times of its own (`Sim.at`, `Sim.after`):
 *
 * - `sim.network`: `partition`, `isolate`, `clog`, `slow`, `cut`, `resetAfter`, `refuse` and `accept`, `heal`;
 * - a `Machine`: `kill`, `crash` (power), `start`, `pause`, `resume`, `signal`, `jumpWall`, `setClockRate`;
 * - `machine.files`: `failOperation`, `failNext`, `slow`, `rotNext`, `syncUs`, `clear`;
 * - `machine.disk`: `capacityBytes`, `peek`, `poke`, `flip`.
 *
 * `sim.faults` counts what was injected and what came of it. docs/internals/simulation.md tells the rest.
 */
import { Sim } from "./sim.ts";
import type { SimOptions } from "./sim.ts";

export function createSim(options: SimOptions): Sim {
  return new Sim(options);
}

export type { FaultKind } from "./counts.ts";
export type { CrashFate } from "./disk.ts";
export type { FileOperation, SlowFiles } from "./faults.ts";
export type { SlowLink } from "./link.ts";
export { Machine } from "./machine.ts";
export type { MachineOptions } from "./machine.ts";
export type { ClockRate } from "./machine_clock.ts";
export type { CutOptions, Network, Way } from "./network.ts";
export { SimExit } from "./process.ts";
export { Sim } from "./sim.ts";
export type { SimOptions } from "./sim.ts";
