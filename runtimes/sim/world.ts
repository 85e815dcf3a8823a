/** What the parts of the simulator know of each other; sim.ts and machine.ts implement it. */
import type { Prng } from "../../src/base/random.ts";
import type { Disk } from "./disk.ts";
import type { FileFaults } from "./faults.ts";
import type { SimEvent } from "./queue.ts";

/** The one clock and the one queue of events. */
export interface World {
  readonly nowUs: number;
  readonly nowMs: number;
  readonly wallStartMs: number;
  after(delayUs: number, label: string, run: () => void): SimEvent;
  trace(line: string): void;
}

/** A machine as its own adapters see it. */
export interface Host {
  readonly name: string;
  readonly address: string;
  readonly random: Prng;
  readonly disk: Disk;
  readonly files: FileFaults;
  readonly world: World;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly wallSkewMs: number;
  readonly stdout: string[];
  readonly stderr: string[];
  exitCode: number | undefined;
  kill(): void;
}
