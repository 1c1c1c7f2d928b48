//! What FUNCTION DUMP returns and FUNCTION RESTORE takes.
//!
//! ```text
//! for each library   0xf5, the text as a string of the RDB format
//! at the end         version of the format (2 bytes, little endian), CRC-64 of all before (8 bytes, little endian)
//! ```

use std::ops::RangeInclusive;

use spinel_types::lzf;

use super::crc64::crc64;
use crate::error::ErrorReply;

/// A library follows.
const LIBRARY: u8 = 0xf5;
/// A library follows as release candidates of Redis 7 wrote it.
const LIBRARY_OF_CANDIDATES: u8 = 0xf6;
/// The version that is written: that of Redis 7.0, which every server with functions reads.
const VERSION: u16 = 10;
/// The newest that is read, of Redis 8.0.
const VERSION_MAX: u16 = 12;
/// The versions of Valkey's that are read.
const VERSIONS_OF_VALKEY: RangeInclusive<u16> = 80..=81;
const FOOTER_BYTES: usize = 2 + 8;

/// Writes libraries.
pub(crate) fn dump<'c>(codes: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for code in codes {
        bytes.push(LIBRARY);
        write_length(code.len(), &mut bytes);
        bytes.extend_from_slice(code);
    }
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Lengths up to 63 take one byte, up to 16383 two, others five or nine.
fn write_length(length: usize, bytes: &mut Vec<u8>) {
    if length < 1 << 6 {
        bytes.push(length as u8);
    } else if length < 1 << 14 {
        bytes.extend_from_slice(&(length as u16 | 1 << 14).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        bytes.push(0x80);
        bytes.extend_from_slice(&length.to_be_bytes());
    } else {
        bytes.push(0x81);
        bytes.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// Reads the texts of libraries.
pub(crate) fn libraries(payload: &[u8]) -> Result<Vec<Vec<u8>>, ErrorReply> {
    let damaged = || ErrorReply::new("ERR DUMP payload version or checksum are wrong");
    let split = payload.len().checked_sub(FOOTER_BYTES).ok_or_else(damaged)?;
    let (mut rest, footer) = payload.split_at(split);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let sum = u64::from_le_bytes(footer[2..].try_into().expect("the footer ends with eight bytes"));
    let is_read = version <= VERSION_MAX || VERSIONS_OF_VALKEY.contains(&version);
    if !is_read || sum != crc64(&payload[..payload.len() - size_of::<u64>()]) {
        return Err(damaged());
    }
    let mut codes = Vec::new();
    while let Some((&kind, bytes)) = rest.split_first() {
        match kind {
            LIBRARY => {}
            LIBRARY_OF_CANDIDATES => return Err(ErrorReply::new("ERR Pre-GA function format not supported")),
            _ => return Err(ErrorReply::new("ERR given type is not a function")),
        }
        let (code, after) =
            string(bytes).ok_or_else(|| ErrorReply::new("ERR failed loading the given functions payload"))?;
        codes.push(code);
        rest = after;
    }
    Ok(codes)
}

/// The number in the lower six bits of `first` and what follows; `None` for what isn't a plain length.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (count, rest) = match first >> 6 {
        0 => return Some((usize::from(first), rest)),
        1 => {
            let (&low, rest) = rest.split_first()?;
            return Some((usize::from(first & 0x3f) << 8 | usize::from(low), rest));
        }
        2 if first == 0x80 => rest.split_at_checked(4)?,
        2 if first == 0x81 => rest.split_at_checked(8)?,
        _ => return None,
    };
    let length = count.iter().fold(0_u64, |length, &byte| length << 8 | u64::from(byte));
    Some((usize::try_from(length).ok()?, rest))
}

/// A string: its length and bytes, or an integer, or compressed.
fn string(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let &first = bytes.first()?;
    if first >> 6 != 3 {
        let (length, rest) = length(bytes)?;
        let (text, rest) = rest.split_at_checked(length)?;
        return Some((text.to_vec(), rest));
    }
    let rest = &bytes[1..];
    let number = |size: usize| {
        let (bytes, rest) = rest.split_at_checked(size)?;
        let unsigned = bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        let unused = 64 - 8 * size as u32;
        Some((((unsigned << unused) as i64 >> unused).to_string().into_bytes(), rest))
    };
    match first & 0x3f {
        0 => number(1),
        1 => number(2),
        2 => number(4),
        3 => compressed(rest),
        _ => None,
    }
}

fn compressed(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (compressed, rest) = length(bytes)?;
    let (restored, rest) = length(rest)?;
    let (bytes, rest) = rest.split_at_checked(compressed)?;
    Some((lzf::decompress(bytes, restored)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dumped_is_read() {
        for length in [0, 63, 64, 16_383, 16_384, 100_000] {
            let codes = vec![vec![b'a'; length], b"other".to_vec()];
            let payload = dump(codes.iter().map(Vec::as_slice));
            assert_eq!(libraries(&payload).unwrap(), codes, "{length}");
        }
    }

    #[test]
    fn payloads_are_those_of_redis_7() {
        assert_eq!(dump([].into_iter()), b"\n\0]\x9b\\@\x0f\x7f\xa2\xda");
        let code = b"#!lua name=a\nredis.register_function(\"f\", function() return 1 end)";
        let payload = dump([&code[..]].into_iter());
        assert!(payload.ends_with(b"return 1 end)\n\0u?R\xbb6h\xcd\xd0"), "{}", payload.escape_ascii());
    }

    #[test]
    fn payloads_of_later_servers_are_read() {
        let mut payload = dump([&b"code"[..]].into_iter());
        let footer = payload.len() - FOOTER_BYTES;
        for (version, is_read) in [(12_u16, true), (13, false), (79, false), (80, true), (82, false)] {
            payload[footer..footer + 2].copy_from_slice(&version.to_le_bytes());
            let sum = crc64(&payload[..footer + 2]);
            payload[footer + 2..].copy_from_slice(&sum.to_le_bytes());
            assert_eq!(libraries(&payload).is_ok(), is_read, "{version}");
        }
    }

    #[test]
    fn damaged_payloads_are_refused() {
        let payload = dump([&b"code"[..]].into_iter());
        for at in 0..payload.len() {
            let mut damaged = payload.clone();
            damaged[at] ^= 1;
            assert!(libraries(&damaged).is_err(), "{at}");
            assert!(libraries(&payload[..at]).is_err(), "{at}");
        }
    }
}
