//! The layout of one member of a large set, sorted set or hash.
//!
//! ```text
//! head u8   bit 7 stamp present, bits 6–5 form of the value, bits 4–0 the key:
//!             0 … 22   text of that length
//!             23, 24   text whose length follows as u8 or u32
//!             25 … 31  integer of 1, 2, 3, 4, 5, 6 or 8 bytes
//! member    head [length] [stamp 8] key [value]
//! value     form 0 none; 1 a 64-bit number; 2 text: length u8, or 255 and u32, then the bytes;
//!           3 integer: its width in bytes u8, then the bytes
//! ```
//!
//! A key or a value that is the canonical decimal of an integer is stored as the integer. So a set's member of
//! 16 bytes takes 17, a 32-bit integer 5, and a sorted set's member of 8 bytes with its score 17. Integers are
//! little-endian and unaligned.

use crate::bytes::same_bytes;
use crate::hash_seed::HashSeed;
use crate::string::Str;
use crate::table::Layout;

const STAMPED: u8 = 0x80;
const STAMP_BYTES: usize = 8;
const FORM_SHIFT: u32 = 5;
const FORM_MASK: u8 = 0x60;
const KEY_MASK: u8 = 0x1f;

const TEXT_SHORT_MAX: usize = 22;
const TEXT_U8: u8 = 23;
const TEXT_U32: u8 = 24;
const INTEGER_FIRST: u8 = 25;
/// Bytes of the integers that the codes from [`INTEGER_FIRST`] on name.
const INTEGER_BYTES: [u8; 7] = [1, 2, 3, 4, 5, 6, 8];
const _: () = assert!(INTEGER_FIRST as usize + INTEGER_BYTES.len() == KEY_MASK as usize + 1);

/// A value length of this or more is written as this and a u32.
const VALUE_U32: u8 = 255;

/// What is stored with a member.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MemberValue<'a> {
    /// Nothing: a set's.
    None,
    /// A score: a sorted set's.
    Score(f64),
    /// A text or an integer: a hash field's.
    Content(Str<'a>),
}

/// The parts of a member that is about to be written.
#[derive(Clone, Copy, Debug)]
pub struct MemberFields<'a> {
    /// Its value.
    pub value: MemberValue<'a>,
    /// When it expires.
    pub stamp: Option<i64>,
}

/// The layout of members: keys are texts or integers, and a text must not be the decimal of an integer
/// ([`Str::parse`] makes the right one).
#[derive(Clone, Copy, Debug)]
pub struct Members;

/// A member in its slot. All accessors are O(1).
#[derive(Clone, Copy)]
pub struct Member<'a> {
    slot: &'a [u8],
}

impl<'a> Member<'a> {
    /// The member itself: a set's element, a hash's field.
    #[inline]
    pub fn key(self) -> Str<'a> {
        let (at, len) = self.key_span();
        let bytes = &self.slot[at..at + len];
        if self.code() < INTEGER_FIRST { Str::Text(bytes) } else { Str::Integer(read_integer(bytes)) }
    }

    /// What is stored with it.
    #[inline]
    pub fn value(self) -> MemberValue<'a> {
        let (at, len) = self.key_span();
        let rest = &self.slot[at + len..];
        match self.form() {
            0 => MemberValue::None,
            1 => MemberValue::Score(f64::from_bits(u64::from_le_bytes(first_bytes(rest)))),
            2 => {
                let (head, len) = text_span(rest);
                MemberValue::Content(Str::Text(&rest[head..head + len]))
            }
            _ => MemberValue::Content(Str::Integer(read_integer(&rest[1..=usize::from(rest[0])]))),
        }
    }

    /// When it expires.
    #[inline]
    pub fn stamp(self) -> Option<i64> {
        let at = self.length_end();
        self.is_stamped().then(|| i64::from_le_bytes(first_bytes(&self.slot[at..])))
    }

    /// How many bytes of its slot it uses.
    pub fn encoded_len(self) -> usize {
        let (at, len) = self.key_span();
        let rest = &self.slot[at + len..];
        let value_len = match self.form() {
            0 => 0,
            1 => 8,
            2 => {
                let (head, len) = text_span(rest);
                head + len
            }
            _ => 1 + usize::from(rest[0]),
        };
        at + len + value_len
    }

    fn code(self) -> u8 {
        self.slot[0] & KEY_MASK
    }

    fn form(self) -> u8 {
        (self.slot[0] & FORM_MASK) >> FORM_SHIFT
    }

    fn is_stamped(self) -> bool {
        self.slot[0] & STAMPED != 0
    }

    /// Where the head with the key's length ends.
    fn length_end(self) -> usize {
        match self.code() {
            TEXT_U8 => 2,
            TEXT_U32 => 5,
            _ => 1,
        }
    }

    /// Where the key starts, and how many bytes it takes.
    #[inline]
    fn key_span(self) -> (usize, usize) {
        let at = self.length_end() + if self.is_stamped() { STAMP_BYTES } else { 0 };
        let len = match self.code() {
            TEXT_U8 => usize::from(self.slot[1]),
            TEXT_U32 => u32::from_le_bytes(first_bytes(&self.slot[1..])) as usize,
            code if code < TEXT_U8 => usize::from(code),
            code => usize::from(INTEGER_BYTES[usize::from(code - INTEGER_FIRST)]),
        };
        (at, len)
    }
}

