//! Bytes of a file as they come, with their checksum.

use super::super::checksum::Checksum;
use super::super::fault::Fault;
use super::super::table::string_encoding::{COMPRESSED, INTEGER_8, INTEGER_16, INTEGER_32};
use spinel_types::{Str, lzf};
use std::io::Read;

/// Bytes that are read at once, and the longest run that is looked at in place.
const CHUNK: usize = 256 << 10;

/// Memory that a text of unproven length gets ahead.
const STEP: usize = 1 << 20;

/// A source of bytes.
pub(crate) struct Input<'r> {
    source: Option<Box<dyn Read + 'r>>,
    buffer: Vec<u8>,
    /// What is next in the buffer, and behind what was read.
    next: usize,
    end: usize,
    /// Bytes that stood before those of the buffer.
    passed: u64,
    /// The checksum of what stood before those bytes of the buffer that are not `summed` yet, if it is wanted.
    checksum: Option<Checksum>,
    summed: usize,
    /// The longest string.
    text_bytes_max: usize,
}

/// A length, or the encoding of a string.
enum Length {
    Of(u64),
    Encoding(u8),
}

/// Where a string was found.
#[derive(Clone, Copy)]
pub(crate) enum Found {
    /// It is the decimal of an integer.
    Integer(i64),
    /// It is the last so many bytes that were taken from the buffer.
    InBuffer(usize),
    /// It is what the room holds.
    InRoom,
}

impl<'r> Input<'r> {
    /// Reads from a source.
    pub(crate) fn new(source: impl Read + 'r, text_bytes_max: usize) -> Input<'r> {
        Input { source: Some(Box::new(source)), ..Input::of_bytes(&[], text_bytes_max) }
    }

    /// Reads bytes that are all there, which it copies.
    pub(crate) fn of_bytes(bytes: &[u8], text_bytes_max: usize) -> Input<'static> {
        Input::of_vec(bytes.to_vec(), text_bytes_max)
    }

    /// The memory that the bytes are in.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Reads bytes that are all there.
    pub(crate) fn of_vec<'n>(bytes: Vec<u8>, text_bytes_max: usize) -> Input<'n> {
        Input {
            source: None,
            next: 0,
            end: bytes.len(),
            buffer: bytes,
            passed: 0,
            checksum: None,
            summed: 0,
            text_bytes_max,
        }
    }

    /// Keeps a checksum of all that is taken, from the first byte on. Nothing must have been taken yet.
    pub(crate) fn keep_checksum(&mut self) {
        debug_assert_eq!(self.offset(), 0);
        self.checksum = Some(Checksum::new());
    }

    /// The checksum of all that was taken, if one is kept.
    pub(crate) fn checksum(&mut self) -> Option<u64> {
        self.sum_up();
        self.checksum.map(Checksum::value)
    }

    /// How many bytes were taken.
    pub(crate) fn offset(&self) -> u64 {
        self.passed + self.next as u64
    }

