/** A server for the tests of others: inside their process, in no time, with time and failures in their hands. */
import { nextTurn } from "../../runtimes/turn.ts";
import { FourLetterWords } from "../admin/four_letter_words.ts";
import { UsageError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { ZOOKEEPER_VERSION } from "../cli/version.ts";
import { hostRuntime } from "../client/host_runtime.ts";
import { type Client, connect, type ConnectOptions, type SessionState } from "../client/index.ts";
import type { Address, Runtime } from "../runtime.ts";
import { type RunningServer, startServer as startProduct } from "../server/server.ts";
import type { ServerView } from "../server/view.ts";
import { endSession } from "./end_session.ts";
import type { FailureWish, PlannedFailure } from "./faults.ts";
import { MEMORY_HOST } from "./memory_net.ts";
import { checkOptions, serverOptions, type TestServerOptions } from "./options.ts";
import { buildStage, type Stage } from "./stage.ts";

export interface TestClock {
  readonly isVirtual: boolean;
  /** Milliseconds since 1970, as the server and `zk.connect()` have them. */
  wallMs(): number;
  /**
   * Lets `ms` pass for the server and for the clients of `zk.connect()`: resolves when all that is due in them has
   * happened and its effects are there. Takes no real time.
   * @param ms 0 or more, finite
   * @throws {UsageError} another number; the server was not started with `clock: "virtual"`
   */
  advance(ms: number): Promise<void>;
}

export interface TestConnectOptions extends Omit<ConnectOptions, "runtime"> {
  /** The path that the client sees as its root. */
  readonly chroot?: string | undefined;
}

/** A connection of a client, as `cutConnections` shows it. */
export interface ClientConnection {
  /** 0n: it has no session yet. */
  readonly sessionId: bigint;
  readonly remote: Address;
}

function isConnected(state: SessionState): boolean {
  return state === "connected" || state === "connectedReadOnly";
}

function wasStopped(what: string): UsageError {
  return new UsageError(`Cannot ${what}: the server was stopped`);
}

/** A session id, or a client that has one. */
export type WhoseSession = bigint | { readonly session: { readonly id: bigint } };

/**
 * Serves once it resolves; `await using` stops it.
 * @example
 * await using zk = await startServer({ network: "memory" });
 * await using client = await zk.connect();
 * @throws {UsageError} options that there are not, a directory that cannot be used
 */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  checkOptions(options);
  const stage = await buildStage(await hostRuntime(), nextTurn, options);
  const server = new TestServer(stage, options);
  try {
    await server.start();
  } catch (error) {
    await stage.clear();
    throw error;
  }
  return server;
}

export class TestServer implements AsyncDisposable {
  readonly clock: TestClock;
  /** For clients that are told their runtime: `connect(zk.connectString, { runtime: zk.runtime })`. */
  readonly runtime: Runtime;
  readonly #stage: Stage;
  readonly #options: TestServerOptions;
  readonly #clients = new Set<Client>();
  /** What an end has to wait for, so that nothing begins behind it. */
  readonly #beginning = new Set<Promise<unknown>>();
  #running: RunningServer | undefined;
  #port = 0;
  #stopping: Promise<void> | undefined;

  /** For `startServer`. */
  constructor(stage: Stage, options: TestServerOptions) {
    this.#stage = stage;
    this.#options = options;
    this.runtime = stage.clients;
    const { virtual } = stage;
    this.clock = {
      isVirtual: virtual !== undefined,
      wallMs: () => stage.clients.clock.wallMs(),
      advance: (ms) => {
        if (virtual !== undefined) return virtual.advance(ms);
        const what = `Cannot advance the clock by ${ms} ms: it is the real one`;
        return Promise.reject(new UsageError(`${what}; start the server with clock: "virtual"`));
      },
    };
  }

  /** `127.0.0.1:` and the port; `memory:2181` where there is none, which `runtime` alone can reach. */
  get connectString(): string {
    const host = this.#options.network === "memory" ? MEMORY_HOST : "127.0.0.1";
    return `${host}:${this.#port}`;
  }

  /** What operators see: sessions, watches, counters. @throws {UsageError} when it does not run */
  get view(): ServerView {
    return this.#server("look at it").view;
  }

