//! Scores in the models of tests.

use std::cmp::Ordering;

/// A score that orders as the tree orders it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Score(pub(super) f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.partial_cmp(&other.0).expect("no NaN here")
    }
}
