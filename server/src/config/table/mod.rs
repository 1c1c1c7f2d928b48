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

/// The parts of the table, and what they are about.
pub(crate) fn parts() -> [(&'static str, &'static [Setting]); PARTS.len()] {
    let titles =
        ["Connections", "The process", "The data set", "What is on disk", "Replicas and the cluster"];
    std::array::from_fn(|part| (titles[part], PARTS[part]))
}

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
    AUDIT_EVENTS = "audit-events";
    AUDIT_FILE = "audit-file";
    AUTO_AOF_REWRITE_MIN_SIZE = "auto-aof-rewrite-min-size";
    AUTO_AOF_REWRITE_PERCENTAGE = "auto-aof-rewrite-percentage";
    BACKUP_DIR = "backup-dir";
    BIND = "bind";
    CACHE_ALLOW_PRIVATE = "cache-allow-private";
    CACHE_BODY_MAX = "cache-body-max";
    CACHE_TRANSIT_MAX = "cache-transit-max";
    CACHE_DISK_DIR = "cache-disk-dir";
    CACHE_DISK_MAX = "cache-disk-max";
    CACHE_DISK_THRESHOLD = "cache-disk-threshold";
    CACHE_HEURISTIC_MAX = "cache-heuristic-max";
    CACHE_HEURISTIC_PERCENT = "cache-heuristic-percent";
    CACHE_HTTP_BIND = "cache-http-bind";
    CACHE_HTTP_ORIGIN = "cache-http-origin";
    CACHE_HTTP_PORT = "cache-http-port";
    CACHE_HTTP_SCHEME = "cache-http-scheme";
    CACHE_NEGATIVE_TTL = "cache-negative-ttl";
    CACHE_ORIGIN_ALLOW = "cache-origin-allow";
    CACHE_ORIGIN_CONNECTIONS = "cache-origin-connections";
    CACHE_ORIGIN_CONNECT_TIMEOUT = "cache-origin-connect-timeout";
    CACHE_ORIGIN_FAILURES_MAX = "cache-origin-failures-max";
    CACHE_ORIGIN_FIRST_BYTE_TIMEOUT = "cache-origin-first-byte-timeout";
    CACHE_ORIGIN_IDLE_TIMEOUT = "cache-origin-idle-timeout";
    CACHE_ORIGIN_REST = "cache-origin-rest";
    CACHE_PURGE_TOKEN = "cache-purge-token";
    CLIENT_OUTPUT_BUFFER_LIMIT = "client-output-buffer-limit";
    CLIENT_QUERY_BUFFER_LIMIT = "client-query-buffer-limit";
    CLIENT_UNREAD_PAUSE = "client-unread-pause";
    COMMANDLOG_LARGE_REPLY_MAX_LEN = "commandlog-large-reply-max-len";
    COMMANDLOG_LARGE_REQUEST_MAX_LEN = "commandlog-large-request-max-len";
    COMMANDLOG_REPLY_LARGER_THAN = "commandlog-reply-larger-than";
    COMMANDLOG_REQUEST_LARGER_THAN = "commandlog-request-larger-than";
    DATABASES = "databases";
    DB_QUOTA_MEMORY = "db-quota-memory";
    DB_QUOTA_OPERATIONS = "db-quota-operations";
    DB_WRITE_QUORUM = "db-write-quorum";
    DBFILENAME = "dbfilename";
    DIR = "dir";
    ENABLE_DEBUG_COMMAND = "enable-debug-command";
    ENABLE_MODULE_COMMAND = "enable-module-command";
    ENABLE_PROTECTED_CONFIGS = "enable-protected-configs";
    HOTKEY_TOP_K = "hotkey-top-k";
    HTTP_BIND = "http-bind";
    HTTP_CONSOLE = "http-console";
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
    LOG_FORMAT = "log-format";
    LOG_LEVELS = "log-levels";
    LOGFILE = "logfile";
    LOGLEVEL = "loglevel";
    MASTERAUTH = "masterauth";
    MASTERUSER = "masteruser";
    MAXCLIENTS = "maxclients";
    MAXCLIENTS_RESERVED = "maxclients-reserved";
    MAXMEMORY = "maxmemory";
    MAXMEMORY_CLIENTS = "maxmemory-clients";
    MAXMEMORY_EVICTION_TENACITY = "maxmemory-eviction-tenacity";
    MAXMEMORY_SAMPLES = "maxmemory-samples";
    MAXMEMORY_POLICY = "maxmemory-policy";
    MIN_REPLICAS_MAX_LAG = "min-replicas-max-lag";
    MIN_REPLICAS_TO_WRITE = "min-replicas-to-write";
    NOTIFY_KEYSPACE_EVENTS = "notify-keyspace-events";
    PIDFILE = "pidfile";
    BUSY_REPLY_THRESHOLD = "busy-reply-threshold";
    PORT = "port";
    PROTECTED_MODE = "protected-mode";
    PROTO_MAX_BULK_LEN = "proto-max-bulk-len";
    REPL_BACKLOG_SIZE = "repl-backlog-size";
    REPL_BACKLOG_TTL = "repl-backlog-ttl";
    REPL_DISKLESS_LOAD = "repl-diskless-load";
    REPL_PING_REPLICA_PERIOD = "repl-ping-replica-period";
    REPL_TIMEOUT = "repl-timeout";
    REQUIREPASS = "requirepass";
    REQUIREPASS_FILE = "requirepass-file";
    RDB_FORMAT = "rdb-format";
    RDB_KEY_SAVE_DELAY = "rdb-key-save-delay";
    RDB_SAVE_INCREMENTAL_FSYNC = "rdb-save-incremental-fsync";
    POISONED_PRIMARIES = "poisoned-primaries";
    RDBCHECKSUM = "rdbchecksum";
    RDBCOMPRESSION = "rdbcompression";
    REPLICA_ANNOUNCE_IP = "replica-announce-ip";
    REPLICA_ANNOUNCE_PORT = "replica-announce-port";
    REPLICA_ANNOUNCED = "replica-announced";
    REPLICA_IGNORE_MAXMEMORY = "replica-ignore-maxmemory";
    REPLICA_LAZY_FLUSH = "replica-lazy-flush";
    REPLICA_PRIORITY = "replica-priority";
    REPLICA_READ_ONLY = "replica-read-only";
    REPLICA_SERVE_STALE_DATA = "replica-serve-stale-data";
    REPLICAOF = "replicaof";
    SAVE = "save";
    SHUTDOWN_ON_SIGINT = "shutdown-on-sigint";
    SHUTDOWN_ON_SIGTERM = "shutdown-on-sigterm";
    SHUTDOWN_TIMEOUT = "shutdown-timeout";
    SLOWLOG_LOG_SLOWER_THAN = "slowlog-log-slower-than";
    SLOWLOG_MAX_LEN = "slowlog-max-len";
    SUPERVISED = "supervised";
    SYSLOG_ENABLED = "syslog-enabled";
    SYSLOG_FACILITY = "syslog-facility";
    SYSLOG_IDENT = "syslog-ident";
    SYSLOG_SOCKET = "syslog-socket";
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
    TLS_CLIENT_CERT_FILE = "tls-client-cert-file";
    TLS_CLIENT_KEY_FILE = "tls-client-key-file";
    TLS_CLIENT_KEY_FILE_PASS = "tls-client-key-file-pass";
    TLS_HANDSHAKE_TIMEOUT = "tls-handshake-timeout";
    TLS_KEY_FILE = "tls-key-file";
    TLS_KEY_FILE_PASS = "tls-key-file-pass";
    TLS_PORT = "tls-port";
    TLS_PREFER_SERVER_CIPHERS = "tls-prefer-server-ciphers";
    TLS_PROTOCOLS = "tls-protocols";
    TLS_REPLICATION = "tls-replication";
    TLS_REPLICATION_CHECK_NAME = "tls-replication-check-name";
    TLS_SESSION_CACHE_SIZE = "tls-session-cache-size";
    TLS_SESSION_CACHE_TIMEOUT = "tls-session-cache-timeout";
    TLS_SESSION_CACHING = "tls-session-caching";
    TOKEN_AUDIENCE = "token-audience";
    TOKEN_ISSUER = "token-issuer";
    TOKEN_KEY_FILE = "token-key-file";
    TOKEN_LEEWAY = "token-leeway";
    TOKEN_TRUSTED_KEYS = "token-trusted-keys";
    TRACKING_TABLE_MAX_KEYS = "tracking-table-max-keys";
    WRITE_QUORUM = "write-quorum";
    WRITE_QUORUM_DURABILITY = "write-quorum-durability";
    WRITE_QUORUM_TIMEOUT = "write-quorum-timeout";
    UNIXSOCKET = "unixsocket";
    UNIXSOCKETPERM = "unixsocketperm";
}
