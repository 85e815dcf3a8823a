/** A server's state as data, for the words to show; the facts are those of the Apache server that was compared with. */
import { type Zxid, zxidOf } from "../../src/base/zxid.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Address, Runtime } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../src/server/options.ts";
import { ConnectionStats, ServerStats } from "../../src/server/stats.ts";
import type { ConnectionView, ServerView } from "../../src/server/view.ts";

export const SESSIONS = [0x100001967020000n, 0x100001967020001n] as const;

/** Friday, 20 November 2026, 12:01:00 UTC; the monotonic clock shows 1 million then. */
export const WALL_MS = Date.UTC(2026, 10, 20, 12, 1, 0);
export const MONOTONIC_MS = 1_000_000;

export function local(port: number): Address {
  return { host: "127.0.0.1", port, family: 4 };
}

export function connection(port: number, more: Partial<ConnectionView> = {}): ConnectionView {
  return {
    remote: local(port),
    interestOps: 1,
    queued: 0,
    sessionId: 0n,
    timeoutMs: 0,
    establishedMs: 1795176082932,
    stats: new ConnectionStats(),
    ...more,
  };
}

/** Two clients with ephemerals and watches, and the connection that a word came on. */
export function busyView(options: Partial<ServerOptions> = {}): ServerView {
  const stats = new ServerStats();
  stats.packetsReceived = 161;
  stats.packetsSent = 166;
  stats.latencyMs.add(0, 8);
  stats.latencyMs.add(4);
  const first = connection(41330, { sessionId: SESSIONS[1], timeoutMs: 10_000 });
  Object.assign(first.stats, { received: 144, sent: 145 });
  first.stats.replied(Op.getData, 0x8f, 0x91 as Zxid, 1_693_077, 1, 2);
  first.stats.latencyMs.add(2);
  first.stats.latencyMs.add(0);
  const second = connection(41314, { sessionId: SESSIONS[0], timeoutMs: 10_000 });
  Object.assign(second.stats, { received: 11, sent: 13 });
  second.stats.replied(Op.create, -1, 0x10000000b as Zxid, 1_693_079, 0);
  const own = connection(41364, { interestOps: 0 });
  own.stats.received = 1;
  const connections = [first, own, second];
  return {
    options: { ...DEFAULT_OPTIONS, tickMs: 2000, fourLetterWhitelist: "*", ...options },
    clientPort: 22310,
    serving: true,
    mode: "standalone",
    stats,
    startedMs: MONOTONIC_MS - 28_426,
    lastZxid: zxidOf(0, 0x92),
    nodeCount: 9,
    ephemeralCount: 3,
    approximateDataSize: () => 74,
    outstandingRequests: 0,
    connectionDropProbability: 0,
    connectionCount: 3,
    connections: () => connections,
    connectionBuckets: () => [{ expiryMs: MONOTONIC_MS + 39_000, members: connections }],
    sessionCount: 2,
    globalSessions: () => undefined,
    sessionBuckets: () => [{ expiryMs: MONOTONIC_MS + 33_500, members: SESSIONS }],
    ephemerals: () => [[SESSIONS[1], ["/e3"]], [SESSIONS[0], ["/e1", "/e2"]]],
    watches: {
      connectionCount: 2,
      pathCount: 2,
      totalCount: 3,
      watchCount: 4,
      bySession: () => [[SESSIONS[1], ["/e1"]], [SESSIONS[0], ["/e1", "/nope"]]],
      byPath: () => [["/e1", [SESSIONS[1], SESSIONS[0]]], ["/nope", [SESSIONS[0]]]],
    },
    digests: () => [{ zxid: 0x80 as Zxid, digest: 9755605177n }],
    quotas: () => [],
    quorum: undefined,
    traceMask: 306n,
  };
}

/** The host's door with the clock stopped. */
export function stopped(runtime: Runtime): Runtime {
  const clock = { ...runtime.clock, wallMs: () => WALL_MS, monotonicMs: () => MONOTONIC_MS };
  return { ...runtime, clock: clock as Runtime["clock"] };
}
