/** Parts of the admin commands' answers, under Apache's keys (operations §3.2). */
import { counterOf, epochOf, hexOf } from "../base/zxid.ts";
import { OP_SHORT_NAMES } from "../protocol/ops.ts";
import type { Runtime } from "../runtime.ts";
import type { ConnectionView, ServerView } from "../server/view.ts";
import { dataFolders, dataSizes } from "./data_sizes.ts";
import { javaAddress } from "./java_text.ts";
import type { Json, JsonMap } from "./java_json.ts";

type Host = Pick<Runtime, "fs" | "clock">;

export function briefConnection({ remote, interestOps, queued, stats }: ConnectionView): JsonMap {
  return {
    remote_socket_address: javaAddress(remote).slice(1),
    interest_ops: interestOps,
    outstanding_requests: queued,
    packets_received: stats.received,
    packets_sent: stats.sent,
  };
}

/** A connection without a session has the first five facts alone. */
export function fullConnection(connection: ConnectionView): JsonMap {
  const brief = briefConnection(connection);
  const { sessionId, establishedMs, timeoutMs, stats } = connection;
  if (sessionId === 0n) return brief;
  return {
    ...brief,
    session_id: sessionId,
    last_operation: stats.lastOp === undefined ? "NA" : OP_SHORT_NAMES.get(stats.lastOp) ?? "NA",
    established: establishedMs,
    session_timeout: timeoutMs,
    last_cxid: stats.lastCxid,
    last_zxid: stats.lastZxid,
    last_response_time: Math.floor(stats.lastResponseMs),
    last_latency: stats.lastLatencyMs,
    min_latency: stats.latencyMs.min,
    avg_latency: Math.floor(stats.latencyMs.average),
    max_latency: stats.latencyMs.max,
  };
}

/** Clients by TLS have a port of their own in Apache; here there is none. */
export function connectionLists(
  view: ServerView,
  shape: (connection: ConnectionView) => JsonMap,
): JsonMap {
  return { connections: [...view.connections()].map(shape), secure_connections: [] };
}

export function configuration(view: ServerView, fs: Runtime["fs"]): JsonMap {
  const { options, clientPort, mode } = view;
  const { dataDir, dataLogDir } = dataFolders(fs, options);
  return {
    client_port: clientPort,
    data_dir: dataDir,
    data_log_dir: dataLogDir,
    tick_time: options.tickMs,
    max_client_cnxns: options.maxClientCnxns,
    min_session_timeout: options.minSessionTimeoutMs,
    max_session_timeout: options.maxSessionTimeoutMs,
    server_id: mode === "standalone" ? 0 : options.serverId,
    client_port_listen_backlog: options.clientPortListenBacklog,
  };
}

export async function serverStats(
  view: ServerView,
  { fs, clock }: Host,
  version: string,
): Promise<Record<string, Json>> {
  const { stats } = view;
  const [dataBytes, logBytes] = await dataSizes(fs, view.options);
  const responses = {
    last_buffer_size: stats.lastResponseBytes,
    min_buffer_size: stats.minResponseBytes,
    max_buffer_size: stats.maxResponseBytes,
  };
  return {
    version,
    read_only: view.mode === "read-only",
    server_stats: {
      packets_sent: stats.packetsSent,
      packets_received: stats.packetsReceived,
      fsync_threshold_exceed_count: stats.slowFsyncs,
      client_response_stats: responses,
      data_dir_size: dataBytes,
      log_dir_size: logBytes,
      provider_null: false,
      last_processed_zxid: view.lastZxid,
      server_state: view.mode,
      outstanding_requests: view.outstandingRequests,
      avg_latency: stats.latencyMs.average,
      max_latency: stats.latencyMs.max,
      min_latency: stats.latencyMs.min,
      num_alive_client_connections: view.connectionCount,
      uptime: Math.floor(clock.monotonicMs() - view.startedMs),
      auth_failed_count: stats.authFailures,
      non_mtlsremote_conn_count: 0,
      non_mtlslocal_conn_count: 0,
    },
    client_response: responses,
    ...(view.mode !== "leader" ? {} : {
      proposal_stats: {
        last_buffer_size: stats.lastProposalBytes,
        min_buffer_size: stats.minProposalBytes,
        max_buffer_size: stats.maxProposalBytes,
      },
    }),
    node_count: view.nodeCount,
  };
}

/** Keys are numbers as text; lists hold session ids. */
export function dump(view: ServerView): JsonMap {
  return {
    expiry_time_to_session_ids: new Map<string, Json>(
      [...view.sessionBuckets()].map(({ expiryMs, members }) => [
        String(Math.floor(expiryMs)),
        members.map(signed),
      ]),
    ),
    session_id_to_ephemeral_paths: new Map<string, Json>(
      [...view.ephemerals()].map(([id, paths]) => [String(signed(id)), paths]),
    ),
  };
}

