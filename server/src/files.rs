//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: listeners, logs, pipes, those of the runtimes.
const OTHER_FILES: u64 = 32;

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
