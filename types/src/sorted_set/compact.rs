//! Small sorted sets: a listpack of members and scores in turn, ordered by score, then by member.

use super::score::{ScoreText, element_score, score_element};
use super::{Change, compare_texts};
use crate::buffer::Buffer;
use crate::listpack::{Iter, Listpack, ListpackMut, Position};
use crate::string::Str;
use std::cmp::Ordering;
use std::ops::{Bound, Range};

/// A view of a small sorted set.
#[derive(Clone, Copy)]
pub(super) struct Pairs<'a> {
    pack: Listpack<'a>,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(pack: Listpack<'a>) -> Pairs<'a> {
        Pairs { pack }
    }

    pub(super) fn len(self) -> usize {
        self.pack.len() / 2
    }

    pub(super) fn score(self, member: Str<'_>) -> Option<f64> {
        self.find(member).map(|position| self.score_at(position))
    }

    pub(super) fn rank(self, member: Str<'_>) -> Option<(usize, f64)> {
        let found = self.find(member)?;
        let before = self.pack.between(self.pack.start(), found).count();
        Some((before / 2, self.score_at(found)))
    }

    /// Members and scores of a range of ranks.
    pub(super) fn elements(self, ranks: Range<usize>) -> Iter<'a> {
        let from = self.pack.seek(2 * ranks.start).unwrap_or(self.pack.end());
        let to = self.pack.seek(2 * ranks.end).unwrap_or(self.pack.end());
        self.pack.between(from, to)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (Str<'a>, f64)> {
        let mut elements = self.pack.iter();
        std::iter::from_fn(move || elements.next().zip(elements.next().map(element_score)))
    }

    /// How many pairs come before the first that does not satisfy a condition.
    pub(super) fn partition(self, is_before: impl Fn(Str<'_>, f64) -> bool) -> usize {
        self.iter().take_while(|(member, score)| is_before(*member, *score)).count()
    }

    /// The run of members within bounds that starts at the first one not below.
    pub(super) fn run_up(self, low: Bound<&[u8]>, high: Bound<&[u8]>) -> Range<usize> {
        let start = self.partition(|member, _| is_below(member, low));
        let run = self.iter().skip(start).take_while(|(member, _)| !is_above(*member, high)).count();
        start..start + run
    }

    /// The run of members within bounds that ends at the last one not above.
    pub(super) fn run_down(self, low: Bound<&[u8]>, high: Bound<&[u8]>) -> Range<usize> {
        let mut elements = self.pack.iter();
        let mut members =
            std::iter::from_fn(|| elements.next_back().and_then(|_| elements.next_back())).peekable();
        let mut above = 0;
        while members.next_if(|member| is_above(*member, high)).is_some() {
            above += 1;
        }
        let run = members.take_while(|member| !is_below(*member, low)).count();
        let end = self.len() - above;
        end - run..end
    }

    fn find(self, member: Str<'_>) -> Option<Position> {
        self.pack.find(member, self.pack.start(), 1)
    }

    /// The score behind the member at a position.
    fn score_at(self, member: Position) -> f64 {
        element_score(self.pack.element(self.pack.after(member)))
    }

    fn compare_at(self, at: Position, member: Str<'_>, score: f64) -> Ordering {
        let by_score = self.score_at(at).partial_cmp(&score).expect("scores are numbers");
        by_score.then_with(|| compare_texts(self.pack.element(at), member))
    }

    /// Where a pair belongs: before the first one that comes after it.
    fn place_for(self, member: Str<'_>, score: f64) -> Position {
        let last = self.pack.last().and_then(|score| self.pack.previous(score));
        if last.is_none_or(|at| self.compare_at(at, member, score).is_lt()) {
            return self.pack.end();
        }
        let mut next = self.pack.first();
        while let Some(at) = next {
            if self.compare_at(at, member, score).is_gt() {
                return at;
            }
            next = self.pack.next(self.pack.after(at));
        }
        self.pack.end()
    }

    /// Whether a pair would stay where it is with another score.
    fn stays(self, at: Position, member: Str<'_>, score: f64) -> bool {
        let before = self.pack.previous(at).and_then(|score| self.pack.previous(score));
        let after = self.pack.next(self.pack.after(at));
        before.is_none_or(|at| self.compare_at(at, member, score).is_lt())
            && after.is_none_or(|at| self.compare_at(at, member, score).is_gt())
    }
}

