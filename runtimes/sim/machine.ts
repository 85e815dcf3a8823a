/** A simulated machine: a disk that stays, an address, and one process at a time that sees it all through a `Runtime`. */
import type { Prng } from "../../src/base/random.ts";
import type { Runtime, Signal } from "../../src/runtime.ts";
import { simClock } from "./clock.ts";
import { Disk } from "./disk.ts";
import type { CrashFate } from "./disk.ts";
import { FileFaults } from "./faults.ts";
import { simFs } from "./fs.ts";
import { simGzip } from "./gzip.ts";
import { simHash } from "./hash.ts";
import { label } from "./labels.ts";
import { Life } from "./life.ts";
import { MachineClock } from "./machine_clock.ts";
import type { ClockRate } from "./machine_clock.ts";
import { simNet } from "./net.ts";
import type { Network } from "./network.ts";
import { simProcess } from "./process.ts";
import { simRandom } from "./random.ts";
import type { Host, World } from "./world.ts";

export interface MachineOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Added to the wall clock of this machine; may be changed while it runs. */
  readonly wallSkewMs?: number;
  /** How fast its clocks run. */
  readonly clockRate?: ClockRate;
  /** Microseconds that a sync takes, one drawn each time. */
  readonly syncUs?: readonly number[];
}

export class Machine implements Host {
  readonly world: World;
  readonly name: string;
  readonly index: number;
  /** Its address in the network; 127.0.0.1 is the machine itself. */
  readonly address: string;
  readonly disk: Disk;
  /** Faults of file operations and counts of them, over all lives. */
  readonly files: FileFaults;
  readonly clock: MachineClock;
  readonly random: Prng;
  args: readonly string[];
  readonly env: Map<string, string>;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Set by `process.exit`. */
  exitCode: number | undefined;
  readonly #signals = new Map<Signal, Set<() => void>>();
  #powered = true;
  #boots = 0;
  #life: Life;
  #runtime: Runtime;
  readonly #network: Network;

  /** @param index 1 for the first machine of a simulation */
  constructor(
    world: World,
    network: Network,
    random: Prng,
    name: string,
    index: number,
    options: MachineOptions,
  ) {
    this.world = world;
    this.#network = network;
    this.name = name;
    this.index = index;
    this.address = `10.0.${index >>> 8}.${index & 0xff}`;
    this.random = random;
    this.disk = new Disk(random, world.faults);
    this.files = new FileFaults(world, random);
    if (options.syncUs !== undefined) this.files.syncUs = options.syncUs;
    this.args = options.args ?? [];
    this.env = new Map(Object.entries(options.env ?? {}));
    this.clock = new MachineClock(world, options.wallSkewMs ?? 0);
    if (options.clockRate !== undefined) this.clock.setRate(options.clockRate);
    network.join(this);
    this.#life = new Life(world, index);
    this.#runtime = this.#build();
  }

  /** The door of the life that runs now. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  /** Whether a process runs, be it paused. */
  get alive(): boolean {
    return this.#life.alive;
  }

  get paused(): boolean {
    return this.#life.paused;
  }

  get powered(): boolean {
    return this.#powered;
  }

  get boots(): number {
    return this.#boots;
  }

  get wallSkewMs(): number {
    return this.clock.wallSkewMs;
  }
  set wallSkewMs(ms: number) {
    this.clock.wallSkewMs = ms;
  }

  /**
   * The process ends as by SIGKILL. The system stays: it closes the connections (FIN, or RST where something was left
   * unread), refuses new ones, and keeps what was written, unsynced, in its cache.
   */
  kill(): void {
    if (!this.#life.alive) return;
    this.#tell("kill");
    this.#life.end("kill");
    this.#signals.clear();
    this.disk.settleInFlight();
  }

  /**
   * Power is lost until the next `start`. Nobody is told: peers find out when what they send is not acknowledged, or is
   * answered by a machine that knows nothing of their connection. What was not synced is kept, lost or torn; `fate` narrows
   * what the seed may choose.
   */
  crash(fate: CrashFate = "any"): void {
    this.#tell("crash", ` ${fate}`);
    this.#powered = false;
    this.#boots++;
    this.#life.end("crash");
    this.#signals.clear();
    this.disk.crash(fate);
  }

  /** Starts the next life (after `kill`, `crash` or an exit). @returns its door */
  start(): Runtime {
    if (this.#life.alive) throw new Error(`Machine "${this.name}" runs already`);
    this.#tell("start");
    this.exitCode = undefined;
    this.#life = new Life(this.world, this.index);
    this.#runtime = this.#build();
    this.#powered = true;
    this.#network.reachableAgain();
    return this.#runtime;
  }

  /**
   * The process stops as by SIGSTOP: nothing of it runs until `resume`. Its system goes on: streams stay open and fill up to
   * their window, connects to its listeners succeed, file operations under way end.
   */
  pause(): void {
    if (!this.#life.alive || this.#life.paused) return;
    this.#tell("pause");
    this.#life.pause();
  }

  /** SIGCONT: what came due meanwhile happens now, in order, before anything newer. */
  resume(): void {
    if (!this.#life.paused) return;
    this.#tell("resume");
    this.#life.resume();
  }

  /** Delivers a signal; without a handler it kills. */
  signal(signal: Signal): void {
    const handlers = this.#signals.get(signal);
    if (handlers === undefined || handlers.size === 0) return this.kill();
    for (const handler of [...handlers]) this.#life.after(1, label(signal), handler);
  }

  /** The wall clock jumps, forwards or back; the monotonic one does not. */
  jumpWall(byMs: number): void {
    this.#tell("wall jump", ` ${byMs}`);
    this.clock.wallSkewMs += byMs;
  }

  /** From now on both clocks run at this rate. */
  setClockRate(rate: ClockRate): void {
    this.#tell("clock rate", ` ${rate.local}/${rate.true}`);
    this.clock.setRate(rate);
  }

  #tell(
    what: "kill" | "crash" | "start" | "pause" | "resume" | "wall jump" | "clock rate",
    more = "",
  ): void {
    this.world.faults.add(what);
    this.world.trace(`${this.name} ${what}${more}`);
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
