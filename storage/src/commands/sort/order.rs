//! Putting elements in order.

use super::merge::sort_while;
use super::pattern::Pattern;
use super::source::{Elements, Place};
use crate::commands::lenient::lenient_double;
use crate::error::Error;
use crate::keyspace::view::View;
use std::cmp::Ordering;

/// What elements are compared by.
pub(super) enum Sorting<'a> {
    /// Nothing: they keep their order.
    None,
    /// Themselves.
    ByElement,
    /// What the pattern leads to.
    By(&'a Pattern<'a>),
}

/// An order of elements.
///
/// Those of equal numbers stand by their bytes. Those of equal texts keep the order of their collection, unless
/// that is a table, which has none: then they stand by their bytes, too.
pub(super) struct Order<'a> {
    pub(super) sorting: Sorting<'a>,
    pub(super) is_alphabetic: bool,
    pub(super) is_descending: bool,
}

const NOT_A_NUMBER: Error = Error::Text("ERR One or more scores can't be converted into double");

impl Order<'_> {
    /// Puts elements in this order, as long as that is wanted.
    pub(super) fn arrange(
        &self,
        keys: &mut Option<&mut View<'_>>,
        elements: &mut Elements,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let mut places = std::mem::take(&mut elements.places);
        match (&self.sorting, self.is_alphabetic) {
            (Sorting::None, _) => {}
            (Sorting::ByElement, true) => sort_while(
                &mut places,
                |one, other| self.directed(elements.text(*one).cmp(elements.text(*other))),
                is_wanted,
            ),
            (Sorting::ByElement, false) => {
                let weight = |place: &Place| match place.integer {
                    Some(integer) => Ok(integer as f64),
                    None => number(elements.text(*place)),
                };
                let weights = places.iter().map(weight).collect::<Result<_, _>>()?;
                self.by_numbers(weights, &mut places, elements, is_wanted);
            }
            (Sorting::By(pattern), true) => {
                let weight = |place: &Place| pattern.look_up(keys, elements.text(*place));
                let weights: Vec<_> = places.iter().map(weight).collect();
                self.by_texts(&weights, &mut places, elements, is_wanted);
            }
            (Sorting::By(pattern), false) => {
                let weight = |place: &Place| {
                    pattern.look_up(keys, elements.text(*place)).map_or(Ok(0.0), |text| number(&text))
                };
                let weights = places.iter().map(weight).collect::<Result<_, _>>()?;
                self.by_numbers(weights, &mut places, elements, is_wanted);
            }
        }
        elements.places = places;
        Ok(())
    }

    fn by_numbers(
        &self,
        weights: Vec<f64>,
        places: &mut [Place],
        elements: &Elements,
        is_wanted: &dyn Fn() -> bool,
    ) {
        let compare = |one: &(f64, Place), other: &(f64, Place)| {
            let by_bytes = || elements.text(one.1).cmp(elements.text(other.1));
            one.0.partial_cmp(&other.0).expect("no weight is NaN").then_with(by_bytes)
        };
        self.by_weights(weights.into_iter(), places, compare, is_wanted);
    }

    fn by_texts(
        &self,
        weights: &[Option<Vec<u8>>],
        places: &mut [Place],
        elements: &Elements,
        is_wanted: &dyn Fn() -> bool,
    ) {
        let compare = |one: &(&Option<Vec<u8>>, Place), other: &(&Option<Vec<u8>>, Place)| {
            let by_bytes = || elements.text(one.1).cmp(elements.text(other.1));
            one.0.cmp(other.0).then_with(|| if elements.has_order { Ordering::Equal } else { by_bytes() })
        };
        self.by_weights(weights.iter(), places, compare, is_wanted);
    }

    fn by_weights<W: Copy>(
        &self,
        weights: impl Iterator<Item = W>,
        places: &mut [Place],
        compare: impl Fn(&(W, Place), &(W, Place)) -> Ordering,
        is_wanted: &dyn Fn() -> bool,
    ) {
        let mut weighted: Vec<_> = weights.zip(places.iter().copied()).collect();
        sort_while(&mut weighted, |one, other| self.directed(compare(one, other)), is_wanted);
        places.iter_mut().zip(weighted).for_each(|(place, (_, sorted))| *place = sorted);
    }

    fn directed(&self, ordering: Ordering) -> Ordering {
        if self.is_descending { ordering.reverse() } else { ordering }
    }
}

/// The number that a text is.
fn number(text: &[u8]) -> Result<f64, Error> {
    lenient_double(text).ok_or(NOT_A_NUMBER)
}
