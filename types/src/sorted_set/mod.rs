//! Sorted sets: members with scores, in the order of scores, then of members.
//!
//! ```text
//! small   listpack   member, score, member, score …            in its key's entry
//! large   table      member → score                            "what is its score?"  O(1)
//!         tree       (score, slot of the member) in order      "what is its rank?"   O(log n)
//! ```
//!
//! The small form keeps its order in the pack itself, so a rank is a position. [`SortedSetRef`] reads either
//! form and [`SortedSetMut`] edits it, turning it large when it has too many members, or too long a one, for
//! the [`SortedSetLimits`]; it never turns small again by itself.
//!
//! [`Gathering`] makes a sorted set at once of members that come in any order.
//!
//! Members may have stamps: in the large form the table keeps them. A member whose stamp changes may move to
//! another slot, which [`tree::Tree::relocate`] is told.

mod compact;
mod edit;
mod entries;
mod gathering;
mod large;
#[cfg(test)]
mod ordered_score;
mod score;
mod select;
#[cfg(test)]
mod tests;
pub mod tree;
mod view;

use crate::direction::Direction;
use crate::string::{INTEGER_DIGITS_MAX, Str};
pub use edit::{SortedSetLimits, SortedSetMut};
pub use entries::Entries;
pub use gathering::Gathering;
pub use large::SortedSet;
use std::cmp::Ordering;
pub use view::SortedSetRef;

/// What editing a member came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// No score was given.
    Refused,
    /// The member has this score already.
    Same,
    /// The member has another score now.
    Rescored,
    /// The member is new.
    Added,
}

/// Orders members as their texts, byte by byte.
pub(crate) fn compare_texts(left: Str<'_>, right: Str<'_>) -> Ordering {
    if let (Str::Text(left), Str::Text(right)) = (left, right) {
        return left.cmp(right);
    }
    left.text(&mut [0; INTEGER_DIGITS_MAX]).cmp(right.text(&mut [0; INTEGER_DIGITS_MAX]))
}

/// Whether two scores are equal. Zero and minus zero are.
fn is_same(left: f64, right: f64) -> bool {
    left.partial_cmp(&right) == Some(Ordering::Equal)
}
