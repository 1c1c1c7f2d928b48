//! Putting elements in order.

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
    /// Puts elements in this order.
    pub(super) fn arrange(&self, keys: &mut View<'_>, elements: &mut Elements) -> Result<(), Error> {
        let mut places = std::mem::take(&mut elements.places);
        match (&self.sorting, self.is_alphabetic) {
            (Sorting::None, _) => {}
            (Sorting::ByElement, true) => places
                .sort_unstable_by(|one, other| self.directed(elements.text(*one).cmp(elements.text(*other)))),
            (Sorting::ByElement, false) => {
                let weight = |place: &Place| match place.integer {
                    Some(integer) => Ok(integer as f64),
                    None => number(elements.text(*place)),
                };
                let weights = places.iter().map(weight).collect::<Result<_, _>>()?;
                self.by_numbers(weights, &mut places, elements);
            }
            (Sorting::By(pattern), true) => {
                let weight = |place: &Place| pattern.look_up(keys, elements.text(*place));
                let weights: Vec<_> = places.iter().map(weight).collect();
                let has_order = elements.has_order;
                let by_bytes = |one, other| elements.text(one).cmp(elements.text(other));
                self.by_weights(weights, &mut places, |one, other| {
                    one.0
                        .cmp(&other.0)
                        .then_with(|| if has_order { Ordering::Equal } else { by_bytes(one.1, other.1) })
                });
            }
            (Sorting::By(pattern), false) => {
                let weight = |place: &Place| {
                    pattern.look_up(keys, elements.text(*place)).map_or(Ok(0.0), |text| number(&text))
                };
                let weights = places.iter().map(weight).collect::<Result<_, _>>()?;
                self.by_numbers(weights, &mut places, elements);
            }
        }
        elements.places = places;
        Ok(())
    }

    fn by_numbers(&self, weights: Vec<f64>, places: &mut [Place], elements: &Elements) {
        self.by_weights(weights, places, |one, other| {
            let by_bytes = || elements.text(one.1).cmp(elements.text(other.1));
            one.0.partial_cmp(&other.0).expect("no weight is NaN").then_with(by_bytes)
        });
    }

    fn by_weights<W>(
        &self,
        weights: Vec<W>,
        places: &mut [Place],
        compare: impl Fn(&(W, Place), &(W, Place)) -> Ordering,
    ) {
        let mut weighted: Vec<_> = weights.into_iter().zip(places.iter().copied()).collect();
        weighted.sort_by(|one, other| self.directed(compare(one, other)));
        for (place, (_, sorted)) in places.iter_mut().zip(weighted) {
            *place = sorted;
        }
    }

    fn directed(&self, ordering: Ordering) -> Ordering {
        if self.is_descending { ordering.reverse() } else { ordering }
    }
}

/// The number that a text is.
fn number(text: &[u8]) -> Result<f64, Error> {
    lenient_double(text).ok_or(NOT_A_NUMBER)
}
