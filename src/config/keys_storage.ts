/** Settings of operations §1.7, §1.8 and §1.14: storage, purge, debugging; and our own. */
import {
  anyDecodedInt,
  anyInt,
  bool,
  decodedInt,
  fraction,
  hours,
  int,
  INT_MAX,
  ms,
  named,
  oneOf,
  someText,
  yesNo,
} from "./forms.ts";
import { later, none, type Rule, works } from "./rule.ts";

const kib = decodedInt(-0x8000_0000, INT_MAX, "number of KiB");
const KIB = 1024;

export const STORAGE_KEYS: readonly Rule[] = [
  works(
    "snapCount",
    anyDecodedInt,
    "100000",
    (snapCount) => ({ snapCount }),
    "A snapshot after at most as many txns, and after a quarter to a half of them once nothing is written any more; at least 2",
  ),
  works(
    "snapSizeLimitInKb",
    kib,
    "4194304",
    (size) => ({ snapSizeLimitBytes: size * KIB }),
    "A snapshot after at most as much log, KiB; 0 or less: not for size",
  ),
  works(
    "txnLogSizeLimitInKb",
    kib,
    "-1",
    (size) => ({ txnLogSizeLimitBytes: size < 0 ? -1 : size * KIB }),
    "A new log file at this size, KiB; -1: only at snapshots",
  ),
  works(
    "preAllocSize",
    kib,
    "65536",
    (size) => ({ preAllocBytes: size * KIB }),
    "Zeros are written ahead of the log, KiB, at most 256 at a time; 0 or less: none",
  ),
  works(
    "commitLogCount",
    decodedInt(1),
    "500",
    (commitLogCount) => ({ commitLogCount }),
    "Txns kept in memory for followers that are behind",
  ),
  works(
    "snapshotSizeFactor",
    fraction,
    "0.33",
    (snapshotSizeFactor) => ({ snapshotSizeFactor }),
    "Followers are sent log up to this share of the snapshot's size; 0: any size",
  ),
  works(
    "snapshot.compression.method",
    oneOf(["", "gz", "snappy"]),
    "",
    (snapshotCompression) => ({ snapshotCompression }),
    "Compression of new snapshots",
  ),
  works(
    "snapshot.trust.empty",
    bool,
    "false",
    (snapshotTrustEmpty) => ({ snapshotTrustEmpty }),
    "Logs without any snapshot are accepted; for upgrades from 3.4 only",
  ),
  works(
    "forceSync",
    yesNo,
    "yes",
    (forceSync) => ({ forceSync }),
    "no: acknowledged writes may be lost with the machine (unsafe)",
  ),
  works(
    "fsync.warningthresholdms",
    ms(0),
    "1000",
    (fsyncWarningMs) => ({ fsyncWarningMs }),
    "A slower flush of the log is warned of, ms",
  ),
  works(
    "serializeLastProcessedZxid.enabled",
    bool,
    "true",
    (serializeLastZxid) => ({ serializeLastZxid }),
    "Snapshots end with the last zxid",
  ),
  works(
    "forceSnapshotSync",
    bool,
    "false",
    (forceSnapshotSync) => ({ forceSnapshotSync }),
    "Followers are always synced by snapshot",
  ),
  works(
    "extendedTypesEnabled",
    bool,
    "false",
    (extendedTypes) => ({ extendedTypes }),
    "TTL nodes; the server id is then at most 254",
  ),
  works(
    "emulate353TTLNodes",
    bool,
    "false",
    (emulate353TtlNodes) => ({ emulate353TtlNodes }),
    "TTL nodes encoded as 3.5.3 did; the server id is then at most 127",
  ),
  works(
    "znode.container.checkIntervalMs",
    ms(1),
    "60000",
    (containerCheckIntervalMs) => ({ containerCheckIntervalMs }),
    "Time between looks for containers and TTL nodes to delete, ms",
  ),
  works(
    "znode.container.maxPerMinute",
    decodedInt(1),
    "10000",
    (containerMaxPerMinute) => ({ containerMaxPerMinute }),
    "Most of them that are deleted in a minute",
  ),
  works(
    "znode.container.maxNeverUsedIntervalMs",
    ms(0),
    "0",
    (containerMaxNeverUsedMs) => ({ containerMaxNeverUsedMs }),
    "A container that never had a child is deleted after it, ms; 0: never",
  ),
];

