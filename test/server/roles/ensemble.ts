/**
 * A leading replica and learning ones in the simulator, joined by calls. What an ensemble's driver does is here at its smallest:
 * what is on the leader's disk is committed, at once or when the test says so; links carry in order, a millisecond later or so.
 */
import { createSim, type Machine, type Sim } from "../../../runtimes/sim/index.ts";
import type { Log, LogFacts, LogLevel } from "../../../src/base/log.ts";
import { type Zxid, ZXID_NONE, zxidOf } from "../../../src/base/zxid.ts";
import type { MonotonicMs, Runtime } from "../../../src/runtime.ts";
import { Acceptor } from "../../../src/server/acceptor.ts";
import { MemoryGuard } from "../../../src/server/memory_guard.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../../src/server/options.ts";
import { Persistence } from "../../../src/server/persistence.ts";
import { Replica } from "../../../src/server/replica.ts";
import type {
  CommittedTxn,
  LeaderRole,
  LearnerRole,
  RemoteOrigin,
  RemoteRequest,
  Role,
} from "../../../src/server/role.ts";
import { authSchemesOf, connectThrottleOf } from "../../../src/server/server_parts.ts";
import type { ServerTxn } from "../../../src/server/server_txn.ts";
import { RunningView } from "../../../src/server/server_view.ts";
import { ServerStats } from "../../../src/server/stats.ts";
import type { FourLetterCommands, FourLetterCommandsFactory } from "../../../src/server/view.ts";
import { SessionIds } from "../../../src/session/ids.ts";
import { createCodec } from "../../../wasm/codec.ts";
import { type HandshakeOptions, TestClient } from "../../support/client.ts";

const PORT = 2181;
const LINK_MS = 1;

/** A server's machine, disk and client port; replicas come and go. */
export class Member {
  readonly machine: Machine;
  readonly ids: SessionIds;
  readonly stats = new ServerStats();
  readonly lines: { level: LogLevel; message: string; facts: LogFacts }[] = [];
  readonly fatal: unknown[] = [];
  readonly view: RunningView;
  readonly #clients: Runtime;
  readonly #commands: FourLetterCommands | undefined;
  readonly #acceptor: Acceptor;
  readonly #options: ServerOptions;
  readonly storage: Persistence;
  current: Replica | undefined;
  #stopping: Promise<void> | undefined;

  static async start(
    sim: Sim,
    clients: Runtime,
    name: string,
    options: ServerOptions,
    commands: FourLetterCommandsFactory | undefined,
  ): Promise<Member> {
    const machine = sim.machine(name);
    const storage = await openStorage(machine, options);
    const member = new Member(machine, storage, clients, options, commands);
    await member.#acceptor.listen();
    member.view.isUp = true;
    return member;
  }

