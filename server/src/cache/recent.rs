//! What was found out about keys a moment ago, for a moment.

use spinel_storage::DbIndex;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many keys are remembered. Who asks for more different ones makes the server forget, and it finds out again.
const KEYS_MAX: usize = 16 * 1024;
/// Of so many URLs and databases it is remembered for one key.
const NOTES_MAX: usize = 16;

/// What something is found out about: what a key of a database gets from a URL.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Subject {
    pub(super) db: DbIndex,
    pub(super) key: Box<[u8]>,
    /// In a normal form.
    pub(super) url: Box<[u8]>,
}

/// Keys, and until when what was found out about them holds, in Unix milliseconds.
#[derive(Default)]
pub(super) struct Recent(Mutex<Keys>);

type Keys = HashMap<Box<[u8]>, Vec<Note>>;

struct Note {
    db: DbIndex,
    url: Box<[u8]>,
    until: i64,
}

impl Note {
    fn is_of(&self, subject: &Subject) -> bool {
        self.db == subject.db && self.url == subject.url
    }
}

impl Recent {
    /// Notes a subject.
    pub(super) fn note(&self, subject: Subject, until: i64, now: i64) {
        let mut keys = self.keys();
        if keys.len() >= KEYS_MAX && !keys.contains_key(&subject.key) {
            keys.retain(|_, notes| notes.iter().any(|note| note.until > now));
            if keys.len() >= KEYS_MAX {
                keys.clear();
            }
        }
        let Subject { db, key, url } = subject;
        let notes = keys.entry(key).or_default();
        notes.retain(|note| note.db != db || note.url != url);
        if notes.len() >= NOTES_MAX {
            notes.remove(0);
        }
        notes.push(Note { db, url, until });
    }

    /// Whether it was noted, and still holds.
    pub(super) fn has(&self, subject: &Subject, now: i64) -> bool {
        let keys = self.keys();
        keys.get(&subject.key)
            .is_some_and(|notes| notes.iter().any(|note| note.is_of(subject) && note.until > now))
    }

    /// Forgets a subject, about which something else was found out.
    pub(super) fn forget(&self, subject: &Subject) {
        let mut keys = self.keys();
        let Some(notes) = keys.get_mut(&subject.key) else { return };
        notes.retain(|note| !note.is_of(subject));
        if notes.is_empty() {
            keys.remove(&subject.key);
        }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(db: u16, key: &str, url: &str) -> Subject {
        Subject { db: DbIndex(db), key: key.as_bytes().into(), url: url.as_bytes().into() }
    }

    fn of_key(key: &str) -> Subject {
        subject(0, key, "")
    }

    #[test]
    fn keys_are_remembered_for_a_while() {
        let recent = Recent::default();
        recent.note(of_key("a"), 10, 0);
        assert!(recent.has(&of_key("a"), 9) && !recent.has(&of_key("a"), 10) && !recent.has(&of_key("b"), 0));
        recent.note(subject(1, "a", ""), 20, 0);
        recent.forget(&of_key("a"));
        assert!(!recent.has(&of_key("a"), 0) && recent.has(&subject(1, "a", ""), 19));
        recent.forget(&subject(1, "a", ""));
        assert!(recent.keys().is_empty());
    }

    #[test]
    fn each_url_of_a_key_is_for_itself() {
        let recent = Recent::default();
        let at = |number: usize| subject(0, "a", &number.to_string());
        recent.note(at(0), 10, 0);
        assert!(recent.has(&at(0), 0) && !recent.has(&at(1), 0) && !recent.has(&of_key("a"), 0));
        recent.forget(&at(1));
        assert!(recent.has(&at(0), 0));
        for number in 1..=NOTES_MAX {
            recent.note(at(number), 10, 0);
        }
        assert!(!recent.has(&at(0), 0) && recent.has(&at(1), 0) && recent.has(&at(NOTES_MAX), 0));
    }

    #[test]
    fn not_more_than_some() {
        let recent = Recent::default();
        for number in 0..KEYS_MAX {
            recent.note(of_key(&number.to_string()), if number == 7 { 10 } else { 1 }, 0);
        }
        recent.note(of_key("x"), 10, 5);
        assert!(recent.has(&of_key("7"), 5) && recent.has(&of_key("x"), 5));
        assert_eq!(recent.keys().len(), 2);
        for number in 0..KEYS_MAX {
            recent.note(of_key(&number.to_string()), 10, 5);
        }
        assert!(recent.keys().len() <= KEYS_MAX);
        assert!(recent.has(&of_key(&(KEYS_MAX - 1).to_string()), 5));
    }
}
