//! Holding commands back for a while: CLIENT PAUSE, and what the server itself needs.

use spinel_storage::UnixMillis;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Which commands are held back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum PauseMode {
    /// Those that may write.
    Writes,
    /// All.
    Everything,
}

/// What commands are held back for. Each has a pause of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PauseReason {
    /// CLIENT PAUSE.
    Client,
    /// FAILOVER.
    Failover,
    /// The data set is being saved for the last time.
    Shutdown,
}

const REASONS: usize = 3;

/// The pauses that are under way. While there is none, asking costs a load.
#[derive(Default)]
pub(crate) struct Pause {
    /// When the last of them ends; 0 if there is none.
    until: AtomicI64,
    /// By reason.
    periods: Mutex<[Option<Period>; REASONS]>,
    ended: Notify,
}

#[derive(Clone, Copy)]
struct Period {
    until: UnixMillis,
    mode: PauseMode,
}

impl Pause {
    /// Starts or extends a pause. A stricter or longer one that is under way for the same reason is not softened.
    pub(crate) fn start(&self, reason: PauseReason, until: UnixMillis, mode: PauseMode, now: UnixMillis) {
        let mut periods = self.periods();
        let period = &mut periods[reason as usize];
        let before = period.filter(|period| period.until > now).unwrap_or(Period { until, mode });
        *period = Some(Period { until: before.until.max(until), mode: before.mode.max(mode) });
        self.until.fetch_max(until.0, Ordering::Relaxed);
    }

    /// Ends a pause at once.
    pub(crate) fn end(&self, reason: PauseReason) {
        let mut periods = self.periods();
        periods[reason as usize] = None;
        let last = periods.iter().flatten().map(|period| period.until.0).max();
        self.until.store(last.unwrap_or(0), Ordering::Relaxed);
        drop(periods);
        self.ended.notify_waiters();
    }

    /// What is being held back now.
    #[inline]
    pub(crate) fn mode(&self, now: UnixMillis) -> Option<PauseMode> {
        if self.until.load(Ordering::Relaxed) <= now.0 {
            return None;
        }
        self.longest(now).map(|(_, mode)| mode)
    }

    /// The reason for the pause that ends last, and what is held back for any reason.
    pub(crate) fn longest(&self, now: UnixMillis) -> Option<(PauseReason, PauseMode)> {
        let periods = self.periods();
        let reasons = [PauseReason::Client, PauseReason::Failover, PauseReason::Shutdown];
        let running = || {
            let all = reasons.iter().zip(periods.iter());
            all.filter_map(|(reason, period)| Some((*reason, (*period)?)))
                .filter(|(_, period)| period.until > now)
        };
        let (reason, _) = running().max_by_key(|(_, period)| period.until)?;
        Some((reason, running().map(|(_, period)| period.mode).max()?))
    }

    /// Whether something is held back for a reason, until that is [ended](Pause::end).
    #[inline]
    pub(crate) fn is_for(&self, reason: PauseReason) -> bool {
        self.until.load(Ordering::Relaxed) > 0 && self.periods()[reason as usize].is_some()
    }

    /// When the last pause ends if nobody ends or extends it.
    pub(crate) fn until(&self) -> UnixMillis {
        UnixMillis(self.until.load(Ordering::Relaxed))
    }

    /// Told when a pause ends before its time.
    pub(crate) fn ended(&self) -> &Notify {
        &self.ended
    }

    fn periods(&self) -> MutexGuard<'_, [Option<Period>; REASONS]> {
        self.periods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_only_ever_made_longer_and_stricter() {
        let pause = Pause::default();
        let mode_at = |now| pause.mode(UnixMillis(now));
        let start = |until, mode, now| {
            pause.start(PauseReason::Client, UnixMillis(until), mode, UnixMillis(now));
        };
        start(100, PauseMode::Everything, 1);
        start(50, PauseMode::Writes, 2);
        assert_eq!((mode_at(99), mode_at(100)), (Some(PauseMode::Everything), None));

        start(300, PauseMode::Writes, 200);
        assert_eq!(mode_at(201), Some(PauseMode::Writes));
        pause.end(PauseReason::Client);
        assert_eq!(mode_at(201), None);
    }

    #[test]
    fn each_reason_has_its_own_pause() {
        let pause = Pause::default();
        let now = UnixMillis(10);
        pause.start(PauseReason::Failover, UnixMillis(i64::MAX), PauseMode::Writes, now);
        pause.start(PauseReason::Client, UnixMillis(100), PauseMode::Everything, now);
        assert_eq!(pause.longest(now), Some((PauseReason::Failover, PauseMode::Everything)));
        assert_eq!(pause.mode(UnixMillis(100)), Some(PauseMode::Writes));
        pause.end(PauseReason::Client);
        assert!(pause.is_for(PauseReason::Failover) && !pause.is_for(PauseReason::Client));
        assert_eq!(pause.mode(now), Some(PauseMode::Writes));
        pause.start(PauseReason::Client, UnixMillis(100), PauseMode::Everything, now);
        pause.end(PauseReason::Failover);
        assert_eq!((pause.mode(now), pause.until()), (Some(PauseMode::Everything), UnixMillis(100)));
    }
}
