/**
 * A server of an ensemble (docs/internals/ensemble.md): it looks for a leader, takes a role, leaves it, and looks again. Ports,
 * files and history outlive the roles; a replica serves clients while a role has one.
 */
import { createCodec } from "../../../wasm/codec.ts";
import { messageOf, UsageError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { formatZxid, zxidOf } from "../../base/zxid.ts";
import type { Address, Runtime } from "../../runtime.ts";
import { SessionIds } from "../../session/ids.ts";
import { Epochs } from "../../storage/epochs.ts";
import { setConfigNode } from "../../txn/config_node.ts";
import type { Member } from "../../zab/membership.ts";
import { Acceptor } from "../acceptor.ts";
import { Auditor } from "../audit.ts";
import { ReplicaControl, type ServerControl } from "../control.ts";
import { answeredOut, lingerOut } from "../linger.ts";
import { MemoryGuard } from "../memory_guard.ts";
import type { ServerOptions } from "../options.ts";
import { Persistence } from "../persistence.ts";
import { Replica } from "../replica.ts";
import type { Role } from "../role.ts";
import type { RunningServer, ServerHooks } from "../server.ts";
import { authSchemesOf, connectThrottleOf } from "../server_parts.ts";
import { RunningView } from "../server_view.ts";
import { ServerStats } from "../stats.ts";
import type { FourLetterCommands, ServerView } from "../view.ts";
import type { Elected } from "./electing.ts";
import { Elections } from "./elections.ts";
import { FollowingRole } from "./following.ts";
import { History } from "./history.ts";
import { LeadingRole } from "./leading.ts";
import type { EnsembleOptions } from "./options.ts";
import type { RoleParts } from "./parts.ts";
import { Pause } from "./pause.ts";
import { configText, type PeerState, quorumView } from "./peer_view.ts";
import { QuorumPort } from "./quorum_port.ts";
import { settle } from "./settle.ts";

/** How long an orderly end waits for answers, and for connections to take their last bytes. */
const STOP_ANSWER_MS = 1000;
const STOP_LINGER_MS = 2000;

/**
 * Its ports are open once it resolves; clients are served when a leader is found.
 * @throws as `startServer`; UsageError: a port cannot be bound, the configuration does not name this server
 */
export async function startPeer(
  runtime: Runtime,
  options: ServerOptions,
  ensemble: EnsembleOptions,
  log: Log,
  hooks: ServerHooks,
): Promise<RunningServer> {
  const own = ensemble.membership.members.get(ensemble.sid);
  if (own === undefined) {
    throw new UsageError(
      `Cannot start server ${ensemble.sid}: no server.${ensemble.sid} line names it; check myid and the server lines`,
    );
  }
  const peer = new Peer(runtime, options, ensemble, own, log);
  await peer.start(hooks);
  return peer;
}

class Peer implements RunningServer {
  readonly failed: Promise<Error>;
  readonly #runtime: Runtime;
  readonly #options: ServerOptions;
  readonly #ensemble: EnsembleOptions;
  readonly #own: Member;
  readonly #log: Log;
  readonly #stats: ServerStats;
  readonly #memory: MemoryGuard;
  readonly #ids: SessionIds;
  readonly #throttle;
  readonly #auth;
  readonly #elections: Elections;
  readonly #port: QuorumPort;
  readonly #view: RunningView;
  readonly #acceptor: Acceptor;
  #commands: FourLetterCommands | undefined;
  #fail: (error: Error) => void = () => {};
  // From `start` on.
  #storage!: Persistence;
  #epochs!: Epochs;
  #history!: History;
  #address!: Address;
  #control!: ServerControl;
  readonly #audit: Auditor | undefined;
  #stay = 0;
  #role: LeadingRole | FollowingRole | undefined;
  readonly #pause: Pause;
  /** Takes clients. */
  #serving: Replica | undefined;
  #mustTakeSnapshot = false;
  #isStopping = false;
  #isDead = false;
  #main: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(
    runtime: Runtime,
    options: ServerOptions,
    ensemble: EnsembleOptions,
    own: Member,
    log: Log,
  ) {
    const { net, clock, random, hash } = runtime;
    this.#runtime = runtime;
    this.#pause = new Pause(runtime.clock, runtime.random);
    this.#options = options;
    this.#stats = new ServerStats(options.metricsEnabled);
    this.#ensemble = ensemble;
    this.#own = own;
    this.#log = log;
    if (options.auditEnabled) this.#audit = new Auditor(log, runtime.process.userName());
    this.#ids = new SessionIds(ensemble.sid & 0xff, clock.wallMs());
    this.#memory = new MemoryGuard(runtime, options.memoryLimitMib, log, this.#stats);
    this.#throttle = connectThrottleOf(options, random, clock.monotonicMs());
    this.#auth = authSchemesOf(options, hash);
    this.#elections = new Elections({
      runtime,
      log,
      options,
      ensemble,
      own,
      onBug: (error) => this.#die(error),
    });
    this.#port = new QuorumPort({
      net,
      clock,
      log,
      doors: own.addresses.map(({ host, quorumPort: port }) => ({
        host: ensemble.quorumListenOnAllIps ? undefined : host,
        port,
      })),
      bindAttemptsMax: ensemble.electionPortBindRetry,
      waitMs: options.tickMs * ensemble.initLimitTicks,
    });
    this.#view = new RunningView({
      options,
      clock,
      stats: this.#stats,
      db: () => this.#storage.db,
      replica: () => this.#role?.replica,
      dropChance: () => this.#throttle.dropChance,
      quorum: () => quorumView(ensemble, own, this.#state(), this.#history.bytes),
    });
    this.#acceptor = new Acceptor({
      runtime,
      options,
      stats: this.#stats,
      log,
      // The words need a view, and the view a database: both are there before the port is.
      commands: {
        extraBytes: (word) => this.#commands?.extraBytes(word),
        answer: (word, extra) => this.#commands?.answer(word, extra) ?? "",
      },
      replica: () => this.#serving,
    });
    this.failed = new Promise((resolve) => this.#fail = resolve);
  }

  get address(): Address {
    return this.#address;
  }
  get view(): ServerView {
    return this.#view;
  }
  get control(): ServerControl {
    return this.#control;
  }

  async start(hooks: ServerHooks): Promise<void> {
    const context = { host: this.#runtime, log: this.#log };
    const options = this.#options;
    const codec = hooks.codec ?? createCodec();
    const storage = await Persistence.open(context, codec, options, this.#stats, this.#ids, false);
    this.#storage = storage;
    this.#control = new ReplicaControl(
      () => this.#serving,
      storage,
      (connection, isCounted) => this.#acceptor.accept(connection, isCounted),
    );
    try {
      const { db, recovered } = storage;
      this.#epochs = await Epochs.load(context, recovered.directories.snapshots, db.lastZxid);
      if (db.lastZxid >= 0) await storage.writeStartSnapshot(false);
      this.#setConfigNode();
      this.#history = new History(db.lastZxid, this.#ensemble.commitLogCount);
      storage.journal.onFailure = (error) => this.#die(error);
      this.#commands = hooks.commands?.(this.#view);
      await this.#elections.links.listen();
      if (this.#own.role === "participant") await this.#port.listen();
      this.#address = await this.#acceptor.listen();
    } catch (error) {
      this.#audit?.serverStart("failure");
      await this.#release();
      throw error;
    }
    this.#view.clientPort = this.#address.port;
    storage.startAutopurge();
    this.#audit?.serverStart("success");
    this.#view.isUp = true;
    this.#main = this.#run().catch((error: unknown) => this.#die(error));
  }

  // ------------------------------------------------------------------------------ the main loop

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#stats.counters.lookings++;
      this.#port.wait();
      const beganMs = this.#runtime.clock.monotonicMs();
      const elected = await this.#elections.look({
        lastZxid: this.#history.lastZxid,
        currentEpoch: this.#epochs.current,
      });
      if (elected === undefined || this.#isOver) return;
      this.#stats.elected(this.#runtime.clock.monotonicMs() - beganMs);
      const reason = elected.role === "leading" ? await this.#lead() : await this.#follow(elected);
      if (this.#isDead) return;
      this.#log.info("Leaving the role", { role: elected.role, reason });
      await settle(this.#storage, this.#history, this.#log);
      await this.#epochs.settled();
      this.#setConfigNode();
      if (this.#own.role === "observer") {
        await this.#pause.upTo(this.#ensemble.observerElectionDelayMs);
      }
    }
  }

  /** A tree that comes from a file or another server has what was written there once. */
  #setConfigNode(): void {
    const { membership } = this.#ensemble, wallMs = this.#runtime.clock.wallMs();
    setConfigNode(this.#storage.db, configText(membership), membership.version, wallMs);
  }

  async #lead(): Promise<string> {
    const role = new LeadingRole(this.#parts(), this.#port);
    this.#role = role;
    const reason = await role.run();
    this.#leaving();
    role.leave(reason);
    this.#role = undefined;
    return reason;
  }

  async #follow(elected: Elected): Promise<string> {
    this.#port.refuse();
    const isObserver = elected.role === "observing";
    if (isObserver) await this.#pause.upTo(this.#ensemble.observerReconnectDelayMs);
    if (this.#isOver) return "the server stops";
    const role = new FollowingRole(this.#parts(), {
      leader: elected.vote.leader,
      isObserver,
      mustTakeSnapshot: this.#mustTakeSnapshot,
    });
    this.#role = role;
    const reason = await role.run();
    // Until a sync has succeeded.
    const hasServed = this.#serving !== undefined;
    this.#mustTakeSnapshot = reason === "truncateFailed" || (this.#mustTakeSnapshot && !hasServed);
    this.#leaving();
    await role.leave(reason);
    this.#role = undefined;
    return reason;
  }

  #leaving(): void {
    this.#serving = undefined;
    this.#elections.leaveRole();
  }

  #parts(): RoleParts {
    this.#stay++;
    return {
      runtime: this.#runtime,
      context: { host: this.#runtime, log: this.#log },
      log: this.#log,
      options: this.#options,
      ensemble: this.#ensemble,
      stats: this.#stats,
      storage: this.#storage,
      epochs: this.#epochs,
      history: this.#history,
      configText: configText(this.#ensemble.membership),
      stay: this.#stay,
      makeReplica: (role) => this.#makeReplica(role),
      onServing: (replica, epoch) => this.#onServing(replica, epoch),
      onFatal: (error) => this.#die(error),
    };
  }

  #makeReplica(role: Role): Replica {
    const storage = this.#storage;
    const replica = new Replica({
      options: this.#options,
      clock: this.#runtime.clock,
      log: this.#log,
      db: storage.db,
      journal: storage.journal,
      auth: this.#auth,
      ids: this.#ids,
      throttle: this.#throttle,
      stats: this.#stats,
      memory: this.#memory,
      role,
      onGroupApplied: (txns) => storage.onApplied(txns),
      onFatal: (error) => this.#die(error),
    });
    replica.commands = this.#commands;
    replica.audit = this.#audit;
    return replica;
  }

  #onServing(replica: Replica, epoch: number): void {
    if (this.#isStopping) return;
    this.#log.info("Serving", {
      mode: replica.mode,
      epoch,
      zxid: formatZxid(this.#storage.db.lastZxid),
    });
    this.#elections.serves(epoch);
    replica.epochZxid = zxidOf(epoch, 0);
    replica.housekeeping.start();
    if (replica.mode !== "leader" || this.#ensemble.leaderServes) this.#serving = replica;
  }

  get #isOver(): boolean {
    return this.#isStopping || this.#isDead;
  }

  #state(): PeerState {
    const role = this.#role, leading = undefined;
    if (role === undefined) {
      return { name: "looking", phase: undefined, leader: undefined, leading };
    }
    const { phase } = role;
    if (role instanceof LeadingRole) {
      return { name: "leading", phase, leader: this.#ensemble.sid, leading: role.view };
    }
    const name = this.#own.role === "observer" ? "observing" : "following";
    return { name, phase, leader: role.leader, leading };
  }

  // ------------------------------------------------------------------------------ the end

  /** Our disk, or a bug: nothing more is acknowledged, and the process ends. */
  #die(error: unknown): void {
    if (this.#isDead) return;
    this.#isDead = true;
    const reason = error instanceof Error ? error : new Error(String(error));
    this.#log.error("Server stops", { error: messageOf(error) });
    this.#view.isUp = false;
    this.#elections.stop();
    this.#pause.end();
    this.#role?.stop("the server failed");
    const tell = (): void => this.#fail(reason);
    this.#main.then(() => this.#release()).then(tell, tell);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#isDead) return;
    this.#audit?.serverStop();
    this.#isStopping = true;
    this.#view.isUp = false;
    await this.#acceptor.close();
    const replica = this.#serving, { clock } = this.#runtime;
    if (replica !== undefined) {
      replica.isStopping = true;
      for (const connection of replica.connections) connection.stopReading();
      await answeredOut(clock, replica, STOP_ANSWER_MS);
      for (const connection of [...replica.connections]) connection.endAfterFlush();
      await lingerOut(clock, replica, STOP_LINGER_MS);
    }
    this.#elections.stop();
    this.#pause.end();
    this.#role?.stop("the server stops");
    await this.#main;
    if (!this.#isDead) await this.#release();
  }

  async #release(): Promise<void> {
    const failed = (what: string) => (error: unknown): void => {
      this.#log.warn(`Cannot close ${what}`, { error: messageOf(error) });
    };
    await this.#acceptor.close().catch(failed("the client port"));
    await this.#elections.links.close().catch(failed("the election port"));
    await this.#port.close().catch(failed("the quorum port"));
    await this.#storage.close();
  }
}
