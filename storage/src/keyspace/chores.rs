//! What has to be done after a command because of what it did to keys. Guards and views note it, the engine does it.

use super::DbIndex;
use super::guard::Detached;
use super::lapse::Lapse;
use super::news::News;
use crate::engine::errand::Errand;
use std::collections::{BTreeSet, VecDeque};

/// The notes of a running command, or of several that run as one. Each thread uses its own again and again.
#[derive(Default)]
pub(crate) struct Chores {
    /// What was found expired and removed; only noted while the journal has a reader.
    pub(crate) lapsed: Vec<Lapse>,
    /// What happened, as far as somebody listens.
    pub(crate) news: News,
    /// Keys that somebody waits for and that changed, in that order.
    pub(crate) roused: VecDeque<(DbIndex, Box<[u8]>)>,
    /// What is needed to take everything back, if that may be asked for.
    pub(crate) undo: Option<Undo>,
    /// By how much the memory in use has grown in bytes, while somebody wants to know.
    pub(crate) growth: i64,
    /// What is left of the command to be done beside others.
    pub(crate) errand: Option<Errand>,
}

/// The values that keys had before they were opened for writing.
#[derive(Default)]
pub(crate) struct Undo {
    known: BTreeSet<(DbIndex, Box<[u8]>)>,
    former: Vec<(DbIndex, Box<[u8]>, Option<Detached>)>,
}

impl Undo {
    /// Whether the value of a key is kept already.
    pub(crate) fn knows(&self, db: DbIndex, key: &[u8]) -> bool {
        self.known.contains(&(db, Box::from(key)))
    }

    /// Keeps the value of a key; nothing if it has none.
    pub(crate) fn keep(&mut self, db: DbIndex, key: &[u8], value: Option<Detached>) {
        self.known.insert((db, Box::from(key)));
        self.former.push((db, Box::from(key), value));
    }

    /// The keys with the values that they had.
    pub(crate) fn into_former(self) -> Vec<(DbIndex, Box<[u8]>, Option<Detached>)> {
        self.former
    }
}