/** Session ids are signed longs in Java. */
export function signed(id: bigint): bigint {
  return BigInt.asIntN(64, id);
}

// ------------------------------------------------------------------------------ ensembles

interface MemberLine {
  readonly id: string;
  readonly hosts: readonly string[];
  readonly serverAddresses: readonly string[];
  readonly electionAddresses: readonly string[];
  readonly role: string;
  readonly clientAddress: string;
}

/** `server.1=a:2888:3888|b:2889:3889:participant;0.0.0.0:2181`, a line each. */
function membersOf(view: ServerView): MemberLine[] {
  return (view.quorum?.membership ?? "").split("\n").flatMap((line) => {
    const [, id = "", addresses = "", client = ""] =
      /^server\.(\d+)=([^;]*)(?:;(.*))?$/.exec(line) ?? [];
    if (id === "") return [];
    const role = /:(participant|observer)$/.exec(addresses)?.[1] ?? "participant";
    const parts = addresses.replace(/:(?:participant|observer)$/, "").split("|").map((one) =>
      /^(.*):(\d+):(\d+)$/.exec(one) ?? ["", one, "", ""]
    );
    return [{
      id,
      hosts: parts.map(([, host = ""]) => host),
      serverAddresses: parts.map(([, host, port]) => `${host}:${port}`),
      electionAddresses: parts.map(([, host, , port]) => `${host}:${port}`),
      role,
      clientAddress: client === "" && +id === view.options.serverId ? ownClient(view) : client,
    }];
  });
}

/** Of a member whose line has none: as its own settings say. */
function ownClient({ options, clientPort }: ServerView): string {
  return `${options.clientPortAddress ?? "0.0.0.0"}:${clientPort}`;
}

/** Voters alone; empty standalone. */
export function votingView(view: ServerView): JsonMap {
  return Object.fromEntries(
    membersOf(view).filter(({ role }) => role === "participant").map((member) => [member.id, {
      server_addresses: member.serverAddresses,
      election_addresses: member.electionAddresses,
      client_address: member.clientAddress,
      learner_type: member.role,
    }]),
  );
}

export function leader(view: ServerView): Record<string, Json> {
  if (view.quorum === undefined) return { error: "server is not initialized" };
  const id = view.quorum.leaderSid ?? -1;
  const member = membersOf(view).find((one) => one.id === String(id));
  return {
    is_leader: view.mode === "leader",
    leader_id: id,
    leader_ip: member?.hosts[0] ?? "",
  };
}

/** At the leader. A packet here is a batch of packets: they leave together. */
export function observers({ quorum }: ServerView): Record<string, Json> {
  const leading = quorum?.leading;
  return {
    synced_observers: leading?.syncedObservers ?? 0,
    observers: (leading?.observers() ?? []).map((one) => ({
      remote_socket_address: javaAddress(one.remote),
      sid: one.sid,
      established: one.establishedMs,
      queued_packets: one.queuedBytes > 0 ? 1 : 0,
      queued_packets_size: one.queuedBytes,
      packets_received: one.packetsReceived,
      packets_sent: one.batchesSent,
      requests: one.requests,
      last_zxid: one.lastZxid,
    })),
  };
}

export function zabState(view: ServerView): Record<string, Json> {
  const { quorum, mode, lastZxid, options } = view;
  if (quorum === undefined) return { voting: false, zabstate: "" };
  const [role = "", phase] = quorum.peerState.split(" - ");
  const own = membersOf(view).find((member) => member.id === String(options.serverId));
  return {
    myid: options.serverId,
    is_leader: mode === "leader",
    quorum_address: addressSet(own?.serverAddresses ?? []),
    election_address: addressSet(own?.electionAddresses ?? []),
    client_address: own?.clientAddress ?? ownClient(view),
    voting: !quorum.isObserver,
    last_zxid: `0x${hexOf(lastZxid)}`,
    zab_epoch: epochOf(lastZxid),
    zab_counter: counterOf(lastZxid),
    zabstate: phase ?? (role === "looking" ? "election" : role),
  };
}

/** As Java's object of one or more addresses shows itself; nothing is probed here, so all count as reachable. */
function addressSet(addresses: readonly string[]): JsonMap {
  const parts = addresses.map((one) => /^(.*):(\d+)$/.exec(one) ?? ["", one, "0"]);
  const ports = [...new Set(parts.map(([, , port]) => Number(port)))];
  const one = addresses[0] ?? null;
  return {
    empty: addresses.length === 0,
    all_addresses: addresses,
    wildcard_addresses: ports.map((port) => `0.0.0.0:${port}`),
    all_ports: ports,
    all_host_strings: parts.map(([, host = ""]) => host),
    reachable_address: one,
    all_reachable_addresses: addresses,
    all_reachable_addresses_or_all: addresses,
    reachable_or_one: one,
    one,
  };
}
