// What each key of a zoo.cfg does to the options that a server takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { findKey, KEY_SECTIONS } from "../../src/config/keys.ts";
import { parseProperties } from "../../src/config/properties.ts";
import { resolve } from "../../src/config/resolve.ts";
import { settingsOfFile } from "../../src/config/settings.ts";
import {
  DEFAULT_ENSEMBLE_OPTIONS,
  type EnsembleOptions,
} from "../../src/server/ensemble/options.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../src/server/options.ts";

function file(text: string): ServerOptions {
  const properties = parseProperties(utf8Encode(`dataDir=/d\nclientPort=2181\n${text}`));
  return resolve(settingsOfFile("zoo.cfg", properties), { file: "zoo.cfg" }).server;
}

/** What of the options differs from a zoo.cfg with directory and port alone. */
function changed(text: string): Partial<ServerOptions> {
  const plain = file("");
  const found = file(text);
  return Object.fromEntries(
    Object.entries(found).filter(([name, value]) => plain[name as keyof ServerOptions] !== value),
  );
}

// One line per option that a file can set, and what it becomes.
const EFFECTS: readonly (readonly [string, Partial<ServerOptions>])[] = [
  ["clientPort=2182", { clientPort: 2182 }],
  ["clientPort=0", { clientPort: 0 }],
  ["clientPortAddress=127.0.0.1", { clientPortAddress: "127.0.0.1" }],
  ["clientPortListenBacklog=7", { clientPortListenBacklog: 7 }],
  ["clientTcpKeepAlive=TRUE", { clientTcpKeepAlive: true }],
  ["tickTime=2000", { tickMs: 2000, minSessionTimeoutMs: 4000, maxSessionTimeoutMs: 40_000 }],
  ["minSessionTimeout=1", { minSessionTimeoutMs: 1 }],
  ["maxSessionTimeout=90000", { maxSessionTimeoutMs: 90_000 }],
  ["minSessionTimeout=-1\nmaxSessionTimeout=-1", {}],
  ["maxClientCnxns=0", { maxClientCnxns: 0 }],
  ["maxClientCnxns=-5", { maxClientCnxns: 0 }],
  ["maxCnxns=9", { maxCnxns: 9 }],
  ["jute.maxbuffer=0x100000", { juteMaxBufferBytes: 1_048_576, juteExtraBytes: 1_048_576 }],
  ["zookeeper.jute.maxbuffer=5000\njute.maxbuffer.extrasize=1", {
    juteMaxBufferBytes: 5000,
    juteExtraBytes: 1,
  }],
  ["globalOutstandingLimit=3", { globalOutstandingLimit: 3 }],
  ["nio.sessionlessCnxnTimeout=500", { sessionlessTimeoutMs: 500 }],
  ["memoryLimit=512", { memoryLimitMib: 512 }],
  ["memoryLimit=0", { memoryLimitMib: 0 }],
  ["largeRequestThreshold=10", { largeRequestThresholdBytes: 10 }],
  ["largeRequestMaxBytes=11", { largeRequestMaxBytes: 11 }],
  ["connection_throttle_tokens=4", { connectionThrottleTokens: 4 }],
  ["connectionMaxTokens=4", { connectionThrottleTokens: 4 }],
  ["connection_throttle_fill_time=5", { connectionThrottleFillTimeMs: 5 }],
  ["connection_throttle_fill_count=6", { connectionThrottleFillCount: 6 }],
  ["connection_throttle_freeze_time=7", { connectionThrottleFreezeTimeMs: 7 }],
  ["connection_throttle_drop_increase=.5", { connectionThrottleDropIncrease: 0.5 }],
  ["connection_throttle_drop_decrease=0.25", { connectionThrottleDropDecrease: 0.25 }],
  ["connection_throttle_decrease_ratio=1", { connectionThrottleDecreaseRatio: 1 }],
  ["connection_throttle_weight_enabled=true", { connectionThrottleWeightEnabled: true }],
  ["connection_throttle_global_session_weight=8", { connectionThrottleGlobalWeight: 8 }],
  ["connection_throttle_local_session_weight=8", { connectionThrottleLocalWeight: 8 }],
  ["connection_throttle_renew_session_weight=8", { connectionThrottleRenewWeight: 8 }],
  ["enforceQuota=true", { enforceQuota: true }],
  ["extendedTypesEnabled=true", { extendedTypes: true }],
  ["emulate353TTLNodes=true", { emulate353TtlNodes: true }],
  ["closeSessionTxn.enabled=false", { closeSessionTxn: false }],
  ["znode.container.checkIntervalMs=10", { containerCheckIntervalMs: 10 }],
  ["zookeeper.znode.container.maxPerMinute=20", { containerMaxPerMinute: 20 }],
  ["znode.container.maxNeverUsedIntervalMs=30", { containerMaxNeverUsedMs: 30 }],
  ["skipACL=yes", { skipAcl: true }],
  ["DigestAuthenticationProvider.enabled=false", { digestAuthEnabled: false }],
  ["DigestAuthenticationProvider.digestAlg=SHA-256", { digestAlgorithm: "SHA-256" }],
  ["zookeeper.DigestAuthenticationProvider.superDigest=super:abc=", { superDigest: "super:abc=" }],
  ["digest.enabled=false", { digestEnabled: false }],
  ["dataDir=/e", { dataDir: "/e", dataLogDir: "/e" }],
  ["dataLogDir=/l", { dataLogDir: "/l" }],
  ["fileFormat=2", { fileFormat: 2 }],
  ["fileFormat=3", { fileFormat: 3 }],
  ["db.autocreate=false", { dbAutocreate: false }],
  ["datadir.autocreate=false", { dataDirAutocreate: false }],
  ["snapshot.trust.empty=true", { snapshotTrustEmpty: true }],
  ["preAllocSize=64", { preAllocBytes: 65_536 }],
  ["txnLogSizeLimitInKb=2", { txnLogSizeLimitBytes: 2048 }],
  ["snapCount=10", { snapCount: 10 }],
  ["snapSizeLimitInKb=1", { snapSizeLimitBytes: 1024 }],
  ["snapshot.compression.method=gz", { snapshotCompression: "gz" }],
  ["forceSync=no", { forceSync: false }],
  ["fsync.warningthresholdms=20", { fsyncWarningMs: 20 }],
  ["serializeLastProcessedZxid.enabled=false", { serializeLastZxid: false }],
  ["autopurge.snapRetainCount=5", { purgeRetainCount: 5 }],
  ["autopurge.purgeInterval=24", { purgeIntervalHours: 24 }],
  ["autopurge.purgeInterval=2d", { purgeIntervalHours: 48 }],
  ["4lw.commands.whitelist=stat, ruok", { fourLetterWhitelist: "stat, ruok" }],
  ["reconfigEnabled=true", { reconfigEnabled: true }],
  ["readonlymode.enabled=true", { readOnlyModeEnabled: true }],
  ["admin.enableServer=false", { adminEnabled: false }],
  ["admin.serverAddress=0.0.0.0", { adminAddress: "0.0.0.0" }],
  ["admin.serverPort=0", { adminPort: 0 }],
  ["admin.commandURL=/admin", { adminCommandUrl: "/admin" }],
  ["admin.idleTimeout=5", { adminIdleTimeoutMs: 5 }],
  ["admin.rateLimiterIntervalInMS=6", { adminRateLimitMs: 6 }],
  ["admin.snapshot.enabled=false", { adminSnapshotEnabled: false }],
  ["admin.restore.enabled=false", { adminRestoreEnabled: false }],
  ["http.rest=false", { restEnabled: false }],
  ["http.tokens=/t", { tokenFile: "/t" }],
  ["http.openMonitoring=true", { openMonitoring: true }],
  ["http.allowOrigins=https://a.example", { allowOrigins: "https://a.example" }],
  ["http.requestsPerSecond=7", { httpRequestsPerSecond: 7 }],
  ["http.maxStreams=8", { httpStreamsMax: 8 }],
  ["http.maxSessions=9", { httpSessionsMax: 9 }],
  [
    "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
    { metricsPortEnabled: true },
  ],
  [
    "metricsProvider.className=org.apache.zookeeper.metrics.impl.NullMetricsProvider",
    { metricsEnabled: false },
  ],
  ["metricsProvider.httpHost=::1", { metricsAddress: "::1" }],
  ["metricsProvider.httpPort=7001", { metricsPort: 7001 }],
  ["metricsProvider.exportJvmInfo=false", { exportProcessInfo: false }],
  ["audit.enable=true", { auditEnabled: true }],
];

