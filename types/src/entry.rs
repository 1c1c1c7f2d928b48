//! The layout of one entry: everything about a key in one run of bytes.
//!
//! ```text
//!          0        1..4     4        5        …
//! narrow   flags    clock    klen u8  vlen u8  [stamp] key value
//! wide     flags    clock    klen u32 vlen u32 [stamp] key value
//! ```
//!
//! `flags` holds the kind in its low nibble (what the value is; 0 is never a kind), then whether the lengths
//! are wide (either is above 255) and whether a stamp is present, and how long: 6 bytes from 0 up to 2^48 − 1
//! (milliseconds until the year 10889), else 8. Its highest bit is the [`Parity`]. The clock is 24 bits that the
//! keyspace uses for access times or frequencies. Integers are little-endian and unaligned.
//!
//! A key of 8 bytes with a value of 8 takes 6 + 16 = 22 bytes, which fit the 24-byte size class; with a stamp
//! 28, a class of its own. A key of 16 with 32 takes 54 and 60 in the classes of 56 and 60.

use crate::bytes::same_bytes;
use crate::hash_seed::HashSeed;
use crate::table::Layout;

/// Bytes before the stamp in the narrow and in the wide form.
const NARROW: usize = 6;
const WIDE: usize = 12;
const STAMP_SHORT: usize = 6;
const STAMP_LONG: usize = 8;
/// The first stamp that needs the long form.
const STAMP_SHORT_END: i64 = 1 << (8 * STAMP_SHORT);

const KIND_MASK: u8 = 0x0f;
const FLAG_STAMP: u8 = 0x10;
const FLAG_WIDE: u8 = 0x20;
/// With [`FLAG_STAMP`]: the stamp takes 8 bytes.
const FLAG_LONG: u8 = 0x40;
/// The parity is odd.
const FLAG_ODD: u8 = 0x80;

/// A bit for whoever goes through all entries while they change: it tells those he has to do with from the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Parity {
    /// The bit is clear.
    #[default]
    Even = 0,
    /// The bit is set.
    Odd = FLAG_ODD,
}

impl Parity {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Parity {
        match self {
            Parity::Even => Parity::Odd,
            Parity::Odd => Parity::Even,
        }
    }
}

/// Where the key starts, by the flags above the kind.
const KEY_STARTS: [u8; 8] = key_starts();

const fn key_starts() -> [u8; 8] {
    let mut starts = [0; 8];
    let mut flags = 0;
    while flags < starts.len() {
        let of_flags = (flags as u8) << 4;
        let head = if of_flags & FLAG_WIDE == 0 { NARROW } else { WIDE };
        let stamp = match of_flags & (FLAG_STAMP | FLAG_LONG) {
            FLAG_STAMP => STAMP_SHORT,
            0 | FLAG_LONG => 0,
            _ => STAMP_LONG,
        };
        starts[flags] = (head + stamp) as u8;
        flags += 1;
    }
    starts
}

/// The parts of an entry that is about to be written.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// What the value is, 1 to 15; its meaning belongs to the table's user.
    pub kind: u8,
    /// The value's bytes.
    pub value: &'a [u8],
    /// A time or any other number the table orders entries by; see `Table::next_due`.
    pub stamp: Option<i64>,
    /// 24 bits for the user.
    pub clock: u32,
    /// A bit for the user.
    pub parity: Parity,
}

/// Says how many bytes an entry takes.
#[inline]
pub fn encoded_len(key_len: usize, value_len: usize, stamp: Option<i64>) -> usize {
    let head = if is_wide(key_len, value_len) { WIDE } else { NARROW };
    head + stamp_len(stamp) + key_len + value_len
}

#[inline]
fn stamp_len(stamp: Option<i64>) -> usize {
    match stamp {
        None => 0,
        Some(0..STAMP_SHORT_END) => STAMP_SHORT,
        Some(_) => STAMP_LONG,
    }
}

/// Writes a stamp at the start of `room` and returns the flags that say so.
#[inline]
fn write_stamp(room: &mut [u8], stamp: Option<i64>) -> u8 {
    let length = stamp_len(stamp);
    room[..length].copy_from_slice(&stamp.unwrap_or(0).to_le_bytes()[..length]);
    match length {
        0 => 0,
        STAMP_SHORT => FLAG_STAMP,
        _ => FLAG_STAMP | FLAG_LONG,
    }
}

