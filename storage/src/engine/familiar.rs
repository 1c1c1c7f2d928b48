//! A command that was found, kept for the next call, which is probably one of the same command.

use super::Engine;
use super::prepare::{KeyHash, Prepared};
use crate::command::table::head;
use crate::error::Error;

/// The longest name of a command that can be familiar.
const NAME_BYTES_MAX: usize = 24;

/// A command that was found by name and number of words, and what tells another call of it: nothing at first.
#[derive(Default)]
pub struct Familiar {
    head: u64,
    name_len: usize,
    words: usize,
    /// The name, where its head is not enough to tell it.
    name: Option<[u8; NAME_BYTES_MAX]>,
    prepared: Option<Prepared>,
}

impl Familiar {
    /// The command, as it was prepared for another key.
    pub fn prepared(&self) -> Option<Prepared> {
        self.prepared
    }

    /// What any call with this name and as many words is.
    fn of(words: &[&[u8]], prepared: Prepared) -> Familiar {
        let name = words[0];
        Familiar {
            head: head(name),
            name_len: name.len(),
            words: words.len(),
            name: None,
            prepared: Some(prepared),
        }
    }

    /// The same if the name has to be compared, unless it is too long for that.
    fn of_long_name(words: &[&[u8]], prepared: Prepared) -> Familiar {
        let mut name = [0; NAME_BYTES_MAX];
        let Some(place) = name.get_mut(..words[0].len()) else { return Familiar::default() };
        place.copy_from_slice(words[0]);
        Familiar { name: Some(name), ..Familiar::of(words, prepared) }
    }

    #[inline]
    fn is_called(&self, name: &[u8]) -> bool {
        name.len() == self.name_len
            && head(name) == self.head
            && self.name.as_ref().is_none_or(|own| {
                let own = &own[..name.len()];
                // Nearly always it is written as before.
                own == name || own.eq_ignore_ascii_case(name)
            })
    }
}

impl Engine {
    /// Hashes the key of `words`, if they call the familiar command.
    #[expect(clippy::inline_always, reason = "callers keep what it finds in registers")]
    #[inline(always)]
    pub fn hash_again(&self, words: &[&[u8]], familiar: &Familiar) -> Option<KeyHash> {
        let prepared = familiar.prepared.as_ref()?;
        if words.len() != familiar.words || !familiar.is_called(words.first()?) {
            return None;
        }
        Some(KeyHash(self.keyspace.hash(words[prepared.key as usize])))
    }

    /// As [`prepare`](Engine::prepare); what it finds becomes the familiar command, if it can, else none is.
    #[inline]
    pub fn prepare_anew(&self, words: &[&[u8]], familiar: &mut Familiar) -> Result<Prepared, Error> {
        if let Some(prepared) = self.prepare_at_once(words) {
            *familiar = Familiar::of(words, prepared);
            return Ok(prepared);
        }
        *familiar = Familiar::default();
        let prepared = self.prepare_carefully(words)?;
        if prepared.is_single() && self.table().by_name(words[0]) == Some(prepared.id) {
            *familiar = Familiar::of_long_name(words, prepared);
        }
        Ok(prepared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Db;

    #[test]
    fn what_is_familiar_is_what_would_be_found() {
        let db = Db::memory();
        let engine = db.engine();
        let calls = [
            "GET k",
            "get k",
            "GET k l",
            "STRLEN k",
            "CACHE.GET k",
            "cache.Get k",
            "CACHE.SET k b",
            "CACHE GET k",
            "CACHE.GET k VARY 0",
            "CACHE\x0eGET k",
            "ZRANGEBYSCORE k 0 1",
            "ZREVRANGEBYSCORE k 1 0",
            "ZREMRANGEBYSCORE k 0 1",
            "ZREMRANGEBYRANK k 0 1",
            "ZRANGEBYSCORX k 0 1",
            "CONFIG GET k",
        ];
        let mut familiar_calls = 0;
        for first in &calls {
            for second in &calls {
                let [first, second] =
                    [first, second].map(|call| call.split(' ').map(str::as_bytes).collect::<Vec<_>>());
                let mut familiar = Familiar::default();
                let _ = engine.prepare_anew(&first, &mut familiar);
                let Some(KeyHash(hash)) = engine.hash_again(&second, &familiar) else { continue };
                let (again, anew) = (familiar.prepared().unwrap(), engine.prepare(&second).ok().unwrap());
                assert_eq!((again.id, again.key, again.name_words), (anew.id, anew.key, anew.name_words));
                assert_eq!(hash, anew.hash);
                familiar_calls += 1;
            }
        }
        // All but those with two words for a name and unknown ones are at least familiar with themselves.
        assert!(familiar_calls >= 12, "{familiar_calls}");
    }
}
