//! Settings about the data set: databases, memory, eviction, encodings.

use crate::config::lists;
use crate::config::setting::{Setting, bytes, choice, count, flag, integer, memory, repeated, size, small};

/// What may be evicted when memory runs out, and in which order.
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lrm",
    "allkeys-lrm",
    "noeviction",
];

pub(super) const SETTINGS: &[Setting] = &[
    integer("databases", 16, 1, i32::MAX as i64).at_start(),
    memory("maxmemory", 0),
    repeated("db-quota-memory", "", lists::db_memory),
    repeated("db-quota-operations", "", lists::db_operations),
    choice("maxmemory-policy", POLICIES, POLICIES.len() - 1),
    integer("maxmemory-samples", 5, 1, 64),
    integer("maxmemory-eviction-tenacity", 10, 0, 100),
    small("lfu-decay-time", 1),
    small("lfu-log-factor", 10),
    integer("active-expire-effort", 1, 1, 10).idle(),
    flag("lazyfree-lazy-eviction", false).idle(),
    flag("lazyfree-lazy-expire", false).idle(),
    flag("lazyfree-lazy-server-del", false).idle(),
    flag("lazyfree-lazy-user-del", false).idle(),
    flag("lazyfree-lazy-user-flush", false).idle(),
    flag("activerehashing", true).idle(),
    flag("jemalloc-bg-thread", true).idle(),
    flag("activedefrag", false).idle(),
    integer("active-defrag-cycle-max", 25, 1, 99).idle(),
    integer("active-defrag-cycle-min", 1, 1, 99).idle(),
    bytes("active-defrag-ignore-bytes", 100 << 20, 1, i64::MAX as u64).idle(),
    integer("active-defrag-max-scan-fields", 1000, 1, i64::MAX).idle(),
    integer("active-defrag-threshold-lower", 10, 0, 1000).idle(),
    integer("active-defrag-threshold-upper", 100, 0, 1000).idle(),
    count("hash-max-listpack-entries", 512).or("hash-max-ziplist-entries"),
    size("hash-max-listpack-value", 64).or("hash-max-ziplist-value"),
    integer("list-max-listpack-size", -2, i32::MIN as i64, i32::MAX as i64).or("list-max-ziplist-size"),
    small("list-compress-depth", 0),
    count("set-max-intset-entries", 512),
    count("set-max-listpack-entries", 128),
    count("set-max-listpack-value", 64),
    count("zset-max-listpack-entries", 128).or("zset-max-ziplist-entries"),
    size("zset-max-listpack-value", 64).or("zset-max-ziplist-value"),
    size("stream-node-max-bytes", 4096),
    count("stream-node-max-entries", 100),
    size("hll-sparse-max-bytes", 3000),
    integer("cache-variants-max", 64, 1, 4096),
    choice("sanitize-dump-payload", &["no", "yes", "clients"], 0).idle(),
];
