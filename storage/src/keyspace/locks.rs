//! Locks of entries of HTTP caches: while somebody has one, others neither refresh an entry nor overwrite it.
//!
//! A lock is about a key, whether or not there is an entry. It ends by itself, so that nobody has to clean up behind who doesn't come back;
//! so it is no data: neither the log nor replicas hear of it, and a restart ends it. Who writes looks here while the shard of the key is locked,
//! as who locks does, so that a write is before or after a lock. Without locks that is a load.

use super::{DbIndex, Keyspace};
use crate::time::UnixMillis;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many locks a database may have at once: a megabyte or two.
pub(crate) const LOCKS_MAX: usize = 10_000;

/// A lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lock {
    /// By what its holder is known.
    pub(crate) token: Box<[u8]>,
    /// The client that took it; 0 if it was none.
    pub(crate) client: u64,
    /// When it ends.
    pub(crate) until: UnixMillis,
}

impl Lock {
    /// Whether somebody is its holder: by what he says, or because he took it.
    fn is_of(&self, client: u64, token: Option<&[u8]>) -> bool {
        token.map_or(client != 0 && client == self.client, |token| *token == *self.token)
    }
}

/// What became of an attempt to lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// It is locked now.
    Locked,
    /// Somebody else has it.
    Refused,
    /// There are as many locks as there may be.
    TooMany,
}

/// The locks of a database.
#[derive(Default)]
pub(super) struct Locks {
    by_key: Mutex<BTreeMap<Box<[u8]>, Lock>>,
    /// Whether there may be any.
    has_any: AtomicBool,
}

impl Locks {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Box<[u8]>, Lock>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those that have ended. O(locks).
    fn sweep(&self, all: &mut BTreeMap<Box<[u8]>, Lock>, now: UnixMillis) {
        all.retain(|_, lock| lock.until > now);
        self.has_any.store(!all.is_empty(), Ordering::Relaxed);
    }
}

impl Keyspace {
    fn locks(&self, db: DbIndex) -> &Locks {
        &self.databases[usize::from(db.0)].locks
    }

    /// Locks a key, or says of a lock with the same token when it ends. The caller holds the key's shard.
    pub(crate) fn lock_entry(&self, db: DbIndex, key: &[u8], lock: Lock, now: UnixMillis) -> Attempt {
        let locks = self.locks(db);
        let mut all = locks.all();
        if all.get(key).is_some_and(|other| other.until > now && other.token != lock.token) {
            return Attempt::Refused;
        }
        if all.len() >= LOCKS_MAX && !all.contains_key(key) {
            locks.sweep(&mut all, now);
            if all.len() >= LOCKS_MAX {
                return Attempt::TooMany;
            }
        }
        all.insert(key.into(), lock);
        locks.has_any.store(true, Ordering::Relaxed);
        Attempt::Locked
    }

    /// Ends the lock with this token; whether there was one. The caller holds the key's shard.
    pub(crate) fn unlock_entry(&self, db: DbIndex, key: &[u8], token: &[u8], now: UnixMillis) -> bool {
        let locks = self.locks(db);
        let mut all = locks.all();
        if !all.get(key).is_some_and(|lock| lock.until > now && *lock.token == *token) {
            return false;
        }
        all.remove(key);
        locks.has_any.store(!all.is_empty(), Ordering::Relaxed);
        true
    }

    /// When the lock of a key ends, if it has one. The caller is inside the gate.
    pub fn entry_locked_until(&self, db: DbIndex, key: &[u8], now: UnixMillis) -> Option<UnixMillis> {
        self.lock_of(db, key, now).map(|lock| lock.until)
    }

    /// Whether somebody else than this one has locked a key.
    pub(crate) fn is_entry_locked(
        &self,
        (db, key): (DbIndex, &[u8]),
        (client, token): (u64, Option<&[u8]>),
        now: UnixMillis,
    ) -> bool {
        self.lock_of(db, key, now).is_some_and(|lock| !lock.is_of(client, token))
    }

