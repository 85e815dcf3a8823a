/**
 * Sessions end when they must and not before: a session that its client keeps alive is not expired, one that the client was
 * told is gone is closed in the log, and what an ended session owned is gone with it (tree.ts looks at that).
 */
import type { History, Session, Violation } from "../history.ts";
import type { Trouble } from "../inject.ts";
import type { Txn } from "../txn_log.ts";

export interface Closed {
  readonly txn: Txn;
  /** When the first server logged it. */
  readonly atUs: number;
}

/** Sessions that txns have ended, by id. A leader may close one once more that it does not know: the first close counts. */
export function firstCloses(
  txns: readonly Txn[],
  loggedUs: (zxid: number) => number,
): Map<bigint, Closed> {
  const closed = new Map<bigint, Closed>();
  for (const txn of txns) {
    if (txn.change.kind !== "closeSession" || closed.has(txn.sessionId)) continue;
    closed.set(txn.sessionId, { txn, atUs: loggedUs(txn.zxid) });
  }
  return closed;
}

export interface SessionLimits {
  readonly tickMs: number;
  readonly troubles: readonly Trouble[];
  /** How long after a trouble everything may still be out of order. */
  readonly aftermathUs: number;
}

/** A learner tells its leader of living sessions twice in a tick. */
const REPORT_SLACK_US = 100_000;

export function checkSessions(
  history: History,
  closed: ReadonlyMap<bigint, Closed>,
  limits: SessionLimits,
): Violation[] {
  const violations: Violation[] = [];
  const wrong = ({ name }: Session, message: string, atUs: number): void => {
    violations.push({ checker: "sessions", message: `${name} ${message}`, atUs });
  };
  const ids = new Set<bigint>();
  for (const session of history.sessions) {
    if (ids.has(session.id)) {
      wrong(session, "has the id of an earlier session", session.links[0]?.openUs ?? 0);
    }
    ids.add(session.id);
    const end = closed.get(session.id);
    const { expiredUs } = session;
    if (expiredUs !== undefined && (end === undefined || end.atUs > expiredUs)) {
      wrong(session, "was said to be gone, and no txn had closed it", expiredUs);
    }
    if (end === undefined || wasAskedToClose(session)) continue;
    const lifeUs = lastSignOfLife(session, end.atUs - limits.tickMs * 1000 - REPORT_SLACK_US);
    if (lifeUs === undefined || !isCalm(limits, lifeUs, end.atUs)) continue;
    const livedMs = (end.atUs - lifeUs) / 1000;
    if (livedMs < session.timeoutMs) {
      wrong(
        session,
        `was expired ${livedMs} ms after a sign of life, its timeout is ${session.timeoutMs} ms`,
        end.atUs,
      );
    }
  }
  return violations;
}

function wasAskedToClose({ links }: Session): boolean {
  return links.some(({ calls }) => calls.some(({ request }) => request.op === "close"));
}

/** When the client last asked something that was answered, before a time. */
function lastSignOfLife({ links }: Session, beforeUs: number): number | undefined {
  let last: number | undefined;
  for (const { calls, supersededSeq = Infinity } of links) {
    for (const { sentUs, seq, reply } of calls) {
      if (reply === undefined || seq > supersededSeq || sentUs > beforeUs) continue;
      last = Math.max(last ?? 0, sentUs);
    }
  }
  return last;
}

function isCalm(
  { troubles, aftermathUs }: SessionLimits,
  fromUs: number,
  untilUs: number,
): boolean {
  return troubles.every((trouble) =>
    trouble.fromUs > untilUs || trouble.untilUs + aftermathUs < fromUs
  );
}
