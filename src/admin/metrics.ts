/**
 * Apache's names of metrics (operations §4.2 to §4.5) and where their values are here. What is about something that we
 * do not have is 0, so that dashboards find every name; sets, which have names only with values, are left out but for
 * quotas.
 */
import type { Runtime } from "../runtime.ts";
import type { Counters, ServerStats, Summaries } from "../server/stats.ts";
import type { LatencySummary, Summary } from "../server/summary.ts";
import type { LeadingView, ServerView } from "../server/view.ts";
import { javaDouble } from "./java_text.ts";

/** Lines of `mntr` without the version and state: name and value, Apache's order of groups. None where metrics are off, as there. */
export function* metrics(
  view: ServerView,
  runtime: Pick<Runtime, "clock" | "process">,
): Generator<readonly [name: string, value: string]> {
  if (!view.stats.areCounted) return;
  yield* gauges(view, runtime);
  for (const quota of view.quotas()) {
    const { namespace } = quota;
    yield [`${namespace}_quota_count_limit_per_namespace`, String(quota.countLimit)];
    yield [`${namespace}_quota_bytes_limit_per_namespace`, String(quota.bytesLimit)];
    yield [`${namespace}_quota_count_usage_per_namespace`, String(quota.count)];
    yield [`${namespace}_quota_bytes_usage_per_namespace`, String(quota.bytes)];
  }
  for (const [name, field] of COUNTERS) {
    yield [name, String(field === undefined ? 0 : view.stats.counters[field])];
  }
  for (const [name, field] of BASIC) {
    yield* basic(name, field === undefined ? undefined : view.stats.summaries[field]);
  }
  for (const [name, field] of ADVANCED) {
    const summary = field === undefined ? undefined : view.stats.summaries[field];
    yield* basic(name, summary);
    for (const [prefix, permille] of PERCENTILES) {
      yield [`${prefix}_${name}`, String(summary?.percentile(permille) ?? 0)];
    }
  }
}

/** Name and value, of what goes up and down. */
export function* gauges(
  view: ServerView,
  { clock, process }: Pick<Runtime, "clock" | "process">,
): Generator<readonly [string, string]> {
  const { stats } = view;
  const files = process.fileDescriptors();
  const count = (value: number): string => String(Number.isFinite(value) ? value : -1);
  yield ["avg_latency", javaDouble(stats.latencyMs.average)];
  yield ["max_latency", count(stats.latencyMs.max)];
  yield ["min_latency", count(stats.latencyMs.min)];
  yield ["packets_received", count(stats.packetsReceived)];
  yield ["packets_sent", count(stats.packetsSent)];
  yield ["num_alive_connections", count(view.connectionCount)];
  yield ["outstanding_requests", count(view.outstandingRequests)];
  yield ["uptime", count(Math.floor(clock.monotonicMs() - view.startedMs))];
  yield ["znode_count", count(view.nodeCount)];
  yield ["watch_count", count(view.watches.watchCount)];
  yield ["ephemerals_count", count(view.ephemeralCount)];
  yield ["approximate_data_size", count(view.approximateDataSize())];
  yield ["global_sessions", count(view.sessionCount)];
  yield ["local_sessions", "0"];
  yield ["open_file_descriptor_count", count(files?.open ?? -1)];
  yield ["max_file_descriptor_count", count(files?.max ?? -1)];
  yield ["connection_drop_probability", javaDouble(view.connectionDropProbability)];
  yield ["last_client_response_size", count(stats.lastResponseBytes)];
  yield ["max_client_response_size", count(stats.maxResponseBytes)];
  yield ["min_client_response_size", count(stats.minResponseBytes)];
  yield ["outstanding_tls_handshake", "0"];
  yield ["auth_failed_count", count(stats.authFailures)];
  yield ["non_mtls_remote_conn_count", "0"];
  yield ["non_mtls_local_conn_count", "0"];
  const { quorum } = view;
  if (quorum === undefined) return;
  yield ["quorum_size", count(quorum.quorumSize)];
  if (quorum.leading !== undefined) yield* leading(quorum.leading, stats, clock.monotonicMs());
}

function* leading(
  leader: LeadingView,
  stats: ServerStats,
  nowMs: number,
): Generator<readonly [string, string]> {
  yield ["learners", String(leader.learners)];
  yield ["synced_followers", String(leader.syncedFollowers)];
  yield ["synced_non_voting_followers", String(leader.syncedNonVotingFollowers)];
  yield ["synced_observers", String(leader.syncedObservers)];
  yield ["pending_syncs", String(leader.pendingSyncs)];
  yield ["leader_uptime", String(Math.floor(nowMs - leader.sinceMs))];
  yield ["last_proposal_size", String(stats.lastProposalBytes)];
  yield ["max_proposal_size", String(stats.maxProposalBytes)];
  yield ["min_proposal_size", String(stats.minProposalBytes)];
}

function* basic(name: string, summary: Summary | undefined): Generator<readonly [string, string]> {
  yield [`avg_${name}`, javaDouble(summary?.average ?? 0)];
  yield [`min_${name}`, String(summary?.min ?? 0)];
  yield [`max_${name}`, String(summary?.max ?? 0)];
  yield [`cnt_${name}`, String(summary?.count ?? 0)];
  yield [`sum_${name}`, String(summary?.sum ?? 0)];
}

