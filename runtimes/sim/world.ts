/** What the parts of the simulator know of each other; sim.ts and machine.ts implement it. */
import type { Prng } from "../../src/base/random.ts";
import type { Counts } from "./counts.ts";
import type { Disk } from "./disk.ts";
import type { FileFaults } from "./faults.ts";
import type { Label } from "./labels.ts";
import type { MachineClock } from "./machine_clock.ts";
import type { SimEvent } from "./queue.ts";

/** The one clock and the one queue of events. */
export interface World {
  readonly nowUs: number;
  readonly nowMs: number;
  readonly wallStartMs: number;
  readonly faults: Counts;
  /**
   * @param machine its number, 0 for none
   * @param run may return `QUIET`; @param amount and @param detail tell events of one label apart
   */
  schedule(
    delayUs: number,
    machine: number,
    label: Label,
    run: () => unknown,
    amount?: number,
    detail?: number,
  ): SimEvent;
  cancel(event: SimEvent): void;
  trace(line: string): void;
}

/** A machine as its own adapters and the network see it. */
export interface Host {
  readonly name: string;
  /** 1 for the first machine of a simulation. */
  readonly index: number;
  readonly address: string;
  readonly random: Prng;
  readonly disk: Disk;
  readonly files: FileFaults;
  readonly world: World;
  readonly clock: MachineClock;
  /** False from a loss of power to the next start: packets to it are lost. */
  readonly powered: boolean;
  /** How often its power was lost: a system that began later knows no stream of this one. */
  readonly boots: number;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly stdout: string[];
  readonly stderr: string[];
  exitCode: number | undefined;
  kill(): void;
}

/** One entry of a table of integers. */
export function pick(random: Prng, table: readonly number[]): number {
  return table[Math.floor(random.uint32() * table.length / 0x1_0000_0000)] ?? 0;
}
