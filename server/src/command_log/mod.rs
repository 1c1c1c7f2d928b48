//! Commands that took long, had large requests or large replies, for SLOWLOG and COMMANDLOG.

mod file;
mod keeping;

pub(crate) use keeping::{keep, restore};

use crate::config::Config;
use crate::config::table::{self, Key};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Words of a command that an entry has at most.
const WORDS_MAX: usize = 32;
/// Bytes of a word that an entry has at most.
const WORD_BYTES_MAX: usize = 128;

/// Why a command is noted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// It took long.
    Slow,
    /// Its request was large.
    LargeRequest,
    /// Its reply was large.
    LargeReply,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Slow, Kind::LargeRequest, Kind::LargeReply];

    /// The name in commands.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Slow => "slow",
            Kind::LargeRequest => "large-request",
            Kind::LargeReply => "large-reply",
        }
    }

    pub(crate) fn by_name(name: &[u8]) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name().as_bytes()))
    }

    /// The setting that says from which value on a command is noted; it is negative if none is.
    const fn threshold(self) -> Key {
        match self {
            Kind::Slow => table::SLOWLOG_LOG_SLOWER_THAN,
            Kind::LargeRequest => table::COMMANDLOG_REQUEST_LARGER_THAN,
            Kind::LargeReply => table::COMMANDLOG_REPLY_LARGER_THAN,
        }
    }

    /// How many entries are kept.
    pub(crate) fn entries_max(self, config: &Config) -> usize {
        let key = match self {
            Kind::Slow => table::SLOWLOG_MAX_LEN,
            Kind::LargeRequest => table::COMMANDLOG_LARGE_REQUEST_MAX_LEN,
            Kind::LargeReply => table::COMMANDLOG_LARGE_REPLY_MAX_LEN,
        };
        usize::try_from(config.number(key)).unwrap_or(usize::MAX)
    }

    /// From which value on a command is noted, if any is: microseconds or bytes.
    pub(crate) fn noted_from(self, config: &Config) -> Option<u64> {
        u64::try_from(config.number(self.threshold())).ok()
    }
}

/// What is noted of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Grows with each entry of the kind.
    pub(crate) id: u64,
    /// When it ended, in seconds since 1970.
    pub(crate) at_seconds: i64,
    /// Microseconds that it took, or bytes of its request or reply.
    pub(crate) value: u64,
    pub(crate) caller: Caller,
    /// The words, cut.
    pub(crate) words: Vec<Vec<u8>>,
}

/// Who called a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    pub(crate) address: Box<str>,
    pub(crate) name: Box<[u8]>,
}

/// The commands that were noted, of each kind.
#[derive(Default)]
pub(crate) struct CommandLog {
    lists: [Mutex<List>; Kind::ALL.len()],
}

/// The newest entry comes first.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct List {
    entries: VecDeque<Entry>,
    next_id: u64,
    /// Whether something has changed since it was last kept on disk.
    is_changed: bool,
}

impl CommandLog {
    /// Notes a command, and forgets the oldest ones beyond `entries_max`; if that is 0, does neither. The entry gets its
    /// number here.
    pub(crate) fn note(&self, kind: Kind, entry: Entry, entries_max: usize) {
        if entries_max == 0 {
            return;
        }
        let mut list = self.list(kind);
        let id = list.next_id;
        list.next_id += 1;
        list.entries.push_front(Entry { id, ..entry });
        list.entries.truncate(entries_max);
        list.is_changed = true;
    }

    /// The newest entries.
    pub(crate) fn newest(&self, kind: Kind, count: usize) -> Vec<Entry> {
        self.list(kind).entries.iter().take(count).cloned().collect()
    }

    pub(crate) fn len(&self, kind: Kind) -> usize {
        self.list(kind).entries.len()
    }

    /// Forgets all entries.
    pub(crate) fn clear(&self, kind: Kind) {
        let mut list = self.list(kind);
        list.entries.clear();
        list.is_changed = true;
    }

    fn list(&self, kind: Kind) -> MutexGuard<'_, List> {
        self.lists[kind as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The words of a command as an entry has them: not too many, none too long.
pub(crate) fn cut(words: &[Cow<'_, [u8]>]) -> Vec<Vec<u8>> {
    if words.len() <= WORDS_MAX {
        return words.iter().map(|word| cut_word(word)).collect();
    }
    let (shown, others) = words.split_at(WORDS_MAX - 1);
    let note = format!("... ({} more arguments)", others.len());
    shown.iter().map(|word| cut_word(word)).chain([note.into_bytes()]).collect()
}

fn cut_word(word: &[u8]) -> Vec<u8> {
    if word.len() <= WORD_BYTES_MAX {
        return word.to_vec();
    }
    let (shown, others) = word.split_at(WORD_BYTES_MAX);
    [shown, format!("... ({} more bytes)", others.len()).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn entry(value: u64) -> Entry {
        let caller = Caller { address: "127.0.0.1:1".into(), name: (*b"me").into() };
        Entry { id: 0, at_seconds: 7, value, caller, words: vec![b"get".to_vec(), b"\r\n\0".to_vec()] }
    }

    #[test]
    fn the_oldest_entries_go_and_numbers_go_on() {
        let log = CommandLog::default();
        (0..3).for_each(|value| log.note(Kind::Slow, entry(value), 2));
        let ids = |count| log.newest(Kind::Slow, count).iter().map(|entry| entry.id).collect::<Vec<_>>();
        assert_eq!((ids(9), ids(1), log.len(Kind::LargeReply)), (vec![2, 1], vec![2], 0));
        log.note(Kind::Slow, entry(3), 0);
        assert_eq!(ids(9), [2, 1]);
        log.clear(Kind::Slow);
        log.note(Kind::Slow, entry(4), 2);
        assert_eq!(ids(9), [3]);
    }

    #[test]
    fn words_are_cut_where_they_are_many_or_long() {
        let many: Vec<_> = (0..34).map(|_| Cow::Borrowed(&b"w"[..])).collect();
        let words = cut(&many);
        assert_eq!((words.len(), &words[31][..]), (32, &b"... (3 more arguments)"[..]));
        assert_eq!(cut(&many[..32]).last().map(Vec::as_slice), Some(&b"w"[..]));
        let long = [Cow::Owned(vec![b'x'; 130])];
        assert_eq!(cut(&long)[0], [&[b'x'; 128][..], b"... (2 more bytes)"].concat());
        assert_eq!(cut(&[Cow::Owned(vec![b'x'; 128])])[0].len(), 128);
    }
}
