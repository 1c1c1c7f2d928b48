//! Changing a list in the form it has, and turning one form into the other.

use super::node::{Wanted, position};
use super::{Direction, End, List, ListLimits, ListRef, Side};
use crate::kind::Kind;
use crate::large::Large;
use crate::listpack::{self, Element, Listpack, ListpackMut};
use crate::owned::OwnedValue;
use crate::place::{self, Place};

/// A list opened for editing.
///
/// A list becomes large before it grows beyond a listpack's limits, and compact again when what is left after
/// an edit is small: both as Redis does it, because clients see the encoding.
pub struct ListMut<'a> {
    place: Place<'a>,
    limits: ListLimits,
}

impl<'a> ListMut<'a> {
    /// Edits the list in a place.
    #[inline]
    pub fn new(place: Place<'a>, limits: ListLimits) -> ListMut<'a> {
        ListMut { place, limits }
    }

    /// A list without elements.
    pub fn fresh() -> OwnedValue {
        OwnedValue::Inline { kind: Kind::ListPack, bytes: listpack::EMPTY.to_vec() }
    }

    /// The list as it is.
    #[inline]
    pub fn view(&self) -> ListRef<'_> {
        match self.place.large() {
            Some(large) => ListRef::Large(large.as_list()),
            None => ListRef::Compact(Listpack::new(self.place.bytes())),
        }
    }

