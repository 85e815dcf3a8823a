/** The server as the operators' doors see it (view.ts). */
import type { Zxid } from "../base/zxid.ts";
import type { ClientConnection } from "./connection.ts";
import type { Replica } from "./replica.ts";
import type { ServerOptions } from "./options.ts";
import type { ServerStats } from "./stats.ts";
import type {
  Bucket,
  ConnectionView,
  QuotaView,
  ServerMode,
  ServerView,
  WatchesView,
} from "./view.ts";

export class ReplicaView implements ServerView {
  readonly #replica: Replica;
  readonly #dropChance: () => number;
  readonly mode: ServerMode = "standalone";
  readonly startedMs: number;
  clientPort: number;
  serving = false;
  traceMask = 306n;
  readonly watches: WatchesView;

  constructor(replica: Replica, dropChance: () => number) {
    this.#replica = replica;
    this.#dropChance = dropChance;
    this.startedMs = replica.nowMs();
    this.clientPort = replica.options.clientPort;
    this.watches = new ReplicaWatchesView(replica);
  }

  get options(): ServerOptions {
    return this.#replica.options;
  }
  get stats(): ServerStats {
    return this.#replica.stats;
  }
  get lastZxid(): Zxid {
    return this.#replica.db.lastZxid;
  }
  get nodeCount(): number {
    return this.#replica.tree.nodeCount + 1; // Apache counts the root as "" and as "/"
  }
  get ephemeralCount(): number {
    return this.#replica.tree.ephemeralCount;
  }
  approximateDataSize(): number {
    return this.#replica.tree.approximateDataBytes + 1;
  }
  get outstandingRequests(): number {
    return this.#replica.outstanding;
  }
  get connectionDropProbability(): number {
    return this.#dropChance();
  }
  get connectionCount(): number {
    return this.#replica.connections.size;
  }

  *connections(): Iterable<ConnectionView> {
    for (const connection of this.#replica.connections) yield viewOf(connection);
  }

  connectionBuckets(): Iterable<Bucket<ConnectionView>> {
    const buckets = new Map<number, ConnectionView[]>();
    for (const connection of this.#replica.connections) {
      const at = connection.session?.expiryMs ?? connection.sessionlessDeadlineMs;
      const members = buckets.get(at);
      if (members === undefined) buckets.set(at, [viewOf(connection)]);
      else members.push(viewOf(connection));
    }
    return [...buckets].sort((a, b) => a[0] - b[0])
      .map(([expiryMs, members]) => ({ expiryMs, members }));
  }

  get sessionCount(): number {
    return this.#replica.sessions.size;
  }

  sessionBuckets(): Iterable<Bucket<bigint>> {
    return this.#replica.sessions.buckets().map(({ expiryMs, sessions }) => ({
      expiryMs,
      members: [...sessions].map((session) => session.id),
    }));
  }

  *ephemerals(): Iterable<readonly [bigint, readonly string[]]> {
    const { tree } = this.#replica;
    for (const id of tree.ephemeralSessions()) yield [id, tree.ephemeralsOf(id)];
  }

  digests(): Iterable<{ readonly zxid: Zxid; readonly digest: bigint }> {
    return this.#replica.digests.entries();
  }

  *quotas(): Iterable<QuotaView> {
    for (const { path, limits, usage } of this.#replica.db.quotas.entries()) {
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
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  get connectionCount(): number {
    return this.#replica.watches.connectionCount;
  }
  get pathCount(): number {
    return this.#replica.watches.pathCount;
  }
  get totalCount(): number {
    return this.#replica.watches.totalCount;
  }
  get watchCount(): number {
    return this.#replica.watches.watchCount;
  }

  *bySession(): Iterable<readonly [bigint, readonly string[]]> {
    for (const [watcher, paths] of this.#replica.watches.byWatcher()) {
      yield [(watcher as ClientConnection).sessionId, paths];
    }
  }

  *byPath(): Iterable<readonly [string, readonly bigint[]]> {
    for (const [path, watchers] of this.#replica.watches.byPath()) {
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
