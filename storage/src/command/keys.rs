//! Where a command's keys are: one extractor for locking, access control, routing and COMMAND GETKEYS.

use crate::error::Error;

/// What a command does with the keys of one specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUse(u16);

impl KeyUse {
    /// Reads and changes the value.
    pub const READ_WRITE: KeyUse = KeyUse(1);
    /// Only reads the value.
    pub const READ_ONLY: KeyUse = KeyUse(1 << 1);
    /// Replaces the value without reading it.
    pub const OVERWRITE: KeyUse = KeyUse(1 << 2);
    /// Removes the key without reading its value.
    pub const REMOVE: KeyUse = KeyUse(1 << 3);
    /// Gives the user data of the value.
    pub const ACCESS: KeyUse = KeyUse(1 << 4);
    /// Changes data of the value by its former contents.
    pub const UPDATE: KeyUse = KeyUse(1 << 5);
    /// Adds data without looking at what is there.
    pub const INSERT: KeyUse = KeyUse(1 << 6);
    /// Deletes data of the value.
    pub const DELETE: KeyUse = KeyUse(1 << 7);
    /// A channel or another name that is no key.
    pub const NOT_KEY: KeyUse = KeyUse(1 << 8);
    /// The specification may miss keys.
    pub const INCOMPLETE: KeyUse = KeyUse(1 << 9);
    /// The use depends on other arguments.
    pub const VARIABLE: KeyUse = KeyUse(1 << 10);

    /// Every use with its name, in the order of COMMAND INFO.
    pub const ALL: &[(KeyUse, &str)] = &[
        (KeyUse::READ_WRITE, "RW"),
        (KeyUse::READ_ONLY, "RO"),
        (KeyUse::OVERWRITE, "OW"),
        (KeyUse::REMOVE, "RM"),
        (KeyUse::ACCESS, "access"),
        (KeyUse::UPDATE, "update"),
        (KeyUse::INSERT, "insert"),
        (KeyUse::DELETE, "delete"),
        (KeyUse::NOT_KEY, "not_key"),
        (KeyUse::INCOMPLETE, "incomplete"),
        (KeyUse::VARIABLE, "variable_flags"),
    ];

    /// Both uses together.
    #[must_use]
    pub const fn with(self, other: KeyUse) -> KeyUse {
        KeyUse(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: KeyUse) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where the search for keys starts.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this word; the command name is word 0.
    Index(usize),
    /// So many words after the command's name, which takes two words or, where it is dotted, one: see [`is_dotted`].
    /// Clients are told of where that is behind two.
    AfterName(usize),
    /// After this word, searched from a position (negative: backwards from the end).
    Keyword(&'static str, i32),
    /// After this word where it stands for an option, among others of which some are followed by words that may
    /// be equal to it. Shown as a search for the word.
    Option {
        /// The word.
        word: &'static str,
        /// Where clients search from that don't know the other options.
        from: i32,
        /// The other options, and how many words follow each.
        others: &'static [(&'static str, usize)],
    },
    /// Nowhere among the words: the keys' names derive from data. Clients are told that it is unknown. The function
    /// says what a client is told who may not read every key, if a call with these words derives names.
    Derived(fn(&[&[u8]]) -> Option<Error>),
    /// Where this says; clients are told that it is unknown.
    Computed(fn(&[&[u8]]) -> Option<usize>),
}

/// Whether the first word of a call is a container's name and a subcommand's with a dot between them, instead of two words.
pub fn is_dotted(words: &[&[u8]]) -> bool {
    words.first().is_some_and(|name| name.contains(&b'.'))
}

/// Where the word is that stands so many words after the name of a call of a subcommand.
pub(crate) fn after_name(words: &[&[u8]], index: usize) -> usize {
    index + 2 - usize::from(is_dotted(words))
}

/// How the keys follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// A run of words.
    Range {
        /// The last word, counted from the first; negative: from the command's end, −1 the last one.
        last: i32,
        /// Every how many words there is a key.
        step: usize,
        /// Above 1: only the first 1/limit of the words.
        limit: usize,
    },
    /// A count, then as many keys; positions are counted from the start of the search.
    Counted {
        /// Where the count is.
        count: usize,
        /// Where the first key is.
        first: usize,
        /// Every how many words there is a key.
        step: usize,
    },
}

/// Tells what a call with these words does with the keys of a specification.
pub type UseOfCall = fn(&[&[u8]]) -> KeyUse;

/// One specification of keys.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Where to start.
    pub begin: Begin,
    /// How to go on.
    pub find: Find,
    /// What is done with them.
    pub usage: KeyUse,
    /// What a call does with them, where that depends on its other words.
    pub varies: Option<UseOfCall>,
}

