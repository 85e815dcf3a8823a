/** The server as the operators' doors see it (view.ts). */
import type { Zxid } from "../base/zxid.ts";
import type { Clock } from "../runtime.ts";
import type { Database } from "../txn/database.ts";
import type { Watches } from "../watch/watches.ts";
import type { ClientConnection } from "./connection.ts";
import type { Replica } from "./replica.ts";
import type { ServerOptions } from "./options.ts";
import type { ServerStats } from "./stats.ts";
import type {
  Bucket,
  ConnectionView,
  QuorumView,
  QuotaView,
  ServerMode,
  ServerView,
  WatchesView,
} from "./view.ts";

export interface ViewParts {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly stats: ServerStats;
  /** The tree of the moment: a learner may get another one. */
  readonly db: () => Database;
  /** The replica of the moment: none between two roles. */
  readonly replica: () => Replica | undefined;
  /** The connect throttle's. */
  readonly dropChance: () => number;
  /** Of an ensemble's server. */
  readonly quorum?: () => QuorumView;
}

/** Lives as long as the server; what belongs to a role is empty while there is none. */
export class RunningView implements ServerView {
  readonly #parts: ViewParts;
  readonly startedMs: number;
  clientPort: number;
  /** Nothing is served while it is false, whatever the replica says. */
  isUp = false;
  traceMask = 306n;
  readonly watches: WatchesView;

  constructor(parts: ViewParts) {
    this.#parts = parts;
    this.startedMs = parts.clock.monotonicMs();
    this.clientPort = parts.options.clientPort;
    this.watches = new ReplicaWatchesView(() => parts.replica()?.watches);
  }

  get options(): ServerOptions {
    return this.#parts.options;
  }
  get serving(): boolean {
    return this.isUp && this.#replica?.isStopping === false;
  }
  /** Between two roles nobody asks: every word that shows it says that the server does not serve. */
  get mode(): ServerMode {
    return this.#replica?.mode ?? "standalone";
  }
  get quorum(): QuorumView | undefined {
    return this.#parts.quorum?.();
  }
  get stats(): ServerStats {
    return this.#parts.stats;
  }
  get lastZxid(): Zxid {
    return this.#parts.db().lastZxid;
  }
  get nodeCount(): number {
    return this.#parts.db().tree.nodeCount + 1; // Apache counts the root as "" and as "/"
  }
  get ephemeralCount(): number {
    return this.#parts.db().tree.ephemeralCount;
  }
  approximateDataSize(): number {
    return this.#parts.db().tree.approximateDataBytes + 1;
  }
  get outstandingRequests(): number {
    return this.#replica?.writes.outstanding ?? 0;
  }
  get connectionDropProbability(): number {
    return this.#parts.dropChance();
  }
  get connectionCount(): number {
    return this.#replica?.connections.size ?? 0;
  }
  get #replica(): Replica | undefined {
    return this.#parts.replica();
  }
  get #connections(): Iterable<ClientConnection> {
    return this.#replica?.connections ?? [];
  }

  *connections(): Iterable<ConnectionView> {
    for (const connection of this.#connections) yield viewOf(connection);
  }

  connectionBuckets(): Iterable<Bucket<ConnectionView>> {
    const buckets = new Map<number, ConnectionView[]>();
    for (const connection of this.#connections) {
      const at = connection.session?.expiryMs ?? connection.sessionlessDeadlineMs;
      const members = buckets.get(at);
      if (members === undefined) buckets.set(at, [viewOf(connection)]);
      else members.push(viewOf(connection));
    }
    return [...buckets].sort((a, b) => a[0] - b[0])
      .map(([expiryMs, members]) => ({ expiryMs, members }));
  }

  get sessionCount(): number {
    return this.#replica?.sessionService.count ?? this.#parts.db().sessions.size;
  }

  sessionBuckets(): Iterable<Bucket<bigint>> {
    const buckets = this.#replica?.sessions.buckets() ?? [];
    return buckets.map(({ expiryMs, sessions }) => ({
      expiryMs,
      members: [...sessions].map((session) => session.id),
    }));
  }

  globalSessions(): Iterable<readonly [bigint, number]> | undefined {
    const { mode } = this;
    return mode === "follower" || mode === "observer" ? this.#parts.db().sessions : undefined;
  }

  *ephemerals(): Iterable<readonly [bigint, readonly string[]]> {
    const { tree } = this.#parts.db();
    for (const id of tree.ephemeralSessions()) yield [id, tree.ephemeralsOf(id)];
  }

  digests(): Iterable<{ readonly zxid: Zxid; readonly digest: bigint }> {
    return this.#replica?.answers.digests.entries() ?? [];
  }

  *quotas(): Iterable<QuotaView> {
    for (const { path, limits, usage } of this.#parts.db().quotas.entries()) {
      const hardOr = (hard: number, soft: number) => hard > -1 ? hard : soft;
      yield {
        namespace: path.slice(1).split("/", 1)[0] ?? "",
        countLimit: hardOr(limits.countHardLimit, limits.count),
        bytesLimit: hardOr(limits.byteHardLimit, limits.bytes),
        count: usage?.count ?? 0,
        bytes: usage?.bytes ?? 0,
      };
    }
  }
}

class ReplicaWatchesView implements WatchesView {
  readonly #watches: () => Watches | undefined;

  constructor(watches: () => Watches | undefined) {
    this.#watches = watches;
  }

  get connectionCount(): number {
    return this.#watches()?.connectionCount ?? 0;
  }
  get pathCount(): number {
    return this.#watches()?.pathCount ?? 0;
  }
  get totalCount(): number {
    return this.#watches()?.totalCount ?? 0;
  }
  get watchCount(): number {
    return this.#watches()?.watchCount ?? 0;
  }

  *bySession(): Iterable<readonly [bigint, readonly string[]]> {
    for (const [watcher, paths] of this.#watches()?.byWatcher() ?? []) {
      yield [(watcher as ClientConnection).sessionId, paths];
    }
  }

  *byPath(): Iterable<readonly [string, readonly bigint[]]> {
    for (const [path, watchers] of this.#watches()?.byPath() ?? []) {
      yield [path, watchers.map((watcher) => (watcher as ClientConnection).sessionId)];
    }
  }
}

function viewOf(connection: ClientConnection): ConnectionView {
  return {
    remote: connection.remote,
    interestOps: connection.session === undefined ? 0 : connection.interestOps,
    queued: connection.requests.outstanding,
    sessionId: connection.sessionId,
    timeoutMs: connection.session?.timeoutMs ?? 0,
    establishedMs: connection.establishedMs,
    stats: connection.stats,
  };
}