    fn sum_up(&mut self) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&self.buffer[self.summed..self.next]);
        }
        self.summed = self.next;
    }

    /// Drops what was taken from the buffer, and reads until `wanted` bytes are there or the source ends.
    #[cold]
    fn refill(&mut self, wanted: usize) -> Result<(), Fault> {
        let Some(mut source) = self.source.take() else { return Ok(()) };
        self.sum_up();
        self.buffer.copy_within(self.next..self.end, 0);
        self.passed += self.next as u64;
        self.end -= self.next;
        (self.next, self.summed) = (0, 0);
        let room = self.buffer.len().max(CHUNK).max(wanted);
        self.buffer.resize(room, 0);
        let mut is_over = false;
        while self.end < wanted && !is_over {
            let count = match source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            is_over = count == 0;
            self.end += count;
        }
        if !is_over {
            self.source = Some(source);
        }
        Ok(())
    }

    /// The next byte, which is left there; `None` at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Fault> {
        if self.next == self.end {
            self.refill(1)?;
        }
        Ok(self.buffer[self.next..self.end].first().copied())
    }

    /// The next byte.
    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// The next few bytes.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        if self.end - self.next < N {
            self.refill(N)?;
        }
        let bytes = self.buffer[self.next..self.end].first_chunk().ok_or(Fault::Truncated)?;
        self.next += N;
        Ok(*bytes)
    }

    /// The next bytes, of which there are no more than fit in the buffer.
    #[inline]
    fn slice(&mut self, len: usize) -> Result<&[u8], Fault> {
        if self.end - self.next < len {
            self.refill(len)?;
        }
        let bytes = self.buffer[self.next..self.end].get(..len).ok_or(Fault::Truncated)?;
        self.next += len;
        Ok(bytes)
    }

    /// Puts the next bytes in place of what `out` holds. Memory grows only as bytes arrive.
    fn read_long(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.clear();
        while out.len() < len {
            let piece = self.slice(CHUNK.min(len - out.len()))?;
            out.reserve(piece.len().max(STEP.min(len - out.len())));
            out.extend_from_slice(piece);
        }
        Ok(())
    }

    /// A text of few bytes.
    pub(crate) fn short_text(&mut self, len: u8) -> Result<Vec<u8>, Fault> {
        self.slice(len.into()).map(<[u8]>::to_vec)
    }

    /// A number of 64 bits, little-endian.
    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of 64 bits with a sign, little-endian.
    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    #[inline]
    fn length_or_encoding(&mut self) -> Result<Length, Fault> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Of(u64::from(first)),
            1 => Length::Of(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            2 if first == 0x80 => Length::Of(u32::from_be_bytes(self.array()?).into()),
            2 if first == 0x81 => Length::Of(u64::from_be_bytes(self.array()?)),
            2 => return Err(Fault::Malformed("a length is malformed")),
            _ => Length::Encoding(first & 0x3f),
        })
    }

    /// A length, or any other number written as one.
    #[inline]
    pub(crate) fn length(&mut self) -> Result<u64, Fault> {
        match self.length_or_encoding()? {
            Length::Of(length) => Ok(length),
            Length::Encoding(_) => Err(Fault::Malformed("a length was expected")),
        }
    }

    /// A string. It lies in the buffer, or in `room`, whose contents are lost.
    #[inline]
    pub(crate) fn string<'s>(&'s mut self, room: &'s mut Vec<u8>) -> Result<Str<'s>, Fault> {
        let found = self.find_string(room)?;
        Ok(self.found(found, room))
    }

    /// Takes a string and says where it is: in the buffer, or in `room`, whose contents are lost.
    #[inline]
    pub(crate) fn find_string(&mut self, room: &mut Vec<u8>) -> Result<Found, Fault> {
        match self.length_or_encoding()? {
            Length::Of(len) => self.text(len, room),
            Length::Encoding(COMPRESSED) => {
                self.restore(room)?;
                Ok(Found::InRoom)
            }
            Length::Encoding(encoding) => self.integer(encoding).map(Found::Integer),
        }
    }

    /// The string that was found; nothing must have been taken since.
    #[inline]
    pub(crate) fn found<'s>(&'s self, found: Found, room: &'s [u8]) -> Str<'s> {
        match found {
            Found::Integer(integer) => Str::Integer(integer),
            Found::InBuffer(len) => Str::Text(&self.buffer[self.next - len..self.next]),
            Found::InRoom => Str::Text(room),
        }
    }

    /// A string's text in place of what `out` holds.
    #[inline]
    pub(crate) fn text_into(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self.length_or_encoding()? {
            Length::Of(len) => {
                let len = self.checked_len(len)?;
                self.read_long(len, out)
            }
            Length::Encoding(COMPRESSED) => self.restore(out),
            Length::Encoding(encoding) => {
                out.clear();
                Str::Integer(self.integer(encoding)?).append_to(out);
                Ok(())
            }
        }
    }

    fn integer(&mut self, encoding: u8) -> Result<i64, Fault> {
        match encoding {
            INTEGER_8 => Ok(i8::from_le_bytes(self.array()?).into()),
            INTEGER_16 => Ok(i16::from_le_bytes(self.array()?).into()),
            INTEGER_32 => Ok(i32::from_le_bytes(self.array()?).into()),
            _ => Err(Fault::Malformed("the encoding of a string is not known")),
        }
    }

    fn checked_len(&self, len: u64) -> Result<usize, Fault> {
        let len = usize::try_from(len).ok().filter(|len| *len <= self.text_bytes_max);
        len.ok_or(Fault::Malformed("a string is longer than strings may be"))
    }

    #[inline]
    fn text(&mut self, len: u64, room: &mut Vec<u8>) -> Result<Found, Fault> {
        let len = self.checked_len(len)?;
        if len <= CHUNK || self.end - self.next >= len {
            self.slice(len)?;
            return Ok(Found::InBuffer(len));
        }
        self.read_long(len, room)?;
        Ok(Found::InRoom)
    }

    /// Puts the text that is compressed next in place of what `out` holds.
    fn restore(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let (compressed, len) = (self.length()?, self.length()?);
        let (compressed, len) = (self.checked_len(compressed)?, self.checked_len(len)?);
        let is_restored = if compressed <= CHUNK {
            lzf::decompress_into(self.slice(compressed)?, len, out)
        } else {
            let mut bytes = Vec::new();
            self.read_long(compressed, &mut bytes)?;
            lzf::decompress_into(&bytes, len, out)
        };
        if is_restored { Ok(()) } else { Err(Fault::Malformed("a compressed string is malformed")) }
    }
}
