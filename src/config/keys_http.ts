/** Settings of operations §1.9 and §1.17: four-letter words, admin server, metrics; and our own of the HTTP door. */
import {
  anyDecodedInt,
  bool,
  decodedInt,
  ms,
  named,
  origins,
  port,
  someText,
  text,
} from "./forms.ts";
import { later, none, type Rule, security, works } from "./rule.ts";

export const ADMIN_KEYS: readonly Rule[] = [
  works(
    "4lw.commands.whitelist",
    text,
    "srvr",
    (fourLetterWhitelist) => ({ fourLetterWhitelist }),
    "Four-letter words that are answered, with commas, or *; srvr always is",
  ),
  works(
    "admin.enableServer",
    bool,
    "true",
    (adminEnabled) => ({ adminEnabled }),
    "The HTTP door: commands, metrics, health, REST, event streams, WebSocket",
  ),
  works(
    "admin.serverAddress",
    someText,
    "127.0.0.1; Apache's is every address",
    (adminAddress) => ({ adminAddress }),
    "Address of the HTTP door; other hosts need a token (http.tokens) for most of it",
  ),
  works(
    "admin.serverPort",
    port,
    "8080 when it is free",
    (adminPort) => ({ adminPort }),
    "Port of the HTTP door, 0 for a free one; a port that is given and taken ends the start",
  ),
  works(
    "admin.commandURL",
    someText,
    "/commands",
    (adminCommandUrl) => ({ adminCommandUrl }),
    "Path of the admin commands",
  ),
  works(
    "admin.idleTimeout",
    ms(0),
    "30000",
    (adminIdleTimeoutMs) => ({ adminIdleTimeoutMs }),
    "An HTTP connection without requests is closed after it, ms",
  ),
  none("admin.httpVersion", anyDecodedInt, "11", "Protocol of Java's server behind TLS"),
  later("admin.portUnification", bool, "false", "HTTP and HTTPS on one port"),
  security("admin.forceHttps", bool, "false", "HTTPS alone", { harmless: ["false"] }),
  security("admin.needClientAuth", bool, "false", "Client certificates", { harmless: ["false"] }),
  works(
    "admin.rateLimiterIntervalInMS",
    ms(0),
    "300000",
    (adminRateLimitMs) => ({ adminRateLimitMs }),
    "Time between two snapshot or two restore commands, ms (Apache takes the number as microseconds for snapshot)",
  ),
  works(
    "admin.snapshot.enabled",
    bool,
    "true",
    (adminSnapshotEnabled) => ({ adminSnapshotEnabled }),
    "The admin command snapshot",
  ),
  works(
    "admin.restore.enabled",
    bool,
    "true",
    (adminRestoreEnabled) => ({ adminRestoreEnabled }),
    "The admin command restore",
  ),
];

export const HTTP_KEYS: readonly Rule[] = [
  works(
    "http.rest",
    bool,
    "true",
    (restEnabled) => ({ restEnabled }),
    "REST, event streams and WebSocket on the HTTP door",
  ),
  works(
    "http.tokens",
    someText,
    "none",
    (tokenFile) => ({ tokenFile }),
    "File of bearer tokens, a line each: token, scheme, credentials (docs/http.md)",
  ),
  works(
    "http.openMonitoring",
    bool,
    "false",
    (openMonitoring) => ({ openMonitoring }),
    "Other hosts may use commands and metrics without a token, as Apache allows everybody",
  ),
  works(
    "http.allowOrigins",
    origins,
    "none",
    (allowOrigins) => ({ allowOrigins }),
    "Origins whose pages may use REST and WebSocket, with commas",
  ),
  works(
    "http.requestsPerSecond",
    decodedInt(0),
    "0",
    (httpRequestsPerSecond) => ({ httpRequestsPerSecond }),
    "REST requests of one address in a second; 0: no limit",
  ),
  works(
    "http.maxStreams",
    decodedInt(1),
    "10000",
    (httpStreamsMax) => ({ httpStreamsMax }),
    "Event streams and WebSockets at once",
  ),
  works(
    "http.maxSessions",
    decodedInt(1),
    "1000",
    (httpSessionsMax) => ({ httpSessionsMax }),
    "Sessions of HTTP clients at once",
  ),
];

const PROVIDERS = "org.apache.zookeeper.metrics";

export const METRICS_KEYS: readonly Rule[] = [
  works(
    "metricsProvider.className",
    named({
      [`${PROVIDERS}.impl.DefaultMetricsProvider`]: {},
      [`${PROVIDERS}.impl.NullMetricsProvider`]: { metricsEnabled: false },
      [`${PROVIDERS}.prometheus.PrometheusMetricsProvider`]: { metricsPortEnabled: true },
    }),
    `${PROVIDERS}.impl.DefaultMetricsProvider`,
    (draft) => draft,
    "Prometheus: /metrics on a port of its own too, beside the HTTP door's. Null: nothing is counted, and there is no /metrics",
  ),
  works(
    "metricsProvider.httpHost",
    someText,
    "0.0.0.0",
    (metricsAddress) => ({ metricsAddress }),
    "Address of that port",
  ),
  works(
    "metricsProvider.httpPort",
    port,
    "7000",
    (metricsPort) => ({ metricsPort }),
    "That port",
  ),
  works(
    "metricsProvider.exportJvmInfo",
    bool,
    "true",
    (exportProcessInfo) => ({ exportProcessInfo }),
    "Metrics of the process and its runtime",
  ),
  none("metricsProvider.numWorkerThreads", decodedInt(0), "1", "Apache's queue of summaries"),
  none("metricsProvider.maxQueueSize", decodedInt(0), "1000000", "Apache's queue of summaries"),
  none(
    "metricsProvider.workerShutdownTimeoutMs",
    ms(0),
    "1000",
    "Apache's queue of summaries",
  ),
  later("metricsProvider.*", text, "", "Metrics by TLS, and other options"),
];
