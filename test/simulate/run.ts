/** One seed, or one plan made from it: servers, clients and faults in a simulation, then peace, then every checker. */
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { Auditor } from "./audit.ts";
import { checkLinear } from "./checkers/linear.ts";
import { checkOrder } from "./checkers/order.ts";
import { checkSequences } from "./checkers/sequence.ts";
import { checkServers } from "./checkers/servers.ts";
import { checkSessions, firstCloses } from "./checkers/sessions.ts";
import { checkSync } from "./checkers/sync.ts";
import { checkTree } from "./checkers/tree.ts";
import { checkWatches } from "./checkers/watches.ts";
import { Client, type ServerAddress } from "./client.ts";
import { CLIENT_PORT, Cluster, type LogLine } from "./cluster.ts";
import type { FaultName } from "./faults.ts";
import type { Link, Violation } from "./history.ts";
import { Injector } from "./inject.ts";
import { type Plan, prngOf } from "./plan.ts";
import { Recorder } from "./recorder.ts";
import { readTxn, type Txn } from "./txn_log.ts";
import { Witness } from "./witness.ts";
import { Workload } from "./workload.ts";

const LOOK_US = 10_000;

export interface RunOptions {
  /** Keeps what servers log, for a trace. */
  readonly keepLines?: boolean;
}

export interface RunResult {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly recorder: Recorder;
  readonly lines: readonly LogLine[];
  readonly txns: readonly Txn[];
  /** Faults, as they were carried out. */
  readonly injected: Injector["deeds"];
  readonly virtualMs: number;
  readonly events: number;
  readonly traceHash: string;
  /** What the simulator counted. */
  readonly consequences: readonly (readonly [string, number])[];
  readonly faults: ReadonlyMap<FaultName, number>;
  readonly counts: RunCounts;
}

export interface RunCounts {
  readonly calls: number;
  readonly answered: number;
  readonly txns: number;
  readonly sessions: number;
  readonly watchEvents: number;
  readonly epochs: number;
  /** Znodes whose writes were too many ways possible to decide. */
  readonly undecided: number;
  /** 1 when snapshots have taken the place of the only logs that had some txn. */
  readonly incomplete: number;
}

export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const run = new Run(plan, options);
  return await run.run();
}

class Run {
  readonly #plan: Plan;
  readonly #sim: Sim;
  readonly #recorder: Recorder;
  readonly #witness: Witness;
  readonly #cluster: Cluster;
  readonly #machines: Machine[];
  readonly #servers: readonly ServerAddress[];
  readonly #clients: Client[];
  readonly #injector: Injector;

