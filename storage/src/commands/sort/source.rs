//! The elements to be sorted.

use crate::error::Error;
use spinel_types::list::Direction;
use spinel_types::{SetRef, Str, Value, ValueType};

/// The elements of a collection, in its own order at first.
pub(super) struct Elements {
    /// The texts of all, one behind the other.
    texts: Vec<u8>,
    pub(super) places: Vec<Place>,
    /// The type of the collection; none if there is no such key.
    pub(super) source: Option<ValueType>,
    /// Whether the collection has an order of its own: not if it is a table.
    pub(super) has_order: bool,
}

/// Where an element's text is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: usize,
    end: usize,
    /// The integer whose decimal the text is, if it was stored as one.
    pub(super) integer: Option<i64>,
}

impl Elements {
    /// Those of a value; none if there is no value.
    pub(super) fn of(value: Option<Value<'_>>) -> Result<Elements, Error> {
        let mut elements = Elements { texts: Vec::new(), places: Vec::new(), source: None, has_order: true };
        match value {
            None => {}
            Some(Value::List(list)) => {
                elements.expect(ValueType::List, list.len());
                list.for_each((0, list.len()), Direction::Forwards, |element| elements.push(element));
            }
            Some(Value::Set(set)) => {
                elements.expect(ValueType::Set, set.len());
                elements.has_order = !matches!(set, SetRef::Large(_));
                set.for_each(|member| elements.push(member));
            }
            Some(Value::SortedSet(set)) => {
                elements.expect(ValueType::SortedSet, set.len());
                set.iter().for_each(|(member, _)| elements.push(member));
            }
            Some(_) => return Err(Error::WrongType),
        }
        Ok(elements)
    }

    /// How many a value has, or would have if it could be sorted.
    pub(super) fn count(value: Value<'_>) -> usize {
        match value {
            Value::List(list) => list.len(),
            Value::Set(set) => set.len(),
            Value::SortedSet(set) => set.len(),
            Value::String(_) | Value::Hash(_) | Value::Stream(_) | Value::HttpCache(_) => 0,
        }
    }

    /// The text of an element.
    pub(super) fn text(&self, place: Place) -> &[u8] {
        &self.texts[place.start..place.end]
    }

    fn expect(&mut self, source: ValueType, count: usize) {
        self.source = Some(source);
        self.places.reserve_exact(count);
    }

    fn push(&mut self, element: Str<'_>) {
        let start = self.texts.len();
        element.append_to(&mut self.texts);
        let integer = if let Str::Integer(integer) = element { Some(integer) } else { None };
        self.places.push(Place { start, end: self.texts.len(), integer });
    }
}
