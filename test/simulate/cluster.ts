/** The servers of one run on their machines: started, killed, started again when they stop by themselves, and watched. */
import { type Codec, createCodec } from "../../wasm/codec.ts";
import type { Machine, Sim } from "../../runtimes/sim/index.ts";
import type { Log, LogFacts, LogLevel } from "../../src/base/log.ts";
import { DEFAULT_ENSEMBLE_OPTIONS } from "../../src/server/ensemble/options.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../src/server/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { membershipOf } from "../../src/zab/membership.ts";
import type { Sid } from "../../src/zab/vote.ts";
import type { Target } from "./faults.ts";
import type { Plan } from "./plan.ts";
import { Tap, type TapListener } from "./tap.ts";

export const CLIENT_PORT = 2181;
const QUORUM_PORT = 2888;
const ELECTION_PORT = 3888;
const DATA = "/data";
/** Where logs, snapshots and epochs lie. */
export const FOLDER = `${DATA}/version-2`;
/** How long a supervisor waits before it starts a server again that stopped by itself. */
const RESTART_MS = 200;

export interface LogLine {
  readonly atUs: number;
  readonly sid: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
}

export class ClusterServer {
  readonly sid: number;
  readonly machine: Machine;
  readonly tap: Tap;
  readonly options: ServerOptions;
  running: RunningServer | undefined;
  /** Counted, so that what an earlier life began is not taken for this one's. */
  life = 0;
  /** It must stay down until then, whoever wants to start it. */
  downUntilMs = 0;
  digestMismatches = 0;

  constructor(sid: number, machine: Machine, tap: Tap, options: ServerOptions) {
    this.sid = sid;
    this.machine = machine;
    this.tap = tap;
    this.options = options;
  }

  get mode(): string {
    const view = this.running?.view;
    return view?.serving === true ? view.mode : "none";
  }
}

export class Cluster {
  readonly sim: Sim;
  readonly servers: ClusterServer[] = [];
  readonly lines: LogLine[] = [];
  /** Starts that a server refused: its disk would not let it. */
  refusedStarts = 0;
  readonly #keepLines: boolean;
  readonly #voters: number;

  constructor(sim: Sim, plan: Plan, listener: TapListener, keepLines: boolean) {
    this.sim = sim;
    this.#keepLines = keepLines;
    const { count, observers } = plan.servers;
    const standalone = count === 1;
    this.#voters = count - observers;
    const members = Array.from({ length: count }, (_, index) => ({
      sid: index + 1 as Sid,
      role: index < this.#voters ? "participant" as const : "observer" as const,
      addresses: [{
        host: `server${index + 1}`,
        quorumPort: QUORUM_PORT,
        electionPort: ELECTION_PORT,
      }],
      client: undefined,
    }));
    const membership = membershipOf(members);
    for (const { sid } of members) {
      const machine = sim.machine(`server${sid}`, { syncUs: plan.syncUs });
      const options = optionsOf(plan, sid);
      const ensemble = { ...ensembleOf(plan), sid, membership };
      this.servers.push(
        new ClusterServer(
          sid,
          machine,
          new Tap(sid, machine, FOLDER, listener),
          standalone ? options : { ...options, ensemble },
        ),
      );
    }
  }

  server(sid: number): ClusterServer {
    return this.servers[sid - 1] as ClusterServer;
  }

