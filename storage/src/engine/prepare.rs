//! Finding the command that a request calls, before it runs.

use super::Engine;
use crate::command::Handler;
use crate::command::keys::{Begin, Find, KeySpec};
use crate::command::table::{CommandId, Plan};
use crate::error::Error;
use crate::keyspace::shard_of;

/// A command that was found in the table, with the hash of its first key.
#[derive(Clone, Copy)]
pub struct Prepared {
    /// The command.
    pub id: CommandId,
    /// How many words its name takes.
    pub(super) name_words: u8,
    /// Position of the first key among the words; 0 if there is none.
    pub(super) key: u32,
    pub(super) hash: u64,
    /// Who runs it if it is single.
    pub(super) single: Option<Handler>,
}

/// The hash of the key of a single command.
#[derive(Clone, Copy)]
pub struct KeyHash(pub(super) u64);

impl KeyHash {
    /// The shard that the key belongs to.
    pub(crate) fn shard(self) -> usize {
        shard_of(self.0)
    }
}

impl Prepared {
    /// The hash of its key, if it is [single](Prepared::is_single).
    #[inline]
    pub fn key_hash(&self) -> Option<KeyHash> {
        self.single.map(|_| KeyHash(self.hash))
    }

    /// Whether the command needs the shard of one key and nothing else.
    #[inline]
    pub fn is_single(&self) -> bool {
        self.single.is_some()
    }
}

impl Engine {
    /// Finds the command that `words` call and checks their number.
    #[expect(clippy::inline_always, reason = "callers keep what it finds in registers")]
    #[inline(always)]
    pub fn prepare(&self, words: &[&[u8]]) -> Result<Prepared, Error> {
        match self.prepare_at_once(words) {
            Some(prepared) => Ok(prepared),
            None => self.prepare_carefully(words),
        }
    }

    /// Prepares a single command whose name and number of words are all that tells it from others.
    #[expect(clippy::inline_always, reason = "callers keep what it finds in registers")]
    #[inline(always)]
    pub(super) fn prepare_at_once(&self, words: &[&[u8]]) -> Option<Prepared> {
        let (id, row) = self.table().resolve_at_once(words)?;
        let Plan::Single { key, handler } = row.plan else { return None };
        let (name_words, hash) = (row.name_words, self.keyspace.hash(words[key]));
        Some(Prepared { id, name_words, key: key as u32, hash, single: Some(handler) })
    }

    #[inline(never)]
    pub(super) fn prepare_carefully(&self, words: &[&[u8]]) -> Result<Prepared, Error> {
        Ok(self.prepared(self.table().resolve(words)?, words))
    }

    /// Prepares a command that is called by its own name, whatever clients call it.
    pub fn prepare_by_own_name(&self, words: &[&[u8]]) -> Option<Prepared> {
        Some(self.prepared(self.table().resolve_own(words)?, words))
    }

    fn prepared(&self, id: CommandId, words: &[&[u8]]) -> Prepared {
        let row = self.table().row(id);
        let single = match row.plan {
            Plan::Single { handler, .. } => Some(handler),
            Plan::Other => None,
        };
        let key = first_key(row.command.keys, words);
        let hash = if key > 0 { self.keyspace.hash(words[key]) } else { 0 };
        Prepared { id, name_words: row.name_words_in(words), key: key as u32, hash, single }
    }
}

fn first_key(specs: &[KeySpec], words: &[&[u8]]) -> usize {
    match specs {
        [] => 0,
        [KeySpec { begin: Begin::Index(index), find: Find::Range { .. }, .. }, ..]
            if *index < words.len() =>
        {
            *index
        }
        [first, ..] => first.positions(words).next().unwrap_or(0),
    }
}
