/**
 * N servers of one ensemble, in the simulator or on the host's loopback sockets, and clients for them. In the simulator each
 * has a machine of its own, so that it can be killed, crashed and revived, and its disk looked at.
 */
import { createSim, type Machine, type Sim } from "../../../runtimes/sim/index.ts";
import type { Log, LogFacts, LogLevel } from "../../../src/base/log.ts";
import type { MonotonicMs, Runtime } from "../../../src/runtime.ts";
import {
  DEFAULT_ENSEMBLE_OPTIONS,
  type EnsembleOptions,
} from "../../../src/server/ensemble/options.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../../src/server/options.ts";
import { type RunningServer, startServer } from "../../../src/server/server.ts";
import { type Member, type Membership, membershipOf } from "../../../src/zab/membership.ts";
import type { Sid } from "../../../src/zab/vote.ts";
import { Op } from "../../../src/protocol/ops.ts";
import { type HandshakeOptions, TestClient } from "../../support/client.ts";
import { done, pathOnly } from "../../support/requests.ts";

export interface LogLine {
  readonly sid: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
}

export interface EnsembleSetup {
  /** Voters. */
  readonly voters: number;
  /** Their sids follow those of the voters. */
  readonly observers?: number;
  readonly options?: Partial<ServerOptions>;
  readonly ensemble?: Partial<EnsembleOptions>;
  /** What one server has of its own. */
  readonly own?: (sid: number) => Partial<ServerOptions>;
  /** As server `sid` knows it; default: a majority of the voters decides. */
  readonly membership?: (members: readonly Member[], sid: number) => Membership;
}

const CLIENT_PORT = 2181;
const QUORUM_PORT = 2888;
const ELECTION_PORT = 3888;

const TEST_OPTIONS: ServerOptions = {
  ...DEFAULT_OPTIONS,
  clientPort: CLIENT_PORT,
  tickMs: 1000,
  minSessionTimeoutMs: 2000,
  maxSessionTimeoutMs: 40_000,
  preAllocBytes: 64 * 1024,
  maxClientCnxns: 0,
  fourLetterWhitelist: "*",
  dataDir: "/data",
  dataLogDir: "/data",
};

/** One server: its options, and what runs of it. */
export class EnsembleServer {
  readonly sid: number;
  /** For the next start; another dataDir is an empty disk. */
  options: ServerOptions;
  readonly host: string;
  readonly lines: LogLine[];
  /** Set while a server runs. */
  running: RunningServer | undefined;
  /** Why it stopped by itself. */
  failure: Error | undefined;

  constructor(sid: number, host: string, options: ServerOptions, lines: LogLine[]) {
    this.sid = sid;
    this.host = host;
    this.options = options;
    this.lines = lines;
  }

  async start(runtime: Runtime): Promise<void> {
    this.failure = undefined;
    const running = await startServer(runtime, this.options, this.#log(), { version: "test" });
    this.running = running;
    void running.failed.then((error) => {
      this.failure = error;
      if (this.running === running) this.running = undefined;
    });
  }

  async stop(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    await running?.stop();
  }

  get mode(): string {
    const view = this.running?.view;
    return view?.serving === true ? view.mode : "none";
  }

  #log(): Log {
    const write = (level: LogLevel) => (message: string, facts: LogFacts = {}) => {
      this.lines.push({ sid: this.sid, level, message, facts });
    };
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }
}

export function membersOf(
  setup: EnsembleSetup,
  place: (sid: number) => { host: string; quorumPort: number; electionPort: number },
): Member[] {
  const count = setup.voters + (setup.observers ?? 0);
  return Array.from({ length: count }, (_, index) => ({
    sid: index + 1 as Sid,
    role: index < setup.voters ? "participant" : "observer",
    addresses: [place(index + 1)],
    client: undefined,
  }));
}

export function optionsOf(
  setup: EnsembleSetup,
  sid: number,
  members: readonly Member[],
): ServerOptions {
  return {
    ...TEST_OPTIONS,
    ...setup.options,
    ...setup.own?.(sid),
    ensemble: {
      ...DEFAULT_ENSEMBLE_OPTIONS,
      ...setup.ensemble,
      sid: sid as Sid,
      membership: setup.membership?.(members, sid) ?? membershipOf(members),
    },
  };
}

/** Servers `server1`, `server2`, … each on its machine, and a machine `clients`. */
export class SimEnsemble {
  readonly sim: Sim;
  readonly servers: EnsembleServer[] = [];
  readonly machines: Machine[] = [];
  readonly clients: Machine;
  readonly lines: LogLine[] = [];

  constructor(sim: Sim, setup: EnsembleSetup) {
    this.sim = sim;
    const members = membersOf(setup, (sid) => ({
      host: `server${sid}`,
      quorumPort: QUORUM_PORT,
      electionPort: ELECTION_PORT,
    }));
    for (const { sid } of members) {
      const machine = sim.machine(`server${sid}`);
      this.machines.push(machine);
      const options = optionsOf(setup, sid, members);
      this.servers.push(new EnsembleServer(sid, machine.address, options, this.lines));
    }
    this.clients = sim.machine("clients");
  }