fn is_wide(key_len: usize, value_len: usize) -> bool {
    key_len > 0xff || value_len > 0xff
}

/// Writes an entry to the start of `slot`, which must have room for it.
fn write(slot: &mut [u8], key: &[u8], fields: &Fields<'_>) {
    debug_assert!(fields.kind != 0 && fields.kind <= KIND_MASK);
    let wide = is_wide(key.len(), fields.value.len());
    slot[0] = fields.kind | fields.parity as u8;
    write_clock(slot, fields.clock);
    let mut at = write_lengths(slot, wide, key.len(), fields.value.len());
    slot[0] |= write_stamp(&mut slot[at..], fields.stamp);
    at += stamp_len(fields.stamp);
    slot[at..at + key.len()].copy_from_slice(key);
    at += key.len();
    slot[at..at + fields.value.len()].copy_from_slice(fields.value);
}

/// Writes both lengths and says where the stamp or the key follows.
fn write_lengths(slot: &mut [u8], wide: bool, key_len: usize, value_len: usize) -> usize {
    if wide {
        slot[0] |= FLAG_WIDE;
        slot[4..8].copy_from_slice(&(key_len as u32).to_le_bytes());
        slot[8..12].copy_from_slice(&(value_len as u32).to_le_bytes());
        WIDE
    } else {
        slot[4] = key_len as u8;
        slot[5] = value_len as u8;
        NARROW
    }
}

fn write_clock(slot: &mut [u8], clock: u32) {
    slot[1..4].copy_from_slice(&clock.to_le_bytes()[..3]);
}

#[inline]
fn word16(bytes: &[u8], at: usize) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(word)
}

#[inline]
fn word32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// A read-only view of an entry. All accessors are O(1).
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    slot: &'a [u8],
}

impl<'a> Entry<'a> {
    #[inline]
    pub(crate) fn new(slot: &'a [u8]) -> Entry<'a> {
        debug_assert!(slot[0] & KIND_MASK != 0, "a freed slot has no kind");
        Entry { slot }
    }

    /// What the value is.
    #[inline]
    pub fn kind(self) -> u8 {
        self.slot[0] & KIND_MASK
    }

    /// The 24 bits kept for the user.
    #[inline]
    pub fn clock(self) -> u32 {
        word32(self.slot, 0) >> 8
    }

    /// The bit kept for the user.
    #[inline]
    pub fn parity(self) -> Parity {
        if self.slot[0] & FLAG_ODD == 0 { Parity::Even } else { Parity::Odd }
    }

    /// The bytes of the entry.
    pub(crate) fn bytes(self) -> &'a [u8] {
        &self.slot[..self.encoded_len()]
    }

    /// Whether there is a stamp.
    #[inline]
    pub fn is_stamped(self) -> bool {
        self.slot[0] & FLAG_STAMP != 0
    }

    /// The stamp, if there is one.
    #[inline]
    pub fn stamp(self) -> Option<i64> {
        if !self.is_stamped() {
            return None;
        }
        let at = if self.is_wide() { WIDE } else { NARROW };
        let low = i64::from(word32(self.slot, at));
        let high = if self.slot[0] & FLAG_LONG == 0 {
            i64::from(word16(self.slot, at + 4))
        } else {
            i64::from(word32(self.slot, at + 4))
        };
        Some(high << 32 | low)
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        let at = self.key_start();
        &self.slot[at..at + self.key_len()]
    }

    /// The value's bytes.
    #[expect(clippy::inline_always, reason = "a few instructions on the path of every read")]
    #[inline(always)]
    pub fn value(self) -> &'a [u8] {
        let at = self.key_start() + self.key_len();
        &self.slot[at..at + self.value_len()]
    }

    /// How many bytes of its slot the entry uses.
    pub fn encoded_len(self) -> usize {
        self.key_start() + self.key_len() + self.value_len()
    }

    #[inline]
    fn is_wide(self) -> bool {
        self.slot[0] & FLAG_WIDE != 0
    }

    #[inline]
    fn key_start(self) -> usize {
        usize::from(KEY_STARTS[usize::from(self.slot[0] >> 4 & 7)])
    }

    #[inline]
    fn key_len(self) -> usize {
        if self.is_wide() { word32(self.slot, 4) as usize } else { usize::from(self.slot[4]) }
    }

    #[inline]
    fn value_len(self) -> usize {
        if self.is_wide() { word32(self.slot, 8) as usize } else { usize::from(self.slot[5]) }
    }
}

