//! One node of a stream: a listpack of entries whose ids differ little and whose fields are mostly the same.
//!
//! ```text
//! head    live, deleted, field count n, field 1 … field n, 0
//! entry   flags, ms delta, sequence delta, value 1 … value n, elements            flags: SAME_FIELDS
//!         flags, ms delta, sequence delta, m, field 1, value 1 … value m, elements
//! ```
//!
//! Deltas are taken from the id of the first entry ever put there, which is the node's key and stands nowhere in
//! the node; they may wrap. `elements` counts the elements of the entry before it, so that one can walk
//! backwards. A deleted entry stays where it is and has the flag `DELETED`. Files carry the same bytes.
//!
//! Worked example: entries `5-0 a=1` and `5-1 a=2` make a node with the key `5-0` and the elements
//! `2 0 1 "a" 0, 2 0 0 1 4, 2 0 1 2 4`.

use super::{NodeLimits, StreamId};
use crate::buffer::Buffer;
use crate::listpack::{self, Element, Iter, Listpack, ListpackMut, Position};

/// The entry was deleted.
const DELETED: i64 = 1;
/// The fields are those of the head.
const SAME_FIELDS: i64 = 2;

/// Elements of an entry before its values or its fields: flags and the two deltas.
const ENTRY_HEAD: usize = 3;

/// A node that can be read.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    first: StreamId,
    pack: Listpack<'a>,
}

/// What stands before the entries.
pub(super) struct Head<'a> {
    pub(super) live: u64,
    pub(super) deleted: u64,
    names: Iter<'a>,
    names_len: usize,
    entries: Position,
}

/// An entry of a stream.
#[derive(Clone)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Its fields with their values, in the order in which they were given.
    pub fields: Fields<'a>,
}

/// An entry where it stands, deleted or not.
pub(super) struct Found<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) is_deleted: bool,
    flags: i64,
    at: Position,
}

/// The fields of an entry with their values.
#[derive(Clone)]
pub struct Fields<'a> {
    /// The names, if they stand in the node's head.
    names: Option<Iter<'a>>,
    rest: Iter<'a>,
    len: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.len == 0 {
            return None;
        }
        self.len -= 1;
        let name = self.names.as_mut().unwrap_or(&mut self.rest).next()?;
        Some((name, self.rest.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl<'a> Node<'a> {
    pub(super) fn new(first: StreamId, bytes: &'a [u8]) -> Node<'a> {
        Node { first, pack: Listpack::new(bytes) }
    }

    pub(super) fn head(self) -> Head<'a> {
        let mut elements = self.pack.iter();
        let (live, deleted) = (number(&mut elements) as u64, number(&mut elements) as u64);
        let names_len = number(&mut elements) as usize;
        let names = elements.clone();
        elements.nth(names_len).expect("the fields are followed by a zero");
        Head { live, deleted, names, names_len, entries: elements.position() }
    }

    /// The entries, deleted ones too, from either end.
    pub(super) fn walk(self) -> Walk<'a> {
        let head = self.head();
        let rest = self.pack.between(head.entries, self.pack.end());
        Walk { node: self, head, rest }
    }

    /// The id of the last entry, deleted or not.
    pub(super) fn last_id(self) -> Option<StreamId> {
        self.walk().next_back().map(|found| found.entry.id)
    }

    /// Finds the entry with this id that is not deleted. O(entries of the node).
    pub(super) fn find(self, id: StreamId) -> Option<Found<'a>> {
        let mut walk = self.walk();
        let found = std::iter::from_fn(|| walk.next()).find(|found| found.entry.id >= id)?;
        (found.entry.id == id && !found.is_deleted).then_some(found)
    }
}

/// Yields the entries of a node from either end.
pub(super) struct Walk<'a> {
    node: Node<'a>,
    head: Head<'a>,
    rest: Iter<'a>,
}

impl<'a> Walk<'a> {
    #[inline]
    pub(super) fn next(&mut self) -> Option<Found<'a>> {
        let at = self.rest.position();
        let flags = integer(self.rest.next()?);
        let (found, values) = self.read(at, flags);
        self.rest.nth(values).expect("an entry ends with its number of elements");
        Some(found)
    }

    pub(super) fn next_back(&mut self) -> Option<Found<'a>> {
        let elements = integer(self.rest.next_back()?) as usize;
        self.rest.nth_back(elements - 1).expect("an entry has as many elements as it says");
        let at = self.rest.end_position();
        let before = std::mem::replace(&mut self.rest, self.node.pack.between(at, self.node.pack.end()));
        let flags = number(&mut self.rest);
        let (found, _) = self.read(at, flags);
        self.rest = before;
        Some(found)
    }

    /// Reads an entry whose flags were taken from `rest`, and says how many elements of it are left there.
    #[inline]
    fn read(&mut self, at: Position, flags: i64) -> (Found<'a>, usize) {
        let (ms, sequence) = (number(&mut self.rest), number(&mut self.rest));
        let first = self.node.first;
        let id = StreamId {
            ms: first.ms.wrapping_add(ms as u64),
            sequence: first.sequence.wrapping_add(sequence as u64),
        };
        let (names, len, left) = if flags & SAME_FIELDS == 0 {
            let len = number(&mut self.rest) as usize;
            (None, len, len * 2)
        } else {
            (Some(self.head.names.clone()), self.head.names_len, self.head.names_len)
        };
        let fields = Fields { names, rest: self.rest.clone(), len };
        (Found { entry: Entry { id, fields }, is_deleted: flags & DELETED != 0, flags, at }, left)
    }
}

