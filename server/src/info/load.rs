//! Who is connected and what happened so far; and sections about what a single server in memory has not.

use super::Text;
use crate::clients::{Flag, PauseMode, PauseReason};
use crate::config::table;
use crate::pubsub::Kind;
use crate::replication;
use crate::server::{Shared, now};
use spinel_storage::engine::wait::Waiter;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn clients(shared: &Shared, text: &mut Text) {
    text.line("connected_clients", shared.clients.count());
    text.line("cluster_connections", 0);
    text.line("maxclients", shared.config.number(table::MAXCLIENTS));
    let all = shared.clients.all();
    let query = all.iter().map(|client| client.query_bytes.load(Ordering::Relaxed)).max();
    let unsent = all.iter().map(|client| client.output_bytes()).max();
    text.line("client_recent_max_input_buffer", query.unwrap_or(0));
    text.line("client_recent_max_output_buffer", unsent.unwrap_or(0));
    text.line("blocked_clients", shared.clients.held.load(Ordering::Relaxed));
    text.line("long_running_clients", all.iter().filter(|client| client.has(Flag::Away)).count());
    text.line("tracking_clients", shared.pubsub.tracking.sums().clients);
    text.line("pubsub_clients", shared.pubsub.clients());
    let watched = all.iter().map(|client| client.watched());
    text.line("watching_clients", watched.clone().filter(|watched| *watched > 0).count());
    let waiters: Vec<_> = all.iter().filter_map(|client| client.waiter()).collect();
    text.line("clients_in_timeout_table", waiters.iter().filter(|waiter| waiter.timeout().is_some()).count());
    text.line("total_watched_keys", watched.sum::<usize>());
    let keys =
        |waiter: &Arc<Waiter>| waiter.keys().map(|key| (waiter.db(), key.to_vec())).collect::<Vec<_>>();
    let awaited: BTreeSet<_> = waiters.iter().flat_map(keys).collect();
    text.line("total_blocking_keys", awaited.len());
    let until_gone = waiters.iter().filter(|waiter| waiter.waits_until_gone());
    text.line("total_blocking_keys_on_nokey", until_gone.flat_map(keys).collect::<BTreeSet<_>>().len());
    if let Some((reason, mode)) = shared.clients.pause.longest(now()) {
        let actions = if mode == PauseMode::Everything { "all" } else { "write" };
        let reason = match reason {
            PauseReason::Client => "client_pause",
            PauseReason::Failover => "failover_in_progress",
            PauseReason::Shutdown => "shutdown_in_progress",
        };
        text.line("paused_reason", reason);
        text.line("paused_actions", actions);
        text.line("paused_timeout_milliseconds", shared.clients.pause.until().0 - now().0);
    }
}

pub(super) fn stats(shared: &Shared, text: &mut Text) {
    let (sums, rates, engine) = (shared.sums(), shared.rates.now(), shared.engine.counters());
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    text.line("total_connections_received", shared.clients.total());
    text.line("total_commands_processed", sums.commands);
    text.line("instantaneous_ops_per_sec", rates.commands);
    text.line("total_net_input_bytes", sums.input_bytes);
    text.line("total_net_output_bytes", sums.output_bytes);
    text.line("total_net_repl_input_bytes", sums.primary_bytes);
    text.line("total_net_repl_output_bytes", sums.replica_bytes);
    text.line("instantaneous_input_kbps", kilobytes(rates.input_bytes));
    text.line("instantaneous_output_kbps", kilobytes(rates.output_bytes));
    text.line("instantaneous_input_repl_kbps", kilobytes(rates.primary_bytes));
    text.line("instantaneous_output_repl_kbps", kilobytes(rates.replica_bytes));
    text.line("rejected_connections", shared.rejected_connections.load(Ordering::Relaxed));
    let syncs = shared.replication.synchronizations();
    text.line("sync_full", syncs.full);
    text.line("sync_partial_ok", syncs.partial);
    text.line("sync_partial_err", syncs.refused);
    text.line("expired_subkeys", engine.expired_members);
    text.line("expired_keys", engine.expired);
    text.line("expired_time_cap_reached_count", shared.expiry.cut_short());
    text.line("expire_cycle_cpu_milliseconds", shared.expiry.milliseconds());
    text.line("evicted_keys", engine.evicted);
    text.line("evicted_clients", shared.clients.room.evicted.load(Ordering::Relaxed));
    text.line("evicted_scripts", shared.scripts.sums().scripts.evicted);
    let (current, total) = shared.memory_limit.exceeded_ms(now().0);
    text.line("total_eviction_exceeded_time", total);
    text.line("current_eviction_exceeded_time", current);
    text.line("keyspace_hits", engine.hits);
    text.line("keyspace_misses", engine.misses);
    text.line("pubsub_channels", shared.pubsub.count(Kind::Channel));
    text.line("pubsub_patterns", shared.pubsub.count(Kind::Pattern));
    text.line("pubsubshard_channels", shared.pubsub.count(Kind::ShardChannel));
    text.lines(&["latest_fork_usec", "total_forks", "migrate_cached_sockets"], 0);
    text.lines(&["slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses"], 0);
    text.lines(&["active_defrag_key_hits", "active_defrag_key_misses"], 0);
    text.lines(&["total_active_defrag_time", "current_active_defrag_time"], 0);
    let tracked = shared.pubsub.tracking.sums();
    text.line("tracking_total_keys", tracked.keys);
    text.line("tracking_total_items", tracked.items);
    text.line("tracking_total_prefixes", tracked.prefixes);
    text.line("total_exclusive_waits", shared.sum(|worker| &worker.waits));
    text.line("total_exclusive_wait_usec", shared.sum(|worker| &worker.wait_nanoseconds) / 1000);
    text.line("unexpected_error_replies", 0);
    text.line("total_error_replies", shared.sum(|worker| &worker.error_replies));
    // Every thread that serves does its own input and output.
    let (reads, writes) = (shared.sum(|worker| &worker.reads), shared.sum(|worker| &worker.writes));
    text.lines(&["total_reads_processed", "io_threaded_reads_processed"], reads);
    text.lines(&["total_writes_processed", "io_threaded_writes_processed"], writes);
    text.line(
        "client_query_buffer_limit_disconnections",
        shared.sum(|worker| &worker.query_limit_disconnections),
    );
    text.line(
        "client_output_buffer_limit_disconnections",
        shared.clients.over_output_limit.load(Ordering::Relaxed),
    );
    refusals(shared, text);
    text.line("audit_records_written", shared.audit.written());
    text.line("audit_records_lost", shared.audit.lost());
}

/// What was denied, and by what.
fn refusals(shared: &Shared, text: &mut Text) {
    let denied = &shared.acl.denied;
    for (name, counter) in [
        ("auth", &denied.logins),
        ("cmd", &denied.commands),
        ("key", &denied.keys),
        ("channel", &denied.channels),
        ("tls_cert", &denied.certificates),
        ("db", &denied.databases),
    ] {
        text.line(format_args!("acl_access_denied_{name}"), counter.load(Ordering::Relaxed));
    }
    let refused = &shared.quotas.denied;
    for (name, counter) in [
        ("user_operations", &refused.user_operations),
        ("user_memory", &refused.user_memory),
        ("db_operations", &refused.db_operations),
        ("db_memory", &refused.db_memory),
    ] {
        text.line(format_args!("quota_denied_{name}"), counter.load(Ordering::Relaxed));
    }
}

pub(super) fn replication(shared: &Shared, text: &mut Text) {
    replication::info(shared, text);
}
