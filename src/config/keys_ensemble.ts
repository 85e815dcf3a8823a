/** Settings of operations §1.3, §1.12 and §1.13: ensembles, which come with a later version. */
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

const onlyEnsembles = "Ensembles";
const async = "Which thread sends or closes; here one loop serves all";

export const CLUSTER_KEYS: readonly Rule[] = [
  works(
    "server.*",
    someText,
    "",
    () => ({}),
    "A server of the ensemble. One alone runs standalone; several refuse the start",
  ),
  later("group.*", matching("server ids with colons", /^\d+(?::\d+)*$/), "", onlyEnsembles),
  later("weight.*", int(0), "1", onlyEnsembles),
  later("initLimit", int(0), "", "Ticks for a follower to connect and sync"),
  later("syncLimit", int(0), "", "Ticks that a follower may be behind"),
  later("connectToLearnerMasterLimit", int(0), "0", onlyEnsembles),
  later("electionAlg", int(3, 3), "3", onlyEnsembles),
  later("peerType", oneOf(["participant", "observer"], true), "participant", onlyEnsembles),
  later("quorumListenOnAllIPs", bool, "false", onlyEnsembles),
  works(
    "standaloneEnabled",
    bool,
    "true",
    (standaloneEnabled) => ({ standaloneEnabled }),
    "false: one server would run as an ensemble of one; here it still runs standalone, with a warning",
  ),
  later("leaderServes", oneOf(["yes", "no"]), "yes", onlyEnsembles),
  later("leader.maxTimeToWaitForEpoch", anyDecodedInt, "-1", onlyEnsembles, {
    aliases: ["maxTimeToWaitForEpoch"],
  }),
  later("cnxTimeout", ms(0), "5000", onlyEnsembles),
  later("quorumCnxnTimeoutMs", anyDecodedInt, "-1", onlyEnsembles),
  later("electionPortBindRetry", decodedInt(0), "3", onlyEnsembles),
  later("tcpKeepAlive", bool, "false", "TCP keep-alive on election connections"),
  later("fastleader.minNotificationInterval", ms(1), "200", onlyEnsembles),
  later("fastleader.maxNotificationInterval", ms(1), "60000", onlyEnsembles),
  none("quorum.cnxn.threads.size", int(1), "20", async),
  later("multiAddress.enabled", bool, "false", onlyEnsembles),
  later("multiAddress.reachabilityCheckEnabled", bool, "true", onlyEnsembles),
  later("multiAddress.reachabilityCheckTimeoutMs", ms(0), "1000", onlyEnsembles),
  later("oraclePath", someText, "", onlyEnsembles),
  none("learner.asyncSending", bool, "false", async),
  none("learner.closeSocketAsync", bool, "false", async),
  none("leader.closeSocketAsync", bool, "false", async),
  later("leaderConnectDelayDuringRetryMs", ms(0), "100", onlyEnsembles),
  later("leader.ackLoggingFrequency", decodedInt(1), "1000", onlyEnsembles),
  none(
    "forward_learner_requests_to_commit_processor_disabled",
    bool,
    "false",
    "A stage of Apache's pipeline that we do not have",
  ),
  later("follower.nodelay", bool, "true", onlyEnsembles),
  later("leader.nodelay", bool, "true", onlyEnsembles),
];

const observers = "Observers";

export const OBSERVER_KEYS: readonly Rule[] = [
  later("observerMasterPort", port, "0", observers),
  later("observerMaster.sizeLimit", decodedInt(1), "33554432", observers),
  later("syncEnabled", bool, "true", observers, { aliases: ["observer.syncEnabled"] }),
  later("observer.reconnectDelayMs", ms(0), "0", observers),
  later("observer.election.DelayMs", ms(0), "200", observers),
];

export const RECONFIG_KEYS: readonly Rule[] = [
  works(
    "reconfigEnabled",
    bool,
    "false",
    (reconfigEnabled) => ({ reconfigEnabled }),
    "Which error a reconfig request gets; changes of members come with ensembles",
  ),
  works(
    "dynamicConfigFile",
    someText,
    "none",
    (dynamicConfigFile) => ({ dynamicConfigFile }),
    "File with the server.N lines",
  ),
];
