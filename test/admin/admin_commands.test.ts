// What the admin commands say of a busy server, as data; their HTTP is test/gateway/admin_routes.test.ts's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdminCommands, type AdminRequest } from "../../src/admin/admin_commands.ts";
import { briefConnection, fullConnection } from "../../src/admin/admin_shapes.ts";
import { type Zxid, zxidOf } from "../../src/base/zxid.ts";
import type { ServerControl } from "../../src/server/control.ts";
import type { QuorumView, ServerView } from "../../src/server/view.ts";
import { hostRuntime } from "../support/runtime.ts";
import { busyView, MONOTONIC_MS, SESSIONS, stopped } from "./view.ts";

const refusing: ServerControl = {
  attach: () => {},
  authenticate: (scheme) => scheme === "digest" ? [{ scheme, id: "a" }] : undefined,
  mayAdminister: ([identity]) => identity?.id === "super",
  takeSnapshot: () => Promise.resolve(undefined),
  restore: undefined,
};

async function commands(
  view: ServerView = busyView(),
  control: Partial<ServerControl> = {},
): Promise<AdminCommands> {
  return new AdminCommands({
    view,
    control: { ...refusing, ...control },
    runtime: stopped(await hostRuntime()),
    version: "3.9.5-x",
    initialConfiguration: "tickTime=2000\n",
  });
}

function request(more: Partial<AdminRequest> = {}): AdminRequest {
  return {
    method: "GET",
    parameter: () => undefined,
    authorization: undefined,
    host: "127.0.0.1",
    ...more,
  };
}

test("all of Apache 3.9's commands, by their primary names", async () => {
  assert.deepEqual((await commands()).names, [
    ..."configuration connection_stat_reset connections dirs dump environment get_trace_mask hash"
      .split(" "),
    ..."initial_configuration is_read_only last_snapshot leader monitor observer_connection_stat_reset"
      .split(" "),
    ..."observers restore ruok server_stats set_trace_mask snapshot stat_reset stats system_properties"
      .split(" "),
    ..."voting_view watch_summary watches watches_by_path zabstate".split(" "),
  ]);
});

test("a connection is shown in full with its session, and in five facts without", () => {
  const [first, own] = busyView().connections();
  assert.deepEqual(fullConnection(first as NonNullable<typeof first>), {
    remote_socket_address: "127.0.0.1:41330",
    interest_ops: 1,
    outstanding_requests: 0,
    packets_received: 144,
    packets_sent: 145,
    session_id: SESSIONS[1],
    last_operation: "GETD",
    established: 1795176082932,
    session_timeout: 10_000,
    last_cxid: 0x8f,
    last_zxid: 0x91,
    last_response_time: 1_693_077,
    last_latency: 1,
    min_latency: 0,
    avg_latency: 1,
    max_latency: 2,
  });
  const brief = briefConnection(own as NonNullable<typeof own>);
  assert.deepEqual(fullConnection(own as NonNullable<typeof own>), brief);
  assert.equal(Object.keys(brief).length, 5);
});

test("dump has sessions by expiry and ephemerals by session", async () => {
  const { status, body } = await (await commands()).run("dump", request());
  assert.equal(status, 200);
  assert.deepEqual(body, {
    expiry_time_to_session_ids: new Map([[String(MONOTONIC_MS + 33_500), [...SESSIONS]]]),
    session_id_to_ephemeral_paths: new Map([
      [String(SESSIONS[1]), ["/e3"]],
      [String(SESSIONS[0]), ["/e1", "/e2"]],
    ]),
    command: "dump",
    error: null,
  });
});

const quorum: QuorumView = {
  peerState: "leading - broadcast",
  quorumSize: 2,
  initLimitTicks: 10,
  syncLimitTicks: 5,
  electionAlg: 3,
  electionPort: 3888,
  quorumPorts: [2888],
  isObserver: false,
  leaderSid: 3,
  historyBytes: 0,
  membership:
    "server.1=a:2888:3888:participant;0.0.0.0:2181\nserver.3=b:2888:3888|c:2889:3889:participant;0.0.0.0:2183\n" +
    "server.4=d:2888:3888:observer;0.0.0.0:2184\nversion=100000000",
  leading: {
    learners: 2,
    syncedFollowers: 1,
    syncedNonVotingFollowers: 0,
    syncedObservers: 1,
    pendingSyncs: 0,
    sinceMs: 0,
    resetObservers: () => {},
    observers: () => [{
      remote: { host: "127.0.0.1", port: 42010, family: 4 },
      sid: 4,
      establishedMs: 1_795_954_836_126,
      queuedBytes: 17,
      packetsReceived: 13,
      batchesSent: 14,
      requests: 2,
      lastZxid: zxidOf(1, 0),
    }],
  },
};

/** As Apache 3.9.5 shows two, both reachable. */
function addresses(one: string, other: string): object {
  const all = [one, other], ports = all.map((text) => text.split(":")[1] as string);
  return {
    empty: false,
    all_addresses: all,
    wildcard_addresses: ports.map((port) => `0.0.0.0:${port}`),
    all_ports: ports.map(Number),
    all_host_strings: all.map((text) => text.split(":")[0]),
    reachable_address: one,
    all_reachable_addresses: all,
    all_reachable_addresses_or_all: all,
    reachable_or_one: one,
    one,
  };
}

