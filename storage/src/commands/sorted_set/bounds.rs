//! Ranges of ranks, scores and members as clients write them, and what they select.

use crate::commands::lenient::lenient_double;
use crate::error::Error;
use spinel_types::{Direction, SortedSetRef};
use std::ops::{Bound, Range};

/// Bounds of scores.
pub(super) type ScoreBounds = (Bound<f64>, Bound<f64>);
/// Bounds of members; `None` if nothing is within.
pub(super) type MemberBounds<'a> = Option<(Bound<&'a [u8]>, Bound<&'a [u8]>)>;

/// Reads bounds of scores: `(` in front leaves the score itself out.
pub(super) fn score_bounds(low: &[u8], high: &[u8]) -> Result<ScoreBounds, Error> {
    let bounds = score_bound(low).zip(score_bound(high));
    bounds.ok_or(Error::Text("ERR min or max is not a float"))
}

fn score_bound(text: &[u8]) -> Option<Bound<f64>> {
    match text {
        [b'(', score @ ..] => lenient_double(score).map(Bound::Excluded),
        score => lenient_double(score).map(Bound::Included),
    }
}

/// Reads bounds of members: `[` or `(` and a member, `-` or `+`.
pub(super) fn member_bounds<'a>(low: &'a [u8], high: &'a [u8]) -> Result<MemberBounds<'a>, Error> {
    let (low, high) = member_bound(low)
        .zip(member_bound(high))
        .ok_or(Error::Text("ERR min or max not valid string range item"))?;
    Ok(match (low, high) {
        (MemberBound::Highest, _) | (_, MemberBound::Lowest) => None,
        (MemberBound::Lowest, MemberBound::At(high)) => Some((Bound::Unbounded, high)),
        (MemberBound::Lowest, MemberBound::Highest) => Some((Bound::Unbounded, Bound::Unbounded)),
        (MemberBound::At(low), MemberBound::Highest) => Some((low, Bound::Unbounded)),
        (MemberBound::At(low), MemberBound::At(high)) => Some((low, high)),
    })
}

enum MemberBound<'a> {
    Lowest,
    Highest,
    At(Bound<&'a [u8]>),
}

fn member_bound(text: &[u8]) -> Option<MemberBound<'_>> {
    match text {
        [b'-'] | [b'-', 0, ..] => Some(MemberBound::Lowest),
        [b'+'] | [b'+', 0, ..] => Some(MemberBound::Highest),
        [b'[', member @ ..] => Some(MemberBound::At(Bound::Included(member))),
        [b'(', member @ ..] => Some(MemberBound::At(Bound::Excluded(member))),
        _ => None,
    }
}

/// What to select from a sorted set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Bounds<'a> {
    /// From one rank to another, both included; negative ones count from the end.
    Ranks(i64, i64),
    /// Scores.
    Scores(ScoreBounds),
    /// Members, where all scores are equal.
    Members(MemberBounds<'a>),
}

impl Bounds<'_> {
    /// The ranks, counted from the lowest score, of what is selected when the sorted set is walked in a
    /// direction.
    pub(super) fn ranks(self, set: SortedSetRef<'_>, direction: Direction) -> Range<usize> {
        match self {
            Bounds::Ranks(start, stop) => {
                let len = set.len();
                let ranks = rank_range(start, stop, len);
                match direction {
                    Direction::Forwards => ranks,
                    Direction::Backwards => len - ranks.end..len - ranks.start,
                }
            }
            Bounds::Scores((low, high)) => set.ranks_of_scores(low, high),
            Bounds::Members(None) => 0..0,
            Bounds::Members(Some((low, high))) => set.ranks_of_members(low, high, direction),
        }
    }
}

fn rank_range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let absolute = |rank: i64| if rank < 0 { rank.saturating_add(len) } else { rank };
    let (start, stop) = (absolute(start).max(0), absolute(stop).min(len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// Which part of a selection is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limit {
    /// How many to skip.
    pub(super) offset: i64,
    /// How many to take; negative: all.
    pub(super) count: i64,
}

impl Limit {
    /// All of it.
    pub(super) const NONE: Limit = Limit { offset: 0, count: -1 };

    /// Narrows a range of ranks that is walked in a direction.
    ///
    /// A negative offset skips all, but in a large sorted set it counts from the far end of the range: the
    /// reference server does so.
    pub(super) fn narrow(
        self,
        set: SortedSetRef<'_>,
        ranks: Range<usize>,
        direction: Direction,
    ) -> Range<usize> {
        let len = ranks.len();
        let skipped = match usize::try_from(self.offset) {
            Ok(offset) => Some(offset).filter(|offset| *offset < len),
            Err(_) if matches!(set, SortedSetRef::Compact(_)) => None,
            Err(_) => len.checked_sub(self.offset.unsigned_abs() as usize),
        };
        let Some(skipped) = skipped else { return 0..0 };
        let count = usize::try_from(self.count).unwrap_or(usize::MAX).min(len - skipped);
        match direction {
            Direction::Forwards => ranks.start + skipped..ranks.start + skipped + count,
            Direction::Backwards => ranks.end - skipped - count..ranks.end - skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_bounds_are_read_leniently() {
        for (text, expected) in [
            (&b"1"[..], Some(Bound::Included(1.0))),
            (b"(1.5", Some(Bound::Excluded(1.5))),
            (b"", Some(Bound::Included(0.0))),
            (b"(", Some(Bound::Excluded(0.0))),
            (b" 7", None),
            (b"7 ", None),
            (b" ", None),
            (b"-inf", Some(Bound::Included(f64::NEG_INFINITY))),
            (b"(+infinity", Some(Bound::Excluded(f64::INFINITY))),
            (b"1e999", Some(Bound::Included(f64::INFINITY))),
            (b"-1e999", Some(Bound::Included(f64::NEG_INFINITY))),
            (b"1e-999", Some(Bound::Included(0.0))),
            (b"3\x00x", Some(Bound::Included(3.0))),
            (b"0x10", None),
            (b"nan", None),
            (b"((1", None),
            (b"1x", None),
            (b"--1", None),
        ] {
            assert_eq!(score_bound(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn ranks_count_from_both_ends() {
        for (start, stop, len, expected) in [
            (0, -1, 3, 0..3),
            (1, 1, 3, 1..2),
            (-2, -1, 3, 1..3),
            (-9, 9, 3, 0..3),
            (2, 1, 3, 0..0),
            (3, 9, 3, 0..0),
            (0, -9, 3, 0..0),
            (0, -1, 0, 0..0),
            (i64::MIN, i64::MAX, 3, 0..3),
        ] {
            assert_eq!(rank_range(start, stop, len), expected, "{start} {stop} of {len}");
        }
    }
}
