//! The table of settings, and the names by which the program knows those that it reads.

mod data;
mod network;
mod persistence;
mod process;
mod replication;

use super::setting::Setting;
use std::sync::LazyLock;

const PARTS: [&[Setting]; 5] =
    [network::SETTINGS, process::SETTINGS, data::SETTINGS, persistence::SETTINGS, replication::SETTINGS];

/// All rows, in the order of their keys.
static ROWS: LazyLock<Vec<Setting>> = LazyLock::new(|| PARTS.concat());

/// Names a setting: its place in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key(u16);

impl Key {
    /// A dense index from 0.
    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The row.
    pub(crate) fn setting(self) -> &'static Setting {
        &ROWS[self.index()]
    }

    /// The setting of this name, in any case; its former name will do.
    pub(crate) fn by_name(name: &[u8]) -> Option<Key> {
        all().find(|key| key.setting().is_called(name))
    }
}

/// All settings.
pub(crate) fn all() -> impl Iterator<Item = Key> {
    (0..ROWS.len() as u16).map(Key)
}

/// Finds a row while the program is compiled, so that a constant can't name what is not there.
const fn key(name: &str) -> Key {
    let mut index = 0;
    let mut part = 0;
    while part < PARTS.len() {
        let mut row = 0;
        while row < PARTS[part].len() {
            if is_equal(PARTS[part][row].name.as_bytes(), name.as_bytes()) {
                return Key(index);
            }
            index += 1;
            row += 1;
        }
        part += 1;
    }
    panic!("no setting has this name")
}

const fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}

macro_rules! keys {
    ($($constant:ident = $name:literal;)*) => {
        $(pub(crate) const $constant: Key = key($name);)*
    };
}

keys! {
    ACLFILE = "aclfile";
    ACLLOG_MAX_LEN = "acllog-max-len";
    ACL_PUBSUB_DEFAULT = "acl-pubsub-default";
    AOF_LOAD_CORRUPT_TAIL_MAX_SIZE = "aof-load-corrupt-tail-max-size";
    AOF_LOAD_TRUNCATED = "aof-load-truncated";
    AOF_REWRITE_INCREMENTAL_FSYNC = "aof-rewrite-incremental-fsync";
    AOF_TIMESTAMP_ENABLED = "aof-timestamp-enabled";
    APPENDDIRNAME = "appenddirname";
    APPENDFILENAME = "appendfilename";
    APPENDFSYNC = "appendfsync";
    APPENDONLY = "appendonly";
    AUTO_AOF_REWRITE_MIN_SIZE = "auto-aof-rewrite-min-size";
    AUTO_AOF_REWRITE_PERCENTAGE = "auto-aof-rewrite-percentage";
    BACKUP_DIR = "backup-dir";
    BIND = "bind";
    CLIENT_OUTPUT_BUFFER_LIMIT = "client-output-buffer-limit";
    CLIENT_QUERY_BUFFER_LIMIT = "client-query-buffer-limit";
    COMMANDLOG_LARGE_REPLY_MAX_LEN = "commandlog-large-reply-max-len";
    COMMANDLOG_LARGE_REQUEST_MAX_LEN = "commandlog-large-request-max-len";
    COMMANDLOG_REPLY_LARGER_THAN = "commandlog-reply-larger-than";
    COMMANDLOG_REQUEST_LARGER_THAN = "commandlog-request-larger-than";
    DATABASES = "databases";
    DBFILENAME = "dbfilename";
    DIR = "dir";
    ENABLE_DEBUG_COMMAND = "enable-debug-command";
    ENABLE_PROTECTED_CONFIGS = "enable-protected-configs";
    HTTP_BIND = "http-bind";
    HTTP_MAX_BODY = "http-max-body";
    HTTP_MAX_CONNECTIONS = "http-max-connections";
    HTTP_PORT = "http-port";
    IO_THREADS = "io-threads";
    LATENCY_MONITOR_THRESHOLD = "latency-monitor-threshold";
    LATENCY_TRACKING = "latency-tracking";
    LATENCY_TRACKING_INFO_PERCENTILES = "latency-tracking-info-percentiles";
    KEY_LOAD_DELAY = "key-load-delay";
    LFU_DECAY_TIME = "lfu-decay-time";
    LFU_LOG_FACTOR = "lfu-log-factor";
    LOGFILE = "logfile";
    LOGLEVEL = "loglevel";
    MAXCLIENTS = "maxclients";
    MAXMEMORY = "maxmemory";
    MAXMEMORY_EVICTION_TENACITY = "maxmemory-eviction-tenacity";
    MAXMEMORY_SAMPLES = "maxmemory-samples";
    MAXMEMORY_POLICY = "maxmemory-policy";
    NOTIFY_KEYSPACE_EVENTS = "notify-keyspace-events";
    PIDFILE = "pidfile";
    BUSY_REPLY_THRESHOLD = "busy-reply-threshold";
    PORT = "port";
    PROTECTED_MODE = "protected-mode";
    PROTO_MAX_BULK_LEN = "proto-max-bulk-len";
    REQUIREPASS = "requirepass";
    RDB_FORMAT = "rdb-format";
    RDB_KEY_SAVE_DELAY = "rdb-key-save-delay";
    RDB_SAVE_INCREMENTAL_FSYNC = "rdb-save-incremental-fsync";
    RDBCHECKSUM = "rdbchecksum";
    RDBCOMPRESSION = "rdbcompression";
    SAVE = "save";
    SHUTDOWN_ON_SIGINT = "shutdown-on-sigint";
    SHUTDOWN_ON_SIGTERM = "shutdown-on-sigterm";
    SLOWLOG_LOG_SLOWER_THAN = "slowlog-log-slower-than";
    SLOWLOG_MAX_LEN = "slowlog-max-len";
    STOP_WRITES_ON_BGSAVE_ERROR = "stop-writes-on-bgsave-error";
    TCP_BACKLOG = "tcp-backlog";
    TCP_KEEPALIVE = "tcp-keepalive";
    TIMEOUT = "timeout";
    TLS_AUTH_CLIENTS = "tls-auth-clients";
    TLS_AUTH_CLIENTS_USER = "tls-auth-clients-user";
    TLS_AUTO_RELOAD_INTERVAL = "tls-auto-reload-interval";
    TLS_CA_CERT_DIR = "tls-ca-cert-dir";
    TLS_CA_CERT_FILE = "tls-ca-cert-file";
    TLS_CERT_FILE = "tls-cert-file";
    TLS_CIPHERS = "tls-ciphers";
    TLS_CIPHERSUITES = "tls-ciphersuites";
    TLS_HANDSHAKE_TIMEOUT = "tls-handshake-timeout";
    TLS_KEY_FILE = "tls-key-file";
    TLS_KEY_FILE_PASS = "tls-key-file-pass";
    TLS_PORT = "tls-port";
    TLS_PREFER_SERVER_CIPHERS = "tls-prefer-server-ciphers";
    TLS_PROTOCOLS = "tls-protocols";
    TLS_SESSION_CACHE_SIZE = "tls-session-cache-size";
    TLS_SESSION_CACHE_TIMEOUT = "tls-session-cache-timeout";
    TLS_SESSION_CACHING = "tls-session-caching";
    TRACKING_TABLE_MAX_KEYS = "tracking-table-max-keys";
    UNIXSOCKET = "unixsocket";
    UNIXSOCKETPERM = "unixsocketperm";
}
