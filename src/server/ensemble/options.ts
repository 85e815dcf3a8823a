/** What a server of an ensemble can be told, checked and frozen by config/ (operations §1.3, §1.12; peer-protocol §3.3). */
import type { Membership } from "../../zab/membership.ts";
import type { Sid } from "../../zab/vote.ts";

export interface EnsembleOptions {
  readonly sid: Sid;
  /** The server lines of the configuration. */
  readonly membership: Membership;
  /** The list of servers wins over it, with a warning. */
  readonly peerType: "participant" | "observer";

  // limits of time; ticks are `tickMs` of the server
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly connectToLearnerMasterLimitTicks: number; // 0: initLimitTicks
  readonly cnxTimeoutMs: number; // TCP connect to an election port
  readonly quorumCnxnTimeoutMs: number; // setting up an election connection; -1: tickMs * syncLimitTicks
  readonly leaderConnectDelayMs: number; // between attempts to reach the leader
  readonly minNotificationIntervalMs: number;
  readonly maxNotificationIntervalMs: number;
  readonly finalizeWaitMs: number; // silence that ends an election
  readonly observerElectionDelayMs: number; // random, up to
  readonly observerReconnectDelayMs: number;

  // doors
  readonly electionPortBindRetry: number; // 0: for ever
  readonly quorumListenOnAllIps: boolean;
  readonly leaderServes: boolean;

  // synchronization
  readonly commitLogCount: number; // txns kept in memory
  readonly snapshotSizeFactor: number; // < 0: no sync from the log
  readonly forceSnapshotSync: boolean;
  readonly maxConcurrentSnapSyncs: number; // of observers
  readonly maxConcurrentDiffSyncs: number;
}

/** All but what every server has of its own. */
export const DEFAULT_ENSEMBLE_OPTIONS: Omit<EnsembleOptions, "sid" | "membership"> = Object.freeze({
  peerType: "participant",
  initLimitTicks: 10,
  syncLimitTicks: 5,
  connectToLearnerMasterLimitTicks: 0,
  cnxTimeoutMs: 5000,
  quorumCnxnTimeoutMs: -1,
  leaderConnectDelayMs: 100,
  minNotificationIntervalMs: 200,
  maxNotificationIntervalMs: 60_000,
  finalizeWaitMs: 200,
  observerElectionDelayMs: 200,
  observerReconnectDelayMs: 0,
  electionPortBindRetry: 3,
  quorumListenOnAllIps: false,
  leaderServes: true,
  commitLogCount: 500,
  snapshotSizeFactor: 0.33,
  forceSnapshotSync: false,
  maxConcurrentSnapSyncs: 10,
  maxConcurrentDiffSyncs: 100,
});
