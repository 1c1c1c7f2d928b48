//! Memory and keys.

use super::Text;
use super::process::kilobytes_of;
use crate::allocator;
use crate::clients::FIXED_BYTES;
use crate::config::table;
use crate::server::{Shared, now};
use spinel_storage::DbIndex;
use std::sync::atomic::Ordering;

/// Bytes of all keys with their values and index, and bytes of connections. While a data set is loaded, its tables can't be
/// looked at; nearly all that is resident is then part of it.
fn parts(shared: &Shared) -> (u64, u64) {
    let keyspace = shared.engine.keyspace();
    let data = if shared.persistence.loading().is_some() {
        resident_bytes()
    } else {
        let databases = (0..keyspace.databases()).map(|number| keyspace.statistics(DbIndex(number)));
        databases.map(|database| database.memory_bytes as u64).sum()
    };
    let buffers =
        |client: &crate::clients::Client| client.query_bytes.load(Ordering::Relaxed) + client.output_bytes();
    let clients = shared.clients.all().iter().map(|client| (FIXED_BYTES + buffers(client)) as u64).sum();
    (data, clients)
}

fn resident_bytes() -> u64 {
    kilobytes_of("/proc/self/status", "VmRSS:") * 1024
}

/// Bytes in use, noting the highest number so far.
pub(crate) fn used_bytes(shared: &Shared) -> u64 {
    let (data, clients) = parts(shared);
    if shared.persistence.loading().is_none() {
        shared.peak_bytes.fetch_max(data + clients, Ordering::Relaxed);
    }
    data + clients
}

pub(super) fn memory(shared: &Shared, text: &mut Text) {
    let used = used_bytes(shared);
    let (data, clients) = parts(shared);
    let peak = shared.peak_bytes.load(Ordering::Relaxed);
    let resident = resident_bytes();
    let percent = |part: u64, whole: u64| format!("{:.2}%", part as f64 * 100.0 / whole.max(1) as f64);
    text.bytes("used_memory", used);
    text.bytes("used_memory_rss", resident);
    text.bytes("used_memory_peak", peak);
    text.line("used_memory_peak_perc", percent(used, peak));
    text.line("used_memory_overhead", clients);
    text.line("used_memory_startup", 0);
    text.line("used_memory_dataset", data);
    text.line("used_memory_dataset_perc", percent(data, used));
    text.line("allocator_resident", resident);
    text.bytes("total_system_memory", kilobytes_of("/proc/meminfo", "MemTotal:") * 1024);
    scripts(shared, text);
    text.bytes("maxmemory", shared.config.number(table::MAXMEMORY) as u64);
    let policy = table::MAXMEMORY_POLICY;
    text.line("maxmemory_policy", String::from_utf8_lossy(&shared.config.show(policy)));
    text.line("mem_fragmentation_ratio", format_args!("{:.2}", resident as f64 / used.max(1) as f64));
    text.line("mem_fragmentation_bytes", resident as i64 - used as i64);
    text.lines(&["mem_not_counted_for_evict", "mem_replication_backlog", "mem_clients_slaves"], 0);
    text.line("mem_clients_normal", clients);
    text.lines(&["mem_cluster_links", "mem_aof_buffer"], 0);
    text.line("mem_allocator", allocator::NAME);
    text.line("active_defrag_running", 0);
    let reclaim = shared.engine.keyspace().reclaim();
    text.line("lazyfree_pending_objects", reclaim.pending());
    text.line("lazyfreed_objects", reclaim.freed());
}

/// Scripts and functions: what Lua uses for them, and what their texts take.
fn scripts(shared: &Shared, text: &mut Text) {
    let sums = shared.scripts.sums();
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
