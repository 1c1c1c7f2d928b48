//! Which field of INFO is which metric. The names are those of `redis_exporter`; dashboards and alert rules know them.

use super::exposition::Kind::{self, Counter, Gauge};

/// A field of INFO with one number, and the metric that it is.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) metric: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

const fn gauge(name: &'static str, metric: &'static str, about: &'static str) -> Field {
    Field { name, metric, kind: Gauge, about }
}

const fn counter(name: &'static str, metric: &'static str, about: &'static str) -> Field {
    Field { name, metric, kind: Counter, about }
}

/// All fields with one number that are metrics, in the order of INFO. One field may be two metrics.
pub(super) const FIELDS: &[Field] = &[
    gauge("process_id", "redis_process_id", "The number of the process."),
    gauge("uptime_in_seconds", "redis_uptime_in_seconds", "Seconds since the server started."),
    gauge("io_threads_active", "redis_io_threads_active", "Whether more than one thread serves."),
    gauge("worker_threads", "spinel_worker_threads", "Threads that serve connections."),
    gauge("connected_clients", "redis_connected_clients", "Clients that are connected."),
    gauge("cluster_connections", "redis_cluster_connections", "Connections of the cluster bus."),
    gauge("maxclients", "redis_config_maxclients", "How many clients may be connected."),
    gauge(
        "client_recent_max_input_buffer",
        "redis_client_recent_max_input_buffer_bytes",
        "The longest request that has not arrived whole.",
    ),
    gauge(
        "client_recent_max_output_buffer",
        "redis_client_recent_max_output_buffer_bytes",
        "The most that one client has not read.",
    ),
    gauge("blocked_clients", "redis_blocked_clients", "Clients that wait."),
    gauge("long_running_clients", "spinel_long_running_clients", "Clients whose command runs beside others."),
    gauge("tracking_clients", "redis_tracking_clients", "Clients that are told of changed keys."),
    gauge("pubsub_clients", "redis_pubsub_clients", "Clients that listen."),
    gauge("watching_clients", "redis_watching_clients", "Clients that watch keys."),
    gauge("clients_in_timeout_table", "redis_clients_in_timeout_table", "Clients that wait for a time."),
    gauge("total_watched_keys", "redis_total_watched_keys", "Keys that are watched."),
    gauge("total_blocking_keys", "redis_total_blocking_keys", "Keys that clients wait for."),
    gauge(
        "total_blocking_keys_on_nokey",
        "redis_total_blocking_keys_on_nokey",
        "Keys whose end clients wait for.",
    ),
    gauge("used_memory", "redis_memory_used_bytes", "Bytes in use by data and clients."),
    gauge("used_memory_rss", "redis_memory_used_rss_bytes", "Bytes of memory that the process occupies."),
    gauge("used_memory_peak", "redis_memory_used_peak_bytes", "The most bytes that were in use."),
    gauge("used_memory_overhead", "redis_memory_used_overhead_bytes", "Bytes in use beside the data."),
    gauge("used_memory_startup", "redis_memory_used_startup_bytes", "Bytes in use at the start."),
    gauge("used_memory_dataset", "redis_memory_used_dataset_bytes", "Bytes in use by data."),
    gauge("allocator_resident", "redis_allocator_resident_bytes", "Bytes that the allocator occupies."),
    gauge("total_system_memory", "redis_total_system_memory_bytes", "Bytes of memory of the machine."),
    gauge("used_memory_lua", "redis_memory_used_lua_bytes", "Bytes that Lua uses for scripts."),
    gauge("used_memory_vm_eval", "redis_memory_used_vm_eval_bytes", "Bytes that Lua uses for scripts."),
    gauge("used_memory_scripts_eval", "redis_memory_used_scripts_eval_bytes", "Bytes of scripts."),
    gauge("number_of_cached_scripts", "redis_number_of_cached_scripts", "Scripts that are known."),
    gauge("number_of_functions", "redis_number_of_functions", "Functions that are loaded."),
    gauge("number_of_libraries", "redis_number_of_libraries", "Libraries that are loaded."),
    gauge(
        "used_memory_vm_functions",
        "redis_memory_used_vm_functions_bytes",
        "Bytes that Lua uses for functions.",
    ),
    gauge("used_memory_vm_total", "redis_memory_used_vm_total_bytes", "Bytes that Lua uses."),
    gauge("used_memory_functions", "redis_memory_used_functions_bytes", "Bytes of libraries."),
    gauge("used_memory_scripts", "redis_memory_used_scripts_bytes", "Bytes of scripts and libraries."),
    gauge("maxmemory", "redis_memory_max_bytes", "How many bytes may be in use; 0: any number."),
    gauge("maxmemory", "redis_config_maxmemory", "How many bytes may be in use; 0: any number."),
    gauge("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", "Memory occupied, by memory in use."),
    gauge("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", "Memory occupied and not in use."),
    gauge(
        "mem_not_counted_for_evict",
        "redis_mem_not_counted_for_eviction_bytes",
        "Bytes in use that maxmemory leaves out.",
    ),
    gauge("mem_clients_slaves", "redis_mem_clients_slaves", "Bytes that replicas take."),
    gauge("mem_clients_normal", "redis_mem_clients_normal", "Bytes that clients take."),
    gauge("mem_cluster_links", "redis_mem_cluster_links_bytes", "Bytes of the cluster bus."),
    gauge("mem_aof_buffer", "redis_mem_aof_buffer_bytes", "Bytes that wait to be logged."),
    gauge("mem_replication_backlog", "redis_mem_total_replication_buffers_bytes", "Bytes kept for replicas."),
    gauge("active_defrag_running", "redis_active_defrag_running", "Whether memory is being tidied."),
    gauge("lazyfree_pending_objects", "redis_lazyfree_pending_objects", "Values whose memory comes back."),
    counter("lazyfreed_objects", "redis_lazyfreed_objects_total", "Values whose memory came back so."),
    gauge("loading", "redis_loading_dump_file", "Whether the data set is being loaded."),
    gauge("async_loading", "redis_async_loading", "Whether a replica loads beside serving."),
    gauge(
        "rdb_changes_since_last_save",
        "redis_rdb_changes_since_last_save",
        "Changes since the last snapshot.",
    ),
    gauge("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", "Whether a snapshot is being written."),
    gauge(
        "rdb_last_save_time",
        "redis_rdb_last_save_timestamp_seconds",
        "When the last snapshot was written.",
    ),
    gauge("rdb_last_bgsave_status", "redis_rdb_last_bgsave_status", "Whether the last snapshot succeeded."),
    gauge(
        "rdb_last_bgsave_time_sec",
        "redis_rdb_last_bgsave_duration_sec",
        "How long the last snapshot took; -1 if there was none.",
    ),
    gauge(
        "rdb_current_bgsave_time_sec",
        "redis_rdb_current_bgsave_duration_sec",
        "How long the snapshot has taken so far; -1 if there is none.",
    ),
    counter("rdb_saves", "redis_rdb_saves_total", "Snapshots that were written."),
    gauge("rdb_last_cow_size", "redis_rdb_last_cow_size_bytes", "Bytes that the last snapshot kept."),
    gauge(
        "rdb_last_load_keys_expired",
        "redis_rdb_last_load_expired_keys",
        "Keys that had expired when loaded.",
    ),
    gauge("rdb_last_load_keys_loaded", "redis_rdb_last_load_loaded_keys", "Keys that were loaded."),
    gauge("aof_enabled", "redis_aof_enabled", "Whether there is a log."),
    gauge("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress", "Whether the log is being rewritten."),
    gauge("aof_rewrite_scheduled", "redis_aof_rewrite_scheduled", "Whether the log is to be rewritten."),
    gauge(
        "aof_last_rewrite_time_sec",
        "redis_aof_last_rewrite_duration_sec",
        "How long the last rewrite took; -1 if there was none.",
    ),
    gauge(
        "aof_current_rewrite_time_sec",
        "redis_aof_current_rewrite_duration_sec",
        "How long the rewrite has taken so far; -1 if there is none.",
    ),
    gauge(
        "aof_last_bgrewrite_status",
        "redis_aof_last_bgrewrite_status",
        "Whether the last rewrite succeeded.",
    ),
    gauge("aof_last_write_status", "redis_aof_last_write_status", "Whether the log can be written."),
    gauge("aof_last_cow_size", "redis_aof_last_cow_size_bytes", "Bytes that the last rewrite kept."),
    gauge("aof_current_size", "redis_aof_current_size_bytes", "Bytes of the log."),
    gauge("aof_base_size", "redis_aof_base_size_bytes", "Bytes of the log after its last rewrite."),
    gauge("aof_pending_rewrite", "redis_aof_pending_rewrite", "Whether the log is to be rewritten."),
    gauge("aof_buffer_length", "redis_aof_buffer_length", "Bytes that wait to be logged."),
    gauge("aof_pending_bio_fsync", "redis_aof_pending_bio_fsync", "Syncs that wait."),
    gauge("aof_delayed_fsync", "redis_aof_delayed_fsync", "Syncs that came late."),
    gauge("module_fork_in_progress", "redis_module_fork_in_progress", "Whether a module has forked."),
    gauge("module_fork_last_cow_size", "redis_module_fork_last_cow_size", "Bytes that a module's fork kept."),
    counter("total_connections_received", "redis_connections_received_total", "Clients that have come."),
    counter("total_commands_processed", "redis_commands_processed_total", "Commands that ran."),
    gauge("instantaneous_ops_per_sec", "redis_instantaneous_ops_per_sec", "Commands per second now."),
    counter("total_net_input_bytes", "redis_net_input_bytes_total", "Bytes that have come."),
    counter("total_net_output_bytes", "redis_net_output_bytes_total", "Bytes that were sent."),
    counter("total_net_repl_input_bytes", "redis_net_repl_input_bytes_total", "Bytes from a primary."),
    counter("total_net_repl_output_bytes", "redis_net_repl_output_bytes_total", "Bytes to replicas."),
    counter("rejected_connections", "redis_rejected_connections_total", "Clients that were turned away."),
    gauge("sync_full", "redis_replica_resyncs_full", "Replicas that got everything."),
    gauge("sync_partial_ok", "redis_replica_partial_resync_accepted", "Replicas that got what they missed."),
    gauge("sync_partial_err", "redis_replica_partial_resync_denied", "Replicas that missed too much."),
    counter("expired_subkeys", "redis_expired_subkeys_total", "Members that have expired."),
    counter("expired_keys", "redis_expired_keys_total", "Keys that have expired."),
    counter("evicted_keys", "redis_evicted_keys_total", "Keys that made room for others."),
    counter("evicted_clients", "redis_evicted_clients_total", "Clients that made room for others."),
    counter("evicted_scripts", "redis_evicted_scripts_total", "Scripts that made room for others."),
    counter(
        "total_eviction_exceeded_time",
        "redis_eviction_exceeded_time_ms_total",
        "Milliseconds with more memory in use than allowed.",
    ),
    counter("keyspace_hits", "redis_keyspace_hits_total", "Reads that found their key."),
    counter("keyspace_misses", "redis_keyspace_misses_total", "Reads that didn't."),
    gauge("pubsub_channels", "redis_pubsub_channels", "Channels that somebody listens to."),
    gauge("pubsub_patterns", "redis_pubsub_patterns", "Patterns that somebody listens to."),
    gauge("pubsubshard_channels", "redis_pubsubshard_channels", "Shard channels somebody listens to."),
    gauge("latest_fork_usec", "redis_latest_fork_usec", "How long a fork took; nothing forks."),
    gauge("migrate_cached_sockets", "redis_migrate_cached_sockets_total", "Connections kept for MIGRATE."),
    gauge("tracking_total_keys", "redis_tracking_total_keys", "Keys that clients are told about."),
    gauge("tracking_total_items", "redis_tracking_total_items", "Keys by clients that are told."),
    gauge("tracking_total_prefixes", "redis_tracking_total_prefixes", "Prefixes clients are told about."),
    counter(
        "total_exclusive_waits",
        "spinel_exclusive_waits_total",
        "Batches that waited for somebody who had the keyspace for himself.",
    ),
    counter("unexpected_error_replies", "redis_unexpected_error_replies", "Errors nobody expected."),
    counter("total_error_replies", "redis_total_error_replies", "Errors that were replied."),
    counter(
        "client_query_buffer_limit_disconnections",
        "redis_client_query_buffer_limit_disconnections_total",
        "Clients closed for a request that was too long.",
    ),
    counter(
        "client_output_buffer_limit_disconnections",
        "redis_client_output_buffer_limit_disconnections_total",
        "Clients closed for not reading.",
    ),
    counter("acl_access_denied_auth", "redis_acl_access_denied_auth_total", "Failed authentications."),
    counter("acl_access_denied_cmd", "redis_acl_access_denied_cmd_total", "Commands that were denied."),
    counter("acl_access_denied_key", "redis_acl_access_denied_key_total", "Keys that were denied."),
    counter(
        "acl_access_denied_channel",
        "redis_acl_access_denied_channel_total",
        "Channels that were denied.",
    ),
    counter("acl_access_denied_db", "spinel_acl_access_denied_db_total", "Databases that were denied."),
    counter(
        "quota_denied_user_operations",
        "spinel_quota_denied_user_operations_total",
        "Commands beyond the operations per second of a user.",
    ),
    counter(
        "quota_denied_user_memory",
        "spinel_quota_denied_user_memory_total",
        "Commands that would have added to a database beyond what a user may fill.",
    ),
    counter(
        "quota_denied_db_operations",
        "spinel_quota_denied_db_operations_total",
        "Commands beyond the operations per second of a database.",
    ),
    counter(
        "quota_denied_db_memory",
        "spinel_quota_denied_db_memory_total",
        "Commands that would have added to a database beyond its memory.",
    ),
    counter("audit_records_written", "spinel_audit_records_written_total", "Lines of the audit log."),
    counter("audit_records_lost", "spinel_audit_records_lost_total", "Events that the audit log is missing."),
    gauge("connected_slaves", "redis_connected_slaves", "Replicas that are connected."),
    gauge("master_repl_offset", "redis_master_repl_offset", "The offset of replication."),
    gauge("second_repl_offset", "redis_second_repl_offset", "Up to which offset a former primary counts."),
    gauge("repl_backlog_active", "redis_repl_backlog_is_active", "Whether something is kept for replicas."),
    gauge("repl_backlog_size", "redis_replication_backlog_bytes", "Bytes that may be kept for replicas."),
    gauge(
        "repl_backlog_first_byte_offset",
        "redis_repl_backlog_first_byte_offset",
        "Where what is kept for replicas begins.",
    ),
    gauge("repl_backlog_histlen", "redis_repl_backlog_history_bytes", "Bytes that are kept for replicas."),
    gauge(
        "write_quorum_good_replicas",
        "spinel_write_quorum_good_replicas",
        "Replicas that can acknowledge writes.",
    ),
    gauge(
        "write_quorum_good_logs",
        "spinel_write_quorum_good_logs",
        "Replicas that can acknowledge writes that are on disk.",
    ),
    gauge("write_quorum_waiting", "spinel_write_quorum_waiting", "Connections that wait for replicas."),
    counter(
        "write_quorum_failed",
        "spinel_write_quorum_failed_total",
        "How often replies have waited for replicas in vain.",
    ),
    counter("cache_requests", "spinel_cache_requests_total", "Requests to the HTTP cache."),
    counter("cache_hits", "spinel_cache_hits_total", "Requests answered with what is stored and fresh."),
    counter(
        "cache_stale_hits",
        "spinel_cache_stale_hits_total",
        "Requests answered with what is stored and no longer fresh.",
    ),
    counter(
        "cache_revalidated",
        "spinel_cache_revalidated_total",
        "Requests for which the origin found good what is stored.",
    ),
    counter("cache_misses", "spinel_cache_misses_total", "Requests answered with what the origin sent."),
    counter("cache_passes", "spinel_cache_passes_total", "Requests that no cache answers."),
    counter(
        "cache_collapsed",
        "spinel_cache_collapsed_total",
        "Requests that waited for what another one fetched.",
    ),
    counter("cache_refused", "spinel_cache_refused_total", "Requests that the HTTP cache refused."),
    counter("cache_bytes_saved", "spinel_cache_bytes_saved_total", "Bytes of bodies sent from memory."),
    counter(
        "cache_origin_milliseconds",
        "spinel_cache_origin_milliseconds_total",
        "Milliseconds until answers of origins began.",
    ),
    gauge("cache_locks", "spinel_cache_locks", "Entries of HTTP caches that are locked."),
    gauge("cache_policies", "spinel_cache_policies", "Policies of the HTTP cache."),
    gauge("cache_policies_version", "spinel_cache_policies_version", "The version of all policies."),
    counter("cache_purges", "spinel_cache_purges_total", "Requests that purged."),
    counter("cache_stored", "spinel_cache_stored_total", "Answers that were stored."),
    counter("cache_origin_requests", "spinel_cache_origin_requests_total", "Requests to origins."),
    counter(
        "cache_origin_failures",
        "spinel_cache_origin_failures_total",
        "Requests to origins without an answer.",
    ),
    counter(
        "cache_origin_repeats",
        "spinel_cache_origin_repeats_total",
        "Requests to origins that were sent again.",
    ),
    gauge(
        "cache_transit_bytes",
        "spinel_cache_transit_bytes",
        "Memory of bodies on their way from origins and to files.",
    ),
    gauge("cache_disk_bodies", "spinel_cache_disk_bodies", "Bodies that have a file, or wait for one."),
    gauge("cache_disk_bytes", "spinel_cache_disk_bytes", "Bytes of files with bodies."),
    gauge(
        "cache_disk_waiting_bytes",
        "spinel_cache_disk_waiting_bytes",
        "Bytes of bodies in memory that wait for their files.",
    ),
    gauge("cache_disk_removals", "spinel_cache_disk_removals", "Files that are about to be removed."),
    counter(
        "cache_disk_evictions",
        "spinel_cache_disk_evictions_total",
        "Bodies in files that had to make room for others.",
    ),
    counter(
        "cache_disk_errors",
        "spinel_cache_disk_errors_total",
        "Files that could not be written or removed.",
    ),
    counter(
        "cache_disk_lost",
        "spinel_cache_disk_lost_total",
        "Bodies whose files were missing, damaged or not to be read.",
    ),
    counter("used_cpu_sys", "redis_cpu_sys_seconds_total", "Processor time in the system."),
    counter("used_cpu_user", "redis_cpu_user_seconds_total", "Processor time in the program."),
    counter(
        "used_cpu_sys_children",
        "redis_cpu_sys_children_seconds_total",
        "Processor time of children in the system.",
    ),
    counter("used_cpu_user_children", "redis_cpu_user_children_seconds_total", "Processor time of children."),
    gauge("cluster_enabled", "redis_cluster_enabled", "Whether the server is part of a cluster."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_metric_stands_once_under_a_name_of_its_kind() {
        let mut names = HashSet::new();
        for field in FIELDS {
            assert!(names.insert(field.metric), "{} stands twice", field.metric);
            let is_ours = field.metric.starts_with("redis_") || field.metric.starts_with("spinel_");
            assert!(is_ours && field.about.ends_with('.'), "{}", field.metric);
        }
    }
}