test("each setting of a file arrives in its option, in the option's unit", () => {
  for (const [text, expected] of EFFECTS) assert.deepEqual(changed(text), expected, text);
});

// The same for the options of a server of an ensemble.
const ENSEMBLE_EFFECTS: readonly (readonly [string, Partial<EnsembleOptions>])[] = [
  ["initLimit=7", { initLimitTicks: 7 }],
  ["syncLimit=3", { syncLimitTicks: 3 }],
  ["connectToLearnerMasterLimit=2", { connectToLearnerMasterLimitTicks: 2 }],
  ["peerType=Observer", { peerType: "observer" }],
  ["quorumListenOnAllIPs=true", { quorumListenOnAllIps: true }],
  ["leaderServes=no", { leaderServes: false }],
  ["cnxTimeout=100", { cnxTimeoutMs: 100 }],
  ["quorumCnxnTimeoutMs=300", { quorumCnxnTimeoutMs: 300 }],
  ["electionPortBindRetry=0", { electionPortBindRetry: 0 }],
  ["fastleader.minNotificationInterval=10", { minNotificationIntervalMs: 10 }],
  ["zookeeper.fastleader.maxNotificationInterval=20", { maxNotificationIntervalMs: 20 }],
  ["leaderConnectDelayDuringRetryMs=5", { leaderConnectDelayMs: 5 }],
  ["observer.reconnectDelayMs=6", { observerReconnectDelayMs: 6 }],
  ["observer.election.DelayMs=8", { observerElectionDelayMs: 8 }],
  ["leader.maxConcurrentSnapSyncs=1", { maxConcurrentSnapSyncs: 1 }],
  ["leader.maxConcurrentDiffSyncs=2", { maxConcurrentDiffSyncs: 2 }],
  ["commitLogCount=900", { commitLogCount: 900 }],
  ["snapshotSizeFactor=-1", { snapshotSizeFactor: -1 }],
  ["forceSnapshotSync=true", { forceSnapshotSync: true }],
  ["group.1=1:2\nweight.1=3\nweight.2=0", {}],
];

