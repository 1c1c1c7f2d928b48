//! Sorted sets.

use super::super::fault::Fault;
use super::input::Input;
use super::packed::{TWICE, longest};
use super::value::Decoder;
use spinel_types::string::INTEGER_DIGITS_MAX;
use spinel_types::{Gathering, Kind, Listpack, OwnedValue, SortedSet, Str};
use spinel_types::{Large, listpack};
use std::cmp::Ordering;

const NO_NUMBER: Fault = Fault::Malformed("a score is no number");

/// A score as 8 bytes.
pub(super) fn score(input: &mut Input<'_>) -> Result<f64, Fault> {
    input.array().map(f64::from_le_bytes)
}

/// A score as a text behind its length in one byte, three values of which stand for what is no finite number.
pub(super) fn score_of_text(input: &mut Input<'_>) -> Result<f64, Fault> {
    const NAN: u8 = 253;
    const INFINITY: u8 = 254;
    const NEGATIVE_INFINITY: u8 = 255;
    match input.byte()? {
        NAN => Ok(f64::NAN),
        INFINITY => Ok(f64::INFINITY),
        NEGATIVE_INFINITY => Ok(f64::NEG_INFINITY),
        len => parse(&input.short_text(len)?).ok_or(NO_NUMBER),
    }
}

fn parse(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Decoder {
    pub(super) fn sorted_set(
        &mut self,
        input: &mut Input<'_>,
        score: fn(&mut Input<'_>) -> Result<f64, Fault>,
    ) -> Result<OwnedValue, Fault> {
        let (count, mut gathering) = (input.length()?, Gathering::new(self.forms.seed));
        for _ in 0..count {
            input.text_into(&mut self.text)?;
            add(&mut gathering, Str::Text(&self.text), score(input)?)?;
        }
        Ok(gathering.into_value(self.forms.sorted_set))
    }

    pub(super) fn sorted_set_of_listpack(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let bytes = self.listpack(input)?;
        self.sorted_set_of_pairs(bytes, usize::MAX)
    }

    pub(super) fn sorted_set_of_ziplist(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let bytes = self.ziplist(input)?;
        self.sorted_set_of_pairs(bytes, self.forms.sorted_set.member_bytes_max)
    }

    /// The sorted set of a listpack of members and scores. It becomes large if it has too many, or a longer one than
    /// this.
    fn sorted_set_of_pairs(&mut self, bytes: Vec<u8>, text_bytes_max: usize) -> Result<OwnedValue, Fault> {
        let pack = Listpack::new(&bytes);
        let count = self.check_groups(pack, 2)?;
        if !is_in_order(pack)? {
            return self.sorted_set_in_order(pack);
        }
        let is_short = text_bytes_max == usize::MAX || longest(pack) <= text_bytes_max;
        if count <= self.forms.sorted_set.entries_max && is_short {
            return Ok(OwnedValue::Inline { kind: Kind::SortedSetPack, bytes });
        }
        let pairs = pairs(pack).map(|(member, score)| (member, score_of(score).unwrap_or(0.0)));
        let set = SortedSet::from_sorted(self.forms.seed, pairs);
        Ok(OwnedValue::Large(Large::SortedSet(Box::new(set))))
    }

    fn sorted_set_in_order(&mut self, pack: Listpack<'_>) -> Result<OwnedValue, Fault> {
        let mut gathering = Gathering::new(self.forms.seed);
        for (member, score) in pairs(pack) {
            add(&mut gathering, member, score_of(score).ok_or(NO_NUMBER)?)?;
        }
        Ok(gathering.into_value(self.forms.sorted_set))
    }
}

fn add(gathering: &mut Gathering, member: Str<'_>, score: f64) -> Result<(), Fault> {
    if score.is_nan() {
        return Err(NO_NUMBER);
    }
    let mut is_new = true;
    gathering.put(member, |former| {
        is_new = former.is_none();
        score
    });
    if is_new { Ok(()) } else { Err(Fault::Malformed(TWICE)) }
}

fn pairs(pack: Listpack<'_>) -> impl Iterator<Item = (Str<'_>, Str<'_>)> {
    let mut elements: listpack::Iter<'_> = pack.iter();
    std::iter::from_fn(move || elements.next().zip(elements.next()))
}

/// The score that an element is.
fn score_of(element: Str<'_>) -> Option<f64> {
    match element {
        Str::Integer(integer) => Some(integer as f64),
        Str::Text(text) => parse(text).filter(|score| !score.is_nan()),
    }
}

/// Whether the pairs of a listpack are in order.
fn is_in_order(pack: Listpack<'_>) -> Result<bool, Fault> {
    let (mut is_in_order, mut last) = (true, None);
    for (member, score) in pairs(pack) {
        let pair = (score_of(score).ok_or(NO_NUMBER)?, member);
        is_in_order &= last.is_none_or(|last| is_before(last, pair));
        last = Some(pair);
    }
    Ok(is_in_order)
}

fn is_before((score, member): (f64, Str<'_>), (next_score, next): (f64, Str<'_>)) -> bool {
    match score.partial_cmp(&next_score) {
        Some(Ordering::Equal) => {
            member.text(&mut [0; INTEGER_DIGITS_MAX]) < next.text(&mut [0; INTEGER_DIGITS_MAX])
        }
        order => order == Some(Ordering::Less),
    }
}