#[inline]
fn first_bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes.first_chunk().expect("a member is written whole")
}

/// Reads a little-endian integer of 1 to 8 bytes.
#[inline]
fn read_integer(bytes: &[u8]) -> i64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    let unused = 64 - 8 * bytes.len() as u32;
    i64::from_le_bytes(word) << unused >> unused
}

/// The narrowest of [`INTEGER_BYTES`] that holds an integer, by its index.
#[inline]
fn width_index(integer: i64) -> usize {
    let bits = 65 - if integer < 0 { !integer } else { integer }.leading_zeros();
    match bits {
        0..=48 => bits.div_ceil(8) as usize - 1,
        _ => INTEGER_BYTES.len() - 1,
    }
}

#[inline]
fn integer_bytes(integer: i64) -> usize {
    usize::from(INTEGER_BYTES[width_index(integer)])
}

/// Where a text value starts behind its length, and how many bytes it has.
#[inline]
fn text_span(bytes: &[u8]) -> (usize, usize) {
    match bytes[0] {
        VALUE_U32 => (5, u32::from_le_bytes(first_bytes(&bytes[1..])) as usize),
        len => (1, usize::from(len)),
    }
}

fn key_len(key: Str<'_>) -> usize {
    match key {
        Str::Integer(integer) => 1 + integer_bytes(integer),
        Str::Text(text) => {
            text.len() + [1, 2, 5][usize::from(text.len() > TEXT_SHORT_MAX) + usize::from(text.len() > 255)]
        }
    }
}

fn value_len(value: MemberValue<'_>) -> usize {
    match value {
        MemberValue::None => 0,
        MemberValue::Score(_) => 8,
        MemberValue::Content(Str::Integer(integer)) => 1 + integer_bytes(integer),
        MemberValue::Content(Str::Text(text)) => {
            text.len() + if text.len() < usize::from(VALUE_U32) { 1 } else { 5 }
        }
    }
}

/// Appends to the front of a slot.
struct Writer<'a> {
    slot: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.slot[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn put_key(&mut self, key: Str<'_>, stamp: Option<i64>) {
        let stamp_bytes = stamp.unwrap_or(0).to_le_bytes();
        let stamp_bytes = &stamp_bytes[..if stamp.is_some() { STAMP_BYTES } else { 0 }];
        let flag = if stamp.is_some() { STAMPED } else { 0 };
        match key {
            Str::Integer(integer) => {
                let index = width_index(integer);
                self.put(&[flag | (INTEGER_FIRST + index as u8)]);
                self.put(stamp_bytes);
                self.put(&integer.to_le_bytes()[..usize::from(INTEGER_BYTES[index])]);
            }
            Str::Text(text) => {
                match text.len() {
                    len @ 0..=TEXT_SHORT_MAX => self.put(&[flag | len as u8]),
                    len @ 0..=255 => self.put(&[flag | TEXT_U8, len as u8]),
                    len => {
                        self.put(&[flag | TEXT_U32]);
                        self.put(&(len as u32).to_le_bytes());
                    }
                }
                self.put(stamp_bytes);
                self.put(text);
            }
        }
    }

    fn put_value(&mut self, value: MemberValue<'_>) {
        let form = match value {
            MemberValue::None => 0,
            MemberValue::Score(score) => {
                self.put(&score.to_bits().to_le_bytes());
                1
            }
            MemberValue::Content(Str::Text(text)) => {
                match text.len() {
                    len @ 0..255 => self.put(&[len as u8]),
                    len => {
                        self.put(&[VALUE_U32]);
                        self.put(&(len as u32).to_le_bytes());
                    }
                }
                self.put(text);
                2
            }
            MemberValue::Content(Str::Integer(integer)) => {
                let width = integer_bytes(integer);
                self.put(&[width as u8]);
                self.put(&integer.to_le_bytes()[..width]);
                3
            }
        };
        self.slot[0] |= form << FORM_SHIFT;
    }
}

impl Layout for Members {
    type Key<'a> = Str<'a>;
    type Fields<'a> = MemberFields<'a>;
    type View<'a> = Member<'a>;

