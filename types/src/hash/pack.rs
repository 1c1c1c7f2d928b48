//! Hashes as listpacks, with or without expiry times.

use crate::buffer::Buffer;
use crate::kind::Kind;
use crate::listpack::{Element, Listpack, ListpackMut, Position};
use crate::string::Str;

/// What stands for the expiry of a field that has none.
const NEVER: i64 = 0;

/// Elements per field without and with an expiry time.
const PLAIN: usize = 2;
const EXPIRING: usize = 3;

/// How many elements a field takes in a hash of this kind.
fn width_of(kind: Kind) -> usize {
    debug_assert!(matches!(kind, Kind::HashPack | Kind::ExpiringHashPack));
    if kind == Kind::ExpiringHashPack { EXPIRING } else { PLAIN }
}

/// A hash that is a listpack, to be read.
#[derive(Clone, Copy)]
pub struct FieldPack<'a> {
    pack: Listpack<'a>,
    width: usize,
}

impl<'a> FieldPack<'a> {
    /// Views the bytes of a compact hash of this kind.
    #[inline]
    pub fn new(kind: Kind, bytes: &'a [u8]) -> FieldPack<'a> {
        FieldPack { pack: Listpack::new(bytes), width: width_of(kind) }
    }

    /// How many fields there are. O(1).
    #[inline]
    pub fn len(self) -> usize {
        self.pack.len() / self.width
    }

    /// Whether there is no field.
    pub fn is_empty(self) -> bool {
        self.pack.is_empty()
    }

    /// The listpack with all of it.
    pub fn listpack(self) -> Listpack<'a> {
        self.pack
    }

    /// Whether there is room for expiry times.
    #[inline]
    pub fn has_expiries(self) -> bool {
        self.width == EXPIRING
    }

    /// Every field with its value and its expiry time.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = (Str<'a>, Str<'a>, Option<i64>)> {
        let mut elements = self.pack.iter();
        std::iter::from_fn(move || {
            let (field, value) = (elements.next()?, elements.next()?);
            let expiry = if self.width == EXPIRING { elements.next().and_then(expiry_of) } else { None };
            Some((field, value, expiry))
        })
    }

    /// When the first field expires; `i64::MAX` if none does. O(1).
    pub fn next_due(self) -> i64 {
        match self.pack.first() {
            Some(first) if self.width == EXPIRING => self.expiry(first).unwrap_or(i64::MAX),
            _ => i64::MAX,
        }
    }

    /// Finds a field. O(fields).
    #[inline]
    pub(super) fn find(self, field: &[u8]) -> Option<Position> {
        self.pack.find(Str::Text(field), self.pack.start(), self.width - 1)
    }

    /// The value of the field at a position.
    #[inline]
    pub(super) fn value(self, at: Position) -> Str<'a> {
        self.pack.element(self.pack.after(at))
    }

    /// When the field at a position expires.
    pub(super) fn expiry(self, at: Position) -> Option<i64> {
        if self.width == PLAIN {
            return None;
        }
        expiry_of(self.pack.element(self.pack.after(self.pack.after(at))))
    }

    /// The field of this index, with its value. O(fields).
    pub(super) fn nth(self, index: usize) -> (Str<'a>, Str<'a>) {
        let at = self.pack.seek(index * self.width).expect("the index is below the number of fields");
        (self.pack.element(at), self.value(at))
    }

    /// The same fields as a listpack that has room for expiry times.
    pub(super) fn with_expiries(self) -> Vec<u8> {
        let mut bytes = crate::listpack::EMPTY.to_vec();
        let mut pack = ListpackMut::new(Buffer::Owned(&mut bytes));
        for (field, value, expiry) in self.iter() {
            pack.append_all(&[field, value, Str::Integer(expiry.unwrap_or(NEVER))]);
        }
        bytes
    }

    /// Where a field of this expiry belongs: before all that expire then or later, or not at all. O(fields).
    fn place_of(self, expiry: i64) -> Position {
        let mut at = self.pack.start();
        while at < self.pack.end() {
            let own = self.expiry(at);
            if own.is_none_or(|own| own >= expiry) {
                break;
            }
            (0..self.width).for_each(|_| at = self.pack.after(at));
        }
        at
    }
}

fn expiry_of(element: Element<'_>) -> Option<i64> {
    element.integer().filter(|expiry| *expiry != NEVER)
}

/// A hash that is a listpack, to be changed.
pub(crate) struct FieldPackMut<'a> {
    pack: ListpackMut<'a>,
    width: usize,
}

impl<'a> FieldPackMut<'a> {
    /// Edits the bytes of a compact hash of this kind.
    #[inline]
    pub(crate) fn new(kind: Kind, buffer: Buffer<'a>) -> FieldPackMut<'a> {
        FieldPackMut { pack: ListpackMut::new(buffer), width: width_of(kind) }
    }

    /// The hash as it is now.
    #[inline]
    pub(super) fn view(&self) -> FieldPack<'_> {
        FieldPack { pack: self.pack.view(), width: self.width }
    }

    /// Adds a field that is not there and does not expire.
    pub(super) fn append(&mut self, field: &[u8], value: &[u8]) {
        let elements = [Str::Text(field), Str::Text(value), Str::Integer(NEVER)];
        self.pack.append_all(&elements[..self.width]);
    }

    /// Gives the field at a position another value.
    pub(super) fn replace(&mut self, at: Position, value: &[u8]) {
        let at = self.pack.view().after(at);
        self.pack.replace(at, Str::Text(value));
    }

    /// Removes the field at a position.
    pub(super) fn remove(&mut self, at: Position) {
        self.pack.remove(at, self.width);
    }

    /// Gives the field at a position an expiry time, or none, and puts it where it belongs then. O(fields).
    pub(super) fn set_expiry(&mut self, at: Position, expiry: Option<i64>) {
        debug_assert_eq!(self.width, EXPIRING, "there is room for expiry times");
        let view = self.view();
        let (field, value) = (view.pack.element(at).to_vec(), view.value(at).to_vec());
        self.remove(at);
        let to = match expiry {
            Some(expiry) => self.view().place_of(expiry),
            None => self.pack.view().end(),
        };
        let elements = [Str::Text(&field), Str::Text(&value), Str::Integer(expiry.unwrap_or(NEVER))];
        self.pack.insert_all(to, &elements);
    }

    /// Removes the fields that have expired by `now`, and reports each. O(their number), and the bytes behind
    /// them once.
    pub(crate) fn expire(&mut self, now: i64, mut report: impl FnMut(Str<'_>)) {
        let pack = self.pack.view();
        let (mut elements, mut count, mut end) = (pack.iter(), 0, pack.start());
        while let (Some(field), Some(_), Some(expiry)) = (elements.next(), elements.next(), elements.next()) {
            if expiry_of(expiry).is_none_or(|expiry| expiry > now) {
                break;
            }
            report(field);
            (count, end) = (count + EXPIRING, elements.position());
        }
        let start = self.pack.view().start();
        self.pack.remove_between(start, end, count);
    }
}
