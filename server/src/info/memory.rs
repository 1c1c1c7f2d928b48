//! Memory and keys.

use super::Text;
use super::process::kilobytes_of;
use crate::allocator;
use crate::config::table;
use crate::memory::{Usage, excess, ratio};
use crate::scripts::Sums;
use crate::server::{Shared, now};
use spinel_storage::DbIndex;

pub(super) fn memory(shared: &Shared, text: &mut Text) {
    let usage = Usage::of(shared);
    let (used, resident) = (usage.used(), usage.resident);
    let percent = |part, whole| format!("{:.2}%", ratio(part, whole) * 100.0);
    text.bytes("used_memory", used);
    text.bytes("used_memory_rss", resident);
    text.bytes("used_memory_peak", usage.peak);
    text.line("used_memory_peak_perc", percent(used, usage.peak));
    text.line("used_memory_overhead", usage.overhead());
    text.line("used_memory_startup", 0);
    text.line("used_memory_dataset", usage.dataset());
    text.line("used_memory_dataset_perc", percent(usage.dataset(), used));
    text.line("allocator_allocated", usage.allocated);
    text.line("allocator_active", usage.active);
    text.line("allocator_resident", resident);
    text.line("allocator_muzzy", 0);
    text.bytes("total_system_memory", kilobytes_of("/proc/meminfo", "MemTotal:") * 1024);
    scripts(&usage.scripts, text);
    text.bytes("maxmemory", shared.config.maxmemory());
    let policy = table::MAXMEMORY_POLICY;
    text.line("maxmemory_policy", String::from_utf8_lossy(&shared.config.show(policy)));
    let figure = |part, whole| format!("{:.2}", ratio(part, whole));
    text.line("allocator_frag_ratio", figure(usage.active, usage.allocated));
    text.line("allocator_frag_bytes", excess(usage.active, usage.allocated));
    text.line("allocator_rss_ratio", figure(resident, usage.active));
    text.line("allocator_rss_bytes", excess(resident, usage.active));
    text.line("rss_overhead_ratio", "1.00");
    text.line("rss_overhead_bytes", 0);
    text.line("mem_fragmentation_ratio", figure(resident, used));
    text.line("mem_fragmentation_bytes", excess(resident, used));
    text.lines(&["mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers"], 0);
    text.lines(&["mem_replica_full_sync_buffer", "mem_clients_slaves"], 0);
    text.line("mem_clients_normal", usage.clients);
    text.line("mem_cluster_links", 0);
    text.line("mem_aof_buffer", usage.log);
    text.line("mem_allocator", allocator::NAME);
    text.line("mem_overhead_db_hashtable_rehashing", 0);
    text.line("active_defrag_running", 0);
    let reclaim = shared.engine.keyspace().reclaim();
    text.line("lazyfree_pending_objects", reclaim.pending());
    text.line("lazyfreed_objects", reclaim.freed());
}

/// Scripts and functions: what Lua uses for them, and what their texts take.
fn scripts(sums: &Sums, text: &mut Text) {
    text.bytes("used_memory_lua", sums.script_vm_bytes as u64);
    text.line("used_memory_vm_eval", sums.script_vm_bytes);
    text.line("used_memory_scripts_eval", sums.scripts.bytes);
    text.line("number_of_cached_scripts", sums.scripts.cached);
    text.line("number_of_functions", sums.functions);
    text.line("number_of_libraries", sums.libraries);
    text.line("used_memory_vm_functions", sums.function_vm_bytes);
    text.bytes("used_memory_vm_total", (sums.script_vm_bytes + sums.function_vm_bytes) as u64);
    text.line("used_memory_functions", sums.library_bytes);
    text.bytes("used_memory_scripts", (sums.scripts.bytes + sums.library_bytes) as u64);
}

/// Databases that have keys; none while they are loaded. The mean time to live is an estimate from some of the keys.
pub(super) fn keyspace(shared: &Shared, text: &mut Text) {
    if shared.persistence.loading().is_some() {
        return;
    }
    let keyspace = shared.engine.keyspace();
    for number in 0..keyspace.databases() {
        let database = keyspace.statistics(DbIndex(number));
        if database.keys > 0 {
            let (keys, expires, in_part) = (database.keys, database.expires, database.expiring_in_part);
            let mean_ms = keyspace.mean_time_to_live(DbIndex(number), now()).unwrap_or(0);
            text.line(
                format_args!("db{number}"),
                format_args!("keys={keys},expires={expires},avg_ttl={mean_ms},subexpiry={in_part}"),
            );
        }
    }
}
