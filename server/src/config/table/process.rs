//! Settings about the process: threads, files, the log, signals, statistics.

use crate::config::lists;
use crate::config::setting::{
    Setting, checked, choice, choices, clamped, count, flag, integer, list, small, text,
};
use crate::config::value::Choices;
use crate::log::{self, Level};

const SHUTDOWN: Choices = Choices {
    names: &["default", "save", "nosave", "now", "force"],
    exclusive: Some((1, 2, "shutdown options SAVE and NOSAVE can't be used simultaneously")),
};

const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

const AUDITED: Choices = Choices { names: &["none", "logins", "denials", "admin"], exclusive: None };

pub(super) const SETTINGS: &[Setting] = &[
    integer("io-threads", 1, 1, 128).at_start(),
    text("dir", "").protected(),
    text("logfile", "").at_start(),
    choice("loglevel", Level::NAMES, Level::Notice as usize),
    checked("log-levels", "", log::check_levels),
    choice("log-format", &["text", "json"], 0),
    text("pidfile", "").at_start(),
    choices("audit-events", AUDITED),
    text("audit-file", "").protected(),
    choices("shutdown-on-sigint", SHUTDOWN),
    choices("shutdown-on-sigterm", SHUTDOWN),
    small("shutdown-timeout", 10),
    flag("daemonize", false).at_start().idle(),
    choice("supervised", &["upstart", "systemd", "auto", "no"], 3).at_start(),
    flag("always-show-logo", false).at_start().idle(),
    flag("set-proc-title", true).at_start().idle(),
    checked("proc-title-template", "{title} {listen-addr} {server-mode}", lists::process_title).idle(),
    flag("syslog-enabled", false).at_start(),
    choice("syslog-facility", FACILITIES, 1).at_start(),
    text("syslog-ident", "spinel").at_start(),
    text("syslog-socket", "/dev/log").at_start(),
    flag("crash-log-enabled", true).idle(),
    flag("crash-memcheck-enabled", true).idle(),
    flag("use-exit-on-panic", false).hidden().idle(),
    flag("enable-debug-assert", false).at_start().hidden().idle(),
    flag("hide-user-data-from-log", false).idle(),
    text("ignore-warnings", "").idle(),
    text("locale-collate", "").idle(),
    clamped("hz", 10, 1, 500).idle(),
    flag("dynamic-hz", true).idle(),
    small("watchdog-period", 0).hidden().idle(),
    flag("disable-thp", true).at_start().idle(),
    choice("oom-score-adj", &["no", "yes", "relative", "absolute"], 0).idle(),
    list("oom-score-adj-values", "0 200 800", lists::oom_scores).idle(),
    text("server-cpulist", "").or("server_cpulist").at_start().idle(),
    text("bio-cpulist", "").or("bio_cpulist").at_start().idle(),
    text("bgsave-cpulist", "").or("bgsave_cpulist").at_start().idle(),
    text("aof-rewrite-cpulist", "").or("aof_rewrite_cpulist").at_start().idle(),
    integer("slowlog-log-slower-than", 10_000, -1, i64::MAX).or("commandlog-execution-slower-than"),
    count("slowlog-max-len", 128).or("commandlog-slow-execution-max-len"),
    integer("commandlog-request-larger-than", 1 << 20, -1, i64::MAX),
    count("commandlog-large-request-max-len", 128),
    integer("commandlog-reply-larger-than", 1 << 20, -1, i64::MAX),
    count("commandlog-large-reply-max-len", 128),
    // Keys that are told need some that are counted besides, and a sample looks at all of them.
    integer("hotkey-top-k", 16, 0, 128),
    count("latency-monitor-threshold", 0),
    flag("latency-tracking", true),
    list("latency-tracking-info-percentiles", "50 99 99.9", lists::percentiles),
    count("busy-reply-threshold", 5000).or("lua-time-limit"),
    flag("lua-enable-deprecated-api", false).at_start().hidden().idle(),
    choice("propagation-error-behavior", &["ignore", "panic", "panic-on-replicas"], 0).idle(),
];
