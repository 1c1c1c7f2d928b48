//! Sessions that clients may go on with, so that their next handshake is short.

use rustls::server::StoresServerSessions;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// As many sessions as `tls-session-cache-size` says, each for as long as `tls-session-cache-timeout` says. The oldest
/// make room.
///
/// Each way to be configured has a cache of its own: a session that another certificate or another authority let in
/// is not gone on with.
#[derive(Debug)]
pub(super) struct Sessions {
    /// 0: any number.
    count_max: usize,
    lifetime: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_key: HashMap<Vec<u8>, (Vec<u8>, Instant)>,
    /// All keys with the times from when they are here; some have been taken or stored again since.
    ages: VecDeque<(Vec<u8>, Instant)>,
}

impl Sessions {
    pub(super) fn new(count_max: usize, lifetime: Duration) -> Sessions {
        Sessions { count_max, lifetime, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_at(&self, key: Vec<u8>, value: Vec<u8>, now: Instant) {
        let mut state = self.lock();
        state.by_key.insert(key.clone(), (value, now));
        state.ages.push_back((key, now));
        while let Some((key, since)) = state.ages.front() {
            let current = state.by_key.get(key).is_some_and(|(_, stored)| stored == since);
            let is_over = now.duration_since(*since) >= self.lifetime;
            // Those that were taken count until it is their turn, so that the ages are bounded, too.
            let is_too_many = self.count_max > 0 && state.ages.len() > self.count_max;
            if current && !is_over && !is_too_many {
                return;
            }
            if let Some((key, _)) = state.ages.pop_front().filter(|_| current) {
                state.by_key.remove(&key);
            }
        }
    }

    fn get_at(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        let state = self.lock();
        let (value, since) = state.by_key.get(key)?;
        (now.duration_since(*since) < self.lifetime).then(|| value.clone())
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.put_at(key, value, Instant::now());
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get_at(key, Instant::now())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.get(key);
        self.lock().by_key.remove(key);
        found
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_all_grow_old() {
        let (sessions, start) = (Sessions::new(2, Duration::from_secs(10)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for (key, seconds) in [(1, 0), (2, 1), (3, 2)] {
            sessions.put_at(vec![key], vec![key], at(seconds));
        }
        let has = |key: u8, seconds| sessions.get_at(&[key], at(seconds)).is_some();
        assert_eq!((has(1, 2), has(2, 2), has(3, 2)), (false, true, true));
        assert_eq!((has(2, 10), has(2, 11), has(3, 11)), (true, false, true));
        assert_eq!(sessions.take(&[3]), Some(vec![3]));
        assert_eq!(sessions.take(&[3]), None);
    }

    #[test]
    fn what_is_over_takes_no_memory() {
        let (sessions, start) = (Sessions::new(0, Duration::from_secs(1)), Instant::now());
        for second in 0..1000 {
            sessions.put_at(vec![second as u8], vec![0], start + Duration::from_secs(second));
        }
        let state = sessions.lock();
        assert_eq!((state.by_key.len(), state.ages.len()), (1, 1));
    }
}
