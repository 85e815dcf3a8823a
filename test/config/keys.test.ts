import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, findKey, KEY_SECTIONS, nearestKey } from "../../src/config/keys.ts";

// Every key of operations §1.2 to §1.17, written down here apart from the table under test.
const TLS_SUFFIXES =
  "keyStore.location keyStore.password keyStore.passwordPath keyStore.type trustStore.location " +
  "trustStore.password trustStore.passwordPath trustStore.type protocol enabledProtocols ciphersuites " +
  "context.supplier.class hostnameVerification clientHostnameVerification allowReverseDnsLookup crl ocsp " +
  "clientAuth handshakeDetectionTimeoutMillis";

const KEYS = `
clientPort clientPortAddress clientPortListenBacklog secureClientPort secureClientPortAddress dataDir dataLogDir
tickTime datadir.autocreate db.autocreate serverCnxnFactory
server.1 server.255 group.1 weight.3 initLimit syncLimit connectToLearnerMasterLimit electionAlg peerType
quorumListenOnAllIPs standaloneEnabled leaderServes leader.maxTimeToWaitForEpoch cnxTimeout quorumCnxnTimeoutMs
electionPortBindRetry tcpKeepAlive fastleader.minNotificationInterval fastleader.maxNotificationInterval
quorum.cnxn.threads.size multiAddress.enabled multiAddress.reachabilityCheckEnabled
multiAddress.reachabilityCheckTimeoutMs oraclePath learner.asyncSending learner.closeSocketAsync
leader.closeSocketAsync leaderConnectDelayDuringRetryMs leader.ackLoggingFrequency
forward_learner_requests_to_commit_processor_disabled follower.nodelay leader.nodelay
minSessionTimeout maxSessionTimeout localSessionsEnabled localSessionsUpgradingEnabled closeSessionTxn.enabled
readonlymode.enabled
maxClientCnxns maxCnxns globalOutstandingLimit request_throttle_max_requests request_throttle_stall_time
request_throttle_drop_stale request_stale_connection_check request_stale_latency_check
request_throttler.shutdownTimeout throttled_op_wait_time largeRequestThreshold largeRequestMaxBytes
connection_throttle_tokens connection_throttle_fill_time connection_throttle_fill_count
connection_throttle_freeze_time connection_throttle_drop_increase connection_throttle_drop_decrease
connection_throttle_decrease_ratio connection_throttle_weight_enabled connection_throttle_global_session_weight
connection_throttle_local_session_weight connection_throttle_renew_session_weight
netty.server.outstandingHandshake.limit netty.server.earlyDropSecureConnectionHandshakes
netty.advancedFlowControl.enabled clientTcpKeepAlive maxResponseCacheSize maxGetChildrenResponseCacheSize
jute.maxbuffer jute.maxbuffer.extrasize intBufferStartingSizeBytes enforceQuota leader.maxConcurrentSnapSyncs
leader.maxConcurrentDiffSyncs
nio.numSelectorThreads nio.numWorkerThreads nio.sessionlessCnxnTimeout nio.directBufferBytes nio.shutdownTimeout
commitProcessor.shutdownTimeout commitProcessor.numWorkerThreads commitProcessor.maxReadBatchSize
commitProcessor.maxCommitBatchSize flushDelay maxWriteQueuePollTime maxBatchSize enableEagerACLCheck
follower.skipLearnerRequestToNextProcessor jvm.pause.monitor jvm.pause.sleep.time.ms jvm.pause.info-threshold.ms
jvm.pause.warn-threshold.ms
snapCount snapSizeLimitInKb txnLogSizeLimitInKb preAllocSize commitLogCount snapshotSizeFactor
snapshot.compression.method snapshot.trust.empty forceSync fsync.warningthresholdms
serializeLastProcessedZxid.enabled forceSnapshotSync extendedTypesEnabled emulate353TTLNodes
znode.container.checkIntervalMs znode.container.maxPerMinute znode.container.maxNeverUsedIntervalMs
autopurge.snapRetainCount autopurge.purgeInterval
4lw.commands.whitelist admin.enableServer admin.serverAddress admin.serverPort admin.commandURL admin.idleTimeout
admin.httpVersion admin.portUnification admin.forceHttps admin.needClientAuth admin.rateLimiterIntervalInMS
admin.snapshot.enabled admin.restore.enabled
ssl.authProvider ssl.sslProvider client.portUnification client.certReload sslQuorum portUnification
sslQuorumReloadCertFiles fips-mode
authProvider.1 authProvider.sasl DigestAuthenticationProvider.enabled DigestAuthenticationProvider.superDigest
DigestAuthenticationProvider.digestAlg X509AuthenticationProvider.superUser superUser superUser.2
SASLAuthenticationProvider.superPassword letAnySaslUserDoX allowSaslFailedClients sessionRequireClientSASLAuth
enforce.auth.enabled enforce.auth.schemes ensembleAuthName IPAuthenticationProvider.usexforwardedfor
kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal kerberos.canonicalizeHostNames
requireKerberosConfig kerberos.minReLoginTimeMs kinit security.auth_to_local sasl.serverconfig skipACL
quorum.auth.enableSasl quorum.auth.learnerRequireSasl quorum.auth.serverRequireSasl
quorum.auth.learner.saslLoginContext quorum.auth.server.saslLoginContext quorum.auth.kerberos.servicePrincipal
observerMasterPort observerMaster.sizeLimit syncEnabled observer.reconnectDelayMs observer.election.DelayMs
reconfigEnabled dynamicConfigFile
watchManagerName watcherCleanThreshold watcherCleanIntervalInSeconds watcherCleanThreadsNum
maxInProcessingDeadWatchers bitHashCacheSize digest.enabled messageTracker.Enabled messageTracker.BufferSize
pathStats.enabled pathStats.slotCapacity pathStats.slotDuration pathStats.maxDepth pathStats.sampleRate
pathStats.topPathMax pathStats.initialDelay pathStats.delay audit.enable audit.impl.class
metricsProvider.className metricsProvider.httpHost metricsProvider.httpPort metricsProvider.exportJvmInfo
metricsProvider.numWorkerThreads metricsProvider.maxQueueSize metricsProvider.workerShutdownTimeoutMs
metricsProvider.httpsPort metricsProvider.ssl.keyStore.location
metricsProvider.prometheusMetricsSummaryRotateIntervalSeconds
`.trim().split(/\s+/).concat(
  TLS_SUFFIXES.split(" ").flatMap((suffix) => [`ssl.${suffix}`, `ssl.quorum.${suffix}`]),
);