#[inline]
fn integer(element: Element<'_>) -> i64 {
    match element {
        Element::Integer(integer) => integer,
        Element::Text(_) => panic!("not a node of a stream: the bytes were not validated"),
    }
}

#[inline]
fn number(elements: &mut Iter<'_>) -> i64 {
    integer(elements.next().expect("the elements of a node are complete"))
}

/// Writes a node without entries whose head has these fields to an empty buffer.
pub(super) fn create(bytes: &mut Vec<u8>, fields: &[&[u8]]) {
    bytes.extend_from_slice(listpack::EMPTY);
    let head = [0, 0, fields.len() as i64 / 2].map(Element::Integer);
    let names = fields.iter().step_by(2).map(|name| Element::Text(name));
    listpack::extend(bytes, head.into_iter().chain(names).chain([Element::Integer(0)]));
}

/// Whether an entry of so many bytes of fields and values may be appended.
pub(super) fn has_room(bytes: &[u8], limits: NodeLimits, added_bytes: usize) -> bool {
    let mut elements = Listpack::new(bytes).iter();
    let entries = number(&mut elements) + number(&mut elements);
    limits.has_room(bytes.len(), entries as u64, added_bytes)
}

/// Appends an entry of fields and values in turns to the node whose first id is `first`.
pub(super) fn append<'f>(bytes: &mut Vec<u8>, first: StreamId, id: StreamId, fields: &[&'f [u8]]) {
    let node = Node::new(first, bytes);
    let mut head = node.head();
    let is_same = head.names_len * 2 == fields.len()
        && fields
            .iter()
            .step_by(2)
            .all(|name| head.names.next().is_some_and(|stored| stored == Element::Text(name).canonical()));
    let deltas = [id.ms.wrapping_sub(first.ms), id.sequence.wrapping_sub(first.sequence)];
    let [ms, sequence] = deltas.map(|delta| Element::Integer(delta as i64));
    let (live, pairs) = (head.live as i64, fields.len() / 2);
    let text = |word: &&'f [u8]| Element::Text(word);
    if is_same {
        let elements = [Element::Integer(SAME_FIELDS), ms, sequence];
        let count = [Element::Integer((ENTRY_HEAD + pairs) as i64)];
        let values = fields.iter().skip(1).step_by(2).map(text);
        listpack::extend(bytes, elements.into_iter().chain(values).chain(count));
    } else {
        let elements = [Element::Integer(0), ms, sequence, Element::Integer(pairs as i64)];
        let count = [Element::Integer((ENTRY_HEAD + 1 + pairs * 2) as i64)];
        listpack::extend(bytes, elements.into_iter().chain(fields.iter().map(text)).chain(count));
    }
    let mut pack = ListpackMut::new(Buffer::Owned(bytes));
    pack.replace(pack.view().start(), Element::Integer(live + 1));
}

/// Marks entries as deleted, as long as `choose` says so; returns how many were marked.
///
/// Entries that are deleted already are passed over.
pub(super) fn delete(
    bytes: &mut Vec<u8>,
    first: StreamId,
    mut choose: impl FnMut(&Entry<'_>) -> Choice,
) -> u64 {
    let node = Node::new(first, bytes);
    let mut marked: Vec<(Position, i64)> = Vec::new();
    let mut walk = node.walk();
    while let Some(found) = walk.next() {
        if found.is_deleted {
            continue;
        }
        match choose(&found.entry) {
            Choice::Delete => marked.push((found.at, found.flags)),
            Choice::Keep => {}
            Choice::Stop => break,
        }
    }
    let (live, deleted, count) = (walk.head.live, walk.head.deleted, marked.len() as u64);
    let mut pack = ListpackMut::new(Buffer::Owned(bytes));
    // Flags stay one byte long, so positions stay right; the counters of the head may not.
    for (at, flags) in marked {
        pack.replace(at, Element::Integer(flags | DELETED));
    }
    let start = pack.view().start();
    pack.replace(start, Element::Integer((live - count) as i64));
    let second = pack.view().after(start);
    pack.replace(second, Element::Integer((deleted + count) as i64));
    count
}

/// What becomes of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    Delete,
    Keep,
    /// This one and those after it stay.
    Stop,
}
