/** What a server can be told, checked and frozen by config/ (operations §1). Units are in the names. */

import type { EnsembleOptions } from "./ensemble/options.ts";

export interface ServerOptions {
  readonly ensemble: EnsembleOptions | undefined; // undefined: standalone

  // doors
  readonly clientPort: number; // 0: a free one
  readonly clientPortAddress: string | undefined; // undefined: every address
  readonly clientPortListenBacklog: number; // -1: the system's
  readonly clientTcpKeepAlive: boolean;

  // sessions and time
  readonly tickMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly serverId: number; // top byte of session ids; 1 standalone unless myid says otherwise

  // limits
  readonly maxClientCnxns: number; // per address, 0: none
  readonly maxCnxns: number; // per port, 0: none
  readonly juteMaxBufferBytes: number;
  readonly juteExtraBytes: number;
  readonly globalOutstandingLimit: number;
  readonly sessionlessTimeoutMs: number;
  readonly largeRequestThresholdBytes: number; // -1: off
  readonly largeRequestMaxBytes: number;
  readonly connectionThrottleTokens: number; // 0: off
  readonly connectionThrottleFillTimeMs: number;
  readonly connectionThrottleFillCount: number;
  readonly connectionThrottleFreezeTimeMs: number; // -1: the chance of refusal is not adjusted
  readonly connectionThrottleDropIncrease: number;
  readonly connectionThrottleDropDecrease: number;
  readonly connectionThrottleDecreaseRatio: number;
  readonly connectionThrottleWeightEnabled: boolean;
  readonly connectionThrottleGlobalWeight: number;
  readonly connectionThrottleLocalWeight: number;
  readonly connectionThrottleRenewWeight: number;
  readonly enforceQuota: boolean;
  readonly reconfigEnabled: boolean; // standalone: decides which error reconfig gets

  // types, containers, closing
  readonly extendedTypes: boolean;
  readonly emulate353TtlNodes: boolean;
  readonly closeSessionTxn: boolean;
  readonly containerCheckIntervalMs: number;
  readonly containerMaxPerMinute: number;
  readonly containerMaxNeverUsedMs: number; // 0: never

  // authentication
  readonly skipAcl: boolean;
  readonly digestAuthEnabled: boolean;
  readonly digestAlgorithm: "SHA-1" | "SHA-256" | "SHA-512" | "SHA3-256";
  readonly superDigest: string | undefined; // whole `user:hash`
  readonly digestEnabled: boolean; // the tree digest

  // storage
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly memoryLimitMib: number | undefined; // undefined: a share of what the system allows; 0: none
  readonly fileFormat: 2 | 3 | undefined; // undefined: 3 for a new directory, else what is there
  readonly dbAutocreate: boolean;
  readonly dataDirAutocreate: boolean;
  readonly snapshotTrustEmpty: boolean;
  readonly preAllocBytes: number; // <= 0: none
  readonly txnLogSizeLimitBytes: number; // < 0: none
  readonly snapCount: number;
  readonly snapSizeLimitBytes: number; // <= 0: off
  readonly snapshotCompression: "" | "gz" | "snappy";
  readonly forceSync: boolean;
  readonly fsyncWarningMs: number;
  readonly serializeLastZxid: boolean;
  readonly purgeRetainCount: number;
  readonly purgeIntervalHours: number; // <= 0: off

  // four-letter words
  readonly fourLetterWhitelist: string; // csv or *
  readonly readOnlyModeEnabled: boolean;

  // HTTP, metrics, audit: for the operators' doors (admin/, gateway/)
  readonly adminEnabled: boolean;
  readonly adminAddress: string;
  readonly adminPort: number | undefined; // undefined: 8080 when it is free; 0: a free one
  readonly adminCommandUrl: string;
  readonly adminIdleTimeoutMs: number;
  readonly adminRateLimitMs: number;
  readonly adminSnapshotEnabled: boolean;
  readonly adminRestoreEnabled: boolean;
  readonly restEnabled: boolean;
  readonly tokenFile: string | undefined;
  readonly openMonitoring: boolean;
  readonly allowOrigins: string; // csv
  readonly httpRequestsPerSecond: number; // per address, 0: no limit
  readonly httpStreamsMax: number;
  readonly httpSessionsMax: number;
  readonly metricsEnabled: boolean;
  readonly metricsPortEnabled: boolean;
  readonly metricsAddress: string;
  readonly metricsPort: number;
  readonly exportProcessInfo: boolean;
  readonly auditEnabled: boolean;
}

export const DEFAULT_OPTIONS: ServerOptions = Object.freeze({
  ensemble: undefined,
  clientPort: 2181,
  clientPortAddress: undefined,
  clientPortListenBacklog: -1,
  clientTcpKeepAlive: false,
  tickMs: 3000,
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 60_000,
  serverId: 1,
  maxClientCnxns: 60,
  maxCnxns: 0,
  juteMaxBufferBytes: 0xfffff,
  juteExtraBytes: 0xfffff,
  globalOutstandingLimit: 1000,
  sessionlessTimeoutMs: 10_000,
  largeRequestThresholdBytes: -1,
  largeRequestMaxBytes: 104_857_600,
  connectionThrottleTokens: 0,
  connectionThrottleFillTimeMs: 1,
  connectionThrottleFillCount: 1,
  connectionThrottleFreezeTimeMs: -1,
  connectionThrottleDropIncrease: 0.02,
  connectionThrottleDropDecrease: 0.002,
  connectionThrottleDecreaseRatio: 0,
  connectionThrottleWeightEnabled: false,
  connectionThrottleGlobalWeight: 3,
  connectionThrottleLocalWeight: 1,
  connectionThrottleRenewWeight: 2,
  enforceQuota: false,
  reconfigEnabled: false,
  extendedTypes: false,
  emulate353TtlNodes: false,
  closeSessionTxn: true,
  containerCheckIntervalMs: 60_000,
  containerMaxPerMinute: 10_000,
  containerMaxNeverUsedMs: 0,
  skipAcl: false,
  digestAuthEnabled: true,
  digestAlgorithm: "SHA-1",
  superDigest: undefined,
  digestEnabled: true,
  dataDir: "data",
  dataLogDir: "data",
  memoryLimitMib: undefined,
  fileFormat: undefined,
  dbAutocreate: true,
  dataDirAutocreate: true,
  snapshotTrustEmpty: false,
  preAllocBytes: 65_536 * 1024,
  txnLogSizeLimitBytes: -1,
  snapCount: 100_000,
  snapSizeLimitBytes: 4_194_304 * 1024,
  snapshotCompression: "",
  forceSync: true,
  fsyncWarningMs: 1000,
  serializeLastZxid: true,
  purgeRetainCount: 3,
  purgeIntervalHours: 0,
  fourLetterWhitelist: "srvr",
  readOnlyModeEnabled: false,
  adminEnabled: true,
  adminAddress: "127.0.0.1",
  adminPort: undefined,
  adminCommandUrl: "/commands",
  adminIdleTimeoutMs: 30_000,
  adminRateLimitMs: 300_000,
  adminSnapshotEnabled: true,
  adminRestoreEnabled: true,
  restEnabled: true,
  tokenFile: undefined,
  openMonitoring: false,
  allowOrigins: "",
  httpRequestsPerSecond: 0,
  httpStreamsMax: 10_000,
  httpSessionsMax: 1000,
  metricsEnabled: true,
  metricsPortEnabled: false,
  metricsAddress: "0.0.0.0",
  metricsPort: 7000,
  exportProcessInfo: true,
  auditEnabled: false,
});