const PERCENTILES = [["p50", 500], ["p95", 950], ["p99", 990], ["p999", 999]] as const;

type FieldOf<Owner, Value> = {
  [K in keyof Owner]: Owner[K] extends Value ? K : never;
}[keyof Owner];
type Row<Field> = readonly [name: string, field?: Field];

/** Names without a function here, of one table. */
function without(names: string): Row<never>[] {
  return names.trim().split(/\s+/).map((name) => [name] as const);
}

export const COUNTERS: readonly Row<FieldOf<Counters, number>>[] = [
  ["connection_request_count", "connectRequests"],
  ["connection_rejected", "connectionsRejected"],
  ["connection_drop_count", "connectionsDropped"],
  ["connection_revalidate_count", "revalidations"],
  ["sessionless_connections_expired", "sessionlessExpired"],
  ["stale_sessions_expired", "sessionsExpired"],
  ["bytes_received_count", "bytesReceived"],
  ["response_bytes", "responseBytes"],
  ["watch_bytes", "watchBytes"],
  ["commit_count", "commits"],
  ["proposal_count", "proposals"],
  ["large_requests_rejected", "largeRequestsRejected"],
  ["digest_mismatches_count", "digestMismatches"],
  ["stale_requests", "staleRequests"],
  ["stale_replies", "staleReplies"],
  ["request_throttle_wait_count", "throttleWaits"],
  ["snapshot_error_count", "snapshotErrors"],
  ["snapshot_rate_limited_count", "snapshotsRateLimited"],
  ["restore_error_count", "restoreErrors"],
  ["restore_rate_limited_count", "restoresRateLimited"],
  ["unrecoverable_error_count", "unrecoverableErrors"],
  ["looking_count", "lookings"],
  ["diff_count", "diffSyncs"],
  ["snap_count", "snapSyncs"],
  ["learner_proposal_received_count", "proposalsReceived"],
  ["learner_commit_received_count", "commitsReceived"],
  ["revalidate_count", "revalidationsAsked"],
  ...without(`
    request_commit_queued quit_leading_due_to_disloyal_voter response_packet_cache_hits
    response_packet_cache_misses response_packet_get_children_cache_hits response_packet_get_children_cache_misses
    prep_processor_request_queued sync_processor_request_queued outstanding_changes_queued
    outstanding_changes_removed stale_requests_dropped throttled_ops dead_watchers_queued dead_watchers_cleared
    add_dead_watcher_stall_time ensemble_auth_success ensemble_auth_fail ensemble_auth_skip
    unsuccessful_handshake tls_handshake_exceeded insecure_admin_count cnxn_closed_without_zk_server_running
    skip_learner_request_to_next_processor_count requests_not_forwarded_to_commit_processor`),
];

export const BASIC: readonly Row<FieldOf<Summaries, LatencySummary>>[] = [
  ["fsynctime", "fsyncMs"],
  ["snapshottime", "snapshotMs"],
  ["restore_time", "restoreMs"],
  ["election_time", "electionMs"],
  ["dbinittime", "databaseLoadMs"],
  ["startup_snap_load_time", "snapshotLoadMs"],
  ["startup_txns_load_time", "logReplayMs"],
  ["startup_txns_loaded", "txnsReplayed"],
  ["sync_processor_batch_size", "groupTxns"],
  ["node_created_watch_count", "createdWatches"],
  ["node_deleted_watch_count", "deletedWatches"],
  ["node_changed_watch_count", "changedWatches"],
  ["node_children_watch_count", "childrenWatches"],
  ...without(`
    unavailable_time leader_unavailable_time follower_sync_time observer_sync_time
    inflight_snap_count inflight_diff_count prep_processor_queue_size prep_process_time sync_processor_queue_size
    sync_process_time proposal_process_time commit_process_time requests_in_session_queue
    pending_session_queue_size reads_after_write_in_session_queue reads_issued_from_session_queue
    session_queues_drained time_waiting_empty_pool_in_commit_processor_read_ms
    write_batch_time_in_commit_processor concurrent_request_processing_in_commit_processor
    read_commit_proc_req_queued write_commit_proc_req_queued commit_commit_proc_req_queued
    read_commit_proc_issued write_commit_proc_issued connection_token_deficit netty_queued_buffer_capacity
    learner_request_processor_queue_size socket_closing_time`),
];

export const ADVANCED: readonly Row<FieldOf<Summaries, LatencySummary>>[] = [
  ["readlatency", "readMs"],
  ["updatelatency", "updateMs"],
  ["sync_processor_queue_and_flush_time_ms", "flushMs"],
  ...without(`
    propagation_latency proposal_latency proposal_ack_creation_latency commit_propagation_latency
    quorum_ack_latency prep_processor_queue_time_ms close_session_prep_time read_commitproc_time_ms
    write_commitproc_time_ms local_write_committed_time_ms server_write_committed_time_ms
    read_final_proc_time_ms write_final_proc_time_ms sync_processor_queue_time_ms
    sync_processor_queue_flush_time_ms request_throttle_queue_time_ms om_proposal_process_time_ms
    om_commit_process_time_ms dead_watchers_cleaner_latency jvm_pause_time_ms`),
];