  constructor(plan: Plan, { keepLines = false }: RunOptions) {
    this.#plan = plan;
    this.#sim = createSim({ seed: plan.seed });
    this.#recorder = new Recorder(this.#sim);
    this.#witness = new Witness(this.#recorder);
    this.#cluster = new Cluster(this.#sim, plan, this.#witness, keepLines);
    this.#witness.watch(this.#cluster);
    this.#machines = Array.from(
      { length: plan.clientMachines },
      (_, index) => this.#sim.machine(`client${index}`),
    );
    this.#servers = this.#cluster.servers.map(({ sid, machine }) => ({
      sid,
      host: machine.address,
      port: CLIENT_PORT,
    }));
    this.#clients = plan.clients.map((client, index) => {
      const random = prngOf(plan.seed, 100 + index);
      return new Client(client, this.#machineOf(client.machine).runtime, this.#servers, {
        recorder: this.#recorder,
        errands: new Workload(plan, client, prngOf(plan.seed, 200 + index)),
        random,
      });
    });
    this.#injector = new Injector(this.#sim, this.#cluster, this.#machines);
  }

  async run(): Promise<RunResult> {
    const sim = this.#sim, { workMs, faults } = this.#plan;
    this.#cluster.startAll();
    this.#injector.schedule(faults);
    for (const client of this.#clients) client.start();
    this.#look();
    await sim.run(workMs);
    this.#injector.stop();
    await this.#peace();
    return this.#judge();
  }

  #look(): void {
    this.#witness.look();
    this.#sim.after(LOOK_US, "look", () => this.#look());
  }

  #machineOf(index: number): Machine {
    return this.#machines[index % this.#machines.length] as Machine;
  }

  /** Everything must work again, and what was left behind must go. */
  async #peace(): Promise<void> {
    const sim = this.#sim, { servers } = this.#plan;
    const random = prngOf(this.#plan.seed, 2);
    let longestMs = 0;
    for (const client of this.#clients) {
      client.stop();
      if (!random.chance(1, 2)) continue;
      longestMs = Math.max(longestMs, client.session?.timeoutMs ?? 0);
      client.abandon();
    }
    const runtime = this.#machineOf(0).runtime;
    const auditors = this.#servers.map((server) =>
      new Auditor(sim, runtime, this.#recorder, server)
    );
    for (const auditor of auditors) auditor.start();
    const beganMs = sim.nowMs;
    const deaf = (): number[] => this.#deaf(auditors);
    if (!await this.#within(livenessMs(this.#plan), () => deaf().length === 0)) {
      return this.#recorder.violation(
        "liveness",
        `no write at server ${deaf().join(", ")} in time`,
      );
    }
    // A new leader gives every session its whole timeout anew.
    const goneMs = sim.nowMs + longestMs + 4 * servers.tickMs + 200;
    if (longestMs > 0) await sim.run(goneMs);
    const readers = auditors.filter((one) => one.hasWritten);
    const paths = this.#paths(), unread = new Set(readers);
    for (const auditor of readers) auditor.read(paths, () => unread.delete(auditor));
    // Whoever has come to lead since it took a write need not serve any more.
    const areRead = (): boolean => [...unread].every(({ server }) => server.sid === this.#idleSid);
    if (!await this.#within(5000, areRead)) {
      this.#recorder.violation(
        "liveness",
        `reads are not answered ${sim.nowMs - beganMs} ms after the faults`,
      );
    }
    // A session may end at any time, and its txn be under way: the servers are compared when none is.
    await sim.run(sim.nowMs + 2 * servers.tickMs);
    await this.#within(2000, () => this.#isSettled());
  }

  #isSettled(): boolean {
    const { servers } = this.#cluster;
    const last = servers[0]?.running?.view.lastZxid;
    return servers.every(({ running, tap }) =>
      running?.view.lastZxid === last && Math.max(tap.base, ...tap.live.keys()) === last
    );
  }

  /** Servers that have taken no write; a leader need not, where it serves nobody. */
  #deaf(auditors: readonly Auditor[]): number[] {
    return auditors.filter((one) => !one.hasWritten).map(({ server }) => server.sid)
      .filter((sid) => sid !== this.#idleSid);
  }

  /** Of a leader that serves nobody. */
  get #idleSid(): number | undefined {
    return this.#plan.servers.leaderServes ? undefined : this.#cluster.find("leader")?.sid;
  }

  async #within(ms: number, reached: () => boolean): Promise<boolean> {
    const untilMs = this.#sim.nowMs + ms;
    while (!reached() && this.#sim.nowMs < untilMs) await this.#sim.run(this.#sim.nowMs + 10);
    return reached();
  }

  /** Every path that a request may have made. */
  #paths(): string[] {
    const paths = new Set<string>(["/"]);
    for (const { payload } of this.#witness.ordered.values()) {
      const { change } = readTxn(payload);
      for (const one of change.kind === "multi" ? change.parts : [change]) {
        if (one.kind === "create") paths.add(one.path);
      }
    }
    return [...paths];
  }

  #judge(): RunResult {
    const recorder = this.#recorder, witness = this.#witness, plan = this.#plan;
    const zxids = witness.decided();
    const txns = zxids.flatMap((zxid) => {
      const ordered = witness.ordered.get(zxid);
      return ordered === undefined ? [] : [readTxn(ordered.payload)];
    });
    const violations = [...recorder.violations];
    const isComplete = zxids.every((zxid) => witness.ordered.has(zxid));
    const linear = checkLinear(recorder);
    const { tickMs, syncLimitTicks, initLimitTicks } = plan.servers;
    const leaseUs = (2 * syncLimitTicks + 2) * tickMs * 1000;
    violations.push(
      ...checkOrder(recorder),
      ...checkSequences(recorder),
      ...checkSync(recorder, { leaseUs: leaseUs + longestPauseUs(plan) }),
      ...linear.violations,
    );
    if (isComplete) {
      const closed = firstCloses(txns, (zxid) => witness.ordered.get(zxid)?.atUs ?? 0);
      const tree = checkTree(recorder, txns);
      violations.push(
        ...tree.violations,
        ...checkWatches(recorder, tree.model),
        ...checkSessions(recorder, closed, {
          tickMs,
          troubles: this.#injector.troubles,
          aftermathUs: (initLimitTicks + 3 * syncLimitTicks) * tickMs * 1000 + 2_000_000,
        }),
        ...checkServers(this.#cluster, zxids, new Set(tree.model.sessions.keys())),
        ...this.#abandoned(tree.model.sessions),
      );
    }
    const calls = recorder.calls;
    return {
      plan,
      violations: violations.sort((a, b) => (a.atUs ?? Infinity) - (b.atUs ?? Infinity)),
      recorder,
      lines: this.#cluster.lines,
      txns,
      injected: this.#injector.deeds,
      virtualMs: this.#sim.nowMs,
      events: this.#sim.events,
      traceHash: this.#sim.traceHash(),
      consequences: this.#sim.faults.all(),
      faults: this.#injector.done,
      counts: {
        calls: calls.length,
        answered: calls.filter(({ reply }) => reply !== undefined).length,
        txns: txns.length,
        sessions: recorder.sessions.length,
        watchEvents: recorder.sessions.reduce(
          (sum, { links }) =>
            sum +
            links.reduce(
              (n, { frames }) => n + frames.filter(({ kind }) => kind === "event").length,
              0,
            ),
          0,
        ),
        epochs: witness.leaders.size,
        undecided: linear.undecided,
        incomplete: isComplete ? 0 : 1,
      },
    };
  }

  /** Sessions without a client, long after their timeout. */
  #abandoned(living: ReadonlyMap<bigint, number>): Violation[] {
    return this.#recorder.sessions.flatMap(({ id, name, abandonedUs, links }) =>
      abandonedUs !== undefined && living.has(id) && !isOnItsWay(links)
        ? [{ checker: "sessions", message: `${name} was abandoned and is not expired` }]
        : []
    );
  }
}

/** What was sent before and not answered may arrive long after, and is a sign of life then. */
function isOnItsWay(links: readonly Link[]): boolean {
  return links.some(({ calls }) => calls.at(-1)?.reply === undefined && calls.length > 0);
}

function livenessMs({ servers }: Plan): number {
  const { tickMs, initLimitTicks, syncLimitTicks } = servers;
  return 6 * (initLimitTicks + syncLimitTicks) * tickMs + 10_000;
}

/** A paused leader does not notice anything either. */
function longestPauseUs({ faults }: Plan): number {
  return faults.reduce((sum, fault) => fault.kind === "pause" ? sum + fault.forMs * 1000 : sum, 0);
}