impl KeySpec {
    /// One key at a position.
    pub const fn at(index: usize, usage: KeyUse) -> KeySpec {
        KeySpec {
            begin: Begin::Index(index),
            find: Find::Range { last: 0, step: 1, limit: 0 },
            usage,
            varies: None,
        }
    }

    /// One key that follows the name of a subcommand, which may be [dotted](is_dotted).
    pub const fn after_name(usage: KeyUse) -> KeySpec {
        KeySpec { begin: Begin::AfterName(0), ..KeySpec::at(0, usage) }
    }

    /// One key at a position that calls may use in different ways, `usage` being the most they do.
    pub const fn varying(index: usize, usage: KeyUse, varies: UseOfCall) -> KeySpec {
        KeySpec { varies: Some(varies), ..KeySpec::at(index, usage.with(KeyUse::VARIABLE)) }
    }

    /// One key where only the command's own grammar can tell.
    pub const fn computed(start: fn(&[&[u8]]) -> Option<usize>, usage: KeyUse) -> KeySpec {
        KeySpec { begin: Begin::Computed(start), ..KeySpec::at(0, usage) }
    }

    /// Keys whose names derive from data: no word is one of them. `refusal` is that of [`Begin::Derived`].
    pub const fn derived(usage: KeyUse, refusal: fn(&[&[u8]]) -> Option<Error>) -> KeySpec {
        KeySpec { begin: Begin::Derived(refusal), ..KeySpec::at(0, usage) }
    }

    /// Keys from a position to the end, every `step`-th word.
    pub const fn from(index: usize, step: usize, usage: KeyUse) -> KeySpec {
        let find = Find::Range { last: -1, step, limit: 0 };
        KeySpec { find, ..KeySpec::at(index, usage) }
    }

    /// A count at a position, followed by keys, every `step`-th word.
    pub const fn counted(index: usize, step: usize, usage: KeyUse) -> KeySpec {
        let find = Find::Counted { count: 0, first: 1, step };
        KeySpec { find, ..KeySpec::at(index, usage) }
    }

    /// What a call with these words does with the keys.
    pub fn usage_in(&self, words: &[&[u8]]) -> KeyUse {
        self.varies.map_or(self.usage, |varies| varies(words))
    }

    /// The positions of this specification's keys among the words, the command's name being word 0.
    ///
    /// Returns no positions if the words don't fit the specification.
    pub fn positions(&self, words: &[&[u8]]) -> Positions {
        self.try_positions(words).unwrap_or(Positions { next: 0, end: 0, step: 1 })
    }

    fn try_positions(&self, words: &[&[u8]]) -> Option<Positions> {
        let start = match self.begin {
            Begin::Index(index) => index,
            Begin::AfterName(index) => after_name(words, index),
            Begin::Keyword(word, from) => keyword(words, word, from)?,
            Begin::Option { word, others, .. } => option(words, word, others)?,
            Begin::Derived(_) => return None,
            Begin::Computed(start) => start(words)?,
        };
        let (first, end, step) = match self.find {
            Find::Range { last, step, limit } => (start, range_end(words.len(), start, last, limit)?, step),
            Find::Counted { count, first, step } => {
                let count = spinel_resp::parse_integer(words.get(start + count)?)?;
                let count = usize::try_from(count).ok().filter(|count| *count <= words.len())?;
                let first = start + first;
                (first, if count == 0 { first } else { first + (count - 1) * step + 1 }, step)
            }
        };
        (end <= words.len()).then_some(Positions { next: first, end, step })
    }
}

fn range_end(words: usize, start: usize, last: i32, limit: usize) -> Option<usize> {
    let last = match usize::try_from(last) {
        Ok(last) => start + last,
        // Words that can't be shared out evenly are refused by the command.
        Err(_) if limit > 1 => {
            let shared = words.checked_sub(start).filter(|words| words.is_multiple_of(limit))?;
            (start + shared / limit).checked_sub(1)?
        }
        Err(_) => words.checked_sub(last.unsigned_abs() as usize)?,
    };
    Some(last + 1)
}

fn keyword(words: &[&[u8]], keyword: &str, from: i32) -> Option<usize> {
    let is_keyword = |index: &usize| words[*index].eq_ignore_ascii_case(keyword.as_bytes());
    let found = match usize::try_from(from) {
        Ok(from) => (from..words.len()).find(is_keyword),
        Err(_) => (1..=words.len().checked_sub(from.unsigned_abs() as usize)?).rev().find(is_keyword),
    };
    found.map(|index| index + 1)
}

/// The position after an option, with which the options end.
fn option(words: &[&[u8]], name: &str, others: &[(&str, usize)]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?;
        let is = |option: &str| word.eq_ignore_ascii_case(option.as_bytes());
        if is(name) {
            return Some(at + 1);
        }
        at += 1 + others.iter().find(|(option, _)| is(option))?.1;
    }
}