/// Whether a member comes before all that a lower bound lets through.
pub(super) fn is_below(member: Str<'_>, low: Bound<&[u8]>) -> bool {
    match low {
        Bound::Unbounded => false,
        Bound::Included(bound) => compare_texts(member, Str::Text(bound)).is_lt(),
        Bound::Excluded(bound) => compare_texts(member, Str::Text(bound)).is_le(),
    }
}

/// Whether a member comes after all that an upper bound lets through.
pub(super) fn is_above(member: Str<'_>, high: Bound<&[u8]>) -> bool {
    match high {
        Bound::Unbounded => false,
        Bound::Included(bound) => compare_texts(member, Str::Text(bound)).is_gt(),
        Bound::Excluded(bound) => compare_texts(member, Str::Text(bound)).is_ge(),
    }
}

/// Adds a member that is not there.
pub(super) fn insert(buffer: Buffer<'_>, member: Str<'_>, score: f64) {
    let place = Pairs::new(Listpack::new(&buffer)).place_for(member, score);
    insert_at(&mut ListpackMut::new(buffer), place, member, score);
}

fn insert_at(pack: &mut ListpackMut<'_>, place: Position, member: Str<'_>, score: f64) {
    let mut text = ScoreText::default();
    pack.insert_all(place, &[member, score_element(score, &mut text)]);
}

/// Changes the score of a member that is there to what `decide` makes of it, if anything. Without the member,
/// `decide` comes back.
pub(super) fn update<D: FnOnce(Option<f64>) -> Option<f64>>(
    buffer: Buffer<'_>,
    member: Str<'_>,
    decide: D,
) -> Result<Change, D> {
    let pairs = Pairs::new(Listpack::new(&buffer));
    let Some(at) = pairs.find(member) else { return Err(decide) };
    let old = pairs.score_at(at);
    let Some(new) = decide(Some(old)) else { return Ok(Change::Refused) };
    if super::is_same(old, new) {
        return Ok(Change::Same);
    }
    let stays = pairs.stays(at, member, new);
    let mut pack = ListpackMut::new(buffer);
    if stays {
        let score = pack.view().after(at);
        pack.replace(score, score_element(new, &mut ScoreText::default()));
    } else {
        pack.remove(at, 2);
        let place = Pairs::new(pack.view()).place_for(member, new);
        insert_at(&mut pack, place, member, new);
    }
    Ok(Change::Rescored)
}

/// Removes a member and returns its score.
pub(super) fn remove(buffer: Buffer<'_>, member: Str<'_>) -> Option<f64> {
    let pairs = Pairs::new(Listpack::new(&buffer));
    let at = pairs.find(member)?;
    let score = pairs.score_at(at);
    ListpackMut::new(buffer).remove(at, 2);
    Some(score)
}

/// Removes a range of ranks.
pub(super) fn remove_range(buffer: Buffer<'_>, ranks: Range<usize>) {
    let pack = Listpack::new(&buffer);
    if let Some(from) = pack.seek(2 * ranks.start) {
        ListpackMut::new(buffer).remove(from, 2 * ranks.len());
    }
}

/// The bytes of a small sorted set of pairs that are in order.
pub(super) fn from_sorted<'m>(pairs: impl Iterator<Item = (Str<'m>, f64)>) -> Vec<u8> {
    let mut bytes = crate::listpack::EMPTY.to_vec();
    let mut pack = ListpackMut::new(Buffer::Owned(&mut bytes));
    let mut text = ScoreText::default();
    for (member, score) in pairs {
        pack.append_all(&[member, score_element(score, &mut text)]);
    }
    bytes
}