test("a leader lists its observers", async () => {
  const view: ServerView = { ...busyView({ serverId: 3 }), mode: "leader", quorum };
  assert.deepEqual((await (await commands(view)).run("obsr", request())).body, {
    synced_observers: 1,
    observers: [{
      remote_socket_address: "/127.0.0.1:42010",
      sid: 4,
      established: 1_795_954_836_126,
      queued_packets: 1,
      queued_packets_size: 17,
      packets_received: 13,
      packets_sent: 14,
      requests: 2,
      last_zxid: 0x100000000,
    }],
    command: "observers",
    error: null,
  });
});

test("an ensemble's member tells its place, and who votes", async () => {
  const view: ServerView = { ...busyView({ serverId: 3 }), mode: "leader", quorum };
  const body = async (name: string, of: ServerView = view) =>
    (await (await commands(of)).run(name, request())).body;
  assert.deepEqual(await body("lead"), {
    is_leader: true,
    leader_id: 3,
    leader_ip: "b",
    command: "leader",
    error: null,
  });
  assert.deepEqual(await body("lead", { ...view, mode: "follower" }), {
    is_leader: false,
    leader_id: 3,
    leader_ip: "b",
    command: "leader",
    error: null,
  });
  assert.deepEqual(await body("zabstate"), {
    myid: 3,
    is_leader: true,
    quorum_address: addresses("b:2888", "c:2889"),
    election_address: addresses("b:3888", "c:3889"),
    client_address: "0.0.0.0:2183",
    voting: true,
    last_zxid: "0x92",
    zab_epoch: 0,
    zab_counter: 0x92,
    zabstate: "broadcast",
    command: "zabstate",
    error: null,
  });
  const looking = { ...view, quorum: { ...quorum, peerState: "looking" } };
  assert.equal((await body("zabstate", looking) as { zabstate: string }).zabstate, "election");
  assert.deepEqual(await body("voting_view"), {
    current_config: {
      1: {
        server_addresses: ["a:2888"],
        election_addresses: ["a:3888"],
        client_address: "0.0.0.0:2181",
        learner_type: "participant",
      },
      3: {
        server_addresses: ["b:2888", "c:2889"],
        election_addresses: ["b:3888", "c:3889"],
        client_address: "0.0.0.0:2183",
        learner_type: "participant",
      },
    },
    command: "voting_view",
    error: null,
  });
  assert.equal((await body("mntr") as { peer_state: string }).peer_state, "leading - broadcast");
  assert.equal(
    (await body("isro", { ...busyView(), mode: "read-only" }) as { read_only: boolean }).read_only,
    true,
  );
});

test("commands about the process answer before the server serves, the others say why not", async () => {
  const starting = await commands({ ...busyView(), serving: false });
  for (const name of ["env", "gtmk", "sysp"]) {
    assert.equal((await starting.run(name, request())).status, 200, name);
  }
  for (const name of ["ruok", "mntr", "snapshot", "restore"]) {
    assert.deepEqual((await starting.run(name, request())).status, 503, name);
  }
});

test("properties hold no secret and no memory", async () => {
  const { body } = await (await commands()).run("sysp", request());
  const names = Object.keys(body);
  assert.ok(names.includes("os.name") && names.includes("java.version"));
  assert.ok(
    names.every((name) => /^(?:java|os|user)\.|^command$|^error$/.test(name)),
    names.join(),
  );
});

test("a snapshot asks for credentials, their permission, and a moment when none is written", async () => {
  const ask = async (authorization: string | undefined, control: Partial<ServerControl> = {}) =>
    (await (await commands(busyView(), control)).run("snap", request({ authorization }))).status;
  assert.equal(await ask(undefined), 401);
  assert.equal(await ask("sasl x"), 401);
  assert.equal(await ask("digest a:b extra"), 401);
  assert.equal(await ask("digest a:b"), 403);
  const mayAdminister = () => true;
  assert.equal(await ask("digest a:b", { mayAdminister }), 503, "another one is being written");
  const takeSnapshot = () => Promise.reject(new Error("disk full"));
  assert.equal(await ask("digest a:b", { mayAdminister, takeSnapshot }), 500);
  const plain = await commands(busyView({ serializeLastZxid: false }), { mayAdminister });
  assert.equal((await plain.run("snap", request({ authorization: "digest a:b" }))).status, 500);
});

function errorOf(body: object): string {
  return String((body as { error?: unknown }).error);
}

test("a restore asks for the same, and a body; a member of an ensemble has none", async () => {
  const body = { read: () => Promise.resolve(0) };
  const ask = async (control: Partial<ServerControl>, more: object = { body }) => {
    const all = await commands(busyView({ adminRateLimitMs: 0 }), control);
    return await all.run("restore", { ...request({ authorization: "digest a:b" }), ...more });
  };
  const mayAdminister = () => true;
  assert.equal((await ask({})).status, 403);
  const member = await ask({ mayAdminister });
  assert.equal(member.status, 409);
  assert.match(errorOf(member.body), /stop all of them, empty version-2/);
  const restore = () => Promise.resolve(0x7b as Zxid);
  assert.equal((await ask({ mayAdminister, restore }, { body: undefined })).status, 400);
  const done = await ask({ mayAdminister, restore });
  assert.deepEqual(done.body, { last_zxid: 0x7b, command: "restore", error: null });
  assert.equal(
    (await ask({ mayAdminister, restore: () => Promise.resolve(undefined) })).status,
    503,
    "another one is being restored",
  );
  const failed = await ask({ mayAdminister, restore: () => Promise.reject(new Error("no")) });
  assert.deepEqual([failed.status, errorOf(failed.body)], [500, "no"]);
});
