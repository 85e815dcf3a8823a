/** A running server; of a standalone one: recovery, the client port, the clock's duties, snapshots, and an orderly end. */
import { type Codec, createCodec } from "../../wasm/codec.ts";
import type { Log } from "../base/log.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import type { Zxid } from "../base/zxid.ts";
import type { Address, Runtime } from "../runtime.ts";
import { SessionIds } from "../session/ids.ts";
import type { ByteSource } from "../storage/byte_stream.ts";
import { Acceptor } from "./acceptor.ts";
import { Auditor } from "./audit.ts";
import { ReplicaControl, type ServerControl } from "./control.ts";
import { startPeer } from "./ensemble/peer.ts";
import { lingerOut } from "./linger.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "./options.ts";
import { MemoryGuard } from "./memory_guard.ts";
import { authSchemesOf, connectThrottleOf } from "./server_parts.ts";
import { Persistence } from "./persistence.ts";
import { removeOrphans } from "./orphans.ts";
import { Replica } from "./replica.ts";
import { continueFrom, readRestored, type Restoring } from "./restore.ts";
import { RunningView } from "./server_view.ts";
import { ServerStats } from "./stats.ts";
import type { FourLetterCommandsFactory, ServerView } from "./view.ts";

export interface ServerHooks {
  /** What `srvr` and others show. */
  readonly version: string;
  readonly commands?: FourLetterCommandsFactory;
  /** Of a server that has ended: who starts thousands, one after the other, saves their memory. Undefined: one of its own. */
  readonly codec?: Codec;
}

export interface RunningServer {
  /** The client port's; its port is the one in use. */
  readonly address: Address;
  readonly view: ServerView;
  readonly control: ServerControl;
  /** Settles with the reason when the server had to stop by itself: a disk that is full or fails. */
  readonly failed: Promise<Error>;
  /** Stops accepting, answers what is under way, syncs, and lets go of directory and port. */
  stop(): Promise<void>;
}

/** How long an orderly end waits for connections to take their last bytes. */
const STOP_LINGER_MS = 2000;

/**
 * Serves once it resolves.
 * @throws {UsageError} a directory that cannot be used or is damaged, with what to do
 * @throws {RuntimeError} BUSY (another server holds the directory), ADDRESS_IN_USE, ACCESS
 */
export async function startServer(
  runtime: Runtime,
  options: ServerOptions,
  log: Log,
  hooks: ServerHooks,
): Promise<RunningServer> {
  demandWhole(options);
  if (options.ensemble !== undefined) {
    return startPeer(runtime, options, options.ensemble, log, hooks);
  }
  const server = new Server(runtime, options, log);
  await server.start(hooks);
  return server;
}

/** Programs that embed a server are not always checked for types. */
function demandWhole(options: ServerOptions): void {
  const given: Partial<Record<string, unknown>> = { ...options };
  const [missing] = Object.entries(DEFAULT_OPTIONS)
    .find(([name, value]) => value !== undefined && given[name] === undefined) ?? [];
  if (missing === undefined) return;
  throw new UsageError(
    `Cannot start: the option "${missing}" is missing; begin with { ...DEFAULT_OPTIONS }`,
  );
}

class Server implements RunningServer {
  readonly failed: Promise<Error>;
  readonly #runtime: Runtime;
  readonly #options: ServerOptions;
  readonly #log: Log;
  readonly #stats: ServerStats;
  #fail: (error: Error) => void = () => {};
  #storage: Persistence | undefined;
  #replica: Replica | undefined;
  #view: RunningView | undefined;
  #control: ReplicaControl | undefined;
  #acceptor: Acceptor | undefined;
  #address: Address | undefined;
  #isRestoring = false;
  #replacing: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #isDead = false;
  readonly #audit: Auditor | undefined;