    #[inline]
    fn hash(seed: HashSeed, key: Str<'_>) -> u64 {
        match key {
            Str::Text(text) => seed.hash(text),
            Str::Integer(integer) => seed.hash_integer(integer),
        }
    }

    #[inline]
    fn is_at(slot: &[u8], key: Str<'_>) -> bool {
        match (Member { slot }.key(), key) {
            (Str::Text(one), Str::Text(other)) => same_bytes(one, other),
            (Str::Integer(one), Str::Integer(other)) => one == other,
            _ => false,
        }
    }

    #[inline]
    fn key(slot: &[u8]) -> Str<'_> {
        Member { slot }.key()
    }

    #[inline]
    fn view(slot: &[u8]) -> Member<'_> {
        Member { slot }
    }

    #[inline]
    fn stamp(slot: &[u8]) -> Option<i64> {
        Member { slot }.stamp()
    }

    fn encoded_len(slot: &[u8]) -> usize {
        Member { slot }.encoded_len()
    }

    fn len_of(key: Str<'_>, fields: &MemberFields<'_>) -> usize {
        let stamp_len = if fields.stamp.is_some() { STAMP_BYTES } else { 0 };
        key_len(key) + stamp_len + value_len(fields.value)
    }

    fn write(slot: &mut [u8], key: Str<'_>, fields: &MemberFields<'_>) -> Option<i64> {
        let mut writer = Writer { slot, at: 0 };
        writer.put_key(key, fields.stamp);
        writer.put_value(fields.value);
        fields.stamp
    }

    fn len_stamped(slot: &[u8], stamp: Option<i64>) -> usize {
        let member = Member { slot };
        let bare = member.encoded_len() - if member.is_stamped() { STAMP_BYTES } else { 0 };
        bare + if stamp.is_some() { STAMP_BYTES } else { 0 }
    }

    fn restamp(slot: &mut [u8], stamp: Option<i64>) {
        let member = Member { slot };
        let (at, end, was_stamped) = (member.length_end(), member.encoded_len(), member.is_stamped());
        match (was_stamped, stamp) {
            (false, Some(_)) => slot.copy_within(at..end, at + STAMP_BYTES),
            (true, None) => slot.copy_within(at + STAMP_BYTES..end, at),
            _ => {}
        }
        slot[0] &= !STAMPED;
        if let Some(stamp) = stamp {
            slot[0] |= STAMPED;
            slot[at..at + STAMP_BYTES].copy_from_slice(&stamp.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers() -> impl Iterator<Item = i64> {
        let edges = (0..63).flat_map(|bit| [(1_i64 << bit) - 1, 1 << bit, -(1 << bit), -(1 << bit) - 1]);
        edges.chain([i64::MIN, i64::MAX])
    }

    fn check(key: Str<'_>, value: MemberValue<'_>) {
        for stamp in [None, Some(5), Some(-1)] {
            let fields = MemberFields { value, stamp };
            let len = Members::len_of(key, &fields);
            let mut slot = vec![0xaa; len + STAMP_BYTES];
            assert_eq!(Members::write(&mut slot, key, &fields), stamp);
            for next in [stamp, Some(77), None, Some(i64::MIN)] {
                let len = Members::len_stamped(&slot, next);
                Members::restamp(&mut slot, next);
                let member = Members::view(&slot);
                assert_eq!((member.key(), member.value(), member.stamp()), (key, value, next));
                assert_eq!(member.encoded_len(), len);
                assert!(Members::is_at(&slot, key) && !Members::is_at(&slot, Str::Text(b"other")));
            }
        }
    }

    #[test]
    fn members_read_back() {
        let texts: Vec<Vec<u8>> = [0, 1, 22, 23, 254, 255, 256, 70_000].map(|len| vec![b'x'; len]).into();
        for text in &texts {
            check(Str::Text(text), MemberValue::None);
            check(Str::Text(text), MemberValue::Score(-1.5));
            for value in &texts {
                check(Str::Text(text), MemberValue::Content(Str::Text(value)));
            }
        }
        for integer in integers() {
            check(Str::Integer(integer), MemberValue::Score(f64::INFINITY));
            check(Str::Integer(integer), MemberValue::Content(Str::Integer(integer)));
        }
    }

    #[test]
    fn sizes_are_as_drawn() {
        let len = |key, value| Members::len_of(key, &MemberFields { value, stamp: None });
        assert_eq!(len(Str::Text(&[b'x'; 16]), MemberValue::None), 17);
        assert_eq!(len(Str::Integer(-2_000_000_000), MemberValue::None), 5);
        assert_eq!(len(Str::Text(b"8 bytes."), MemberValue::Score(1.0)), 17);
    }
}
