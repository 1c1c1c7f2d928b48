//! Refusing writes while they can't be made durable: `stop-writes-on-bgsave-error` and the log's failures.

use crate::config::table;
use crate::server::Shared;
use spinel_storage::Error;

const SAVE_FAILED: Error = Error::Text(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that \
     may modify the data set are disabled, because this instance is configured to report errors during writes if RDB \
     snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB \
     error.",
);

/// What a command is told that would write, if it may not because of the disk.
#[cold]
pub(crate) fn refusal(shared: &Shared) -> Option<Error> {
    let config = &shared.config;
    if let Some(failure) = shared.persistence.log.failure() {
        return Some(Error::NotDurable(failure.to_string()));
    }
    let saves = shared.persistence.has_failed()
        && config.is_on(table::STOP_WRITES_ON_BGSAVE_ERROR)
        && !config.text(table::SAVE).is_empty();
    saves.then_some(SAVE_FAILED)
}
