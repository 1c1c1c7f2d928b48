//! Expected replies: how they are written, and the bytes they accept.

use super::words;
use spinel_resp::decode;
use std::iter::Peekable;

/// How far an element stands to the right of the aggregate it belongs to, and a reply of its command.
const INDENT: usize = 2;
const ANY_ORDER: &str = " (any order)";

/// What a transcript says should follow a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expectation {
    /// One reply of any type.
    Any,
    /// Nothing: the next reply is the next command's.
    NoReply,
    /// The end of the connection.
    Closed,
    /// These bytes.
    Exact(Vec<u8>),
    /// A reply of this type whose payload varies.
    Varying(u8, Variation),
    /// An aggregate.
    Aggregate(Aggregate),
}

/// Payloads that one expectation accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Variation {
    Any,
    Integer,
    /// An integer within these bounds, both included.
    Range(i64, i64),
}

/// The elements of an array, set, push, map or attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Aggregate {
    marker: u8,
    /// As in the header: of a map, the pairs.
    count: usize,
    /// Whether the elements (of a map, the pairs) may come in any order.
    is_shuffled: bool,
    /// Keys and values of a map in turns; the last one of an attribute is what it annotates.
    items: Vec<Expectation>,
}

impl Expectation {
    /// Parses the lines below a command; an error says what is wrong with them.
    pub(super) fn parse(lines: &[&str]) -> Result<Expectation, String> {
        let mut rest = lines.iter().copied().peekable();
        let expectation = parse_at(&mut rest, INDENT)?;
        rest.next().map_or(Ok(expectation), |line| Err(format!("one line too many: {line:?}")))
    }

    /// Tells whether the bytes of a reply are what was expected.
    pub(super) fn accepts(&self, reply: &[u8]) -> bool {
        match self {
            Expectation::Any => true,
            Expectation::NoReply | Expectation::Closed => false,
            Expectation::Exact(bytes) => bytes == reply,
            Expectation::Varying(marker, variation) => {
                reply.first() == Some(marker) && payload(reply).is_some_and(|bytes| variation.accepts(bytes))
            }
            Expectation::Aggregate(aggregate) => aggregate.accepts(reply),
        }
    }
}

impl Variation {
    fn parse(text: &str) -> Option<Variation> {
        match text.strip_prefix('<')?.strip_suffix('>')? {
            "any" => Some(Variation::Any),
            "integer" => Some(Variation::Integer),
            range => {
                let (low, high) = range.strip_prefix("integer ")?.split_once("..")?;
                Some(Variation::Range(low.parse().ok()?, high.parse().ok()?))
            }
        }
    }

    fn accepts(&self, payload: &[u8]) -> bool {
        let number = || std::str::from_utf8(payload).ok()?.parse::<i64>().ok();
        match self {
            Variation::Any => true,
            Variation::Integer => number().is_some(),
            Variation::Range(low, high) => number().is_some_and(|number| (*low..=*high).contains(&number)),
        }
    }
}

impl Aggregate {
    fn accepts(&self, reply: &[u8]) -> bool {
        let header = format!("{}{}\r\n", char::from(self.marker), self.count);
        let Some(replies) = reply.strip_prefix(header.as_bytes()).and_then(split) else { return false };
        if replies.len() != self.items.len() {
            return false;
        }
        if self.is_shuffled { self.accepts_shuffled(&replies) } else { accept_all(&self.items, &replies) }
    }

    /// Pairs every expected entry with one that came and is not yet taken.
    fn accepts_shuffled(&self, replies: &[&[u8]]) -> bool {
        let size = values_per_entry(self.marker);
        let mut left: Vec<&[&[u8]]> = replies.chunks(size).collect();
        self.items.chunks(size).all(|entry| {
            let found = left.iter().position(|candidate| accept_all(entry, candidate));
            found.map(|index| left.swap_remove(index)).is_some()
        })
    }
}

fn accept_all(items: &[Expectation], replies: &[&[u8]]) -> bool {
    items.iter().zip(replies).all(|(item, reply)| item.accepts(reply))
}

/// Splits replies that follow one another.
fn split(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let (_, length) = decode(bytes).ok()??;
        let (reply, behind) = bytes.split_at(length);
        replies.push(reply);
        bytes = behind;
    }
    Some(replies)
}

/// The payload of a reply that is no aggregate and no null.
fn payload(reply: &[u8]) -> Option<&[u8]> {
    let body = reply.get(1..)?.strip_suffix(b"\r\n")?;
    if !is_blob(reply[0]) {
        return Some(body);
    }
    let end = body.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&body[end + 2..])
}

fn is_blob(marker: u8) -> bool {
    matches!(marker, b'$' | b'=' | b'!')
}

/// How many values the count in an aggregate's header stands for.
fn values_per_entry(marker: u8) -> usize {
    if matches!(marker, b'%' | b'|') { 2 } else { 1 }
}

