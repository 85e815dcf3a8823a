/**
 * The names that the queries of Apache's dashboard ask for, by its rows: "ZooKeeper by Prometheus", grafana.com 10465, to which
 * Apache's monitoring guide refers. A name without a suffix is a gauge, a counter, or the quantiles of a summary.
 */
export const DASHBOARD: Readonly<Record<string, readonly string[]>> = {
  Overall: words(`
    znode_count ephemerals_count global_sessions local_sessions write_per_namespace_sum read_per_namespace_sum
    approximate_data_size packets_received packets_sent response_packet_cache_misses response_packet_cache_hits
    response_packet_get_children_cache_misses response_packet_get_children_cache_hits unrecoverable_error_count
    digest_mismatches_count startup_snap_load_time startup_snap_load_time_count startup_snap_load_time_sum
    startup_txns_loaded startup_txns_loaded_count startup_txns_loaded_sum dbinittime dbinittime_count
    dbinittime_sum`),
  "Quorum/Leader Election": words(`
    quorum_size leader_uptime learners synced_non_voting_followers synced_observers election_time
    election_time_count election_time_sum uptime learner_commit_received_count commit_count snap_count diff_count
    looking_count proposal_count last_proposal_size max_proposal_size min_proposal_size follower_sync_time_sum
    learner_handler_qp_size_sum quit_leading_due_to_disloyal_voter om_commit_process_time_ms_sum
    om_proposal_process_time_ms_sum`),
  "Session/Watch": words(`
    watch_count node_changed_watch_count_sum node_children_watch_count_sum node_deleted_watch_count_sum
    node_created_watch_count_sum revalidate_count stale_sessions_expired dead_watchers_cleared
    dead_watchers_queued dead_watchers_cleaner_latency_sum add_dead_watcher_stall_time`),
  "Client/Connection": words(`
    outstanding_requests last_client_response_size min_client_response_size max_client_response_size
    bytes_received_count connection_request_count num_alive_connections connection_rejected connection_drop_count
    connection_drop_probability sessionless_connections_expired connection_token_deficit_sum`),
  "Disk/Snapshot": words(`
    open_file_descriptor_count fsynctime fsynctime_count fsynctime_sum snapshottime_sum snapshottime_count`),
  Prep_Processor: words(`
    prep_process_time_sum prep_processor_queue_time_ms_sum prep_processor_queue_size_sum
    prep_processor_request_queued outstanding_changes_queued outstanding_changes_removed
    close_session_prep_time_sum`),
  Sync_Processor: words(`
    sync_process_time_sum sync_processor_queue_flush_time_ms_sum sync_processor_queue_size_sum
    sync_processor_request_queued sync_processor_batch_size_sum`),
  Commit_Processor: words(`
    commit_process_time_sum read_commitproc_time_ms_sum write_commitproc_time_ms_sum
    write_commit_proc_req_queued_sum read_commit_proc_req_queued_sum commit_commit_proc_req_queued_sum
    requests_in_session_queue_sum read_commit_proc_issued_sum write_commit_proc_issued_sum
    concurrent_request_processing_in_commit_processor_sum time_waiting_empty_pool_in_commit_processor_read_ms_sum
    pending_session_queue_size_sum local_write_committed_time_ms_sum server_write_committed_time_ms_sum
    write_batch_time_in_commit_processor_sum reads_after_write_in_session_queue_sum session_queues_drained_sum
    reads_issued_from_session_queue_sum request_commit_queued`),
  Final_Processor: words(`
    write_final_proc_time_ms_sum read_final_proc_time_ms_sum`),
  Latency: words(`
    readlatency_sum updatelatency_sum max_latency min_latency avg_latency proposal_latency_sum
    quorum_ack_latency_sum ack_latency_sum propagation_latency_sum commit_propagation_latency_sum
    proposal_ack_creation_latency`),
  Security: words(`
    tls_handshake_exceeded outstanding_tls_handshake ensemble_auth_fail ensemble_auth_success ensemble_auth_skip`),
  JVM: words(`
    jvm_classes_loaded jvm_threads_current jvm_threads_deadlocked jvm_pause_time_ms_sum
    jvm_gc_collection_seconds_sum jvm_threads_state jvm_memory_pool_bytes_used`),
};

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