const ENSEMBLE = "initLimit=10\nsyncLimit=5\nserver.1=a:1:2\nserver.2=b:1:2\n";

test("each setting of an ensemble arrives in its option", () => {
  const options = (text: string): Partial<EnsembleOptions> => {
    const properties = parseProperties(
      utf8Encode(`dataDir=/d\nclientPort=2181\n${ENSEMBLE}${text}`),
    );
    return resolve(settingsOfFile("zoo.cfg", properties), { file: "zoo.cfg" }).group?.options ?? {};
  };
  const usual = { initLimitTicks: 10, syncLimitTicks: 5 };
  for (const [text, expected] of ENSEMBLE_EFFECTS) {
    assert.deepEqual(options(text), { ...usual, ...expected }, text);
  }
  const set = new Set(ENSEMBLE_EFFECTS.flatMap(([, expected]) => Object.keys(expected)));
  const missing = Object.keys(DEFAULT_ENSEMBLE_OPTIONS).filter((name) => !set.has(name));
  assert.deepEqual(missing, ["finalizeWaitMs"]); // Apache's constant
});

test("every option but the server id can be set by a file", () => {
  const set = new Set(EFFECTS.flatMap(([, expected]) => Object.keys(expected)));
  const missing = Object.keys(DEFAULT_OPTIONS).filter((name) => !set.has(name));
  assert.deepEqual(missing, ["ensemble", "serverId"]); // load.test.ts
});

test("every key that works has a line here that shows what it does", () => {
  const shown = new Set(
    [...EFFECTS, ...ENSEMBLE_EFFECTS].flatMap(([text]) =>
      text.split("\n").map((line) => findKey(line.split("=")[0] ?? "")?.rule)
    ),
  );
  const working = KEY_SECTIONS.flatMap(({ rules }) => rules).filter(({ effect }) =>
    effect === "works"
  );
  assert.deepEqual(
    working.filter((rule) => !shown.has(rule)).map(({ name }) => name).sort(),
    // Each has its own test.
    [
      "dynamicConfigFile",
      "log.format",
      "log.level",
      "multiAddress.enabled",
      "server.*",
      "standaloneEnabled",
    ],
  );
});