/// A view of an entry that may change in place whatever does not change its size.
pub struct EntryMut<'a> {
    slot: &'a mut [u8],
}

impl<'a> EntryMut<'a> {
    pub(crate) fn new(slot: &'a mut [u8]) -> EntryMut<'a> {
        EntryMut { slot }
    }

    /// The same entry, read-only.
    pub fn as_entry(&self) -> Entry<'_> {
        Entry::new(self.slot)
    }

    /// The value's bytes, to be overwritten in place.
    pub fn value_mut(&mut self) -> &mut [u8] {
        let entry = Entry::new(self.slot);
        let at = entry.key_start() + entry.key_len();
        let end = at + entry.value_len();
        &mut self.slot[at..end]
    }

    /// The same entry, read-only, for as long as it is borrowed.
    #[inline]
    pub fn into_entry(self) -> Entry<'a> {
        Entry::new(self.slot)
    }

    /// The value's bytes for as long as the entry is borrowed.
    pub fn into_value(self) -> &'a mut [u8] {
        let entry = Entry::new(self.slot);
        let at = entry.key_start() + entry.key_len();
        let end = at + entry.value_len();
        &mut self.slot[at..end]
    }

    /// Changes what the value is.
    pub fn set_kind(&mut self, kind: u8) {
        debug_assert!(kind != 0 && kind <= KIND_MASK);
        self.slot[0] = (self.slot[0] & !KIND_MASK) | kind;
    }

    /// Sets the bit kept for the user.
    #[inline]
    pub fn set_parity(&mut self, parity: Parity) {
        self.slot[0] = self.slot[0] & !FLAG_ODD | parity as u8;
    }

    /// Sets the 24 bits kept for the user. Leaves the memory untouched when they are the same, so that a
    /// read does not dirty a cache line for nothing.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        if self.as_entry().clock() != clock & 0x00ff_ffff {
            write_clock(self.slot, clock);
        }
    }
}

/// Gives the entry in `slot` a value of another length, keeping its key, its stamp and the start of its value.
///
/// A longer value ends in zeros. The slot must have room for the entry as it becomes.
pub(crate) fn resize_value(slot: &mut [u8], value_len: usize) {
    let stamp = Entry::new(slot).stamp();
    reshape(slot, value_len, stamp);
}

fn reshape(slot: &mut [u8], value_len: usize, stamp: Option<i64>) {
    let entry = Entry::new(slot);
    let (old_start, key_len, old_len) = (entry.key_start(), entry.key_len(), entry.value_len());
    let wide = is_wide(key_len, value_len);
    let head = if wide { WIDE } else { NARROW };
    let start = head + stamp_len(stamp);
    let kept = key_len + old_len.min(value_len);
    if start != old_start {
        slot.copy_within(old_start..old_start + kept, start);
    }
    slot[0] &= KIND_MASK | FLAG_ODD;
    write_lengths(slot, wide, key_len, value_len);
    slot[0] |= write_stamp(&mut slot[head..], stamp);
    slot[start + kept..start + key_len + value_len].fill(0);
}

/// The layout of keyspaces: keys are byte strings, entries are as drawn above.
#[derive(Clone, Copy, Debug)]
pub struct Keys;

impl Layout for Keys {
    type Key<'a> = &'a [u8];
    type Fields<'a> = Fields<'a>;
    type View<'a> = Entry<'a>;

    #[inline]
    fn hash(seed: HashSeed, key: &[u8]) -> u64 {
        seed.hash(key)
    }

    #[expect(clippy::inline_always, reason = "the comparison at the heart of every lookup")]
    #[inline(always)]
    fn is_at(slot: &[u8], key: &[u8]) -> bool {
        same_bytes(Entry::new(slot).key(), key)
    }

    #[inline]
    fn key(slot: &[u8]) -> &[u8] {
        Entry::new(slot).key()
    }

