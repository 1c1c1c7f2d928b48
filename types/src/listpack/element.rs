//! How one element is encoded.

use crate::string::Str;

/// An element of a listpack. Written to one, a text that is the decimal of an `i64` becomes the integer.
pub type Element<'a> = Str<'a>;

/// Says how many bytes an element takes in a listpack.
#[inline]
pub fn encoded_len(element: Element<'_>) -> usize {
    Encoded::of(element).len()
}

const TEXT_6: u8 = 0x80;
const INTEGER_13: u8 = 0xc0;
const TEXT_12: u8 = 0xe0;
const TEXT_12_LAST: u8 = 0xef;
const TEXT_32: u8 = 0xf0;
const INTEGER_16: u8 = 0xf1;
const INTEGER_24: u8 = 0xf2;
const INTEGER_32: u8 = 0xf3;
const INTEGER_64: u8 = 0xf4;

/// An element ready to be written: its head, its text if it is one, and the back length that follows.
#[derive(Clone, Copy)]
pub(super) struct Encoded<'a> {
    head: [u8; 9],
    head_len: u8,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(super) fn of(element: Element<'a>) -> Encoded<'a> {
        match element.canonical() {
            Element::Integer(integer) => Encoded::of_integer(integer),
            Element::Text(text) => Encoded::of_text(text),
        }
    }

    fn of_text(text: &'a [u8]) -> Encoded<'a> {
        let mut head = [0; 9];
        let len = text.len();
        let head_len = if len < 1 << 6 {
            head[0] = TEXT_6 | len as u8;
            1
        } else if len < 1 << 12 {
            head[..2].copy_from_slice(&[TEXT_12 | (len >> 8) as u8, len as u8]);
            2
        } else {
            head[0] = TEXT_32;
            head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
            5
        };
        Encoded { head, head_len, text }
    }

    fn of_integer(integer: i64) -> Encoded<'a> {
        let mut head = [0; 9];
        let (mark, width) = match integer {
            0..=127 => {
                head[0] = integer as u8;
                return Encoded { head, head_len: 1, text: b"" };
            }
            -0x1000..=0xfff => {
                head[..2].copy_from_slice(&[INTEGER_13 | (integer >> 8) as u8 & 0x1f, integer as u8]);
                return Encoded { head, head_len: 2, text: b"" };
            }
            -0x8000..=0x7fff => (INTEGER_16, 2),
            -0x80_0000..=0x7f_ffff => (INTEGER_24, 3),
            -0x8000_0000..=0x7fff_ffff => (INTEGER_32, 4),
            _ => (INTEGER_64, 8),
        };
        head[0] = mark;
        head[1..].copy_from_slice(&integer.to_le_bytes());
        Encoded { head, head_len: width + 1, text: b"" }
    }

    /// The bytes before the text.
    #[inline]
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    #[inline]
    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Bytes before the back length.
    #[inline]
    pub(super) fn body_len(&self) -> usize {
        usize::from(self.head_len) + self.text.len()
    }

    /// All bytes.
    #[inline]
    pub(super) fn len(&self) -> usize {
        let body = self.body_len();
        body + back_len(body)
    }

    /// Appends the element to `out`.
    #[inline]
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head());
        out.extend_from_slice(self.text);
        let body = self.body_len();
        if body < 0x80 {
            out.push(body as u8);
        } else {
            let mut back = [0; 5];
            let back = &mut back[..back_len(body)];
            write_back(back, body);
            out.extend_from_slice(back);
        }
    }

    /// Writes the element to `room`, which is as long as it.
    #[inline]
    pub(super) fn write(&self, room: &mut [u8]) {
        let (head, rest) = room.split_at_mut(usize::from(self.head_len));
        head.copy_from_slice(self.head());
        let (text, back) = rest.split_at_mut(self.text.len());
        text.copy_from_slice(self.text);
        write_back(back, self.body_len());
    }
}

/// Says how many bytes the back length of a body takes.
///
/// The bounds are those of the reference implementation, which leaves the last value of each width but the
/// first to the next width.
#[inline]
pub(super) const fn back_len(body: usize) -> usize {
    match body {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    }
}

/// Writes a back length, which fills `back`.
#[inline]
pub(super) fn write_back(back: &mut [u8], body: usize) {
    if let [only] = back {
        *only = body as u8;
        return;
    }
    let mut rest = body;
    for (index, byte) in back.iter_mut().enumerate().rev() {
        *byte = (rest & 0x7f) as u8 | if index == 0 { 0 } else { 0x80 };
        rest >>= 7;
    }
}

