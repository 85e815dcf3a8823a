/** The servers at the end, when nothing is wrong any more: the same log, the same sessions, the same digests. */
import type { Cluster } from "../cluster.ts";
import type { Violation } from "../history.ts";
import { hex } from "../requests.ts";

export function checkServers(
  { servers }: Cluster,
  decided: readonly number[],
  sessions: ReadonlySet<bigint>,
): Violation[] {
  const violations: Violation[] = [];
  const wrong = (checker: string, message: string): void => {
    violations.push({ checker, message });
  };
  const known = new Set(decided);
  const digests = new Map<number, { readonly sid: number; readonly digest: bigint }>();
  for (const { sid, tap, running, digestMismatches } of servers) {
    if (running === undefined) continue;
    const { view } = running;
    const last = decided.at(-1) ?? 0;
    if (view.lastZxid !== last) {
      wrong("agreement", `server ${sid} ends at ${hex(view.lastZxid)}, the log at ${hex(last)}`);
    }
    const missing = decided.filter((zxid) => zxid > tap.base && !tap.live.has(zxid));
    if (missing.length > 0) {
      wrong("agreement", `server ${sid} does not have ${missing.slice(0, 5).map(hex).join(", ")}`);
    }
    const extra = [...tap.live.keys()].filter((zxid) => !known.has(zxid));
    if (extra.length > 0) {
      wrong("agreement", `server ${sid} alone has ${extra.slice(0, 5).map(hex).join(", ")}`);
    }
    const mismatches = digestMismatches + view.stats.counters.digestMismatches;
    if (mismatches > 0) wrong("digests", `server ${sid} counted ${mismatches} digests that differ`);
    for (const { zxid, digest } of view.digests()) {
      const other = digests.get(zxid);
      if (other === undefined) digests.set(zxid, { sid, digest });
      else if (other.digest !== digest) {
        wrong("digests", `servers ${other.sid} and ${sid} have different trees at ${hex(zxid)}`);
      }
    }
    if (view.sessionCount !== sessions.size) {
      wrong(
        "agreement",
        `server ${sid} has ${view.sessionCount} sessions, the log ${sessions.size}`,
      );
    }
  }
  return violations;
}
