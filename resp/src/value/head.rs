//! The first line of a reply: its type, and either all of it or how much is to follow.

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1, i64 as signed, one_of, u64 as unsigned};
use nom::combinator::{all_consuming, eof, map, map_opt, opt, recognize, rest, value};
use nom::error::Error;
use nom::{IResult, Parser};

use super::{DecodeError, Double, Value};

/// What a line announces.
#[derive(Debug)]
pub(super) enum Head {
    /// The line is the value.
    Whole(Value),
    /// So many bytes follow, and CR LF.
    Text(Text, usize),
    /// So many values follow.
    Aggregate(Aggregate, usize),
}

/// What becomes of bytes announced by a length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Text {
    Bulk,
    Error,
    Verbatim,
}

/// What becomes of values announced by a count.
#[derive(Debug)]
pub(super) enum Aggregate {
    Array,
    Map,
    Set,
    Push,
    /// Attributes, which the value that they belong to follows.
    Attributes,
    /// That value, with its attributes.
    Attributed(Vec<(Value, Value)>),
}

/// Parses a line, given without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<Head, DecodeError> {
    let (&marker, content) = line.split_first().ok_or(DecodeError::UnknownType { found: b'\r' })?;
    let head = match marker {
        b'+' => Some(Head::Whole(Value::Simple(content.to_vec()))),
        b'-' => Some(Head::Whole(Value::Error(content.to_vec()))),
        b':' => all(map(signed, Value::Integer), content).map(Head::Whole),
        b'_' => all(value(Value::Null, eof), content).map(Head::Whole),
        b'#' => all(map(boolean, Value::Boolean), content).map(Head::Whole),
        b',' => all(map(double, Value::Double), content).map(Head::Whole),
        b'(' => all(map(big_number, Value::BigNumber), content).map(Head::Whole),
        b'$' => all(or_null(|bytes| Head::Text(Text::Bulk, bytes)), content),
        b'!' => all(length, content).map(|bytes| Head::Text(Text::Error, bytes)),
        b'=' => all(length, content).map(|bytes| Head::Text(Text::Verbatim, bytes)),
        b'*' => all(or_null(|count| Head::Aggregate(Aggregate::Array, count)), content),
        b'~' => all(length, content).map(|count| Head::Aggregate(Aggregate::Set, count)),
        b'>' => all(length, content).map(|count| Head::Aggregate(Aggregate::Push, count)),
        b'%' => all(pairs, content).map(|count| Head::Aggregate(Aggregate::Map, count)),
        b'|' => all(pairs, content).map(|count| Head::Aggregate(Aggregate::Attributes, count)),
        found => return Err(DecodeError::UnknownType { found }),
    };
    head.ok_or(DecodeError::InvalidLine { marker })
}

/// Applies `parser` to all of `content`.
fn all<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
    content: &'a [u8],
) -> Option<T> {
    all_consuming(parser).parse(content).ok().map(|(_, parsed)| parsed)
}

/// A length that, with the CR LF after it, is one of something in memory.
fn length(content: &[u8]) -> IResult<&[u8], usize> {
    map_opt(unsigned, |length| isize::try_from(length).ok().map(isize::unsigned_abs)).parse(content)
}

/// A number of pairs, as the number of values they are.
fn pairs(content: &[u8]) -> IResult<&[u8], usize> {
    map_opt(length, |count| count.checked_mul(2)).parse(content)
}

/// A length, or the -1 that stands for null in RESP2.
fn or_null<'a>(
    head: impl Fn(usize) -> Head,
) -> impl Parser<&'a [u8], Output = Head, Error = Error<&'a [u8]>> {
    let null = map(tag("-1"), |_: &[u8]| Head::Whole(Value::Null));
    alt((null, map(length, head)))
}

fn boolean(content: &[u8]) -> IResult<&[u8], bool> {
    alt((value(true, char('t')), value(false, char('f')))).parse(content)
}

fn double(content: &[u8]) -> IResult<&[u8], Double> {
    let parse = |text: &[u8]| {
        let text = str::from_utf8(text).ok()?;
        text.parse::<f64>().is_ok().then(|| Double { text: text.to_owned() })
    };
    map_opt(rest, parse).parse(content)
}

fn big_number(content: &[u8]) -> IResult<&[u8], String> {
    let digits = recognize((opt(one_of("+-")), digit1));
    map(digits, |text: &[u8]| String::from_utf8_lossy(text).into_owned()).parse(content)
}
