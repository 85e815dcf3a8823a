/**
 * A read behind a sync of its session shows every write that was answered before the sync was sent.
 *
 * ZooKeeper's own exception (its leader answers a sync without asking anybody): a leader that was replaced and has not
 * noticed, which is so for no longer than it may be without followers.
 */
import type { Call, History, Link, Violation } from "../history.ts";
import { hex, isWrite, requestText } from "../requests.ts";

const TWO_32 = 0x1_0000_0000;

export interface SyncLimits {
  /** How long a replaced leader may believe in itself. */
  readonly leaseUs: number;
}

export function checkSync(history: History, { leaseUs }: SyncLimits): Violation[] {
  const answered = history.calls.filter(({ request, reply }) =>
    isWrite(request) && reply?.err === 0
  )
    .sort((a, b) => (a.reply?.seq ?? 0) - (b.reply?.seq ?? 0));
  /** Largest zxid among the first so many. */
  const largest: Call[] = [];
  /** When the first write of each epoch was answered. */
  const begunUs = new Map<number, number>();
  for (const call of answered) {
    const before = largest.at(-1);
    largest.push(before !== undefined && zxidOf(before) >= zxidOf(call) ? before : call);
    const epoch = epochOf(zxidOf(call));
    if (!begunUs.has(epoch)) begunUs.set(epoch, call.reply?.atUs ?? 0);
  }
  const violations: Violation[] = [];
  const check = (sync: Call, read: Call): void => {
    const last = largest[countBefore(answered, sync.seq) - 1];
    if (last === undefined || read.reply === undefined || read.reply.zxid >= zxidOf(last)) return;
    const begun = begunUs.get(epochOf(zxidOf(last))) ?? 0;
    const isOldLeader = epochOf(read.reply.zxid) < epochOf(zxidOf(last));
    if (isOldLeader && read.reply.atUs - begun <= leaseUs) return;
    violations.push({
      checker: "sync",
      message: `${requestText(read.request)} at ${
        hex(read.reply.zxid)
      } follows a sync, and does not see ${requestText(last.request)} at ${
        hex(zxidOf(last))
      }, answered before the sync was sent`,
      atUs: read.reply.atUs,
    });
  };
  for (const { links } of history.sessions) for (const link of links) eachSyncedRead(link, check);
  return violations;
}

function eachSyncedRead(link: Link, check: (sync: Call, read: Call) => void): void {
  let sync: Call | undefined;
  for (const frame of link.frames) {
    if (frame.kind === "event") continue;
    const { op } = frame.request;
    if (op === "sync") sync = frame;
    else if (sync !== undefined && (op === "getData" || op === "exists" || op === "getChildren")) {
      check(sync, frame);
    }
  }
}

function zxidOf(call: Call): number {
  return call.reply?.zxid ?? 0;
}

function epochOf(zxid: number): number {
  return Math.floor(zxid / TWO_32);
}

function countBefore(answered: readonly Call[], seq: number): number {
  let low = 0, high = answered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((answered[middle]?.reply?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
