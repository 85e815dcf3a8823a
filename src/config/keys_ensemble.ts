/** Settings of operations §1.3, §1.12 and §1.13: ensembles. */
import {
  anyDecodedInt,
  bool,
  decodedInt,
  int,
  matching,
  ms,
  oneOf,
  port,
  someText,
} from "./forms.ts";
import { later, none, type Rule, works } from "./rule.ts";

const onlyEnsembles = "A part of ensembles";
const async = "Which thread sends or closes; here one loop serves all";

export const CLUSTER_KEYS: readonly Rule[] = [
  works(
    "server.*",
    someText,
    "",
    () => ({}),
    "A server of the ensemble; myid in dataDir says which one this is. One alone runs standalone",
  ),
  works(
    "group.*",
    matching("server ids with colons", /^\d+(?::\d+)*$/),
    "",
    () => ({}),
    "Servers that vote as a group (hierarchical quorum)",
  ),
  works("weight.*", int(0), "1", () => ({}), "Of a server's vote in its group"),
  works(
    "initLimit",
    int(0),
    "",
    (initLimitTicks) => ({ initLimitTicks }),
    "Ticks for a follower to connect and sync; needed in an ensemble",
  ),
  works(
    "syncLimit",
    int(0),
    "",
    (syncLimitTicks) => ({ syncLimitTicks }),
    "Ticks that a follower may be silent or behind; needed in an ensemble",
  ),
  works(
    "connectToLearnerMasterLimit",
    int(0),
    "0",
    (connectToLearnerMasterLimitTicks) => ({ connectToLearnerMasterLimitTicks }),
    "Ticks to reach the leader; 0: initLimit",
  ),
  later("electionAlg", int(3, 3), "3", onlyEnsembles),
  works(
    "peerType",
    oneOf(["participant", "observer"], true),
    "participant",
    (peerType) => ({
      peerType: peerType.toLowerCase() === "observer" ? "observer" : "participant",
    }),
    "Whether this server votes; its server.N line wins, with a warning",
  ),
  works(
    "quorumListenOnAllIPs",
    bool,
    "false",
    (quorumListenOnAllIps) => ({ quorumListenOnAllIps }),
    "Listen for peers on every address instead of the one in server.N",
  ),
  works(
    "standaloneEnabled",
    bool,
    "true",
    (standaloneEnabled) => ({ standaloneEnabled }),
    "false: one server runs as an ensemble of one",
  ),
  works(
    "leaderServes",
    oneOf(["yes", "no"]),
    "yes",
    (serves) => ({ leaderServes: serves === "yes" }),
    "no: the leader takes no clients",
  ),
  later("leader.maxTimeToWaitForEpoch", anyDecodedInt, "-1", onlyEnsembles, {
    aliases: ["maxTimeToWaitForEpoch"],
  }),
  works(
    "cnxTimeout",
    ms(0),
    "5000",
    (cnxTimeoutMs) => ({ cnxTimeoutMs }),
    "Milliseconds to connect to an election port",
  ),
  works(
    "quorumCnxnTimeoutMs",
    anyDecodedInt,
    "-1",
    (quorumCnxnTimeoutMs) => ({ quorumCnxnTimeoutMs }),
    "Milliseconds to set up an election connection; -1: tickTime * syncLimit",
  ),
  works(
    "electionPortBindRetry",
    decodedInt(0),
    "3",
    (electionPortBindRetry) => ({ electionPortBindRetry }),
    "Attempts to listen on the election port; 0: for ever",
  ),
  later("tcpKeepAlive", bool, "false", "TCP keep-alive on election connections"),
  works(
    "fastleader.minNotificationInterval",
    ms(1),
    "200",
    (minNotificationIntervalMs) => ({ minNotificationIntervalMs }),
    "Milliseconds until a vote is sent again, doubled each time",
  ),
  works(
    "fastleader.maxNotificationInterval",
    ms(1),
    "60000",
    (maxNotificationIntervalMs) => ({ maxNotificationIntervalMs }),
    "The longest such time",
  ),
  none("quorum.cnxn.threads.size", int(1), "20", async),
  works(
    "multiAddress.enabled",
    bool,
    "false",
    (multiAddressEnabled) => ({ multiAddressEnabled }),
    "Allow several addresses in a server.N, separated by |",
  ),
  later("multiAddress.reachabilityCheckEnabled", bool, "true", onlyEnsembles),
  later("multiAddress.reachabilityCheckTimeoutMs", ms(0), "1000", onlyEnsembles),
  later("oraclePath", someText, "", onlyEnsembles),
  none("learner.asyncSending", bool, "false", async),
  none("learner.closeSocketAsync", bool, "false", async),
  none("leader.closeSocketAsync", bool, "false", async),
  works(
    "leaderConnectDelayDuringRetryMs",
    ms(0),
    "100",
    (leaderConnectDelayMs) => ({ leaderConnectDelayMs }),
    "Milliseconds between attempts to reach the leader",
  ),
  later("leader.ackLoggingFrequency", decodedInt(1), "1000", onlyEnsembles),
  none(
    "forward_learner_requests_to_commit_processor_disabled",
    bool,
    "false",
    "A stage of Apache's pipeline that we do not have",
  ),
  none("follower.nodelay", bool, "true", "Packets never wait here"),
  none("leader.nodelay", bool, "true", "Packets never wait here"),
];

const observers = "Observers behind followers, and what observers log";

export const OBSERVER_KEYS: readonly Rule[] = [
  later("observerMasterPort", port, "0", observers),
  later("observerMaster.sizeLimit", decodedInt(1), "33554432", observers),
  later("syncEnabled", bool, "true", observers, { aliases: ["observer.syncEnabled"] }),
  works(
    "observer.reconnectDelayMs",
    ms(0),
    "0",
    (observerReconnectDelayMs) => ({ observerReconnectDelayMs }),
    "An observer waits up to so many milliseconds before it connects again",
  ),
  works(
    "observer.election.DelayMs",
    ms(0),
    "200",
    (observerElectionDelayMs) => ({ observerElectionDelayMs }),
    "An observer waits up to so many milliseconds before it looks for a leader again",
  ),
];

export const RECONFIG_KEYS: readonly Rule[] = [
  works(
    "reconfigEnabled",
    bool,
    "false",
    (reconfigEnabled) => ({ reconfigEnabled }),
    "Which error a reconfig request gets; members cannot be changed while servers run yet",
  ),
  works(
    "dynamicConfigFile",
    someText,
    "none",
    (dynamicConfigFile) => ({ dynamicConfigFile }),
    "File with the server.N lines",
  ),
];
