//! Beginning what is due: what was scheduled, and saves that `save` asks for.

use super::rules::{points, reached};
use super::{Kind, Persistence, Request};
use crate::config::table;
use crate::log;
use crate::server::Shared;
use spinel_storage::UnixMillis;
use spinel_storage::engine::Turn;

/// How long to wait after a failed save before trying again.
const RETRY_AFTER_MS: i64 = 5000;

impl Persistence {
    /// Begins what is due, if nothing is being written.
    pub(crate) fn begin_due(&self, shared: &Shared, turn: &mut Turn<'_>, now: UnixMillis) {
        let Some(kind) = self.due(shared, now) else { return };
        // Somebody else may just have begun something; what was scheduled stays so.
        let _ = self.begin(shared, turn, Request::unanswered(kind));
    }

    /// Whether the log has grown enough to be written anew, or has failed so that it must be.
    fn log_wants_rewrite(&self, shared: &Shared, now: UnixMillis) -> bool {
        let (log, config) = (&self.log, &shared.config);
        if !config.is_on(table::APPENDONLY) {
            return false;
        }
        let (sizes, rewrites) = (log.sizes(), self.rewrites());
        // After failures it is tried ever less often.
        let pause = RETRY_AFTER_MS << rewrites.failures_in_a_row.min(8);
        if !rewrites.is_ok && now.0 - rewrites.tried.0 < pause {
            return false;
        }
        if !log.has_keeper() || log.needs_rewrite() {
            return true;
        }
        let percentage = config.number(table::AUTO_AOF_REWRITE_PERCENTAGE) as u64;
        let least = config.number(table::AUTO_AOF_REWRITE_MIN_SIZE) as u64;
        let growth = sizes.current.saturating_sub(sizes.base) * 100 / sizes.base.max(1);
        let is_due = percentage > 0 && sizes.current > least && growth >= percentage;
        if is_due {
            log::notice!("Starting automatic rewriting of AOF on {growth}% growth");
        }
        is_due
    }

    fn due(&self, shared: &Shared, now: UnixMillis) -> Option<Kind> {
        let (is_busy, has_rewrite, has_save, saves) = {
            let state = self.state();
            (state.running.is_some(), state.is_rewrite_scheduled, state.is_save_scheduled, state.saves)
        };
        let may_try = saves.is_ok || now.0 - saves.tried.0 > RETRY_AFTER_MS;
        if is_busy {
            return None;
        }
        if has_rewrite || self.log_wants_rewrite(shared, now) {
            return Some(Kind::Rewrite);
        }
        if has_save && may_try {
            return Some(Kind::Save);
        }
        let changes = shared.engine.counters().changes.saturating_sub(saves.changes);
        let seconds = now.0 / 1000 - saves.last.0 / 1000;
        let point =
            reached(&points(&shared.config.text(table::SAVE)), seconds, changes).filter(|_| may_try)?;
        log::notice!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        Some(Kind::Save)
    }
}
