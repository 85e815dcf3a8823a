/** The public client: every operation as a typed promise (client-protocol §3, docs/client.md). */
import { utf8Encode } from "../base/host.ts";
import type { Acl } from "../protocol/acl.ts";
import { Op } from "../protocol/ops.ts";
import { WatcherType } from "../protocol/watch_types.ts";
import type { MonotonicMs, Runtime } from "../runtime.ts";
import { type CallOptions, limitCall, optionsProblem } from "./call_options.ts";
import { createPlan, type NodeOptions } from "./create_mode.ts";
import type { Driver } from "./driver.ts";
import { misuse, whatOf, ZkError } from "./errors.ts";
import { EventQueue } from "./event_queue.ts";
import { REREAD_PAUSE_MS } from "./limits.ts";
import { Live, type LiveSource } from "./live.ts";
import {
  childrenSource,
  type ChildrenValue,
  type NodeValue,
  type Reads,
  valueSource,
} from "./live_sources.ts";
import { Multi, MultiRead, type SendMulti } from "./multi.ts";
import * as operations from "./operations.ts";
import type { Data } from "./operations.ts";
import { type Chroot, pathProblem, prefixProblem } from "./paths.ts";
import type { Operation } from "./request.ts";
import type { ChildrenResult, CreateResult, DataResult, Stat } from "./results.ts";
import type { SessionIdentity, SessionState } from "./session_machine.ts";
import { Watch, type WatchMode } from "./watch.ts";
import { sinkOf, type Watcher, type WatchListener, type WatchSink } from "./watch_events.ts";
import { KINDS_OF, TYPE_OF, type WatchType } from "./watch_registry.ts";

export type { WatchType };

export interface ReadOptions extends CallOptions {
  /** Told once of the next change: a callback, or a {@link WatchQueue}. */
  readonly watch?: Watcher | undefined;
}
export interface CreateOptions extends CallOptions, NodeOptions {}
export interface VersionOptions extends CallOptions {
  /** The version that the node must have (Stat); default -1: any. */
  readonly version?: number | undefined;
}
export interface WatchOptions extends CallOptions {
  /** Instead of the iterator. */
  readonly onEvent?: WatchListener | undefined;
  /** Events that the iterator keeps before it says that there is a gap. Default 1024. */
  readonly bufferMax?: number | undefined;
}
export interface ReconfigOptions extends CallOptions {
  readonly joining?: string | undefined;
  readonly leaving?: string | undefined;
  readonly members?: string | undefined;
  /** Only if this is the present configuration; default -1: any. */
  readonly fromConfig?: number | undefined;
}

const CONFIG_PATH = "/zookeeper/config";
const STATES_KEPT = 64;
const ANY_VERSION = -1;

/**
 * One session. Every call takes `timeoutMs` and `signal`, and rejects with a {@link ZkError}.
 * @example
 * await using zk = await connect("host1:2181,host2:2181/app");
 * await zk.create("/a", "hello");
 * const { data, stat } = await zk.getData("/a");
 */
export class Client implements AsyncDisposable {
  readonly #driver: Driver;
  readonly #chroot: Chroot;

  /** For `connect`. */
  constructor(driver: Driver, chroot: Chroot) {
    this.#driver = driver;
    this.#chroot = chroot;
  }

  // ------------------------------------------------------------------------------ session

  get state(): SessionState {
    return this.#driver.state;
  }
  get session(): SessionIdentity & { readonly timeoutMs: number } {
    const { session, timeoutMs } = this.#driver.machine;
    return { ...session, timeoutMs };
  }
  /** The door that this client was given. */
  get runtime(): Runtime {
    return this.#driver.runtime;
  }
  /** `host:port` of the server now connected. */
  get server(): string | undefined {
    return this.#driver.server;
  }
  /** Calls without an answer. */
  get pending(): number {
    return this.#driver.pipeline.pending;
  }
  /** The largest zxid among the answers so far. */
  get lastZxid(): number {
    return this.#driver.pipeline.lastZxid;
  }

