//! String values: text, or an integer stored as one.

use crate::entry::Entry;

/// How a string is stored: the entry kinds 1 to 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StringEncoding {
    /// A short text that has not been edited, at most [`EMBEDDED_BYTES_MAX`] bytes; named `embstr`.
    Embedded = 1,
    /// A 64-bit integer, little-endian; named `int`.
    Integer = 2,
    /// Any other text; named `raw`.
    Raw = 3,
}

/// The longest text that counts as embedded.
pub const EMBEDDED_BYTES_MAX: usize = 44;

/// The longest decimal of an `i64`: a sign and 19 digits.
pub const INTEGER_DIGITS_MAX: usize = 20;

impl StringEncoding {
    /// The encoding of an entry's kind, if it is a string.
    pub const fn from_kind(kind: u8) -> Option<StringEncoding> {
        match kind {
            1 => Some(StringEncoding::Embedded),
            2 => Some(StringEncoding::Integer),
            3 => Some(StringEncoding::Raw),
            _ => None,
        }
    }

    /// The encoding a new text of this length gets.
    pub const fn of_text(len: usize) -> StringEncoding {
        if len <= EMBEDDED_BYTES_MAX { StringEncoding::Embedded } else { StringEncoding::Raw }
    }
}

/// A string as it is stored: the value of a key, a member or an element of a collection.
///
/// Strings that are read from a collection compare as they are stored: a text equal to an integer's decimal is
/// never read, because it is stored as the integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Str<'a> {
    /// The decimal of this integer.
    Integer(i64),
    /// These bytes.
    Text(&'a [u8]),
}

impl<'a> Str<'a> {
    /// Reads an entry's value; `None` if the entry is no string.
    #[inline(always)]
    pub fn of(entry: Entry<'a>) -> Option<Str<'a>> {
        const INTEGER: u8 = StringEncoding::Integer as u8;
        const LAST: u8 = StringEncoding::Raw as u8;
        match entry.kind() {
            INTEGER => {
                let bytes = entry.value().try_into().expect("an integer takes 8 bytes");
                Some(Str::Integer(i64::from_le_bytes(bytes)))
            }
            1..=LAST => Some(Str::Text(entry.value())),
            _ => None,
        }
    }

    /// How a new string is stored, as [`Str::of`] reads it: its encoding and its bytes. An integer is written to `room`.
    #[inline]
    pub fn stored<'b>(self, room: &'b mut [u8; 8]) -> (StringEncoding, &'b [u8])
    where
        'a: 'b,
    {
        match self {
            Str::Text(text) => (StringEncoding::of_text(text.len()), text),
            Str::Integer(integer) => {
                *room = integer.to_le_bytes();
                (StringEncoding::Integer, room)
            }
        }
    }

    /// The integer whose canonical decimal a text is, or the text.
    #[inline]
    pub fn parse(text: &'a [u8]) -> Str<'a> {
        read_decimal(text).map_or(Str::Text(text), Str::Integer)
    }

    /// The text of the value; an integer is written to `digits`.
    #[inline]
    pub fn text<'b>(self, digits: &'b mut [u8; INTEGER_DIGITS_MAX]) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Str::Text(text) => text,
            Str::Integer(integer) => write_decimal(integer, digits),
        }
    }

    /// Appends the text to `out`.
    pub fn append_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text(&mut [0; INTEGER_DIGITS_MAX]));
    }

    /// The text in an allocation of its own.
    pub fn to_vec(self) -> Vec<u8> {
        self.text(&mut [0; INTEGER_DIGITS_MAX]).to_vec()
    }

    /// The integer this is or would be stored as.
    #[inline]
    pub fn integer(self) -> Option<i64> {
        match self {
            Str::Integer(integer) => Some(integer),
            Str::Text(text) => read_decimal(text),
        }
    }

    /// The string as collections store it: decimals are integers.
    #[inline]
    pub fn canonical(self) -> Str<'a> {
        self.integer().map_or(self, Str::Integer)
    }

    /// Length of the text in bytes.
    pub fn len(self) -> usize {
        self.text(&mut [0; INTEGER_DIGITS_MAX]).len()
    }

    /// Whether the text is empty.
    pub fn is_empty(self) -> bool {
        self == Str::Text(b"")
    }
}

impl<'a> From<&'a [u8]> for Str<'a> {
    fn from(text: &'a [u8]) -> Str<'a> {
        Str::Text(text)
    }
}

impl From<i64> for Str<'_> {
    fn from(integer: i64) -> Self {
        Str::Integer(integer)
    }
}

/// Writes an integer's decimal to the end of `digits` and returns it.
pub fn write_decimal(integer: i64, digits: &mut [u8; INTEGER_DIGITS_MAX]) -> &[u8] {
    let mut rest = integer.unsigned_abs();
    let mut at = INTEGER_DIGITS_MAX;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if integer < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    &digits[at..]
}

/// Reads the decimal of an `i64` written as [`write_decimal`] writes it: no plus, no leading zero, no space.
///
/// A text that this reads can be stored as the integer without losing anything.
pub fn read_decimal(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] | [b'0', _, ..] => return None,
        [b'0'] => return (!negative).then_some(0),
        _ if digits.len() > INTEGER_DIGITS_MAX - 1 => return None,
        _ => {}
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_read_back() {
        for integer in [0, 1, -1, 9, 10, -10, 12_345, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            let mut digits = [0; INTEGER_DIGITS_MAX];
            let text = write_decimal(integer, &mut digits);
            assert_eq!(text, integer.to_string().as_bytes());
            assert_eq!(read_decimal(text), Some(integer));
        }
    }

    #[test]
    fn only_canonical_decimals_are_integers() {
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "-0",
            "-01",
            "1.0",
            "1e3",
            "0x10",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "18446744073709551616",
        ] {
            assert_eq!(read_decimal(text.as_bytes()), None, "{text}");
        }
    }
}
