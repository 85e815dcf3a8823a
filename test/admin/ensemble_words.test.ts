/** The words of a server that belongs to an ensemble (operations §2.2, §4.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FourLetterWords } from "../../src/admin/four_letter_words.ts";
import type { ServerView } from "../../src/server/view.ts";
import { hostRuntime } from "../support/runtime.ts";
import { busyView, stopped } from "./view.ts";

const VERSION = "3.9.5-menagerie-0.0.0, built on 2026-01-01 00:00 UTC";

async function words(view: ServerView): Promise<FourLetterWords> {
  return new FourLetterWords(view, stopped(await hostRuntime()), VERSION);
}

async function answer(word: string, view: ServerView = busyView()): Promise<string> {
  return await (await words(view)).answer(word);
}

/** A leader of five, as `ServerView.quorum` has it. */
function leaderView(mode: ServerView["mode"] = "leader"): ServerView {
  const view = busyView({ serverId: 3 });
  view.stats.proposed(300);
  view.stats.proposed(100);
  view.stats.proposed(200);
  return {
    ...view,
    mode,
    quorum: {
      peerState: "leading - broadcast",
      quorumSize: 3,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      electionAlg: 3,
      electionPort: 3888,
      quorumPorts: [2888, 2889],
      isObserver: mode === "observer",
      masterSid: 3,
      historyBytes: 0,
      leaderSid: 3,
      membership: "server.1=a:2888:3888:participant\nserver.3=b:2888:3888:participant\nversion=0",
      leading: mode === "leader"
        ? {
          learners: 4,
          syncedFollowers: 2,
          syncedNonVotingFollowers: 0,
          syncedObservers: 1,
          pendingSyncs: 7,
          sinceMs: view.startedMs,
          observers: () => [],
          resetObservers: () => {},
        }
        : undefined,
    },
  };
}

test("a leader's srvr ends with the sizes of its proposals, and srst forgets them", async () => {
  const view = leaderView();
  const tail = "Mode: leader\nNode count: 9\nProposal sizes last/min/max: 200/100/300\n";
  assert.ok((await answer("srvr", view)).endsWith(tail));
  assert.ok((await answer("stat", view)).endsWith(tail));
  await answer("srst", view);
  assert.ok((await answer("srvr", view)).endsWith("last/min/max: -1/-1/-1\n"));
  assert.ok((await answer("srvr", leaderView("follower"))).endsWith("Node count: 9\n"));
});

test("mntr of an ensemble's server: its state, and a leader's gauges", async () => {
  const rows = async (mode: ServerView["mode"]): Promise<string[]> =>
    (await answer("mntr", leaderView(mode))).split("\n");
  const leader = await rows("leader");
  assert.deepEqual(leader.slice(1, 3), [
    "zk_server_state\tleader",
    "zk_peer_state\tleading - broadcast",
  ]);
  for (
    const [name, value] of [
      ["quorum_size", 3],
      ["learners", 4],
      ["synced_followers", 2],
      ["synced_non_voting_followers", 0],
      ["synced_observers", 1],
      ["pending_syncs", 7],
      ["leader_uptime", 28_426],
      ["last_proposal_size", 200],
      ["min_proposal_size", 100],
      ["max_proposal_size", 300],
      ["proposal_count", 3],
    ]
  ) {
    assert.ok(leader.includes(`zk_${name}\t${value}`), String(name));
  }
  const follower = await rows("follower");
  assert.ok(follower.includes("zk_quorum_size\t3"));
  assert.equal(follower.some((row) => row.startsWith("zk_learners")), false);
  assert.equal(follower.some((row) => row.startsWith("zk_observer_master_id")), false);
  assert.equal((await rows("observer"))[3], "zk_observer_master_id\t3");
  assert.equal((await answer("mntr")).includes("zk_quorum_size"), false);
});

test("conf of an ensemble's server goes on with its limits, ports and members", async () => {
  assert.ok(
    (await answer("conf", leaderView())).endsWith(`serverId=3
initLimit=10
syncLimit=5
electionAlg=3
electionPort=3888
quorumPort=2888|2889
peerType=0
membership: ${""}
server.1=a:2888:3888:participant
server.3=b:2888:3888:participant
version=0`),
  );
  assert.ok((await answer("conf", leaderView("observer"))).includes("\npeerType=1\n"));
  assert.ok((await answer("conf", leaderView("read-only"))).endsWith("\npeerType=0\n"));
});

test("dump of a learner lists the ensemble's sessions with their timeouts", async () => {
  const view: ServerView = {
    ...leaderView("follower"),
    globalSessions: () => [[0x100001967020000n, 10_000], [-1n, 30_000]],
  };
  assert.deepEqual((await answer("dump", view)).split("\n").slice(0, 5), [
    "SessionTracker dump:",
    "Global Sessions(2):",
    "0x100001967020000\t10000ms",
    "0xffffffffffffffff\t30000ms",
    "ephemeral nodes dump:",
  ]);
});