  constructor(runtime: Runtime, options: ServerOptions, log: Log) {
    this.#runtime = runtime;
    this.#options = options;
    this.#stats = new ServerStats(options.metricsEnabled);
    this.#log = log;
    if (options.auditEnabled) this.#audit = new Auditor(log, runtime.process.userName());
    this.failed = new Promise((resolve) => this.#fail = resolve);
  }

  get address(): Address {
    return this.#address as Address;
  }
  get view(): ServerView {
    return this.#view as RunningView;
  }
  get control(): ServerControl {
    return this.#control as ReplicaControl;
  }

  async start(hooks: ServerHooks): Promise<void> {
    const { clock } = this.#runtime;
    const ids = new SessionIds(this.#options.serverId, clock.wallMs());
    const storage = await Persistence.open(
      { host: this.#runtime, log: this.#log },
      hooks.codec ?? createCodec(),
      this.#options,
      this.#stats,
      ids,
    );
    this.#storage = storage;
    try {
      await this.#serve(storage, ids, hooks);
      this.#audit?.serverStart("success");
    } catch (error) {
      this.#audit?.serverStart("failure");
      this.#replica?.housekeeping.stop();
      await storage.close().catch(() => {}); // the first failure is the one to tell
      throw error;
    }
  }

  async #serve(storage: Persistence, ids: SessionIds, hooks: ServerHooks): Promise<void> {
    const { clock, random, hash } = this.#runtime;
    const options = this.#options;
    const isChanged = removeOrphans(storage.db, this.#log);
    await storage.writeStartSnapshot(isChanged);
    const throttle = connectThrottleOf(options, random, clock.monotonicMs());
    const view = new RunningView({
      options,
      clock,
      stats: this.#stats,
      db: () => storage.db,
      replica: () => this.#replica,
      dropChance: () => throttle.dropChance,
    });
    this.#view = view;
    const commands = hooks.commands?.(view);
    const auth = authSchemesOf(options, hash);
    const memory = new MemoryGuard(
      this.#runtime,
      options.memoryLimitMib,
      this.#log,
      this.#stats,
    );
    const makeReplica = (): Replica => {
      const { db, journal } = storage;
      for (const id of db.tree.ephemeralSessions()) ids.observe(id);
      const replica = new Replica({
        options,
        clock,
        log: this.#log,
        db,
        journal,
        auth,
        ids,
        throttle,
        stats: this.#stats,
        memory,
        commands,
        onGroupApplied: (txns) => storage.onApplied(txns),
        onFatal: (error) => this.#die(error),
      });
      replica.audit = this.#audit;
      return replica;
    };
    const replica = makeReplica();
    this.#replica = replica;
    const acceptor = new Acceptor({
      runtime: this.#runtime,
      options,
      stats: this.#stats,
      log: this.#log,
      commands,
      replica: () => this.#replica,
    });
    this.#acceptor = acceptor;
    this.#control = new ReplicaControl(
      () => this.#replica,
      storage,
      (connection, isCounted) => acceptor.accept(connection, isCounted),
      (source) => this.#restore(storage, makeReplica, source),
    );
    this.#address = await acceptor.listen();
    view.clientPort = this.#address.port;
    replica.housekeeping.start();
    storage.startAutopurge();
    view.isUp = true;
  }

  async #restore(
    storage: Persistence,
    makeReplica: () => Replica,
    source: ByteSource,
  ): Promise<Zxid | undefined> {
    if (this.#isRestoring) return undefined;
    this.#isRestoring = true;
    try {
      const { clock } = this.#runtime;
      const beganMs = clock.monotonicMs();
      const context = { host: this.#runtime, log: this.#log };
      const restoring = await readRestored(context, storage, source);
      this.#replacing = this.#replace(storage, makeReplica, restoring);
      await this.#replacing;
      this.#stats.summaries.restoreMs.add(Math.round(clock.monotonicMs() - beganMs));
      return restoring.zxid;
    } finally {
      this.#isRestoring = false;
    }
  }

  /** What was taken in is answered, then every client is cut off; those that come meanwhile wait in the lobby. */
  async #replace(
    storage: Persistence,
    makeReplica: () => Replica,
    restoring: Restoring,
  ): Promise<void> {
    const before = this.#replica;
    if (before === undefined || this.#isDead || this.#stopping !== undefined) {
      throw new UsageError("Cannot restore: the server is stopping");
    }
    before.isStopping = true;
    for (const connection of before.connections) connection.stopReading();
    await storage.journal.drain();
    for (const connection of [...before.connections]) connection.endAfterFlush();
    await lingerOut(this.#runtime.clock, before, STOP_LINGER_MS);
    await storage.journal.drain(); // of those who came meanwhile: from here to the end of the replica nothing is awaited
    continueFrom(restoring, storage.db.lastZxid, this.#log);
    before.end("Another database took the place of this one");
    this.#replica = undefined;
    try {
      await storage.install(restoring.db);
    } catch (error) {
      this.#die(error);
      throw error;
    }
    this.#replica = makeReplica();
    this.#replica.housekeeping.start();
  }

  /** Nothing that is not on the disk is acknowledged: every client loses its connection and asks another server. */
  #die(error: unknown): void {
    if (this.#isDead) return;
    this.#isDead = true;
    const reason = error instanceof Error ? error : new Error(String(error));
    this.#log.error("Server stops", { error: messageOf(error) });
    this.#replica?.housekeeping.stop();
    if (this.#view !== undefined) this.#view.isUp = false;
    for (const connection of [...(this.#replica?.connections ?? [])]) {
      connection.close("Server failed");
    }
    void this.#release().then(() => this.#fail(reason));
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#replacing?.catch(() => {}); // told to who asked for it
    if (this.#isDead) return;
    this.#audit?.serverStop();
    const replica = this.#replica as Replica;
    replica.isStopping = true;
    (this.#view as RunningView).isUp = false;
    replica.housekeeping.stop();
    await this.#acceptor?.close();
    for (const connection of replica.connections) connection.stopReading();
    await this.#storage?.journal.drain();
    for (const connection of [...replica.connections]) connection.endAfterFlush();
    await lingerOut(this.#runtime.clock, replica, STOP_LINGER_MS);
    await this.#release();
  }

  async #release(): Promise<void> {
    await this.#acceptor?.close().catch((error: unknown) => {
      this.#log.warn("Cannot close the client port", { error: messageOf(error) });
    });
    await this.#storage?.close();
  }
}
