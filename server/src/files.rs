//! How many files the process may have open: each connection is one.

use crate::config::value::Value;
use crate::config::{Config, table};
use crate::log;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: listeners, logs, pipes, those of the runtimes. Connections that come over the Unix socket when
/// all places are taken get theirs from here, too, unless many are kept.
const OTHER_FILES: u64 = 48;

/// Raises the limit so that this many clients fit; if it can't be raised so far, how many do fit.
pub(crate) fn make_room(clients: i64) -> Result<(), i64> {
    let wanted = clients.max(0) as u64 + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return Ok(());
    }
    let raised = wanted.min(limit.maximum.unwrap_or(u64::MAX));
    let is_raised =
        setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }).is_ok();
    let granted = if is_raised { raised } else { current };
    if granted >= wanted { Ok(()) } else { Err(granted.saturating_sub(OTHER_FILES).max(1) as i64) }
}

/// Lets the process have as many connections as the settings allow, or allows fewer.
pub(crate) fn make_room_at_start(config: &Config) {
    let wanted = config.number(table::MAXCLIENTS);
    let unless_off =
        |port, connections| if config.number(port) == 0 { 0 } else { config.number(connections) };
    // What HTTP and origins may use is room that is taken from nobody.
    let others = unless_off(table::HTTP_PORT, table::HTTP_MAX_CONNECTIONS)
        + unless_off(table::CACHE_HTTP_PORT, table::CACHE_ORIGIN_CONNECTIONS);
    if let Err(clients) = make_room(wanted + others) {
        let clients = (clients - others).max(1);
        log::warning!(
            "The limit of open files is too low for maxclients {wanted}: at most {clients} clients are served."
        );
        config.store(table::MAXCLIENTS, &Value::Number(clients));
    }
}
