//! What is combined.

use crate::error::Error;
use spinel_types::{SortedSetRef, Str, Value};

/// One of the inputs.
pub(super) struct Input<'v> {
    source: Source<'v>,
    /// What its scores are multiplied by.
    pub(super) weight: f64,
}

#[derive(Clone, Copy)]
enum Source<'v> {
    Missing,
    SortedSet(SortedSetRef<'v>),
}

impl<'v> Input<'v> {
    pub(super) fn of(value: Option<Value<'v>>) -> Result<Input<'v>, Error> {
        let source = match value {
            None => Source::Missing,
            Some(Value::SortedSet(set)) => Source::SortedSet(set),
            Some(_) => return Err(Error::WrongType),
        };
        Ok(Input { source, weight: 1.0 })
    }

    pub(super) fn len(&self) -> usize {
        match self.source {
            Source::Missing => 0,
            Source::SortedSet(set) => set.len(),
        }
    }

    /// A member's score.
    pub(super) fn score(&self, member: Str<'_>) -> Option<f64> {
        match self.source {
            Source::Missing => None,
            Source::SortedSet(set) => set.score(member),
        }
    }

    /// Visits members with their scores until told to stop.
    pub(super) fn for_each(&self, mut visit: impl FnMut(Str<'_>, f64) -> bool) {
        match self.source {
            Source::Missing => {}
            Source::SortedSet(set) => _ = set.iter().all(|(member, score)| visit(member, score)),
        }
    }
}
