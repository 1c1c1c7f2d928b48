//! Lengths and strings.
//!
//! ```text
//! 00nnnnnn                             length up to 63
//! 01nnnnnn n8                          length up to 16383
//! 10000000 n32, 10000001 n64           longer; big-endian
//! 11000000 i8, 11000001 i16, 11000010 i32     the decimal of an integer; little-endian
//! 11000011 length length bytes         compressed: bytes here, bytes that they become
//! ```

use super::{Compression, Encoder};
use crate::rdb::table::string_encoding::{COMPRESSED, INTEGER_8, INTEGER_16, INTEGER_32, MARK};
use spinel_types::Str;
use spinel_types::string::{INTEGER_DIGITS_MAX, read_decimal, write_decimal};

/// Shorter strings are not compressed: a head of several bytes would eat up what that saves.
const COMPRESS_MIN: usize = 21;

/// Bytes that compressing must save.
const SAVING_MIN: usize = 4;

/// The longest decimal of an integer of 32 bits.
const DECIMAL_32_MAX: usize = 11;

/// Writes a length.
#[inline]
pub(crate) fn length(length: u64, out: &mut Vec<u8>) {
    match length {
        0..0x40 => out.push(length as u8),
        0x40..0x4000 => out.extend_from_slice(&(length as u16 | 0x4000).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

/// Writes bytes as they are behind their length.
#[inline]
pub(crate) fn raw(bytes: &[u8], out: &mut Vec<u8>) {
    length(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[inline]
fn integer(integer: i64, out: &mut Vec<u8>) {
    if let Ok(byte) = i8::try_from(integer) {
        out.extend_from_slice(&[MARK | INTEGER_8, byte as u8]);
    } else if let Ok(word) = i16::try_from(integer) {
        out.push(MARK | INTEGER_16);
        out.extend_from_slice(&word.to_le_bytes());
    } else if let Ok(word) = i32::try_from(integer) {
        out.push(MARK | INTEGER_32);
        out.extend_from_slice(&word.to_le_bytes());
    } else {
        raw(write_decimal(integer, &mut [0; INTEGER_DIGITS_MAX]), out);
    }
}

impl Encoder {
    /// Writes a string: as an integer if it is the decimal of one of 32 bits, else as bytes.
    #[inline]
    pub(super) fn string(&mut self, string: Str<'_>, out: &mut Vec<u8>) {
        match string {
            Str::Integer(number) => integer(number, out),
            Str::Text(text) => match short_decimal(text) {
                Some(number) => integer(number, out),
                None => self.bytes(text, out),
            },
        }
    }

    /// Writes bytes, compressed if they are many.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.len() < COMPRESS_MIN || !self.compressed(bytes, out) {
            raw(bytes, out);
        }
    }

    fn compressed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        if self.compression == Compression::None {
            return false;
        }
        let (compressor, room) = &mut **self.compressor.get_or_insert_default();
        room.clear();
        let is_shorter = compressor.compress(bytes, bytes.len() - SAVING_MIN, room);
        if is_shorter {
            compressed(room, bytes.len(), out);
        }
        is_shorter
    }
}

/// Writes bytes that are compressed already.
pub(super) fn compressed(bytes: &[u8], len: usize, out: &mut Vec<u8>) {
    out.push(MARK | COMPRESSED);
    length(bytes.len() as u64, out);
    length(len as u64, out);
    out.extend_from_slice(bytes);
}

#[inline]
fn short_decimal(text: &[u8]) -> Option<i64> {
    let may_be_one = text.len() <= DECIMAL_32_MAX && matches!(text.first(), Some(b'0'..=b'9' | b'-'));
    if may_be_one { read_decimal(text) } else { None }
}