/// First key, last key and step, as clients read them that know no specifications.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyRange {
    /// The first key's position; 0 if there is no key at a fixed one.
    pub first: i32,
    /// The last key's position; negative: from the end.
    pub last: i32,
    /// Every how many words there is a key.
    pub step: i32,
}

impl KeyRange {
    /// Joins those specifications whose keys are neighbours.
    pub fn of(specs: &[KeySpec]) -> KeyRange {
        let mut range = KeyRange::default();
        for next in specs.iter().filter_map(KeySpec::range) {
            if range.first == 0 {
                range = next;
            } else if range.last + 1 == next.first && next.step == 1 && range.step == 1 {
                range.last = next.last;
            }
        }
        range
    }
}

impl KeySpec {
    /// Whether clients can't tell from a [`KeyRange`] where these keys are.
    pub fn is_movable(&self) -> bool {
        self.range().is_none() || self.usage.contains(KeyUse::INCOMPLETE)
    }

    fn range(&self) -> Option<KeyRange> {
        let first = match self.begin {
            Begin::Index(index) => Some(index),
            Begin::AfterName(index) => Some(after_name(&[], index)),
            _ => None,
        };
        match (first, self.find) {
            (Some(first), Find::Range { last, step, .. }) => {
                let first = first as i32;
                let last = if last < 0 { last } else { first + last };
                Some(KeyRange { first, last, step: step as i32 })
            }
            _ => None,
        }
    }
}

/// The positions of keys among a command's words.
#[derive(Clone, Debug)]
pub struct Positions {
    next: usize,
    end: usize,
    step: usize,
}

impl Iterator for Positions {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let position = self.next;
        (position < self.end).then(|| {
            self.next += self.step;
            position
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(spec: KeySpec, line: &str) -> Vec<usize> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        spec.positions(&words).collect()
    }

    #[test]
    fn neighbours_make_one_range() {
        let usage = KeyUse::READ_ONLY;
        let range = |first, last, step| KeyRange { first, last, step };
        assert_eq!(KeyRange::of(&[]), range(0, 0, 0));
        assert_eq!(KeyRange::of(&[KeySpec::from(1, 2, usage)]), range(1, -1, 2));
        assert_eq!(KeyRange::of(&[KeySpec::at(1, usage), KeySpec::at(2, usage)]), range(1, 2, 1));
        assert_eq!(KeyRange::of(&[KeySpec::at(2, usage), KeySpec::from(3, 1, usage)]), range(2, -1, 1));
        assert_eq!(KeyRange::of(&[KeySpec::counted(1, 1, usage)]), range(0, 0, 0));
        assert!(KeySpec::counted(1, 1, usage).is_movable());
    }

    #[test]
    fn a_dotted_name_takes_one_word() {
        let spec = KeySpec::after_name(KeyUse::READ_ONLY);
        assert_eq!(positions(spec, "cache get k v"), [2]);
        assert_eq!(positions(spec, "cache.get k v"), [1]);
        assert_eq!(positions(spec, "cache.get"), [0; 0]);
        assert_eq!(KeyRange::of(&[spec]), KeyRange { first: 2, last: 2, step: 1 });
        assert!(!spec.is_movable());
    }

    #[test]
    fn keys_are_where_the_specification_says() {
        let usage = KeyUse::READ_ONLY;
        assert_eq!(positions(KeySpec::at(1, usage), "get a"), [1]);
        assert_eq!(positions(KeySpec::at(1, usage), "get"), [0; 0]);
        assert_eq!(positions(KeySpec::from(1, 1, usage), "del a b c"), [1, 2, 3]);
        assert_eq!(positions(KeySpec::from(1, 2, usage), "mset a 1 b 2"), [1, 3]);
        assert_eq!(positions(KeySpec::counted(1, 2, usage), "msetex 2 a 1 b 2 nx"), [2, 4]);
        assert_eq!(positions(KeySpec::counted(1, 1, usage), "sintercard 9 a"), [0; 0]);
        assert_eq!(positions(KeySpec::counted(1, 1, usage), "sintercard -1 a"), [0; 0]);
        assert_eq!(positions(KeySpec::counted(1, 1, usage), "sintercard x a"), [0; 0]);
        let half = Find::Range { last: -1, step: 1, limit: 2 };
        let begin = Begin::Option { word: "keys", from: 1, others: &[("group", 2)] };
        let read = KeySpec { begin, find: half, ..KeySpec::at(0, usage) };
        assert_eq!(positions(read, "read group keys keys keys a b 0 0"), [5, 6]);
        assert_eq!(positions(read, "read keys a b 0"), [0; 0]);
        assert_eq!(positions(read, "read other keys a 0"), [0; 0]);
        let store = KeySpec { begin: Begin::Keyword("store", 2), ..KeySpec::at(1, usage) };
        assert_eq!(positions(store, "sort a by x STORE d"), [5]);
    }
}
