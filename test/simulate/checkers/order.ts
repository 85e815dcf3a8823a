/**
 * What each client may rely on from what it saw alone: replies in the order of its requests, zxids that never go back, its
 * own writes, also after it moved; and for all clients together: who wrote after another's write was answered comes after.
 */
import type { Call, History, Session, Violation } from "../history.ts";
import { hex, isWrite, requestText } from "../requests.ts";

export function checkOrder(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const session of history.sessions) checkSession(session, violations);
  checkRealTime(history.calls, violations);
  return violations;
}

function checkSession(session: Session, violations: Violation[]): void {
  const wrong = (message: string, atUs: number): void => {
    violations.push({ checker: "order", message: `${session.name}: ${message}`, atUs });
  };
  for (const link of session.links) {
    let seen = link.lastZxidSeen, lastSeq = 0, lastWrite = 0;
    for (const frame of link.frames) {
      const zxid = frame.kind === "event" ? frame.zxid : frame.reply?.zxid ?? 0;
      const atUs = frame.kind === "event" ? frame.atUs : frame.reply?.atUs ?? 0;
      if (zxid > 0 && zxid < seen) {
        wrong(`server ${link.sid} went back from ${hex(seen)} to ${hex(zxid)}`, atUs);
      }
      seen = Math.max(seen, zxid);
      if (frame.kind === "event") continue;
      if (frame.seq < lastSeq) {
        wrong(`${requestText(frame.request)} was answered out of order`, atUs);
      }
      lastSeq = frame.seq;
      if (!isWrite(frame.request)) continue;
      if (zxid <= lastWrite) {
        wrong(
          `${requestText(frame.request)} at ${hex(zxid)} is not behind ${hex(lastWrite)}`,
          atUs,
        );
      }
      lastWrite = zxid;
    }
  }
}

/** A write that was asked for after another's answer has the larger zxid. */
function checkRealTime(calls: readonly Call[], violations: Violation[]): void {
  const writes = calls.filter(({ request, reply }) => isWrite(request) && reply !== undefined);
  const byReply = [...writes].sort((a, b) => (a.reply?.seq ?? 0) - (b.reply?.seq ?? 0));
  let largest: Call | undefined, next = 0;
  for (const call of writes) {
    for (; next < byReply.length; next++) {
      const other = byReply[next] as Call;
      if ((other.reply?.seq ?? 0) > call.seq) break;
      if ((other.reply?.zxid ?? 0) > (largest?.reply?.zxid ?? 0)) largest = other;
    }
    if (largest?.reply === undefined || call.reply === undefined) continue;
    if (call.reply.zxid > largest.reply.zxid) continue;
    violations.push({
      checker: "order",
      message: `${requestText(call.request)} at ${hex(call.reply.zxid)} was asked for after ${
        requestText(largest.request)
      } at ${hex(largest.reply.zxid)} was answered`,
      atUs: call.reply.atUs,
    });
  }
}
