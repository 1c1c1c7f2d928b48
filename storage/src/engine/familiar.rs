//! A command that was found, kept for the next call, which is probably one of the same command.

use super::Engine;
use super::prepare::{KeyHash, Prepared};
use crate::command::table::head;
use crate::error::Error;

/// A command that was found by name and number of words, and what tells another call of it: nothing at first.
#[derive(Default)]
pub struct Familiar {
    head: u64,
    name_len: usize,
    words: usize,
    prepared: Option<Prepared>,
}

impl Familiar {
    /// The command, as it was prepared for another key.
    pub fn prepared(&self) -> Option<Prepared> {
        self.prepared
    }
}

impl Engine {
    /// Hashes the key of `words`, if they call the familiar command.
    #[expect(clippy::inline_always, reason = "callers keep what it finds in registers")]
    #[inline(always)]
    pub fn hash_again(&self, words: &[&[u8]], familiar: &Familiar) -> Option<KeyHash> {
        let prepared = familiar.prepared.as_ref()?;
        let name = words.first()?;
        if words.len() != familiar.words || name.len() != familiar.name_len || head(name) != familiar.head {
            return None;
        }
        Some(KeyHash(self.keyspace.hash(words[prepared.key as usize])))
    }

    /// As [`prepare`](Engine::prepare); what it finds becomes the familiar command, if it can, else none is.
    #[inline]
    pub fn prepare_anew(&self, words: &[&[u8]], familiar: &mut Familiar) -> Result<Prepared, Error> {
        let Some(prepared) = self.prepare_at_once(words) else {
            *familiar = Familiar::default();
            return self.prepare_carefully(words);
        };
        let name = words[0];
        let (head, name_len) = (head(name), name.len());
        *familiar = Familiar { head, name_len, words: words.len(), prepared: Some(prepared) };
        Ok(prepared)
    }
}
