/**
 * What a server counts (operations §2.2, §4). Fields are plain numbers that the server raises where the event is;
 * admin/ gives them Apache's names. What has no function here has no field: admin/ prints 0 for it.
 *
 * Metrics can be off (Apache's NullMetricsProvider): counters and distributions then take what they are given and
 * keep nothing. Who counts never asks whether they are on, so that being able to turn them off costs nothing while
 * they are on. What `srvr`, `stat`, `cons` and their admin commands show is no metric and is always counted, as there.
 */
import type { Zxid } from "../base/zxid.ts";
import { ZXID_NONE } from "../base/zxid.ts";
import { EventType } from "../protocol/watch_types.ts";
import { LatencySummary, Summary, UncountedSummary } from "./summary.ts";

/** Events since the start or the last `srst`. */
export class Counters {
  /** Connect requests (session set-ups), re-attaches included. */
  connectRequests = 0;
  /** Refused by maxClientCnxns, maxCnxns or the connect throttle. */
  connectionsRejected = 0;
  /** Closed by the server. */
  connectionsDropped = 0;
  /** Closed because no session came in time. */
  sessionlessExpired = 0;
  /** Sessions re-attached. */
  revalidations = 0;
  sessionsExpired = 0;
  bytesReceived = 0;
  /** Bytes of replies, and of notifications. */
  responseBytes = 0;
  watchBytes = 0;
  /** Of a leader. */
  commits = 0;
  proposals = 0;
  /** Of a server of an ensemble: elections entered, syncs of learners, txns that came from the leader, sessions asked about. */
  lookings = 0;
  diffSyncs = 0;
  snapSyncs = 0;
  proposalsReceived = 0;
  commitsReceived = 0;
  revalidationsAsked = 0;
  largeRequestsRejected = 0;
  /** Writes refused because there is no memory for them. */
  memoryRefusals = 0;
  digestMismatches = 0;
  /** Requests, and replies, whose connection was gone. */
  staleRequests = 0;
  staleReplies = 0;
  /** Times that reading was stopped because of globalOutstandingLimit or a full output. */
  throttleWaits = 0;
  snapshotErrors = 0;
  /** Snapshots that an operator asked for too soon after the one before. */
  snapshotsRateLimited = 0;
  /** Databases that an operator wanted to put in place: those that could not be used, and those too soon after another. */
  restoreErrors = 0;
  restoresRateLimited = 0;
  unrecoverableErrors = 0;

  reset(): void {
    for (const name of Object.keys(this) as (keyof Counters)[]) {
      if (name !== "reset") this[name] = 0;
    }
  }
}

/** Every counter as an accessor that is 0 and takes anything. The accessors are on a prototype, where engines see through them. */
function uncounted(): Counters {
  const accessors = Object.create(Counters.prototype) as Counters;
  for (const name of Object.keys(new Counters())) {
    Object.defineProperty(accessors, name, { get: () => 0, set: () => {}, enumerable: true });
  }
  return Object.create(accessors) as Counters;
}

/** Distributions since the start or the last `srst`. Times are in ms, sizes in bytes or pieces. */
export class Summaries {
  readonly fsyncMs = new LatencySummary();
  readonly snapshotMs = new LatencySummary();
  readonly restoreMs = new LatencySummary();
  /** Loading and replaying at the start: as a whole, snapshot, log, and txns replayed. */
  readonly databaseLoadMs = new LatencySummary();
  readonly snapshotLoadMs = new LatencySummary();
  readonly logReplayMs = new LatencySummary();
  readonly txnsReplayed = new LatencySummary();
  /** Looking for a leader, until one was found. */
  readonly electionMs = new LatencySummary();
  /** Txns per group: one write and one fsync. */
  readonly groupTxns = new LatencySummary();
  /** Watches fired by one change. */
  readonly createdWatches = new LatencySummary();
  readonly deletedWatches = new LatencySummary();
  readonly changedWatches = new LatencySummary();
  readonly childrenWatches = new LatencySummary();
  /** Requests that only read, and those that became a txn; from arrival to reply. */
  readonly readMs = new LatencySummary();
  readonly updateMs = new LatencySummary();
  /** Waiting for the log's disk. */
  readonly flushMs = new LatencySummary();

  constructor(areCounted: boolean) {
    if (areCounted) return;
    const none = new UncountedSummary();
    for (const name of Object.keys(this)) Object.assign(this, { [name]: none });
  }

  reset(): void {
    for (const summary of Object.values(this) as Summary[]) summary.reset();
  }
}

