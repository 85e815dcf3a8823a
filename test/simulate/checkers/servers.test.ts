import { test } from "node:test";
import type { Cluster } from "../cluster.ts";
import type { Violation } from "../history.ts";
import { finds, findsNothing } from "./hand.ts";
import { checkServers } from "./servers.ts";

interface Shape {
  /** Of the txns in its log. */
  readonly log?: readonly number[];
  readonly lastZxid?: number;
  /** Behind what snapshot its log begins. */
  readonly base?: number;
  readonly sessions?: number;
  readonly mismatches?: number;
  readonly digest?: bigint;
  readonly isDown?: boolean;
}

const DECIDED = [1, 2, 3];

/** Three servers that agree, but for what is said of the second. */
function check(second: Shape): Violation[] {
  const servers = [{}, second, {}].map((shape: Shape, index) => {
    const { log = DECIDED, base = 0, sessions = 1, mismatches = 0, digest = 7n } = shape;
    const view = {
      lastZxid: shape.lastZxid ?? 3,
      sessionCount: sessions,
      stats: { counters: { digestMismatches: 0 } },
      digests: () => [{ zxid: 2, digest }],
    };
    return {
      sid: index + 1,
      tap: { base, live: new Map(log.map((zxid) => [zxid, undefined])) },
      running: shape.isDown === true ? undefined : { view },
      digestMismatches: mismatches,
    };
  });
  return checkServers({ servers } as unknown as Cluster, DECIDED, new Set([1n]));
}

test("servers with the same log, sessions and digests are in order; one that is down is not asked", () => {
  findsNothing(check({}));
  findsNothing(check({ isDown: true, log: [1] }));
  findsNothing(check({ base: 2, log: [3] }));
});

test("a txn that one server lacks, or alone has", () => {
  finds(check({ log: [1, 3] }), "agreement", /server 2 does not have 0x2$/);
  finds(check({ log: [1, 2, 3, 4] }), "agreement", /server 2 alone has 0x4$/);
  finds(check({ lastZxid: 2 }), "agreement", /server 2 ends at 0x2, the log at 0x3/);
});

test("a session too many or too few", () => {
  finds(check({ sessions: 2 }), "agreement", /server 2 has 2 sessions, the log 1/);
});

test("trees that differ, by the servers' own count and by their digests", () => {
  finds(check({ mismatches: 1 }), "digests", /server 2 counted 1 digests/);
  const twice = check({ digest: 8n });
  finds(twice.slice(0, 1), "digests", /servers 1 and 2 have different trees at 0x2/);
});