  server(sid: number): EnsembleServer {
    return this.servers[sid - 1] as EnsembleServer;
  }
  machine(sid: number): Machine {
    return this.machines[sid - 1] as Machine;
  }

  /** All that do not run, or those named. */
  async start(...sids: number[]): Promise<void> {
    const wanted = sids.length > 0 ? sids : this.servers.map(({ sid }) => sid);
    await Promise.all(
      wanted.map((sid) => this.server(sid).start(this.machine(sid).runtime)),
    );
  }

  /** SIGKILL, or loss of power. */
  end(sid: number, how: "kill" | "crash" = "kill"): void {
    this.server(sid).running = undefined;
    if (how === "kill") this.machine(sid).kill();
    else this.machine(sid).crash();
  }

  /** The next life of a machine, and a server in it. */
  async revive(sid: number, changed: Partial<ServerOptions> = {}): Promise<void> {
    const server = this.server(sid);
    server.options = { ...server.options, ...changed };
    this.machine(sid).start();
    await this.start(sid);
  }

  /** How the leaders have synced learners so far: `3 diff`, `1 snap`. */
  syncs(): string[] {
    return this.lines.flatMap(({ message, facts }) =>
      message === "Syncing a learner" ? [`${String(facts["sid"])} ${String(facts["by"])}`] : []
    );
  }

  /** Of those that serve, sids by mode. */
  serving(): { leader: number[]; follower: number[]; observer: number[] } {
    const of = (mode: string): number[] =>
      this.servers.filter((server) => server.mode === mode).map(({ sid }) => sid);
    return { leader: of("leader"), follower: of("follower"), observer: of("observer") };
  }

  /** Resolves with the leader's sid when it serves with so many others (default: all that run). */
  async serve(others?: number): Promise<number> {
    const wanted = others ?? this.servers.filter(({ running }) => running).length - 1;
    const reached = (): boolean => {
      const { leader, follower, observer } = this.serving();
      return leader.length === 1 && follower.length + observer.length >= wanted;
    };
    await this.until(reached);
    return this.serving().leader[0] as number;
  }

  /** Looks every few milliseconds. */
  async until(reached: () => boolean, limitMs = 120_000): Promise<void> {
    const untilMs = this.sim.nowMs + limitMs;
    while (!reached()) {
      if (this.sim.nowMs > untilMs) {
        throw new Error(`not reached in ${limitMs} ms:\n${this.story()}`);
      }
      await this.sleep(5);
    }
  }

  sleep(ms: number): Promise<void> {
    const { clock } = this.clients.runtime;
    return new Promise((resolve) => {
      clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, () => resolve());
    });
  }

  /** A client with a session, at one server. */
  async connect(sid: number, options: HandshakeOptions = {}): Promise<TestClient> {
    const { options: { clientPort }, host } = this.server(sid);
    const client = await TestClient.open(this.clients.runtime, clientPort, host);
    const answer = await client.handshake(options);
    if (answer === undefined) throw new Error(`server ${sid} closed the connection`);
    if (answer.timeoutMs <= 0) throw new Error(`server ${sid} says that the session is gone`);
    return client;
  }

  /** The client's session, for another server. */
  resume(client: TestClient): HandshakeOptions {
    const { session } = client;
    if (session === undefined) throw new Error("the client has no session");
    return { ...session, lastZxidSeen: client.replies.at(-1)?.zxid ?? 0 };
  }

  /** Resolves when the client's server has everything committed before. */
  async sync(client: TestClient): Promise<void> {
    await done(client.send(Op.sync, pathOnly("/")));
  }

  /** What the servers logged, for messages. */
  story(): string {
    return storyOf(this.lines);
  }
  errors(): LogLine[] {
    return this.lines.filter(({ level }) => level === "error");
  }
}

export function storyOf(lines: readonly LogLine[]): string {
  return lines.map(({ sid, level, message, facts }) => {
    const parts = Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`);
    return `${sid} ${level} ${message} ${parts.join(" ")}`;
  }).join("\n");
}

/** Virtual time that a test may take. */
const SIM_MS_MAX = 24 * 3_600_000;

/** Runs `body` beside an ensemble in the simulator; nothing runs yet. */
export async function inSimEnsemble(
  setup: EnsembleSetup,
  body: (ensemble: SimEnsemble) => Promise<void>,
  seed = 1,
): Promise<void> {
  const sim = createSim({ seed });
  const ensemble = new SimEnsemble(sim, setup);
  try {
    await sim.runUntil(body(ensemble), SIM_MS_MAX);
  } catch (error) {
    if (error instanceof Error) error.message += `\n${ensemble.story()}`;
    throw error;
  }
}