export const PURGE_KEYS: readonly Rule[] = [
  works(
    "autopurge.snapRetainCount",
    anyInt,
    "3",
    (purgeRetainCount) => ({ purgeRetainCount }),
    "Snapshots kept, with the logs that they need; at least 3",
  ),
  works(
    "autopurge.purgeInterval",
    hours,
    "0",
    (purgeIntervalHours) => ({ purgeIntervalHours }),
    "Time between purges, hours; 0 or less: never",
  ),
];

const pathStats = "Requests counted by path";
const watcherClean = "Lazy removal of dead watchers; ours go at once";

export const DEBUG_KEYS: readonly Rule[] = [
  none(
    "watchManagerName",
    someText,
    "org.apache.zookeeper.server.watch.WatchManager",
    "Java class that holds watches",
  ),
  none("watcherCleanThreshold", anyDecodedInt, "1000", watcherClean),
  none("watcherCleanIntervalInSeconds", anyDecodedInt, "600", watcherClean),
  none("watcherCleanThreadsNum", anyDecodedInt, "2", watcherClean),
  none("maxInProcessingDeadWatchers", anyDecodedInt, "-1", watcherClean),
  none("bitHashCacheSize", anyDecodedInt, "10", "Size of sets in one of Apache's watch managers"),
  works(
    "digest.enabled",
    bool,
    "true",
    (digestEnabled) => ({ digestEnabled }),
    "A digest of the tree in txns and snapshots",
  ),
  later(
    "messageTracker.Enabled",
    bool,
    "false",
    "Last packets between servers are logged when they part",
  ),
  later("messageTracker.BufferSize", decodedInt(1), "10", "As messageTracker.Enabled"),
  later("pathStats.enabled", bool, "false", pathStats),
  later("pathStats.slotCapacity", decodedInt(1), "60", pathStats),
  later("pathStats.slotDuration", decodedInt(1), "15", pathStats),
  later("pathStats.maxDepth", decodedInt(1), "6", pathStats),
  later("pathStats.sampleRate", fraction, "0.1", pathStats),
  later("pathStats.topPathMax", decodedInt(1), "20", pathStats),
  later("pathStats.initialDelay", decodedInt(0), "5", pathStats),
  later("pathStats.delay", decodedInt(0), "5", pathStats),
  works(
    "audit.enable",
    bool,
    "false",
    (auditEnabled) => ({ auditEnabled }),
    "A log line for each change that a client asks for, as Apache's audit log has it",
  ),
  none(
    "audit.impl.class",
    someText,
    "org.apache.zookeeper.audit.Slf4jAuditLogger",
    "Java class that writes audit lines; ours go to the log",
  ),
];

export const OWN_KEYS: readonly Rule[] = [
  works(
    "fileFormat",
    named({ "2": 2, "3": 3 } as const),
    "3 for a new directory, else what is there",
    (fileFormat) => ({ fileFormat }),
    "Format of logs and snapshots: 2 is Apache's, 3 is ours",
  ),
  works(
    "memoryLimit",
    int(0, INT_MAX, "number of MiB"),
    "90 % of what the system allows",
    (memoryLimitMib) => ({ memoryLimitMib }),
    "Resident memory, MiB, beyond which creates and larger data are refused; 0: never",
  ),
  works(
    "log.level",
    oneOf(["debug", "info", "warn", "error"], true),
    "info",
    (logLevel) => ({ logLevel }),
    "The least important lines that are logged",
  ),
  works(
    "log.format",
    oneOf(["text", "json"], true),
    "text",
    (logFormat) => ({ logFormat }),
    "Log lines for people or for programs",
  ),
];