  /** What the next start would find on the disk of one that was stopped. */
  static reopen(member: Member): Promise<Persistence> {
    return openStorage(member.machine, member.#options);
  }

  private constructor(
    machine: Machine,
    storage: Persistence,
    clients: Runtime,
    options: ServerOptions,
    commands: FourLetterCommandsFactory | undefined,
  ) {
    const { clock } = machine.runtime;
    this.machine = machine;
    this.storage = storage;
    this.#clients = clients;
    this.#options = options;
    this.ids = new SessionIds(options.serverId, clock.wallMs());
    const replica = (): Replica | undefined => this.current;
    const view = new RunningView({
      options,
      clock,
      stats: this.stats,
      db: () => storage.db,
      replica,
      dropChance: () => 0,
    });
    this.view = view;
    this.#commands = commands?.(view);
    this.#acceptor = new Acceptor({
      runtime: machine.runtime,
      options,
      stats: this.stats,
      log: silent(this.lines),
      commands: this.#commands,
      replica,
    });
  }

  get replica(): Replica {
    if (this.current === undefined) throw new Error("the server has no role");
    return this.current;
  }

  serve(role: Role): Replica {
    const { clock, random, hash } = this.machine.runtime;
    const replica = new Replica({
      options: this.#options,
      clock,
      log: silent(this.lines),
      db: this.storage.db,
      journal: this.storage.journal,
      auth: authSchemesOf(this.#options, hash),
      ids: this.ids,
      throttle: connectThrottleOf(this.#options, random, clock.monotonicMs()),
      stats: this.stats,
      memory: new MemoryGuard(this.machine.runtime, 0, silent(this.lines), this.stats),
      role,
      commands: this.#commands,
      onGroupApplied: () => {},
      onFatal: (error) => this.fatal.push(error),
    });
    replica.housekeeping.start();
    this.current = replica;
    return replica;
  }

  end(reason: string): void {
    this.current?.end(reason);
    this.current = undefined;
  }

  /** Again is harmless. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.end("The test is over");
    await this.#acceptor.close();
    await this.storage.close();
  }

  /** @param endsToo false: the client's side stays open when the server has ended */
  async open(endsToo = true): Promise<TestClient> {
    const { address: host } = this.machine;
    const net = await this.#clients.net.connect({ host, port: PORT, timeoutMs: 10_000 });
    return new TestClient(net, endsToo);
  }

  async connect(options: HandshakeOptions = {}, endsToo = true): Promise<TestClient> {
    const client = await this.open(endsToo);
    const answer = await client.handshake(options);
    if (answer === undefined || answer.timeoutMs <= 0) throw new Error("no session");
    return client;
  }

  closeReasons(): string[] {
    return this.lines.flatMap(({ message, facts }) =>
      message === "Closing connection" ? [String(facts["reason"])] : []
    );
  }
}

function openStorage(machine: Machine, options: ServerOptions): Promise<Persistence> {
  const context = { host: machine.runtime, log: silent([]) };
  return Persistence.open(
    context,
    createCodec(),
    options,
    new ServerStats(),
    new SessionIds(1, machine.runtime.clock.wallMs()),
  );
}

/** The leader's side of an ensemble. */
export class Leader implements LeaderRole {
  readonly kind = "leader";
  readonly firstZxid: Zxid;
  readonly member: Member;
  readonly links = new Set<Link>();
  /** Copies of everything sequenced. */
  readonly history: CommittedTxn[] = [];
  isCongested = false;
  /** False: `commit` says when. */
  commitsAtOnce = true;
  counterFullCalls = 0;
  flushes = 0;
  #durable = 0;
  #allowed = 0;
  #released = 0;

  constructor(member: Member, firstZxid: Zxid) {
    this.member = member;
    this.firstZxid = firstZxid;
    member.storage.journal.onDurable = (entries) => {
      this.#durable = entries[entries.length - 1]?.zxid ?? this.#durable;
      this.advance();
    };
    member.serve(this);
  }

  sequenced(txn: ServerTxn): void {
    const bytes = txn.bytes.slice(txn.start, txn.end);
    txn.bytes = bytes;
    txn.start = 0;
    txn.end = bytes.length;
    this.history.push({ zxid: txn.zxid, bytes, start: 0, end: bytes.length });
  }
  flush(): void {
    this.flushes++;
  }
  counterFull(): void {
    this.counterFullCalls++;
  }

  /** Commits so many of those that wait, or all. */
  commit(count = Infinity): void {
    const waiting = this.history.filter(({ zxid }) => zxid > this.#allowed);
    this.#allowed = waiting.slice(0, count).at(-1)?.zxid ?? this.#allowed;
    this.advance();
  }

  advance(): void {
    const through = Math.min(this.commitsAtOnce ? Infinity : this.#allowed, this.#durable);
    if (through <= this.#released) return;
    const txns = this.history.filter(({ zxid }) => zxid > this.#released && zxid <= through);
    this.#released = through;
    for (const link of this.links) for (const txn of txns) link.toLearner({ txn });
    this.member.current?.leader.release(through as Zxid);
  }
}

type ToLeader = { request: RemoteRequest } | { revalidate: bigint; timeoutMs: number };
type ToLearner = { txn: CommittedTxn } | { sync: true } | { revalidated: bigint; valid: boolean };

/** A learner's side, and the connection between the two. */
export class Link implements LearnerRole, RemoteOrigin {
  readonly kind = "learner";
  readonly isObserver: boolean;
  readonly member: Member;
  isCongested = false;
  isCut = false;
  /** What is said to the leader stays on the way. */
  holdsRequests = false;
  holdsTxns = false;
  readonly sent: RemoteRequest[] = [];
  readonly #leader: Leader;
  #up: ToLeader[] = [];
  #down: ToLearner[] = [];
  #unflushed: ToLeader[] = [];

  constructor(leader: Leader, member: Member, isObserver = false) {
    this.#leader = leader;
    this.member = member;
    this.isObserver = isObserver;
    leader.links.add(this);
    member.serve(this);
  }

  sendRequest(request: RemoteRequest): void {
    const bytes = request.bytes.slice(request.start, request.end);
    const copy = { ...request, bytes, start: 0, end: bytes.length };
    this.sent.push(copy);
    this.#unflushed.push({ request: copy });
  }
  /** As if each proposal came at once. */
  received(): Zxid {
    return this.#leader.history.at(-1)?.zxid ?? ZXID_NONE;
  }
  sendRevalidate(revalidate: bigint, timeoutMs: number): void {
    this.#unflushed.push({ revalidate, timeoutMs });
  }
  flush(): void {
    this.#up.push(...this.#unflushed);
    this.#unflushed = [];
    this.#later(() => this.holdsRequests ? undefined : this.deliverRequests());
  }
  syncReached(): void {
    this.toLearner({ sync: true });
  }
  sessionClosed(revalidated: bigint): void {
    this.toLearner({ revalidated, valid: false });
  }
  toLearner(message: ToLearner): void {
    this.#down.push(message);
    this.#later(() => this.holdsTxns ? undefined : this.deliverTxns());
  }

  /** PING and its reply. */
  ping(): void {
    const { leader } = this.#leader.member.replica;
    for (const { id, timeoutMs } of this.member.replica.learner.takeTouches()) {
      leader.touch(id, timeoutMs);
    }
  }

  cut(): void {
    this.isCut = true;
    this.#leader.links.delete(this);
    this.#leader.member.replica.leader.forgetOrigin(this);
    this.member.end("The link is cut");
  }

  deliverRequests(): void {
    const current = this.#leader.member.current;
    if (this.isCut || current === undefined || this.#up.length === 0) return;
    for (const message of this.#up.splice(0)) {
      if ("request" in message) current.leader.submitRemote(this, message.request);
      else {
        const valid = current.leader.revalidate(this, message.revalidate, message.timeoutMs);
        if (valid !== undefined) this.toLearner({ revalidated: message.revalidate, valid });
      }
    }
    current.leader.flush();
  }

  deliverTxns(): void {
    const current = this.member.current;
    if (this.isCut || current === undefined || this.#down.length === 0) return;
    for (const message of this.#down.splice(0)) {
      if ("txn" in message) current.learner.apply(message.txn);
      else if ("sync" in message) current.learner.syncReached();
      else current.learner.revalidated(message.revalidated, message.valid);
    }
    current.learner.endTurn();
  }

  #later(work: () => void): void {
    const { clock } = this.member.machine.runtime;
    clock.wakeAt((clock.monotonicMs() + LINK_MS) as MonotonicMs, work);
  }
}

export interface Stage {
  readonly sim: Sim;
  readonly leader: Leader;
  /** Two learners. */
  readonly a: Link;
  readonly b: Link;
  sleep(ms: number): Promise<void>;
}

export interface StageOptions extends Partial<ServerOptions> {
  readonly firstCounter?: number;
  readonly commands?: FourLetterCommandsFactory;
}

export async function inEnsemble(
  { firstCounter = 1, commands, ...changed }: StageOptions,
  body: (stage: Stage) => Promise<void>,
  seed = 1,
): Promise<void> {
  const sim = createSim({ seed });
  const clients = sim.machine("clients").runtime;
  const member = (name: string, serverId: number): Promise<Member> =>
    Member.start(sim, clients, name, {
      ...DEFAULT_OPTIONS,
      clientPort: PORT,
      dataDir: "/data",
      dataLogDir: "/data",
      preAllocBytes: 64 * 1024,
      maxClientCnxns: 0,
      tickMs: 1000,
      minSessionTimeoutMs: 2000,
      fourLetterWhitelist: "*",
      ...changed,
      serverId,
    }, commands);
  const run = async (): Promise<void> => {
    const leader = new Leader(await member("leader", 1), zxidOf(1, firstCounter));
    const a = new Link(leader, await member("a", 2));
    const b = new Link(leader, await member("b", 3), true);
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clients.clock.wakeAt((clients.clock.monotonicMs() + ms) as MonotonicMs, () => resolve());
      });
    await body({ sim, leader, a, b, sleep });
    const members = [leader.member, a.member, b.member];
    for (const each of members) await each.stop();
    const errors = members.flatMap(({ lines }) => lines.filter(({ level }) => level === "error"));
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    const fatal = members.flatMap((each) => each.fatal);
    if (fatal.length > 0) throw fatal[0];
  };
  await sim.runUntil(run(), 24 * 3_600_000);
}

function silent(lines: { level: LogLevel; message: string; facts: LogFacts }[]): Log {
  const write = (level: LogLevel) => (message: string, facts: LogFacts = {}): void => {
    lines.push({ level, message, facts });
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