  /** @returns what takes the listener away */
  onState(listener: (state: SessionState) => void): () => void {
    return this.#driver.onState(listener);
  }

  /** The state now, then each further one; ends after a final one. A slow reader gets the latest. */
  states(): AsyncIterableIterator<SessionState> {
    const queue: EventQueue<SessionState> = new EventQueue(() => stop());
    const take = (state: SessionState): void => {
      if (queue.size < STATES_KEPT) queue.push(state);
      else queue.replace(state);
      if (!this.#driver.machine.isFinal) return;
      stop();
      queue.end();
    };
    const stop = this.#driver.onState(take);
    take(this.state);
    return queue;
  }

  /** Ends the session after the calls under way; its ephemeral nodes go. Never fails. */
  close(): Promise<void> {
    return this.#driver.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @throws {ZkError} AUTH_FAILED, which ends the session */
  addAuth(scheme: string, data: string | Uint8Array, options?: CallOptions): Promise<void> {
    const bytes = typeof data === "string" ? utf8Encode(data) : data.slice();
    return this.#driver.credentials.add(scheme, bytes, options);
  }

  /**
   * One step of a SASL exchange: the server's token for this one. It counts for this connection alone: begin anew at each
   * `connected` state. @throws {ZkError} AUTH_FAILED, and the server closes the connection
   */
  sasl(token: Uint8Array | null, options?: CallOptions): Promise<Uint8Array | null> {
    return this.#raw(operations.sasl, token, undefined, options);
  }

  whoAmI(options?: CallOptions): Promise<{ scheme: string; user: string }[]> {
    return this.#raw(operations.whoAmI, undefined, undefined, options);
  }

  // ------------------------------------------------------------------------------ nodes

  /** @throws {ZkError} NODE_EXISTS, NO_NODE (no parent), NO_CHILDREN_FOR_EPHEMERALS, INVALID_ACL, NO_AUTH */
  create(path: string, data: Data = null, options?: CreateOptions): Promise<CreateResult> {
    let plan;
    try {
      plan = createPlan(path, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const operation = plan.op === Op.create2
      ? operations.create
      : plan.op === Op.createTtl
      ? operations.createTtl
      : operations.createContainer;
    const args = { data, acl: plan.acl };
    const { kind, isSequential } = plan;
    const created = this.#call(operation, path, args, kind, options, undefined, isSequential);
    if (this.#chroot.prefix === "") return created;
    return created.then((result) => ({ ...result, path: this.#chroot.own(result.path) }));
  }

  /** @throws {ZkError} NO_NODE, BAD_VERSION, NOT_EMPTY, NO_AUTH */
  delete(path: string, options?: VersionOptions): Promise<void> {
    return this.#call(operations.remove, path, options?.version ?? ANY_VERSION, undefined, options);
  }

  /** @returns undefined: there is no such node; a watch then tells of its creation */
  exists(path: string, options?: ReadOptions): Promise<Stat | undefined> {
    const watch = options?.watch;
    return this.#call(operations.exists, path, watch !== undefined, undefined, options, watch);
  }

  /** @throws {ZkError} NO_NODE (and no watch is left), NO_AUTH */
  getData(path: string, options?: ReadOptions): Promise<DataResult> {
    const watch = options?.watch;
    return this.#call(operations.getData, path, watch !== undefined, undefined, options, watch);
  }

  /** @throws {ZkError} NO_NODE, BAD_VERSION, NO_AUTH */
  setData(path: string, data: Data, options?: VersionOptions): Promise<Stat> {
    return this.#call(operations.setData, path, data, options?.version ?? ANY_VERSION, options);
  }

  /** @throws {ZkError} NO_NODE, NO_AUTH */
  getChildren(path: string, options?: ReadOptions): Promise<ChildrenResult> {
    const watch = options?.watch;
    return this.#call(operations.getChildren, path, watch !== undefined, undefined, options, watch);
  }

  getAcl(path: string, options?: CallOptions): Promise<{ acl: Acl[]; stat: Stat }> {
    return this.#call(operations.getAcl, path, undefined, undefined, options);
  }

  /** @param options its version is compared with `aversion` */
  setAcl(path: string, acl: readonly Acl[], options?: VersionOptions): Promise<Stat> {
    return this.#call(operations.setAcl, path, acl, options?.version ?? ANY_VERSION, options);
  }

  /** Reads after it see all writes that were answered before it, by whichever server. */
  sync(path = "/", options?: CallOptions): Promise<void> {
    return this.#call(operations.sync, path, undefined, undefined, options);
  }

  /** Ephemeral nodes of this session below a prefix. */
  async getEphemerals(prefix = "/", options?: CallOptions): Promise<string[]> {
    const paths = await this.#call(operations.getEphemerals, prefix, undefined, undefined, options);
    // The server compares text: "/app" is a prefix of "/apple" too, which is outside the chroot.
    return paths.filter((path) => this.#chroot.has(path)).map((path) => this.#chroot.own(path));
  }

  /** Nodes below this one, at any depth. */
  countDescendants(path: string, options?: CallOptions): Promise<number> {
    return this.#call(operations.countDescendants, path, undefined, undefined, options);
  }

  /** Writes that happen all or not at all. */
  multi(): Multi {
    return new Multi(this.#chroot, this.#sendMulti);
  }
  /** Many reads in one request. */
  multiRead(): MultiRead {
    return new MultiRead(this.#chroot, this.#sendMulti);
  }

  /** The ensemble's members, as the node /zookeeper/config has them whatever the chroot. */
  getConfig(options?: ReadOptions): Promise<DataResult> {
    const watch = options?.watch;
    return this.#driver.pipeline.call(
      operations.getData,
      CONFIG_PATH,
      CONFIG_PATH,
      watch !== undefined,
      undefined,
      options,
      watch === undefined ? undefined : sinkOf(watch),
    );
  }

  /** @throws {ZkError} RECONFIG_DISABLED, NO_AUTH, BAD_VERSION, NEW_CONFIG_NO_QUORUM */
  reconfig(options: ReconfigOptions): Promise<DataResult> {
    const { joining = null, leaving = null, members = null, fromConfig = -1 } = options;
    return this.#raw(operations.reconfig, { joining, leaving, members }, fromConfig, options);
  }

  // ------------------------------------------------------------------------------ watches

  /**
   * A watch that stays: on the node and its children (`persistent`), or on everything below (`recursive`). The node need not
   * exist. Changes made while disconnected are not told: a `gap` event says so.
   */
  async addWatch(path: string, mode: WatchMode, options: WatchOptions = {}): Promise<Watch> {
    const { onEvent, bufferMax } = options;
    const watch = new Watch(path, mode, onEvent, bufferMax, (closed) => this.#removeWatch(closed));
    const operation = mode === "recursive"
      ? operations.addRecursiveWatch
      : operations.addPersistentWatch;
    await this.#call(operation, path, undefined, undefined, options, watch);
    return watch;
  }

  /**
   * Takes back the one-shot watch that a read of the path left, by what it was given: here, and at the server unless another
   * of this client's watchers needs it there. Never fails.
   */
  unwatch(path: string, watcher: Watcher): Promise<void> {
    return this.#letGo(path, sinkOf(watcher));
  }

  async #letGo(path: string, sink: WatchSink): Promise<void> {
    const idle = this.#driver.registry.forget(this.#chroot.full(path), sink);
    await Promise.all(idle.map((type) => this.#dropAtServer(path, type)));
  }

  /** @throws {ZkError} NO_WATCHER: the server knows of none */
  checkWatches(path: string, type: WatchType, options?: CallOptions): Promise<void> {
    return this.#call(operations.checkWatches, path, WatcherType[type], undefined, options);
  }

  /** All of this client's watches of a type on a path, here and at the server. @throws {ZkError} NO_WATCHER */
  async removeWatches(path: string, type: WatchType, options?: CallOptions): Promise<void> {
    const operation = { ...operations.removeWatches, removes: KINDS_OF[type] };
    await this.#call(operation, path, WatcherType[type], undefined, options);
  }

  /** A node's data and stat, kept up to date; undefined while it does not exist. */
  watchValue(path: string, options?: CallOptions): Promise<Live<NodeValue | undefined>> {
    return this.#live("watchValue", path, valueSource(this.#reads(path), path), options);
  }
  /** A node's children, sorted, kept up to date; undefined while it does not exist. */
  watchChildren(path: string, options?: CallOptions): Promise<Live<ChildrenValue | undefined>> {
    return this.#live("watchChildren", path, childrenSource(this.#reads(path), path), options);
  }

  #reads(path: string): Reads {
    return {
      getData: (at, options) => this.getData(at, options),
      getChildren: (at, options) => this.getChildren(at, options),
      exists: (at, options) => this.exists(at, options),
      onState: (listener) => this.onState(listener),
      forget: (sink) => void this.#letGo(path, sink),
      pause: () =>
        new Promise((resolve) => {
          const { clock } = this.runtime;
          clock.wakeAt((clock.monotonicMs() + REREAD_PAUSE_MS) as MonotonicMs, resolve);
        }),
    };
  }

  /** The limits are for the first value. */
  #live<T>(
    op: string,
    path: string,
    source: LiveSource<T>,
    options: CallOptions = {},
  ): Promise<Live<T>> {
    const problem = optionsProblem(options);
    if (problem !== undefined) return Promise.reject(misuse(op, path, problem));
    return Live.open(
      source,
      (giveUp) =>
        limitCall(this.runtime.clock, options, (code, why, cause) => {
          const message = `Cannot ${whatOf(op, path)}: ${code}, ${why}; nothing changed`;
          giveUp(new ZkError(message, { code, op, path, cause }));
        }),
    );
  }

  async #removeWatch(watch: Watch): Promise<void> {
    const { path, mode } = watch;
    const isLast = this.#driver.registry.remove(mode, this.#chroot.full(path), watch);
    if (isLast) await this.#dropAtServer(path, TYPE_OF[mode]);
  }

  async #dropAtServer(path: string, type: WatchType): Promise<void> {
    const isConnected = this.state === "connected" || this.state === "connectedReadOnly";
    // A watch that is there, or about to be, shares the server's entry: it must stay.
    const { pipeline, registry } = this.#driver, full = this.#chroot.full(path);
    const isWanted = pipeline.isWatching(KINDS_OF[type], full) ||
      registry.has(KINDS_OF[type], full);
    if (!isConnected || isWanted) return;
    await this.#call(operations.removeWatches, path, WatcherType[type], undefined, undefined)
      .catch(() => {
        // Gone with the connection, fired, or not known: either way the server has it no more.
      });
  }

  // ------------------------------------------------------------------------------ calls

  #call<T, A, B>(
    operation: Operation<T, A, B>,
    path: string,
    a: A,
    b: B,
    options: CallOptions | undefined,
    watcher?: Watcher,
    isPrefix = false,
  ): Promise<T> {
    const problem = isPrefix ? prefixProblem(path) : pathProblem(path);
    if (problem !== undefined) return Promise.reject(misuse(operation.name, path, problem));
    const sink = watcher === undefined ? undefined : sinkOf(watcher);
    const full = isPrefix ? this.#chroot.prefix + path : this.#chroot.full(path);
    const answer = this.#driver.pipeline.call(operation, path, full, a, b, options, sink);
    if (sink !== undefined) {
      answer.catch(({ outcome }: ZkError) => {
        // Given up, not refused: the server adds the watch yet, and would tell of changes for nobody.
        const kind = outcome === "unknown" ? operation.watches : undefined;
        if (kind !== undefined) void this.#dropAtServer(path, TYPE_OF[kind]);
      });
    }
    return answer;
  }

  #raw<T, A, B>(operation: Operation<T, A, B>, a: A, b: B, options?: CallOptions): Promise<T> {
    return this.#driver.pipeline.call(operation, undefined, "", a, b, options);
  }

  readonly #sendMulti: SendMulti = (name, body, decode, options) =>
    this.#raw(operations.multiOperation(name, decode), body, undefined, options);
}
