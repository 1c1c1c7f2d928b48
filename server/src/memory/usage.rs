//! How much memory is in use, and for what: for INFO, MEMORY STATS and its doctor.
//!
//! ```text
//! resident   ─ all of the process, as the system says
//!   active   ─ committed by the allocator
//!     allocated ─ pages of tables and values, buffers of clients, what Lua has
//!       used ─ entries, values and index, rounded up to their size classes; buffers of clients
//! ```

use crate::allocator;
use crate::info::kilobytes_of;
use crate::scripts;
use crate::server::Shared;
use spinel_storage::DbIndex;
use spinel_storage::keyspace::DbStatistics;
use std::sync::atomic::Ordering;

/// What is in use.
#[derive(Default)]
pub(crate) struct Usage {
    /// Each database, by number, as far as it has keys. None while they are loaded.
    pub(crate) databases: Vec<(u16, DbStatistics)>,
    /// Keys of all of them.
    pub(crate) keys: u64,
    /// Bytes of all keys with their values and index.
    pub(crate) data: u64,
    /// Those of the index.
    pub(crate) index: u64,
    /// Bytes of connections and their buffers.
    pub(crate) clients: u64,
    /// Bytes of bodies in the HTTP cache on their way, from origins and to files.
    pub(crate) transit: u64,
    /// How many connections there are.
    pub(crate) connections: u64,
    /// Bytes of replies that clients have not read.
    pub(crate) unread: u64,
    /// Bytes that are to be written to the log.
    pub(crate) log: u64,
    pub(crate) scripts: scripts::Sums,
    pub(crate) peak: u64,
    /// Bytes of pages, buffers and scripts.
    pub(crate) allocated: u64,
    /// Bytes that the allocator has committed.
    pub(crate) active: u64,
    /// Bytes of the process that are in memory.
    pub(crate) resident: u64,
}

impl Usage {
    /// Adds up what is in use. O(shards and clients). While a data set is loaded, its tables can't be looked at; nearly all that
    /// is resident is then part of it.
    pub(crate) fn of(shared: &Shared) -> Usage {
        let resident = resident_bytes();
        let databases = if shared.persistence.loading().is_some() { Vec::new() } else { databases(shared) };
        let sum = |of: fn(&DbStatistics) -> usize| -> u64 {
            databases.iter().map(|(_, database)| of(database) as u64).sum()
        };
        let (mut clients, mut unread, mut connections) = (0, 0, 0);
        for client in shared.clients.all() {
            let output = client.output_bytes();
            clients += client.memory_bytes() as u64;
            unread += output as u64;
            connections += 1;
        }
        let scripts = shared.scripts.sums();
        let of_scripts = scripts.script_vm_bytes
            + scripts.function_vm_bytes
            + scripts.scripts.bytes
            + scripts.library_bytes;
        let is_loading = shared.persistence.loading().is_some();
        let data = if is_loading { resident } else { sum(|database| database.memory_bytes) };
        let pages = if is_loading { resident } else { sum(|database| database.allocated_bytes) };
        let transit = shared.cache.transit_bytes(&shared.engine);
        let allocated = pages + clients + transit + of_scripts as u64;
        if !is_loading {
            shared.peak_bytes.fetch_max(data + clients + transit, Ordering::Relaxed);
        }
        Usage {
            keys: sum(|database| database.keys),
            data,
            index: sum(|database| database.index_bytes),
            clients,
            transit,
            connections,
            unread,
            log: shared.persistence.log.unwritten_bytes(),
            scripts,
            peak: shared.peak_bytes.load(Ordering::Relaxed),
            allocated,
            active: allocator::committed_bytes().max(allocated),
            resident,
            databases,
        }
    }

    /// What counts as used: data, connections and bodies on their way.
    pub(crate) fn used(&self) -> u64 {
        self.data + self.clients + self.transit
    }

    /// What is used for something else than keys and values.
    pub(crate) fn overhead(&self) -> u64 {
        self.index + self.clients + self.transit
    }

    /// What is used for keys and values.
    pub(crate) fn dataset(&self) -> u64 {
        self.used().saturating_sub(self.overhead())
    }

    /// Bytes that Lua uses.
    pub(crate) fn lua(&self) -> u64 {
        (self.scripts.script_vm_bytes + self.scripts.function_vm_bytes) as u64
    }
}

/// Bytes in use, noting the highest number so far.
pub(crate) fn used_bytes(shared: &Shared) -> u64 {
    let is_loading = shared.persistence.loading().is_some();
    let data = if is_loading {
        resident_bytes()
    } else {
        databases(shared).iter().map(|(_, database)| database.memory_bytes as u64).sum()
    };
    let clients = shared.clients.all().iter().map(|client| client.memory_bytes() as u64).sum::<u64>();
    let used = data + clients + shared.cache.transit_bytes(&shared.engine);
    if !is_loading {
        shared.peak_bytes.fetch_max(used, Ordering::Relaxed);
    }
    used
}

fn databases(shared: &Shared) -> Vec<(u16, DbStatistics)> {
    let keyspace = shared.engine.keyspace();
    let all = (0..keyspace.databases()).map(|number| (number, keyspace.statistics(DbIndex(number))));
    all.collect()
}

/// Bytes of the process that are in memory.
pub(crate) fn resident_bytes() -> u64 {
    kilobytes_of("/proc/self/status", "VmRSS:") * 1024
}

/// One number as a multiple of another; 0 of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// How much larger one number is than another.
pub(crate) fn excess(larger: u64, smaller: u64) -> i64 {
    larger as i64 - smaller as i64
}
