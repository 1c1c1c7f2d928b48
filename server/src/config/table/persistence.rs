//! Settings about snapshots and the append-only log.

use crate::config::lists;
use crate::config::setting::{Setting, checked, choice, flag, integer, repeated, size, small};

const ANY_INTEGER: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

pub(super) const SETTINGS: &[Setting] = &[
    // Nothing is saved, so there are no save points unless somebody asks for some.
    repeated("save", "", lists::save_points).idle(),
    checked("dbfilename", "dump.rdb", lists::file_name).protected().idle(),
    flag("rdbcompression", true).idle(),
    flag("rdbchecksum", true).at_start().idle(),
    flag("rdb-del-sync-files", false).idle(),
    flag("rdb-save-incremental-fsync", true).idle(),
    flag("stop-writes-on-bgsave-error", true).idle(),
    integer("rdb-key-save-delay", 0, ANY_INTEGER.0, ANY_INTEGER.1).hidden().idle(),
    integer("key-load-delay", 0, ANY_INTEGER.0, ANY_INTEGER.1).hidden().idle(),
    integer("loading-process-events-interval-bytes", 512 << 10, 1024, i32::MAX as i64).hidden().idle(),
    flag("appendonly", false).idle(),
    checked("appendfilename", "appendonly.aof", lists::log_file_name).at_start().idle(),
    checked("appenddirname", "appendonlydir", lists::log_folder_name).at_start().idle(),
    choice("appendfsync", &["everysec", "always", "no"], 0).idle(),
    flag("no-appendfsync-on-rewrite", false).idle(),
    small("auto-aof-rewrite-percentage", 100).idle(),
    size("auto-aof-rewrite-min-size", 64 << 20).idle(),
    flag("aof-load-truncated", true).idle(),
    flag("aof-rewrite-incremental-fsync", true).idle(),
    flag("aof-timestamp-enabled", false).idle(),
    flag("aof-use-rdb-preamble", true).idle(),
];