  /** For `startServer`. */
  async start(): Promise<void> {
    const { server, directory } = this.#stage;
    const options = serverOptions({
      ...this.#options,
      port: this.#port === 0 ? this.#options.port : this.#port,
    }, directory);
    this.#running = await this.#through(
      startProduct(server, options, this.#options.log ?? silentLog, {
        version: ZOOKEEPER_VERSION,
        commands: (view) => new FourLetterWords(view, server, ZOOKEEPER_VERSION),
      }),
    );
    this.#port = this.#running.address.port;
  }

  /**
   * A client of this server, on its clock and network, closed by `stop`. It reconnects with no random pause.
   * @throws {UsageError} the server was stopped
   */
  async connect(options: TestConnectOptions = {}): Promise<Client> {
    if (this.#stopping !== undefined) throw wasStopped("connect to it");
    const { chroot = "", ...rest } = options;
    const client = await this.#begin(connect(this.connectString + chroot, {
      reconnectJitterMs: 0,
      ...rest,
      runtime: this.runtime,
    }));
    this.#clients.add(client);
    return client;
  }

  /**
   * Ends a session as its expiry does: ephemeral nodes and watches go, its client learns it when it reconnects.
   * Resolves when it has ended, and its client (one of `connect`) has lost its connection.
   * @throws {Error} there is no such session
   */
  async expireSession(whose: WhoseSession): Promise<void> {
    this.#server("expire a session");
    const id = typeof whose === "bigint" ? whose : whose.session.id;
    // On the wire it asks for a new session.
    if (id === 0n) throw new UsageError("Cannot expire session 0x0: it stands for none");
    const { memory } = this.#stage;
    const noticed = this.#noticed((one) => one === id);
    await endSession(await memory.connect({ host: MEMORY_HOST, port: this.#port }), id);
    await noticed;
  }

  /**
   * Cuts the connections chosen, or all; sessions stay. Resolves when the clients of `connect` among them have noticed:
   * what they are asked from then on waits for their next connection.
   * @returns how many
   */
  async cutConnections(
    filter: (connection: ClientConnection) => boolean = () => true,
  ): Promise<number> {
    const cut = this.#stage.net.living().filter(filter);
    const ids = new Set(cut.map(({ sessionId }) => sessionId));
    const noticed = this.#noticed((id) => ids.has(id));
    for (const connection of cut) connection.cut();
    await noticed;
    return cut.length;
  }

  /**
   * The next request that matches costs its client the connection, before or after it is carried out. Several failures
   * may be planned; each happens once. @throws {UsageError} an operation that there is not
   */
  failNext(wish: FailureWish): PlannedFailure {
    return this.#stage.net.faults.plan(wish);
  }

  /** Stops and starts again with the same data and the same port: clients reconnect, sessions stay. */
  restart(): Promise<void> {
    return this.#begin(this.#restart());
  }

  async #restart(): Promise<void> {
    this.#server("restart it");
    const noticed = this.#noticed(() => true);
    await this.#end();
    await noticed;
    await this.start();
  }

  /** Closes the clients that `connect` made, then the server; afterwards nothing of it is left. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#through(Promise.allSettled(this.#beginning));
    await this.#through(Promise.all([...this.#clients].map((client) => client.close())));
    await this.#end();
    await this.#stage.clear();
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) await this.#through(running.stop());
    this.#stage.net.cutAll(); // connections that the server let go of and whose clients did not
  }

  /** Clients of `connect` that are connected now and meant: until each has lost its connection. */
  async #noticed(isMeant: (sessionId: bigint) => boolean): Promise<void> {
    const connected = [...this.#clients].filter((client) =>
      isConnected(client.state) && isMeant(client.session.id)
    );
    await Promise.all(connected.map((client) =>
      new Promise<void>((resolve) => {
        const stop = client.onState((state) => {
          if (isConnected(state)) return;
          stop();
          resolve();
        });
      })
    ));
  }

  /** An end may wait for a deadline, which on a virtual clock comes only when asked to. */
  #through<T>(work: Promise<T>): Promise<T> {
    return this.#stage.virtual?.runUntil(work) ?? work;
  }

  #begin<T>(work: Promise<T>): Promise<T> {
    this.#beginning.add(work);
    const over = () => void this.#beginning.delete(work);
    work.then(over, over);
    return work;
  }

  #server(what: string): RunningServer {
    const running = this.#stopping === undefined ? this.#running : undefined;
    if (running === undefined) throw wasStopped(what);
    return running;
  }
}
