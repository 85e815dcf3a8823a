/** A simulated machine: a disk that stays, an address, and one process at a time that sees it all through a `Runtime`. */
import { Prng } from "../../src/base/random.ts";
import type { Runtime, Signal } from "../../src/runtime.ts";
import { simClock } from "./clock.ts";
import { Disk } from "./disk.ts";
import type { CrashFate } from "./disk.ts";
import { FileFaults } from "./faults.ts";
import { simFs } from "./fs.ts";
import { simGzip } from "./gzip.ts";
import { simHash } from "./hash.ts";
import { Life } from "./life.ts";
import { simProcess } from "./process.ts";
import { simRandom } from "./random.ts";
import { type Network, simNet } from "./network.ts";
import type { Host, World } from "./world.ts";

export interface MachineOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Added to the wall clock of this machine; may be changed while it runs. */
  readonly wallSkewMs?: number;
}

export class Machine implements Host {
  readonly world: World;
  readonly name: string;
  /** Its address in the network; 127.0.0.1 is the machine itself. */
  readonly address: string;
  readonly disk: Disk;
  /** Faults of file operations and counts of them, over all lives. */
  readonly files: FileFaults;
  readonly random: Prng;
  args: readonly string[];
  readonly env: Map<string, string>;
  wallSkewMs: number;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Set by `process.exit`. */
  exitCode: number | undefined;
  readonly #signals = new Map<Signal, Set<() => void>>();
  #life: Life;
  #runtime: Runtime;
  readonly #network: Network;

  /** @param index 1 for the first machine of a simulation */
  constructor(
    world: World,
    network: Network,
    seed: number,
    name: string,
    index: number,
    options: MachineOptions,
  ) {
    this.world = world;
    this.#network = network;
    this.name = name;
    this.address = `10.0.${index >>> 8}.${index & 0xff}`;
    this.random = new Prng(seed, index);
    this.disk = new Disk(this.random);
    this.files = new FileFaults();
    this.args = options.args ?? [];
    this.env = new Map(Object.entries(options.env ?? {}));
    this.wallSkewMs = options.wallSkewMs ?? 0;
    this.#life = new Life(world, name);
    this.#runtime = this.#build();
  }

  /** The door of the life that runs now. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  /** The process ends as by SIGKILL: connections are reset, written data stays in the system's cache, unsynced. */
  kill(): void {
    if (!this.#life.alive) return;
    this.world.trace(`${this.name} kill`);
    this.#life.end();
    this.#signals.clear();
    this.disk.settleInFlight();
  }

  /** Power is lost: what was not synced is kept, lost or torn; `fate` narrows what the seed may choose. */
  crash(fate: CrashFate = "any"): void {
    this.world.trace(`${this.name} crash ${fate}`);
    this.#life.end();
    this.#signals.clear();
    this.disk.crash(fate);
  }

  /** Starts the next life (after `kill` or `crash`). @returns its door */
  start(): Runtime {
    if (this.#life.alive) throw new Error(`Machine "${this.name}" runs already`);
    this.world.trace(`${this.name} start`);
    this.exitCode = undefined;
    this.#life = new Life(this.world, this.name);
    this.#runtime = this.#build();
    return this.#runtime;
  }

  /** Delivers a signal; without a handler it kills. */
  signal(signal: Signal): void {
    const handlers = this.#signals.get(signal);
    if (handlers === undefined || handlers.size === 0) return this.kill();
    for (const handler of [...handlers]) this.#life.after(1, signal, handler);
  }

  #build(): Runtime {
    const life = this.#life;
    return {
      name: "sim",
      version: "1",
      net: simNet(this.#network, this, life),
      fs: simFs(this, life),
      clock: simClock(this, life),
      random: simRandom(this),
      hash: simHash(),
      gzip: simGzip(life),
      process: simProcess(this, this.#signals),
    };
  }
}