/// How many bytes the element takes that ends before `end`.
#[inline]
pub(super) fn behind(bytes: &[u8], end: usize) -> usize {
    let last = bytes[end - 1];
    if last < 0x80 { usize::from(last) + 1 } else { far_behind(&bytes[..end]) }
}

#[cold]
fn far_behind(bytes: &[u8]) -> usize {
    let (mut body, mut width) = (0, 0);
    for byte in bytes.iter().rev().take(5) {
        body |= usize::from(byte & 0x7f) << (7 * width);
        width += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    body + width
}

/// The bytes an element takes, by its first byte; 0 where that doesn't tell.
const STEPS: [u8; 256] = {
    let mut steps = [0; 256];
    let mut first = 0;
    while first < 256 {
        steps[first] = match first as u8 {
            0..TEXT_6 => 2,
            mark @ TEXT_6..INTEGER_13 => (mark & 0x3f) + 2,
            INTEGER_13..TEXT_12 => 3,
            INTEGER_16 => 4,
            INTEGER_24 => 5,
            INTEGER_32 => 6,
            INTEGER_64 => 10,
            _ => 0,
        };
        first += 1;
    }
    steps
};

/// How many bytes the element at `at` takes.
#[inline]
pub(super) fn step(bytes: &[u8], at: usize) -> usize {
    match STEPS[usize::from(bytes[at])] {
        0 => long_step(&bytes[at..]),
        step => usize::from(step),
    }
}

fn long_step(entry: &[u8]) -> usize {
    let body = body_len(entry).expect("a validated listpack has elements only");
    body + back_len(body)
}

/// How many bytes the body of the element takes that `rest` starts with, by its head; they need not all be
/// there. `None` if no element starts so.
pub(super) fn body_len(rest: &[u8]) -> Option<usize> {
    match usize::from(STEPS[usize::from(*rest.first()?)]) {
        0 => long_text(rest).map(|(head, len)| head + len),
        step => Some(step - 1),
    }
}

/// How many bytes head and text take of a text that says its length outside of its first byte.
fn long_text(entry: &[u8]) -> Option<(usize, usize)> {
    match *entry {
        [mark @ TEXT_12..=TEXT_12_LAST, low, ..] => {
            Some((2, usize::from(mark & 0x0f) << 8 | usize::from(low)))
        }
        [TEXT_32, ref rest @ ..] => Some((5, u32::from_le_bytes(*rest.first_chunk()?) as usize)),
        _ => None,
    }
}

/// Reads the element at `at`, and says how many bytes it takes.
#[inline]
pub(super) fn decode(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    let entry = &bytes[at..];
    match *entry {
        [small @ 0..TEXT_6, ..] => (Element::Integer(i64::from(small)), 2),
        [mark @ TEXT_6..INTEGER_13, ref rest @ ..] => {
            let len = usize::from(mark & 0x3f);
            (Element::Text(&rest[..len]), len + 2)
        }
        [mark @ INTEGER_13..TEXT_12, low, ..] => {
            // The 13 bits go to the upper end and come back with their sign.
            let bits = u16::from_be_bytes([mark, low]) << 3;
            (Element::Integer(i64::from(bits as i16 >> 3)), 3)
        }
        _ => decode_long(entry),
    }
}

#[inline]
fn decode_long(entry: &[u8]) -> (Element<'_>, usize) {
    let integer = match entry[0] {
        INTEGER_16 => i64::from(i16::from_le_bytes(after_mark(entry))),
        INTEGER_24 => i64::from(i32::from_le_bytes(after_mark(entry)) << 8 >> 8),
        INTEGER_32 => i64::from(i32::from_le_bytes(after_mark(entry))),
        INTEGER_64 => i64::from_le_bytes(after_mark(entry)),
        _ => return decode_long_text(entry),
    };
    (Element::Integer(integer), usize::from(STEPS[usize::from(entry[0])]))
}

/// The first bytes after the mark. There is a back length and an end mark after an integer, so an integer of 24
/// bits can be read as one of 32.
#[inline]
fn after_mark<const BYTES: usize>(entry: &[u8]) -> [u8; BYTES] {
    *entry[1..].first_chunk().expect("a validated listpack has whole elements")
}

fn decode_long_text(entry: &[u8]) -> (Element<'_>, usize) {
    let (head, len) = long_text(entry).expect("a validated listpack has elements only");
    let body = head + len;
    (Element::Text(&entry[head..body]), body + back_len(body))
}
