//! Settings about snapshots and the append-only log.

use crate::config::lists;
use crate::config::setting::{Setting, checked, choice, flag, integer, repeated, size, small, text};

const ANY_INTEGER: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

pub(super) const SETTINGS: &[Setting] = &[
    repeated("save", "3600 1 300 100 60 10000", lists::save_points),
    checked("dbfilename", "dump.rdb", lists::file_name).protected(),
    text("backup-dir", "").protected(),
    flag("rdbcompression", true),
    flag("rdbchecksum", true).at_start(),
    choice("rdb-format", &["rdb", "spldb"], 0),
    flag("rdb-del-sync-files", false).idle(),
    flag("rdb-save-incremental-fsync", true),
    flag("stop-writes-on-bgsave-error", true),
    integer("rdb-key-save-delay", 0, ANY_INTEGER.0, ANY_INTEGER.1).hidden(),
    integer("key-load-delay", 0, ANY_INTEGER.0, ANY_INTEGER.1).hidden(),
    integer("loading-process-events-interval-bytes", 512 << 10, 1024, i32::MAX as i64).hidden().idle(),
    flag("appendonly", false),
    checked("appendfilename", "appendonly.aof", lists::log_file_name).at_start(),
    checked("appenddirname", "appendonlydir", lists::log_folder_name).at_start(),
    choice("appendfsync", &["everysec", "always", "no"], 0),
    flag("no-appendfsync-on-rewrite", false).idle(),
    small("auto-aof-rewrite-percentage", 100),
    size("auto-aof-rewrite-min-size", 64 << 20),
    flag("aof-load-truncated", true),
    size("aof-load-corrupt-tail-max-size", 0),
    flag("aof-rewrite-incremental-fsync", true),
    flag("aof-timestamp-enabled", false),
    flag("aof-use-rdb-preamble", true).idle(),
];
