//! The pieces of which requests and replies alike are made.

use crate::number::{format_integer, format_unsigned};

/// Appends a type byte, a text without CR and LF, and CR LF.
#[inline]
pub(crate) fn write_line(marker: u8, text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 3);
    out.push(marker);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// Appends a type byte, a length and CR LF. Lengths of one and two digits, the common ones, are a single copy.
#[inline]
pub(crate) fn write_length(marker: u8, length: usize, out: &mut Vec<u8>) {
    match length {
        0..10 => out.extend_from_slice(&[marker, b'0' + length as u8, b'\r', b'\n']),
        10..100 => {
            let (tens, ones) = (b'0' + (length / 10) as u8, b'0' + (length % 10) as u8);
            out.extend_from_slice(&[marker, tens, ones, b'\r', b'\n']);
        }
        _ => write_long_length(marker, length, out),
    }
}

#[inline(never)]
fn write_long_length(marker: u8, length: usize, out: &mut Vec<u8>) {
    write_line(marker, &format_unsigned(length as u64), out);
}

/// Appends a type byte, an integer and CR LF.
#[inline]
pub(crate) fn write_integer_line(marker: u8, value: i64, out: &mut Vec<u8>) {
    match value {
        0..100 => write_length(marker, value as usize, out),
        _ => write_line(marker, &format_integer(value), out),
    }
}

/// Appends a bulk string.
#[inline]
pub(crate) fn write_bulk(value: &[u8], out: &mut Vec<u8>) {
    write_length(b'$', value.len(), out);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
