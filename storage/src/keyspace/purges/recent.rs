//! The last purges of a database, for answers that were asked for before them.

use super::Scope;
use crate::pattern::{self, Case};
use spinel_types::http_cache::Variant;
use std::collections::VecDeque;

/// So many purges are remembered after they were swept, for answers that were asked for before them.
const RECENT_MAX: usize = 256;
/// Longer words are not.
const RECENT_WORD_BYTES_MAX: usize = 1024;

/// The last purges of a database, swept or not.
#[derive(Default)]
pub(super) struct Recent {
    words: VecDeque<(u64, Scope, Box<[u8]>)>,
    /// The number of the last one that is not among them any more.
    lost: u64,
}

impl Recent {
    pub(super) fn add(&mut self, number: u64, (scope, word): (Scope, &[u8])) {
        if word.len() > RECENT_WORD_BYTES_MAX {
            self.words.clear();
            self.lost = number;
            return;
        }
        if self.words.len() == RECENT_MAX
            && let Some((number, ..)) = self.words.pop_front()
        {
            self.lost = number;
        }
        self.words.push_back((number, scope, word.into()));
    }

    /// Whether a purge after the one with this number is meant for a variant; also if that is not known any more.
    pub(super) fn concerns(&self, last: u64, key: &[u8], variant: &Variant) -> bool {
        let is_meant = |(_, scope, word): &(u64, Scope, Box<[u8]>)| match scope {
            Scope::Tag => variant.tags().iter().any(|(tag, _)| *tag == **word),
            Scope::Prefix => key.starts_with(word),
            Scope::Pattern => pattern::matches(word, key, Case::Sensitive),
        };
        self.lost > last || self.words.iter().rev().take_while(|(number, ..)| *number > last).any(is_meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spinel_types::http_cache::{Fields, Parts};

    #[test]
    fn purges_are_remembered_for_answers_that_are_on_their_way() {
        let mut recent = Recent::default();
        for (number, scope, word) in
            [(1, Scope::Tag, &b"one"[..]), (2, Scope::Prefix, b"host/"), (3, Scope::Pattern, b"*/b")]
        {
            recent.add(number, (scope, word));
        }
        let tags = Fields::new([(&b"one"[..], &b""[..])]);
        let tagged = Variant::from(Parts { tags, ..Parts::default() });
        for (last, key, expected) in [
            (0, &b"x"[..], true),
            (1, b"x", false),
            (1, b"host/a", true),
            (2, b"host/a", false),
            (2, b"x/b", true),
            (3, b"x/b", false),
        ] {
            assert_eq!(recent.concerns(last, key, &tagged), expected, "{last}");
        }
        for number in 4..4 + RECENT_MAX as u64 {
            recent.add(number, (Scope::Tag, b"two"));
        }
        // What was before those that are remembered may have been meant.
        assert!(recent.concerns(2, b"x", &tagged) && !recent.concerns(3, b"x", &tagged));
        recent.add(1000, (Scope::Tag, &[b'x'; RECENT_WORD_BYTES_MAX + 1]));
        assert!(recent.concerns(999, b"x", &tagged) && !recent.concerns(1000, b"x", &tagged));
        assert!(recent.words.is_empty());
    }
}