// Names that the public documentation has and Apache's zoo.cfg does not (operations §1.1).
const DOCUMENTED_NAMES = `
connectionMaxTokens connectionTokenFillTime connectionTokenFillCount connectionFreezeTime connectionDropIncrease
connectionDropDecrease connectionDecreaseRatio requestThrottleLimit requestThrottleStallTime
requestThrottleDropStale requestStaleLatencyCheck requestStaleConnectionCheck advancedFlowControlEnabled
maxConcurrentSnapSyncs maxConcurrentDiffSyncs maxTimeToWaitForEpoch outstandingHandshake.limit throttledOpWaitTime
`.trim().split(/\s+/);

test("every key of zoo.cfg is known, with and without the prefix of Java properties", () => {
  const unknown = [...KEYS, ...DOCUMENTED_NAMES].flatMap((key) => [key, `zookeeper.${key}`])
    .filter((key) => findKey(key) === undefined);
  assert.deepEqual(unknown, []);
});

test("both spellings of a key are one setting", () => {
  for (const key of KEYS) assert.equal(findKey(`zookeeper.${key}`)?.name, findKey(key)?.name);
  assert.equal(findKey("connectionMaxTokens")?.name, "connection_throttle_tokens");
  assert.equal(findKey("zookeeper.observer.syncEnabled")?.name, "syncEnabled");
  assert.notEqual(findKey("server.1")?.name, findKey("server.2")?.name);
});

test("the table has no key twice, and says something about each", () => {
  const names = KEY_SECTIONS.flatMap(({ rules }) =>
    rules.flatMap((rule) => [rule.name, ...rule.aliases])
  );
  assert.deepEqual(names.filter((name, at) => names.indexOf(name) !== at), []);
  for (const { rules } of KEY_SECTIONS) {
    for (const rule of rules) assert.ok(rule.meaning !== "" && rule.expected !== "", rule.name);
  }
});

test("what the table has beyond operations §1 is our own", () => {
  const known = new Set([...KEYS, ...DOCUMENTED_NAMES].map((key) => findKey(key)?.rule));
  const own = KEY_SECTIONS.flatMap(({ rules }) => rules).filter((rule) => !known.has(rule));
  assert.deepEqual(
    own.map(({ name }) => name).sort(),
    [
      "fileFormat",
      "http.allowOrigins",
      "http.maxSessions",
      "http.maxStreams",
      "http.openMonitoring",
      "http.requestsPerSecond",
      "http.rest",
      "http.tokens",
      "log.format",
      "log.level",
      "memoryLimit",
      "quorum.auth.*",
      "ssl.*",
    ],
  );
});

test("keys are told apart by case, as Java does; a stem alone is no key", () => {
  for (const key of ["clientport", "server.", "server", "ssl.", "zookeeper.", "", "authProvider"]) {
    assert.equal(findKey(key), undefined, key);
  }
});

test("the nearest known key is found, and none when nothing is near", () => {
  const near: readonly (readonly [string, string | undefined])[] = [
    ["clientport", "clientPort"],
    ["clinetPort", "clientPort"],
    ["zookeeper.snapcount", "snapCount"],
    ["autopurge.snapRetainCout", "autopurge.snapRetainCount"],
    ["tickTimes", "tickTime"],
    ["4lw.command.whitelist", "4lw.commands.whitelist"],
    ["wholly.unlike.anything", undefined],
    ["x", undefined],
  ];
  for (const [typed, expected] of near) assert.equal(nearestKey(typed), expected, typed);
});

test("edit distance counts insertions, deletions, replacements and swaps", () => {
  const rows: readonly (readonly [string, string, number])[] = [
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "abcd", 1],
    ["abc", "bc", 1],
    ["abc", "axc", 1],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
    ["", "abc", 3],
  ];
  for (const [a, b, distance] of rows) {
    assert.equal(editDistance(a, b), distance, `${a} ${b}`);
    assert.equal(editDistance(b, a), distance, `${b} ${a}`);
  }
});
