//! Parts of a body (RFC 9110, section 14).

use std::ops::Range;

use crate::list;

/// How many parts one request may ask for. Who wants more gets the whole.
pub const PARTS_MAX: usize = 16;

/// Which bytes a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// All: what it says is malformed, in another unit, or not worth it.
    Whole,
    /// These.
    Part(Range<u64>),
    /// These, in this order; at least two, none of which overlap.
    Parts(Vec<Range<u64>>),
    /// None that are there.
    Unsatisfiable,
}

/// Reads the value of `Range`, for a body of `length` bytes. Allocates only for several parts.
///
/// Parts that overlap are wanted together, in the order of their bytes.
pub fn parse(value: &[u8], length: u64) -> Wanted {
    let specs = value.trim_ascii().split_at_checked(6);
    let Some((_, specs)) = specs.filter(|(unit, _)| unit.eq_ignore_ascii_case(b"bytes=")) else {
        return Wanted::Whole;
    };
    let mut single = None;
    let mut several = Vec::new();
    let mut count = 0;
    for spec in list::elements(specs).filter(|spec| !spec.is_empty()) {
        count += 1;
        let Some(part) = part(spec, length).filter(|_| count <= PARTS_MAX) else {
            return Wanted::Whole;
        };
        if part.is_empty() {
            continue;
        }
        match single.take() {
            None if several.is_empty() => single = Some(part),
            first => {
                several.extend(first);
                several.push(part);
            }
        }
    }
    match (single, several.is_empty()) {
        (Some(part), _) => Wanted::Part(part),
        (None, false) => apart(several),
        (None, true) if count == 0 => Wanted::Whole,
        (None, true) => Wanted::Unsatisfiable,
    }
}

/// The bytes that one part means, none if there are none; `None` if it is malformed.
fn part(spec: &[u8], length: u64) -> Option<Range<u64>> {
    let dash = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    let end = last.saturating_add(1).min(length);
    (first <= last).then_some(first.min(end)..end)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sum = digits
        .iter()
        .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(sum)
}

/// Joins parts that overlap.
fn apart(parts: Vec<Range<u64>>) -> Wanted {
    let mut sorted = parts.clone();
    sorted.sort_unstable_by_key(|part| part.start);
    if sorted.windows(2).all(|pair| pair[0].end <= pair[1].start) {
        return Wanted::Parts(parts);
    }
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for part in sorted {
        match joined.last_mut() {
            Some(before) if part.start <= before.end => before.end = before.end.max(part.end),
            _ => joined.push(part),
        }
    }
    match &joined[..] {
        [part] => Wanted::Part(part.clone()),
        _ => Wanted::Parts(joined),
    }
}

/// Whether the value of `Content-Range` says that a part is the whole.
pub(crate) fn is_whole(value: &[u8]) -> bool {
    let Some((unit, rest)) = value.trim_ascii().split_at_checked(6) else { return false };
    let mut numbers = rest.split(|byte| matches!(byte, b'-' | b'/')).map(number);
    let (first, last, length) = (numbers.next(), numbers.next(), numbers.next());
    let dash = rest.iter().position(|byte| *byte == b'-');
    let slash = rest.iter().position(|byte| *byte == b'/');
    let (Some(Some(0)), Some(Some(last)), Some(Some(length)), None) = (first, last, length, numbers.next())
    else {
        return false;
    };
    unit.eq_ignore_ascii_case(b"bytes ") && dash < slash && last.checked_add(1) == Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(value: &str) -> Wanted {
        parse(value.as_bytes(), 100)
    }

    #[test]
    fn one_part_is_found() {
        let table = [
            ("bytes=0-9", 0..10),
            ("Bytes=0-9", 0..10),
            ("bytes=90-", 90..100),
            ("bytes=90-99", 90..100),
            ("bytes=90-1000", 90..100),
            ("bytes=90-99999999999999999999999", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
            ("bytes=0-0", 0..1),
            ("bytes= 0-9 ,", 0..10),
            ("bytes=200-300, 0-9", 0..10),
            ("bytes=0-9,5-19", 0..20),
            ("bytes=10-19,0-15", 0..20),
        ];
        for (value, expected) in table {
            assert_eq!(wanted(value), Wanted::Part(expected), "{value}");
        }
    }

    #[test]
    fn several_parts_keep_their_order_unless_they_overlap() {
        assert_eq!(wanted("bytes=50-59, 0-9,-1"), Wanted::Parts(vec![50..60, 0..10, 99..100]));
        assert_eq!(wanted("bytes=50-59,0-9,0-19"), Wanted::Parts(vec![0..20, 50..60]));
        assert_eq!(wanted("bytes=0-9,200-,20-29"), Wanted::Parts(vec![0..10, 20..30]));
    }

    #[test]
    fn what_is_not_there_is_unsatisfiable() {
        for value in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=200-300,-0"] {
            assert_eq!(wanted(value), Wanted::Unsatisfiable, "{value}");
        }
        assert_eq!(parse(b"bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(parse(b"bytes=-5", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn what_is_malformed_means_the_whole() {
        let values = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes 0-9",
            "bytes=9-0",
            "bytes=a-9",
            "bytes=0-9,x",
            "bytes=-",
            "bytes=--1",
            "bytes=0--1",
            "items=0-9",
            "bytes=0",
            "bytes=1 - 2",
            "bytes=0x1-2",
            "bytes==0-9",
        ];
        for value in values {
            assert_eq!(wanted(value), Wanted::Whole, "{value}");
        }
    }

    #[test]
    fn many_parts_mean_the_whole() {
        let value = |count: u64| {
            let specs: Vec<_> = (0..count).map(|at| format!("{}-{}", at * 2, at * 2)).collect();
            format!("bytes={}", specs.join(","))
        };
        assert!(matches!(wanted(&value(16)), Wanted::Parts(parts) if parts.len() == 16));
        assert_eq!(wanted(&value(17)), Wanted::Whole);
    }
}
