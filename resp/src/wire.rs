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

/// Appends a type byte, a length and CR LF. Lengths of one and two digits, the common ones, are a single store.
#[inline]
pub(crate) fn write_length(marker: u8, length: usize, out: &mut Vec<u8>) {
    match length {
        0..10 => write_short([marker, b'0' + length as u8, b'\r', b'\n', 0, 0, 0, 0], 4, out),
        10..100 => {
            let (tens, ones) = (b'0' + (length / 10) as u8, b'0' + (length % 10) as u8);
            write_short([marker, tens, ones, b'\r', b'\n', 0, 0, 0], 5, out);
        }
        _ => write_long_length(marker, length, out),
    }
}

/// Appends the CR LF of what stands before, and what comes before the bytes of a bulk string.
#[inline]
fn write_next_length(length: usize, out: &mut Vec<u8>) {
    match length {
        0..10 => write_short([b'\r', b'\n', b'$', b'0' + length as u8, b'\r', b'\n', 0, 0], 6, out),
        10..100 => {
            let (tens, ones) = (b'0' + (length / 10) as u8, b'0' + (length % 10) as u8);
            write_short([b'\r', b'\n', b'$', tens, ones, b'\r', b'\n', 0], 7, out);
        }
        _ => {
            out.extend_from_slice(b"\r\n");
            write_long_length(b'$', length, out);
        }
    }
}

/// Appends the first bytes of eight. Writing all eight is one store: a journal is written while the processor still waits
/// for memory to take what the command has changed, and each store waits behind those.
#[inline]
fn write_short(bytes: [u8; 8], length: usize, out: &mut Vec<u8>) {
    let bytes = u64::from_ne_bytes(bytes);
    out.extend_from_slice(&bytes.to_ne_bytes());
    out.truncate(out.len() - (8 - length));
}

#[inline(never)]
fn write_long_length(marker: u8, length: usize, out: &mut Vec<u8>) {
    let digit = |unit: usize| b'0' + (length / unit % 10) as u8;
    match length {
        100..1_000 => {
            write_short([marker, digit(100), digit(10), digit(1), b'\r', b'\n', 0, 0], 6, out);
        }
        1_000..10_000 => {
            write_short([marker, digit(1_000), digit(100), digit(10), digit(1), b'\r', b'\n', 0], 7, out);
        }
        _ => write_line(marker, &format_unsigned(length as u64), out),
    }
}

/// Appends a type byte, an integer and CR LF.
#[inline]
pub(crate) fn write_integer_line(marker: u8, value: i64, out: &mut Vec<u8>) {
    match value {
        0..10_000 => write_length(marker, value as usize, out),
        -9..0 => {
            write_short([marker, b'-', b'0' + value.unsigned_abs() as u8, b'\r', b'\n', 0, 0, 0], 5, out);
        }
        _ => write_line(marker, &format_integer(value), out),
    }
}

/// Appends an array of bulk strings.
#[inline]
pub(crate) fn write_bulks<W: AsRef<[u8]>>(values: &[W], out: &mut Vec<u8>) {
    write_length(b'*', values.len(), out);
    let Some((first, others)) = values.split_first() else { return };
    write_length(b'$', first.as_ref().len(), out);
    out.extend_from_slice(first.as_ref());
    for value in others {
        write_next_length(value.as_ref().len(), out);
        out.extend_from_slice(value.as_ref());
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a bulk string.
#[inline]
pub(crate) fn write_bulk(value: &[u8], out: &mut Vec<u8>) {
    write_length(b'$', value.len(), out);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_in_decimal() {
        let near = |value: i64| [value - 1, value, value + 1];
        for value in [0, 10, 100, 1_000, 10_000, 100_000, -10, -100].into_iter().flat_map(near) {
            let mut out = b"before".to_vec();
            write_integer_line(b':', value, &mut out);
            assert_eq!(out, format!("before:{value}\r\n").into_bytes());
        }
        for length in 0..20_000 {
            let mut out = b"before".to_vec();
            write_length(b'$', length, &mut out);
            assert_eq!(out, format!("before${length}\r\n").into_bytes());
        }
    }

    #[test]
    fn requests_of_any_lengths_are_written_as_the_protocol_says() {
        for lengths in
            [&[][..], &[0], &[9, 10], &[3, 99, 100], &[1000, 0, 100, 12345, 1], &[1; 12], &[2; 120]]
        {
            let words: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![b'x'; length]).collect();
            let mut expected = format!("before*{}\r\n", words.len()).into_bytes();
            for word in &words {
                expected.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                expected.extend_from_slice(word);
                expected.extend_from_slice(b"\r\n");
            }
            let mut out = b"before".to_vec();
            write_bulks(&words, &mut out);
            assert_eq!(out, expected, "{lengths:?}");
        }
    }
}
