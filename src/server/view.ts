/**
 * What the operators' doors (admin/) may see of a server, and what the server asks of them. The server implements the
 * view and imports nothing from admin/: layers run downwards.
 */
import type { Zxid } from "../base/zxid.ts";
import type { Address } from "../runtime.ts";
import type { ServerOptions } from "./options.ts";
import type { ConnectionStats, ServerStats } from "./stats.ts";

export type ServerMode = "standalone" | "leader" | "follower" | "observer" | "read-only";

export interface ServerView {
  readonly options: ServerOptions;
  /** The port in use: differs from the option when that was 0. */
  readonly clientPort: number;
  /** False while starting, stopping, or without a quorum: most words then say so. */
  readonly serving: boolean;
  readonly mode: ServerMode;
  readonly stats: ServerStats;
  /** Monotonic, as `Clock.monotonicMs` at the start. */
  readonly startedMs: number;

  readonly lastZxid: Zxid;
  readonly nodeCount: number;
  readonly ephemeralCount: number;
  /** Bytes of paths and data. */
  approximateDataSize(): number;
  /** Requests that came and are not answered. */
  readonly outstandingRequests: number;
  /** 0..1: the connect throttle's chance of refusal. */
  readonly connectionDropProbability: number;

  readonly connectionCount: number;
  connections(): Iterable<ConnectionView>;
  /** Connections by the instant they would be closed for silence (monotonic ms), soonest first. */
  connectionBuckets(): Iterable<Bucket<ConnectionView>>;

  /** Living sessions of the whole ensemble. */
  readonly sessionCount: number;
  /** Session ids by the instant they expire (monotonic ms), soonest first. */
  sessionBuckets(): Iterable<Bucket<bigint>>;
  /** At a learner, which lets none expire: every session with its timeout; else undefined. */
  globalSessions(): Iterable<readonly [sessionId: bigint, timeoutMs: number]> | undefined;
  /** Sessions that own ephemerals, and their paths. */
  ephemerals(): Iterable<readonly [sessionId: bigint, paths: readonly string[]]>;

  readonly watches: WatchesView;
  /** Tree digests, oldest first: one per 128 txns, the newest 1024. */
  digests(): Iterable<{ readonly zxid: Zxid; readonly digest: bigint }>;
  /** Top-level paths with a quota. */
  quotas(): Iterable<QuotaView>;

  /** Of a server that belongs to an ensemble; undefined standalone. */
  readonly quorum: QuorumView | undefined;

  /** `gtmk`, `stmk`: kept, without a function here. */
  traceMask: bigint;
}

export interface Bucket<T> {
  readonly expiryMs: number;
  readonly members: readonly T[];
}

export interface ConnectionView {
  readonly remote: Address;
  /** 1: reading, 4: output waits; 0 for the connection that a word came on. */
  readonly interestOps: number;
  /** Requests not answered yet. */
  readonly queued: number;
  /** 0n: none. */
  readonly sessionId: bigint;
  readonly timeoutMs: number;
  /** Wall clock. */
  readonly establishedMs: number;
  readonly stats: ConnectionStats;
}

/** Data, exist and persistent watches, as Apache's words show them; `watchCount` counts child watches too. */
export interface WatchesView {
  readonly connectionCount: number;
  readonly pathCount: number;
  readonly totalCount: number;
  readonly watchCount: number;
  bySession(): Iterable<readonly [sessionId: bigint, paths: readonly string[]]>;
  byPath(): Iterable<readonly [path: string, sessionIds: readonly bigint[]]>;
}

export interface QuotaView {
  /** First part of the path, without slash: `app`. */
  readonly namespace: string;
  readonly countLimit: number; // -1: none
  readonly bytesLimit: number;
  readonly count: number;
  readonly bytes: number;
}

/** What the driver of an ensemble's server tells beside its replica (operations §2.2, §4.2). */
export interface QuorumView {
  /** As `mntr` has it: `looking`, `leading - broadcast`, `following - synchronization - snap` and the like. */
  readonly peerState: string;
  /** Voters. */
  readonly quorumSize: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly electionAlg: number;
  readonly electionPort: number;
  /** Of each address of this server. */
  readonly quorumPorts: readonly number[];
  readonly isObserver: boolean;
  /** Server lines and the version, without a final newline. */
  readonly membership: string;
  /** Of an observer: the server that it gets its txns from. */
  readonly masterSid?: number | undefined;
  /** Whom this server leads, follows or observes; undefined while it looks. */
  readonly leaderSid: number | undefined;
  /** Memory that the history of recent txns holds. */
  readonly historyBytes: number;
  /** While leading. */
  readonly leading: LeadingView | undefined;
}

export interface LeadingView {
  readonly learners: number;
  readonly syncedFollowers: number;
  readonly syncedNonVotingFollowers: number;
  readonly syncedObservers: number;
  readonly pendingSyncs: number;
  /** Monotonic, when the leader began to serve. */
  readonly sinceMs: number;
  /** Identified, synchronized or not. */
  observers(): readonly ObserverView[];
  /** What was counted of them begins anew. */
  resetObservers(): void;
}

/** An observer at its leader. */
export interface ObserverView {
  readonly remote: Address;
  readonly sid: number;
  /** Wall clock. */
  readonly establishedMs: number;
  /** Sent and not taken by its socket. */
  readonly queuedBytes: number;
  readonly packetsReceived: number;
  /** Writes to its socket, of any number of packets each. */
  readonly batchesSent: number;
  readonly requests: number;
  /** The last that it acknowledged. */
  readonly lastZxid: Zxid;
}

/** The four-letter words as the server's connections use them (admin/ makes one from the view). */
export interface FourLetterCommands {
  /** Bytes wanted after the word before `answer`: 8 for `stmk`, 0 for the others; undefined: no word, a frame length. */
  extraBytes(word: string): number | undefined;
  /**
   * The whole reply, after which the connection is closed. A promise only where directories are measured (`conf`, `dirs`).
   * @param word one for which `extraBytes` gave a number
   * @param extra exactly the bytes asked for
   */
  answer(word: string, extra?: Uint8Array): string | Promise<string>;
}
export type FourLetterCommandsFactory = (view: ServerView) => FourLetterCommands;
