/** An ensemble for the tests of others: several servers inside their process, with time, members and links in their hands. */
import { nextTurn } from "../../runtimes/turn.ts";
import { FourLetterWords } from "../admin/four_letter_words.ts";
import { UsageError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { ZOOKEEPER_VERSION } from "../cli/version.ts";
import { hostRuntime } from "../client/host_runtime.ts";
import { type Client, connect } from "../client/index.ts";
import type { MonotonicMs, Runtime } from "../runtime.ts";
import { DEFAULT_ENSEMBLE_OPTIONS, type EnsembleOptions } from "../server/ensemble/options.ts";
import { type RunningServer, startServer } from "../server/server.ts";
import type { ServerView } from "../server/view.ts";
import { type Member, membershipOf } from "../zab/membership.ts";
import type { Sid } from "../zab/vote.ts";
import { MEMORY_HOST } from "./memory_net.ts";
import { checkEnsembleOptions, serverOptions, type TestServerOptions, toldOf } from "./options.ts";
import { PeerNet } from "./peer_net.ts";
import type { TestClock, TestConnectOptions } from "./server.ts";
import { buildStage, type Stage } from "./stage.ts";

export interface TestEnsembleOptions extends Omit<TestServerOptions, "port"> {
  /** How many of the servers, the last ones, do not vote. Default 0. */
  readonly observers?: number | undefined;
  /** Anything of the ensemble that is to differ from {@link ENSEMBLE_SETTINGS}. */
  readonly ensemble?: Partial<Omit<EnsembleOptions, "sid" | "membership">> | undefined;
}

export interface EnsembleConnectOptions extends TestConnectOptions {
  /** The one server to connect to. Default: any. */
  readonly to?: TestMember | undefined;
}

/** Limits are in ticks, which are short in tests: a busy machine must not take a member for dead. */
export const ENSEMBLE_SETTINGS: Partial<EnsembleOptions> = Object.freeze({
  initLimitTicks: 500,
  syncLimitTicks: 250,
  minNotificationIntervalMs: 20,
  maxNotificationIntervalMs: 500,
  leaderConnectDelayMs: 10,
});

export type MemberRole = "leader" | "follower" | "observer" | "looking" | "stopped";

const SERVERS_MAX = 15;
const PEER_PORT_FIRST = 2888;
const MEMORY_PORT_FIRST = 2181;
const LOOK_MS = 5;

/**
 * Resolves when every server serves; `await using` stops them.
 * @param size servers, 1 to 15
 * @example
 * await using zk = await startEnsemble(3, { network: "memory" });
 * await using client = await zk.connect();
 * await zk.leader.stop(); // the client finds another server, the session stays
 * @throws {UsageError} options that there are not
 */
export async function startEnsemble(
  size: number,
  options: TestEnsembleOptions = {},
): Promise<TestEnsemble> {
  checkEnsembleOptions(options);
  const { observers = 0 } = options;
  if (
    !Number.isInteger(size) || size < 1 || size > SERVERS_MAX || observers >= size || observers < 0
  ) {
    throw new UsageError(
      `Cannot start an ensemble of ${size} with ${observers} observers: expected 1 to ${SERVERS_MAX}, and a voter`,
    );
  }
  const stage = await buildStage(await hostRuntime(), nextTurn, options);
  const ensemble = new TestEnsemble(stage, options, size);
  try {
    await ensemble.start();
  } catch (error) {
    await ensemble.stop();
    throw error;
  }
  return ensemble;
}

/** One server of the ensemble; it can be stopped and started again with what it has on its disk. */
export class TestMember {
  readonly sid: number;
  readonly #ensemble: MemberHost;
  #running: RunningServer | undefined;
  #port = 0;

  /** For `startEnsemble`. */
  constructor(sid: number, ensemble: MemberHost) {
    this.sid = sid;
    this.#ensemble = ensemble;
  }

  /** Of this server alone. */
  get connectString(): string {
    return `${this.#ensemble.host}:${this.#port}`;
  }
  get role(): MemberRole {
    const view = this.#running?.view;
    if (view === undefined) return "stopped";
    return view.serving ? view.mode as MemberRole : "looking";
  }
  /** @throws {UsageError} while it is stopped */
  get view(): ServerView {
    if (this.#running !== undefined) return this.#running.view;
    throw new UsageError(`Cannot look at server ${this.sid}: it is stopped`);
  }

  /** Begins; it serves once it has found the others. */
  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    this.#running = await this.#ensemble.startMember(this.sid, this.#port);
    this.#port = this.#running.address.port;
  }

  /** Ends in order: answers what is under way and lets go of its clients. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) await running.stop();
  }

  /** Cuts it off from the other servers, as a partition of the network does, until `rejoin`. */
  isolate(): void {
    this.#ensemble.isolate(this.sid, true);
  }
  rejoin(): void {
    this.#ensemble.isolate(this.sid, false);
  }
}

/** What a member asks of its ensemble. */
export interface MemberHost {
  readonly host: string;
  startMember(sid: number, port: number): Promise<RunningServer>;
  isolate(sid: number, isIsolated: boolean): void;
}

export class TestEnsemble implements AsyncDisposable {
  readonly clock: TestClock;
  readonly members: readonly TestMember[];
  /** For clients that are told their runtime. */
  readonly runtime: Runtime;
  readonly #stage: Stage;
  readonly #options: TestEnsembleOptions;
  readonly #peers: PeerNet;
  readonly #clients = new Set<Client>();
  #stopping: Promise<void> | undefined;

  /** For `startEnsemble`. */
  constructor(stage: Stage, options: TestEnsembleOptions, size: number) {
    this.#stage = stage;
    this.#options = options;
    this.runtime = stage.clients;
    const sids = Array.from({ length: size }, (_, index) => index + 1);
    const owners = new Map(sids.flatMap((sid) => peerPortsOf(sid).map((port) => [port, sid])));
    this.#peers = new PeerNet(stage.memory, stage.net, owners);
    const host: MemberHost = {
      host: options.network === "memory" ? MEMORY_HOST : "127.0.0.1",
      startMember: (sid, port) => this.#startMember(sid, port),
      isolate: (sid, isIsolated) => this.#peers.isolate(sid, isIsolated),
    };
    this.members = sids.map((sid) => new TestMember(sid, host));
    const { virtual } = stage;
    this.clock = {
      isVirtual: virtual !== undefined,
      wallMs: () => stage.clients.clock.wallMs(),
      advance: (ms) =>
        virtual?.advance(ms) ?? Promise.reject(
          new UsageError(`Cannot advance the clock by ${ms} ms: it is the real one`),
        ),
    };
  }

  /** All members, for any client. */
  get connectString(): string {
    return this.members.map(({ connectString }) => connectString).join(",");
  }

  /** @throws {UsageError} nobody leads at the moment */
  get leader(): TestMember {
    const leader = this.members.find(({ role }) => role === "leader");
    if (leader !== undefined) return leader;
    throw new UsageError(
      "Cannot name the leader: the servers are looking for one; await settled()",
    );
  }

  /** A server by its id, 1 to the number of servers. @throws {UsageError} */
  member(sid: number): TestMember {
    const member = this.members[sid - 1];
    if (member !== undefined) return member;
    throw new UsageError(`Cannot find server ${sid}: there are 1 to ${this.members.length}`);
  }

  /** For `startEnsemble`. */
  async start(): Promise<void> {
    await this.through(Promise.all(this.members.map((member) => member.start())));
    await this.settled();
  }

  /** Resolves when all servers that run serve, one of them as leader. On a virtual clock time passes until then. */
  async settled(): Promise<void> {
    const isSettled = (): boolean => {
      const roles = this.members.map(({ role }) => role).filter((role) => role !== "stopped");
      return !roles.includes("looking") && roles.filter((role) => role === "leader").length === 1;
    };
    const { clock } = this.#stage.server;
    const look = async (): Promise<void> => {
      while (!isSettled()) {
        await new Promise<void>((resolve) => {
          clock.wakeAt(clock.monotonicMs() + LOOK_MS as MonotonicMs, resolve);
        });
      }
    };
    await this.through(look());
  }

  /** A client of all servers or of one, on their clock and network, closed by `stop`. */
  async connect(options: EnsembleConnectOptions = {}): Promise<Client> {
    const { chroot = "", to, ...rest } = options;
    const client = await this.through(connect((to ?? this).connectString + chroot, {
      reconnectJitterMs: 0,
      ...rest,
      runtime: this.runtime,
    }));
    this.#clients.add(client);
    return client;
  }

  /** Work that may need time to pass: on a virtual clock it passes until the work is done. */
  through<T>(work: Promise<T>): Promise<T> {
    return this.#stage.virtual?.runUntil(work) ?? work;
  }

  /** Closes the clients that `connect` made, then the servers; afterwards nothing of them is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.through(Promise.allSettled([...this.#clients].map((client) => client.close())));
    await this.through(Promise.all(this.members.map((member) => member.stop())));
    this.#stage.net.cutAll();
    await this.#stage.clear();
  }

  #startMember(sid: number, port: number): Promise<RunningServer> {
    const { server, directory } = this.#stage;
    const isMemory = this.#options.network === "memory";
    const given = port !== 0 ? port : isMemory ? MEMORY_PORT_FIRST + sid - 1 : 0;
    const options = serverOptions(
      { ...this.#options, port: given },
      server.fs.join(directory, String(sid)),
    );
    const runtime: Runtime = { ...server, net: this.#peers.of(sid) };
    const ensemble: EnsembleOptions = {
      ...DEFAULT_ENSEMBLE_OPTIONS,
      ...ENSEMBLE_SETTINGS,
      ...toldOf(this.#options.ensemble, DEFAULT_ENSEMBLE_OPTIONS),
      peerType: this.#memberOf(sid).role,
      sid: sid as Sid,
      membership: membershipOf(this.members.map((member) => this.#memberOf(member.sid))),
    };
    return this.through(
      startServer(
        runtime,
        { ...options, serverId: sid, ensemble },
        this.#options.log ?? silentLog,
        {
          version: ZOOKEEPER_VERSION,
          commands: (view) => new FourLetterWords(view, runtime, ZOOKEEPER_VERSION),
        },
      ),
    );
  }

  #memberOf(sid: number): Member {
    const voters = this.members.length - (this.#options.observers ?? 0);
    const [quorumPort, electionPort] = peerPortsOf(sid);
    return {
      sid: sid as Sid,
      role: sid > voters ? "observer" : "participant",
      addresses: [{ host: "127.0.0.1", quorumPort, electionPort }],
      client: undefined,
    };
  }
}

function peerPortsOf(sid: number): [quorumPort: number, electionPort: number] {
  return [PEER_PORT_FIRST + 2 * sid, PEER_PORT_FIRST + 2 * sid + 1];
}
