//! What is combined.

use crate::error::Error;
use spinel_types::{SetRef, SortedSetRef, Str, Value};

/// The score that a member of a set has.
const SCORE_IN_SETS: f64 = 1.0;

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
    Set(SetRef<'v>),
}

impl<'v> Input<'v> {
    pub(super) fn of(value: Option<Value<'v>>) -> Result<Input<'v>, Error> {
        let source = match value {
            None => Source::Missing,
            Some(Value::SortedSet(set)) => Source::SortedSet(set),
            Some(Value::Set(set)) => Source::Set(set),
            Some(_) => return Err(Error::WrongType),
        };
        Ok(Input { source, weight: 1.0 })
    }

    pub(super) fn len(&self) -> usize {
        match self.source {
            Source::Missing => 0,
            Source::SortedSet(set) => set.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// A member's score.
    pub(super) fn score(&self, member: Str<'_>) -> Option<f64> {
        match self.source {
            Source::Missing => None,
            Source::SortedSet(set) => set.score(member),
            Source::Set(set) => set.contains(member).then_some(SCORE_IN_SETS),
        }
    }

    /// Visits members with their scores until told to stop.
    pub(super) fn for_each(&self, mut visit: impl FnMut(Str<'_>, f64) -> bool) {
        match self.source {
            Source::Missing => {}
            Source::SortedSet(set) => _ = set.iter().all(|(member, score)| visit(member, score)),
            Source::Set(set) => _ = set.iter().all(|member| visit(member, SCORE_IN_SETS)),
        }
    }
}