export class ServerStats {
  /** Whether there are metrics: `counters` and `summaries`. The other fields count always. */
  readonly areCounted: boolean;
  readonly counters: Counters;
  readonly summaries: Summaries;
  /** Of every request that was answered. */
  readonly latencyMs = new Summary();
  packetsReceived = 0;
  /** Of those. */
  pingsReceived = 0;
  /** Of other servers' clients, at their leader. */
  forwardsReceived = 0;
  /** Txns that a learner applied for other servers' clients. */
  txnsFollowed = 0;
  packetsSent = 0;
  authFailures = 0;
  /** Syncs of the log that took longer than fsync.warningthresholdms. */
  slowFsyncs = 0;
  /** Bytes of one reply; -1 before the first. */
  lastResponseBytes = -1;
  minResponseBytes = -1;
  maxResponseBytes = -1;
  /** Bytes of one proposal of a leader's; -1 before the first. */
  lastProposalBytes = -1;
  minProposalBytes = -1;
  maxProposalBytes = -1;
  /** What the tree may take, 0 for no limit; and what was taken when last looked. */
  memoryLimitBytes = 0;
  memoryUsedBytes = 0;

  constructor(areCounted = true) {
    this.areCounted = areCounted;
    this.counters = areCounted ? new Counters() : uncounted();
    this.summaries = new Summaries(areCounted);
  }

  /** Requests (pings, connects and four-letter words too) came in. */
  received(count = 1): void {
    this.packetsReceived += count;
  }

  /** Replies and notifications went out. */
  sent(count = 1): void {
    this.packetsSent += count;
  }

  /** `count` requests without a txn were answered `ms` after they came, with so many bytes in all. */
  readDone(ms: number, count = 1, bytes = 0): void {
    this.counters.responseBytes += bytes;
    this.latencyMs.add(ms, count);
    this.summaries.readMs.add(ms, count);
  }

  /** `count` requests with a txn were answered `ms` after they came, with so many bytes in all. */
  updateDone(ms: number, count = 1, bytes = 0): void {
    this.counters.responseBytes += bytes;
    this.latencyMs.add(ms, count);
    this.summaries.updateMs.add(ms, count);
  }

  /** One reply's. @returns the same, to be added up */
  responseSize(bytes: number): number {
    this.lastResponseBytes = bytes;
    if (bytes > this.maxResponseBytes) this.maxResponseBytes = bytes;
    if (bytes < this.minResponseBytes || this.minResponseBytes < 0) this.minResponseBytes = bytes;
    return bytes;
  }

  proposed(bytes: number): void {
    this.counters.proposals++;
    this.lastProposalBytes = bytes;
    if (bytes > this.maxProposalBytes) this.maxProposalBytes = bytes;
    if (bytes < this.minProposalBytes || this.minProposalBytes < 0) this.minProposalBytes = bytes;
  }

  /** A leader was found, so long after the search began. */
  elected(ms: number): void {
    this.summaries.electionMs.add(Math.round(ms));
  }

  watchesFired(type: EventType, watches: number): void {
    const { summaries } = this;
    if (type === EventType.nodeDataChanged) summaries.changedWatches.add(watches);
    else if (type === EventType.nodeChildrenChanged) summaries.childrenWatches.add(watches);
    else if (type === EventType.nodeCreated) summaries.createdWatches.add(watches);
    else if (type === EventType.nodeDeleted) summaries.deletedWatches.add(watches);
  }

  /** `srst`. */
  reset(): void {
    this.counters.reset();
    this.summaries.reset();
    this.latencyMs.reset();
    this.packetsReceived = 0;
    this.pingsReceived = 0;
    this.forwardsReceived = 0;
    this.txnsFollowed = 0;
    this.packetsSent = 0;
    this.authFailures = 0;
    this.slowFsyncs = 0;
    this.lastResponseBytes = -1;
    this.minResponseBytes = -1;
    this.maxResponseBytes = -1;
    this.lastProposalBytes = -1;
    this.minProposalBytes = -1;
    this.maxProposalBytes = -1;
  }
}

/** What `cons` shows of one connection. */
export class ConnectionStats {
  received = 0;
  sent = 0;
  /** Code of the operation answered last; undefined before the first, and after a reset. */
  lastOp: number | undefined = undefined;
  /** -1: none yet. */
  lastCxid = -1;
  lastZxid: Zxid = ZXID_NONE;
  /** Monotonic time of the last reply, 0 before the first. */
  lastResponseMs = 0;
  lastLatencyMs = 0;
  readonly latencyMs = new Summary();

  /** A reply was made. For a batch: the last one's facts, and how many were as slow. */
  replied(op: number, cxid: number, zxid: Zxid, nowMs: number, latencyMs: number, count = 1): void {
    this.lastOp = op;
    this.lastCxid = cxid;
    this.lastZxid = zxid;
    this.lastResponseMs = nowMs;
    this.lastLatencyMs = latencyMs;
    this.latencyMs.add(latencyMs, count);
  }

  /** `crst`. */
  reset(): void {
    this.received = 0;
    this.sent = 0;
    this.lastOp = undefined;
    this.lastCxid = -1;
    this.lastZxid = ZXID_NONE;
    this.lastResponseMs = 0;
    this.lastLatencyMs = 0;
    this.latencyMs.reset();
  }
}
