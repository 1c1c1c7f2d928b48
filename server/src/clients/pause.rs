//! CLIENT PAUSE: holding commands back for a while.

use spinel_storage::UnixMillis;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;

/// Which commands are held back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum PauseMode {
    /// Those that may write.
    Writes,
    /// All.
    Everything,
}

/// The state of the pause. While there is none, asking costs a load.
#[derive(Default)]
pub(crate) struct Pause {
    /// When it ends; 0 if there is none.
    until: AtomicI64,
    mode: Mutex<Option<PauseMode>>,
    ended: Notify,
}

impl Pause {
    /// Starts or extends the pause. A stricter or longer one that is under way is not softened.
    pub(crate) fn start(&self, until: UnixMillis, mode: PauseMode, now: UnixMillis) {
        let mut current = self.mode.lock().unwrap_or_else(PoisonError::into_inner);
        let before = current.filter(|_| self.until.load(Ordering::Relaxed) > now.0);
        *current = before.max(Some(mode));
        self.until.fetch_max(until.0, Ordering::Relaxed);
    }

    /// Ends the pause at once.
    pub(crate) fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
        self.ended.notify_waiters();
    }

    /// What is being held back now.
    #[inline]
    pub(crate) fn mode(&self, now: UnixMillis) -> Option<PauseMode> {
        if self.until.load(Ordering::Relaxed) <= now.0 {
            return None;
        }
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the pause ends if nobody ends or extends it.
    pub(crate) fn until(&self) -> UnixMillis {
        UnixMillis(self.until.load(Ordering::Relaxed))
    }

    /// Told when the pause ends before its time.
    pub(crate) fn ended(&self) -> &Notify {
        &self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_only_ever_made_longer_and_stricter() {
        let pause = Pause::default();
        let mode_at = |now| pause.mode(UnixMillis(now));
        pause.start(UnixMillis(100), PauseMode::Everything, UnixMillis(1));
        pause.start(UnixMillis(50), PauseMode::Writes, UnixMillis(2));
        assert_eq!((mode_at(99), mode_at(100)), (Some(PauseMode::Everything), None));

        pause.start(UnixMillis(300), PauseMode::Writes, UnixMillis(200));
        assert_eq!(mode_at(201), Some(PauseMode::Writes));
        pause.end();
        assert_eq!(mode_at(201), None);
    }
}