fn parse_at<'t>(
    lines: &mut Peekable<impl Iterator<Item = &'t str>>,
    indent: usize,
) -> Result<Expectation, String> {
    let line = lines.next().ok_or("an aggregate lacks elements")?;
    let text = line.trim_start_matches(' ');
    if line.len() - text.len() != indent {
        return Err(format!("indented by {} instead of {indent}: {line:?}", line.len() - text.len()));
    }
    let unclear = || format!("not a reply: {text:?}");
    if let Some(simple) = parse_simple(text) {
        return Ok(simple);
    }
    let marker = text.bytes().next().ok_or_else(unclear)?;
    let (count, is_shuffled) = match text[1..].strip_suffix(ANY_ORDER) {
        Some(count) => (count, true),
        None => (&text[1..], false),
    };
    let count: usize = count.parse().map_err(|_| unclear())?;
    let annotated = usize::from(marker == b'|');
    let items = (0..count * values_per_entry(marker) + annotated)
        .map(|_| parse_at(lines, indent + INDENT))
        .collect::<Result<_, _>>()?;
    Ok(Expectation::Aggregate(Aggregate { marker, count, is_shuffled, items }))
}

/// Parses what takes a single line; `None` for the header of an aggregate, and for what is nothing at all.
fn parse_simple(text: &str) -> Option<Expectation> {
    match text {
        "<any>" => return Some(Expectation::Any),
        "(none)" => return Some(Expectation::NoReply),
        "(closed)" => return Some(Expectation::Closed),
        "$-1" | "*-1" => return Some(Expectation::Exact(format!("{text}\r\n").into_bytes())),
        _ => {}
    }
    let marker = text.bytes().next()?;
    let payload = text.get(1..)?;
    let is_line = matches!(marker, b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_');
    if !is_line && !is_blob(marker) {
        return None;
    }
    let shown = if is_blob(marker) { payload.strip_prefix(' ')? } else { payload };
    if shown.starts_with('<') {
        return Some(Expectation::Varying(marker, Variation::parse(shown)?));
    }
    let bytes = match payload.strip_prefix(' ') {
        Some(quoted) => words::unquote(quoted)?,
        None => payload.as_bytes().to_vec(),
    };
    let header = if is_blob(marker) { format!("{}\r\n", bytes.len()) } else { String::new() };
    Some(Expectation::Exact([&[marker], header.as_bytes(), &bytes, b"\r\n"].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(expected: &str, reply: &str) -> bool {
        let lines: Vec<&str> = expected.lines().collect();
        Expectation::parse(&lines).unwrap().accepts(reply.as_bytes())
    }

    #[test]
    fn bytes_must_match() {
        assert!(accepts("  +OK", "+OK\r\n") && !accepts("  +OK", "-OK\r\n"));
        assert!(accepts("  $-1", "$-1\r\n") && !accepts("  $-1", "*-1\r\n") && !accepts("  _", "$-1\r\n"));
        assert!(accepts("  $ \"a\\r\\n\"", "$3\r\na\r\n\r\n"));
        assert!(accepts("  - \"ERR it ends with a space \"", "-ERR it ends with a space \r\n"));
        assert!(accepts("  *2\n    :1\n    *1\n      +a", "*2\r\n:1\r\n*1\r\n+a\r\n"));
        assert!(!accepts("  *1\n    :1", "*2\r\n:1\r\n:1\r\n"));
        assert!(!accepts("  *1\n    :1", "~1\r\n:1\r\n"));
        assert!(accepts("  |1\n    +k\n    +v\n    :9", "|1\r\n+k\r\n+v\r\n:9\r\n"));
    }

    #[test]
    fn placeholders_accept_what_they_say() {
        assert!(accepts("  :<integer 95..100>", ":95\r\n") && !accepts("  :<integer 95..100>", ":94\r\n"));
        assert!(!accepts("  :<integer>", "$1\r\n9\r\n") && accepts("  $ <integer>", "$1\r\n9\r\n"));
        assert!(!accepts("  $ <integer>", "$1\r\nx\r\n") && accepts("  $ <any>", "$1\r\nx\r\n"));
        assert!(!accepts("  $ <any>", "$-1\r\n") && accepts("  <any>", "*0\r\n"));
        assert!(accepts("  -<any>", "-ERR x\r\n") && !accepts("  (none)", "+OK\r\n"));
    }

    #[test]
    fn any_order_pairs_each_entry_once() {
        let keys = "  *2 (any order)\n    $ \"a\"\n    $ \"b\"";
        assert!(accepts(keys, "*2\r\n$1\r\nb\r\n$1\r\na\r\n"));
        assert!(!accepts(keys, "*2\r\n$1\r\na\r\n$1\r\na\r\n"));
        let map = "  %2 (any order)\n    +a\n    :1\n    +b\n    :2";
        assert!(accepts(map, "%2\r\n+b\r\n:2\r\n+a\r\n:1\r\n"));
        assert!(!accepts(map, "%2\r\n+b\r\n:1\r\n+a\r\n:2\r\n"));
    }

    #[test]
    fn mistakes_are_told() {
        for text in ["  ?", "  *1", "    +OK", "  +OK\n  +OK", "  $ x", "  :<integers>"] {
            assert!(Expectation::parse(&text.lines().collect::<Vec<_>>()).is_err(), "{text}");
        }
    }
}