    /// Adds elements at an end, one after the other, and says how many there are then.
    #[inline]
    pub fn push(&mut self, end: End, elements: &[Element<'_>]) -> usize {
        self.place.count_changes(elements.len() as u64);
        match self.large() {
            Some(list) => push_to_list(list, end, elements),
            None => self.push_to_compact(end, elements),
        }
    }

    fn push_to_compact(&mut self, end: End, elements: &[Element<'_>]) -> usize {
        self.grow(elements);
        match self.form() {
            Form::Large(list) => push_to_list(list, end, elements),
            Form::Compact(mut pack) => {
                push_to_pack(&mut pack, end, elements);
                pack.view().len()
            }
        }
    }

    /// Takes up to `count` elements from an end, visiting each as it would be taken one after the other.
    pub fn take(&mut self, end: End, count: usize, visit: impl FnMut(Element<'_>)) {
        if count == 0 {
            return;
        }
        let form = self.form();
        let list = form.view();
        let count = count.min(list.len());
        let start = if end == End::Head { 0 } else { list.len() - count };
        list.for_each((0, count), end.inwards(), visit);
        if form.remove_range(start, count) {
            self.settle();
        }
        self.place.count_changes(count as u64);
    }

    /// Takes up to `count` elements from an end and returns them in the order they had. What is left keeps its
    /// form until [`ListMut::settle`].
    pub fn cut(&mut self, end: End, count: usize) -> Vec<Taken> {
        let list = self.view();
        let count = count.min(list.len());
        let start = if end == End::Head { 0 } else { list.len() - count };
        let is_large = list.as_large().is_some();
        let mut taken = Vec::with_capacity(count);
        list.for_each((start, count), Direction::Forwards, |element| {
            taken.push(match element {
                Element::Integer(integer) if is_large => Taken::Integer(integer),
                element => Taken::Text(element.to_vec()),
            });
        });
        self.remove_range(start, count);
        self.place.count_changes(count as u64);
        taken
    }

    /// Turns a large list that has become small into a listpack.
    #[inline]
    pub fn settle(&mut self) {
        let Some(large) = self.place.large() else { return };
        if let Some(bytes) = large.as_list().compact_again(self.limits) {
            self.place.set_compact(Kind::ListPack, &bytes);
        }
    }

    /// Puts an element in the place of the one of an index; whether there is one.
    pub fn set(&mut self, index: usize, element: Element<'_>) -> bool {
        self.grow(&[element]);
        if index >= self.view().len() {
            return false;
        }
        match self.form() {
            Form::Large(list) => list.set(index, element),
            Form::Compact(mut pack) => pack.replace(position(pack.view(), index), element),
        }
        self.settle();
        self.place.count_changes(1);
        true
    }

    /// Inserts an element beside the first one equal to `pivot`, if there is one, and says how many there are then.
    pub fn insert(&mut self, pivot: Element<'_>, side: Side, element: Element<'_>) -> Option<usize> {
        self.grow(&[element]);
        let index = self.view().index_of(pivot)?;
        match self.form() {
            Form::Large(list) => list.insert(index, side, element),
            Form::Compact(mut pack) => {
                let index = index + usize::from(side == Side::After);
                pack.insert(position(pack.view(), index), element);
            }
        }
        self.place.count_changes(1);
        Some(self.view().len())
    }

    /// Removes elements equal to one, at most `max`, the first in a direction, and says how many.
    pub fn remove_matches(&mut self, element: Element<'_>, max: usize, direction: Direction) -> usize {
        let removed = match self.form() {
            Form::Large(list) => list.remove_matches(element, max, direction),
            Form::Compact(mut pack) => {
                let positions = Wanted::new(element).positions_in(pack.view(), max, direction);
                pack.remove_each(&positions);
                positions.len()
            }
        };
        if removed > 0 {
            self.settle();
        }
        self.place.count_changes(removed as u64);
        removed
    }

    /// Removes all but the `count` elements from index `start` on, and says how many.
    pub fn keep(&mut self, start: usize, count: usize) -> usize {
        let len = self.view().len();
        let behind = start.saturating_add(count).min(len);
        let removed = start.min(behind) + len - behind;
        self.remove_range(behind, len - behind);
        self.remove_range(0, start.min(behind));
        self.settle();
        self.place.count_changes(removed as u64);
        removed
    }

    fn remove_range(&mut self, start: usize, count: usize) {
        self.form().remove_range(start, count);
    }

    #[inline]
    fn form(&mut self) -> Form<'_> {
        let plain_min = self.limits.plain_min;
        match self.place.form() {
            place::Form::Compact(_, buffer) => Form::Compact(ListpackMut::new(buffer)),
            place::Form::Large(large) => {
                let list = large.as_list_mut();
                list.set_plain_min(plain_min);
                Form::Large(list)
            }
        }
    }

    #[inline]
    fn large(&mut self) -> Option<&mut List> {
        match self.form() {
            Form::Compact(_) => None,
            Form::Large(list) => Some(list),
        }
    }

    /// Turns a listpack into the large form if these elements could make it too large. Integers that come from
    /// a large list don't count.
    fn grow(&mut self, elements: &[Element<'_>]) {
        let ListRef::Compact(pack) = self.view() else { return };
        let text_bytes: usize = elements
            .iter()
            .map(|element| match element {
                Element::Text(text) => text.len(),
                Element::Integer(_) => 0,
            })
            .sum();
        if self.limits.exceeds(pack.bytes().len() + text_bytes, pack.len() + elements.len()) {
            let list = List::of_listpack(pack.bytes().to_vec(), self.limits);
            self.place.set_large(Large::List(Box::new(list)));
        }
    }
}

/// An element taken from a list, to be put into another.
///
/// That integers of a large list stay integers matters: they don't count when the other list's size is guessed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// The decimal of this integer.
    Integer(i64),
    /// These bytes.
    Text(Vec<u8>),
}

impl Taken {
    /// The element, to be read or to be put into a list.
    pub fn element(&self) -> Element<'_> {
        match self {
            Taken::Integer(integer) => Element::Integer(*integer),
            Taken::Text(text) => Element::Text(text),
        }
    }
}

impl End {
    /// The direction away from this end.
    pub fn inwards(self) -> Direction {
        match self {
            End::Head => Direction::Forwards,
            End::Tail => Direction::Backwards,
        }
    }
}

/// A list in the form it has, to be edited.
enum Form<'p> {
    Compact(ListpackMut<'p>),
    Large(&'p mut List),
}

impl Form<'_> {
    #[inline]
    fn view(&self) -> ListRef<'_> {
        match self {
            Form::Compact(pack) => ListRef::Compact(pack.view()),
            Form::Large(list) => ListRef::Large(list),
        }
    }

    /// Removes elements; whether what is left may be small for its form.
    #[inline]
    fn remove_range(self, start: usize, count: usize) -> bool {
        match self {
            Form::Compact(mut pack) => {
                pack.remove(position(pack.view(), start), count);
                false
            }
            Form::Large(list) => {
                list.remove_range(start, count);
                list.nodes() == 1
            }
        }
    }
}

#[inline]
fn push_to_list(list: &mut List, end: End, elements: &[Element<'_>]) -> usize {
    for element in elements {
        list.push(end, *element);
    }
    list.len()
}

#[inline]
fn push_to_pack(pack: &mut ListpackMut<'_>, end: End, elements: &[Element<'_>]) {
    match (end, elements) {
        (End::Head, [element]) => pack.prepend(*element),
        (End::Tail, [element]) => pack.append(*element),
        (End::Tail, elements) => pack.append_all(elements),
        (End::Head, elements) => {
            let reversed: Vec<Element<'_>> = elements.iter().rev().copied().collect();
            pack.insert_all(pack.view().start(), &reversed);
        }
    }
}