  /** Those whose disks decide. */
  get voters(): readonly ClusterServer[] {
    return this.servers.slice(0, this.#voters);
  }

  get majority(): number {
    return (this.#voters >> 1) + 1;
  }

  startAll(): void {
    for (const server of this.servers) void this.#start(server);
  }

  /** @returns undefined when nobody is it at the moment */
  find(target: Target): ClusterServer | undefined {
    if (typeof target === "number") return this.servers[(target - 1) % this.servers.length];
    const wanted = target === "leader" && this.servers.length === 1 ? "standalone" : target;
    return this.servers.find((server) => server.mode === wanted);
  }

  /** SIGKILL or loss of power; back after so long. */
  down(server: ClusterServer, downMs: number, end: (machine: Machine) => void): void {
    this.#ended(server);
    end(server.machine);
    server.downUntilMs = Math.max(server.downUntilMs, this.sim.nowMs + downMs);
    this.#revive(server, downMs);
  }

  /** Starts what is down, lets go on what is paused. */
  healAll(): void {
    for (const server of this.servers) {
      server.machine.resume();
      if (server.downUntilMs > this.sim.nowMs) {
        server.downUntilMs = 0;
        this.#revive(server, 0);
      }
    }
  }

  /** What views say may be gone with a server: noted before it is. */
  #ended(server: ClusterServer): void {
    server.life++;
    const { running } = server;
    server.running = undefined;
    if (running === undefined) return;
    server.digestMismatches += running.view.stats.counters.digestMismatches;
  }

  #revive(server: ClusterServer, afterMs: number): void {
    const { life } = server;
    const waitMs = Math.max(afterMs, server.downUntilMs - this.sim.nowMs);
    this.sim.after(waitMs * 1000, "revive", () => {
      if (server.life !== life) return;
      if (server.machine.alive) server.machine.kill();
      server.machine.start();
      void this.#start(server);
    });
  }

  async #start(server: ClusterServer): Promise<void> {
    const life = ++server.life;
    server.tap.reload(false);
    const runtime = server.tap.through(server.machine.runtime);
    try {
      const running = await startServer(runtime, server.options, this.#log(server.sid), {
        version: "simulated",
        codec: codecOf(server.sid),
      });
      if (server.life !== life) return;
      server.running = running;
      server.tap.reload(true);
      void running.failed.then(() => this.#stopped(server, life));
    } catch (error) {
      this.#line(server.sid, "error", "Cannot start", { error: String(error) });
      this.refusedStarts++;
      this.#stopped(server, life);
    }
  }

  #stopped(server: ClusterServer, life: number): void {
    if (server.life !== life) return;
    this.#ended(server);
    this.#revive(server, RESTART_MS);
  }

  #log(sid: number): Log {
    const write = (level: LogLevel) => (message: string, facts: LogFacts = {}) => {
      this.#line(sid, level, message, facts);
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }

  #line(sid: number, level: LogLevel, message: string, facts: LogFacts): void {
    if (this.#keepLines || level === "error") {
      this.lines.push({ atUs: this.sim.nowUs, sid, level, message, facts });
    }
  }
}

/** One for each server of a simulation, and one simulation at a time: an ended life reads its memory no more. */
const codecs: Codec[] = [];

function codecOf(sid: number): Codec {
  return codecs[sid] ??= createCodec();
}

function optionsOf({ servers }: Plan, sid: number): ServerOptions {
  return {
    ...DEFAULT_OPTIONS,
    clientPort: CLIENT_PORT,
    tickMs: servers.tickMs,
    minSessionTimeoutMs: servers.tickMs * 2,
    maxSessionTimeoutMs: servers.tickMs * 20,
    serverId: sid,
    maxClientCnxns: 0,
    dataDir: DATA,
    dataLogDir: DATA,
    preAllocBytes: servers.preAllocBytes,
    txnLogSizeLimitBytes: servers.txnLogSizeLimitBytes,
    snapCount: servers.snapCount,
    fileFormat: servers.fileFormat,
  };
}

function ensembleOf({ servers }: Plan): typeof DEFAULT_ENSEMBLE_OPTIONS {
  return {
    ...DEFAULT_ENSEMBLE_OPTIONS,
    initLimitTicks: servers.initLimitTicks,
    syncLimitTicks: servers.syncLimitTicks,
    finalizeWaitMs: servers.finalizeWaitMs,
    minNotificationIntervalMs: servers.minNotificationIntervalMs,
    maxNotificationIntervalMs: 1000,
    cnxTimeoutMs: servers.tickMs * servers.syncLimitTicks,
    commitLogCount: servers.commitLogCount,
    snapshotSizeFactor: servers.snapshotSizeFactor,
    leaderServes: servers.leaderServes,
  };
}
