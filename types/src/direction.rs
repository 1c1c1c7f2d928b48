//! Which way a collection is walked.

/// Which end a walk starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the head, or the lowest score.
    Forwards,
    /// From the tail, or the highest score.
    Backwards,
}