    #[inline]
    fn view(slot: &[u8]) -> Entry<'_> {
        Entry::new(slot)
    }

    #[inline]
    fn stamp(slot: &[u8]) -> Option<i64> {
        Entry::new(slot).stamp()
    }

    fn encoded_len(slot: &[u8]) -> usize {
        Entry::new(slot).encoded_len()
    }

    #[inline]
    fn len_of(key: &[u8], fields: &Fields<'_>) -> usize {
        encoded_len(key.len(), fields.value.len(), fields.stamp)
    }

    #[inline]
    fn write(slot: &mut [u8], key: &[u8], fields: &Fields<'_>) -> Option<i64> {
        write(slot, key, fields);
        fields.stamp
    }

    fn len_stamped(slot: &[u8], stamp: Option<i64>) -> usize {
        let entry = Entry::new(slot);
        encoded_len(entry.key_len(), entry.value_len(), stamp)
    }

    fn restamp(slot: &mut [u8], stamp: Option<i64>) {
        let value_len = Entry::new(slot).value_len();
        reshape(slot, value_len, stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key: &[u8], value: &[u8], stamp: Option<i64>) -> Vec<u8> {
        let mut slot = vec![0xaa; encoded_len(key.len(), value.len(), stamp)];
        write(&mut slot, key, &Fields { kind: 5, value, stamp, clock: 0x0012_3456, parity: Parity::Odd });
        slot
    }

    #[test]
    fn narrow_and_wide_entries_read_back() {
        for key_len in [0, 1, 8, 255, 256, 70_000] {
            for value_len in [0, 1, 32, 255, 256, 100_000] {
                for stamp in [
                    None,
                    Some(-1),
                    Some(0),
                    Some(STAMP_SHORT_END - 1),
                    Some(STAMP_SHORT_END),
                    Some(i64::MAX),
                ] {
                    let (key, value) = (vec![b'k'; key_len], vec![b'v'; value_len]);
                    let slot = written(&key, &value, stamp);
                    let entry = Entry::new(&slot);
                    assert_eq!((entry.kind(), entry.clock(), entry.stamp()), (5, 0x0012_3456, stamp));
                    assert_eq!((entry.key(), entry.value()), (&key[..], &value[..]));
                    assert_eq!(entry.encoded_len(), slot.len());
                }
            }
        }
    }

    #[test]
    fn sizes_are_as_drawn() {
        let stamp = Some(1_800_000_000_000);
        assert_eq!((encoded_len(8, 8, None), encoded_len(8, 8, stamp)), (22, 28));
        assert_eq!((encoded_len(16, 32, None), encoded_len(16, 32, stamp)), (54, 60));
        assert_eq!(encoded_len(8, 8, Some(-1)), 30);
    }

    #[test]
    fn changes_in_place() {
        let mut slot = written(b"key", b"value", Some(7));
        let mut entry = EntryMut::new(&mut slot);
        assert_eq!(entry.as_entry().parity(), Parity::Odd);
        entry.set_clock(0xffff_ffff);
        entry.set_parity(Parity::Even);
        entry.set_kind(2);
        entry.value_mut()[0] = b'V';
        let entry = entry.as_entry();
        assert_eq!((entry.kind(), entry.clock(), entry.stamp()), (2, 0x00ff_ffff, Some(7)));
        assert_eq!(entry.parity(), Parity::Even);
        assert_eq!((entry.key(), entry.value()), (&b"key"[..], &b"Value"[..]));
    }

    #[test]
    fn reshaping_keeps_key_and_value() {
        let lengths = [0, 5, 255, 256, 400];
        for old_len in lengths {
            for new_len in lengths {
                for (old_stamp, new_stamp) in [
                    (None, Some(3)),
                    (Some(3), None),
                    (Some(3), Some(-4)),
                    (Some(i64::MIN), Some(5)),
                    (None, None),
                ] {
                    let value: Vec<u8> = (0..old_len).map(|index| (index % 200) as u8 + 1).collect();
                    let mut slot = written(b"some key", &value, old_stamp);
                    slot.resize(600, 0xee);
                    reshape(&mut slot, new_len, new_stamp);
                    let mut expected = value.clone();
                    expected.resize(new_len, 0);
                    let entry = Entry::new(&slot);
                    assert_eq!((entry.kind(), entry.clock(), entry.stamp()), (5, 0x0012_3456, new_stamp));
                    assert_eq!(entry.parity(), Parity::Odd);
                    assert_eq!((entry.key(), entry.value()), (&b"some key"[..], &expected[..]));
                }
            }
        }
    }
}
