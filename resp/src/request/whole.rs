//! The short way for requests that have arrived whole and whose headers are short: nearly all.
//!
//! It decides nothing that the careful way in the parser would decide otherwise. Where a request is not as expected
//! (incomplete, long headers, over a limit, malformed, inline), it takes nothing and leaves it to the careful way.

use super::Limits;
use super::batch::Span;

/// What a request may announce, worked out once for many requests.
pub(super) struct Bounds {
    arguments: usize,
    bulk_bytes: usize,
}

impl Bounds {
    pub(super) fn of(limits: &Limits) -> Bounds {
        Bounds { arguments: limits.arguments_allowed(), bulk_bytes: limits.bulk_bytes_allowed() }
    }
}

/// Appends the words of the array at `at` to `words` and returns where it ends.
///
/// After `None`, some of the words may have been appended.
#[inline]
pub(super) fn take_array(input: &[u8], at: usize, bounds: &Bounds, words: &mut Vec<Span>) -> Option<usize> {
    let (count, mut bytes, mut bulk) = array_start(input.get(at..)?)?;
    if count == 0 || count > bounds.arguments {
        return None;
    }
    let mut missing = count;
    loop {
        if bytes > bounds.bulk_bytes {
            return None;
        }
        let start = input.len() - bulk.len();
        let rest = bulk.get(bytes + 2..)?;
        words.push(Span { start, end: start + bytes });
        missing -= 1;
        if missing == 0 {
            return Some(input.len() - rest.len());
        }
        (bytes, bulk) = short_count(rest, b'$')?;
    }
}

/// Reads the headers of an array and of its first bulk: both numbers and what follows.
#[inline]
fn array_start(input: &[u8]) -> Option<(usize, usize, &[u8])> {
    /// Where the types and CRs stand when both numbers have one digit; the LFs are never looked at.
    const FIXED: u64 = 0x00ff_00ff_00ff_00ff;
    const USUAL: u64 = u64::from_le_bytes(*b"*0\r\n$0\r\n") & FIXED;

    let start: &[u8; 8] = input.first_chunk()?;
    let (count, bytes) = (start[1].wrapping_sub(b'0'), start[5].wrapping_sub(b'0'));
    if u64::from_le_bytes(*start) & FIXED == USUAL && count <= 9 && bytes <= 9 {
        return Some((count.into(), bytes.into(), &input[8..]));
    }
    let (count, rest) = short_count(input, b'*')?;
    let (bytes, bulk) = short_count(rest, b'$')?;
    Some((count, bytes, bulk))
}

/// Reads `marker`, a number of one to four digits, CR and one more byte: the number and what follows it.
///
/// `None` says only that the careful way must be taken. Seven bytes are the shortest bulk with content.
#[inline]
pub(super) fn short_count(input: &[u8], marker: u8) -> Option<(usize, &[u8])> {
    let header: &[u8; 7] = input.first_chunk()?;
    let first = header[1].wrapping_sub(b'0');
    if header[0] != marker || first > 9 {
        return None;
    }
    if header[2] == b'\r' {
        return Some((usize::from(first), &input[4..]));
    }
    let second = header[2].wrapping_sub(b'0');
    if first == 0 || second > 9 {
        return None;
    }
    let count = usize::from(first) * 10 + usize::from(second);
    if header[3] == b'\r' { Some((count, &input[5..])) } else { count_goes_on(input, count) }
}

/// Reads the third digit and maybe a fourth, behind two that make `count`.
fn count_goes_on(input: &[u8], mut count: usize) -> Option<(usize, &[u8])> {
    for at in 3..5 {
        let digit = input[at].wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        count = count * 10 + usize::from(digit);
        if input[at + 1] == b'\r' {
            return Some((count, &input[at + 3..]));
        }
    }
    None
}