    fn lock_of(&self, db: DbIndex, key: &[u8], now: UnixMillis) -> Option<Lock> {
        let locks = self.locks(db);
        if !locks.has_any.load(Ordering::Relaxed) {
            return None;
        }
        locks.all().get(key).filter(|lock| lock.until > now).cloned()
    }

    /// How many keys of all databases are locked. O(locks).
    pub fn locked_entries(&self, now: UnixMillis) -> usize {
        let of_database = |db| {
            let locks = self.locks(DbIndex(db));
            let mut all = locks.all();
            locks.sweep(&mut all, now);
            all.len()
        };
        (0..self.databases()).map(of_database).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::HashSeed;

    const DB: DbIndex = DbIndex(1);

    fn lock(token: &str, client: u64, until: i64) -> Lock {
        Lock { token: token.as_bytes().into(), client, until: UnixMillis(until) }
    }

    #[test]
    fn a_lock_is_its_holders_until_it_ends() {
        let keyspace = Keyspace::new(2, HashSeed::new(1, 2));
        let take = |token, client, until, now| {
            keyspace.lock_entry(DB, b"k", lock(token, client, until), UnixMillis(now))
        };
        let is_locked = |client, token: Option<&str>, now| {
            keyspace.is_entry_locked((DB, b"k"), (client, token.map(str::as_bytes)), UnixMillis(now))
        };
        assert!(!is_locked(1, None, 0));
        assert_eq!(take("a", 7, 100, 0), Attempt::Locked);
        assert_eq!(take("b", 7, 100, 99), Attempt::Refused);
        assert_eq!(keyspace.entry_locked_until(DB, b"k", UnixMillis(99)), Some(UnixMillis(100)));
        assert_eq!(keyspace.entry_locked_until(DbIndex(0), b"k", UnixMillis(99)), None);
        for (client, token, expected) in
            [(7, None, false), (8, None, true), (0, None, true), (8, Some("a"), false), (7, Some("b"), true)]
        {
            assert_eq!(is_locked(client, token, 99), expected, "{client} {token:?}");
            assert!(!is_locked(client, token, 100));
        }
        assert_eq!(take("a", 7, 200, 50), Attempt::Locked, "the holder has it for longer");
        assert!(!keyspace.unlock_entry(DB, b"k", b"b", UnixMillis(150)));
        assert_eq!(keyspace.locked_entries(UnixMillis(150)), 1);
        assert!(keyspace.unlock_entry(DB, b"k", b"a", UnixMillis(150)));
        assert!(!keyspace.unlock_entry(DB, b"k", b"a", UnixMillis(150)));
        assert_eq!(take("b", 0, 300, 150), Attempt::Locked);
        assert!(is_locked(0, None, 150), "who is no client is known by the token only");
        assert_eq!(take("c", 9, 400, 300), Attempt::Locked, "the former has ended");
    }

    #[test]
    fn there_is_an_end_to_locks() {
        let keyspace = Keyspace::new(2, HashSeed::new(1, 2));
        let take = |key: usize, until, now| {
            keyspace.lock_entry(DB, key.to_string().as_bytes(), lock("t", 1, until), UnixMillis(now))
        };
        (0..LOCKS_MAX).for_each(|key| assert_eq!(take(key, 100 + i64::from(key == 0), 0), Attempt::Locked));
        assert_eq!(take(LOCKS_MAX, 200, 99), Attempt::TooMany);
        assert_eq!(take(5, 100, 99), Attempt::Locked, "it has one already");
        assert_eq!(take(LOCKS_MAX, 200, 100), Attempt::Locked, "nearly all have ended");
        assert_eq!(keyspace.locked_entries(UnixMillis(100)), 2);
        assert_eq!(keyspace.locked_entries(UnixMillis(200)), 0);
    }
}
