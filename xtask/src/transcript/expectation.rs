//! Expected replies: how they are written, what they accept, how a recording renews them.

use std::iter::Peekable;
use std::slice::Iter;

use super::INDENT;
use super::words::{quote, unquote};
use crate::resp::Reply;

const ANY: &str = "<any>";
const NO_REPLY: &str = "(none)";
const CLOSED: &str = "(closed)";
const ANY_ORDER: &str = " (any order)";

/// What followed a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Observed {
    /// A reply.
    Reply(Reply),
    /// The server closed the connection instead.
    Closed,
}

/// What a transcript says should follow a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// `<any>`: one reply of whatever type.
    Any,
    /// `(none)`: no reply at all; the next command's reply comes first.
    NoReply,
    /// `(closed)`: the server closes the connection.
    Closed,
    /// A reply without elements, byte for byte.
    Exact(Reply),
    /// A reply of this type whose payload varies.
    Varying(u8, Variation),
    /// An aggregate and its elements.
    Aggregate {
        /// The type marker.
        marker: u8,
        /// Whether the elements (of a map, the pairs) may come in any order.
        any_order: bool,
        /// The elements; keys and values of a map alternate.
        items: Vec<Expectation>,
    },
}

/// Payloads that one expectation accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Variation {
    /// `<any>`.
    Any,
    /// `<integer>`.
    Integer,
    /// `<integer LOW..HIGH>`, both ends included.
    Range(i64, i64),
}

impl Expectation {
    /// Parses the lines below a command.
    ///
    /// # Errors
    /// With what is wrong about them.
    pub(crate) fn parse(lines: &[&str]) -> Result<Self, String> {
        let mut rest = lines.iter().peekable();
        let expectation = parse_at(&mut rest, INDENT)?;
        match rest.next() {
            None => Ok(expectation),
            Some(line) => Err(format!("one line too many: {line:?}")),
        }
    }

    /// Returns the lines to write below the command.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        self.print_at(INDENT, &mut text);
        text
    }

    /// Tells whether this is what should have followed.
    pub(crate) fn accepts(&self, observed: &Observed) -> bool {
        match (self, observed) {
            (Self::Closed, Observed::Closed) => true,
            (_, Observed::Reply(reply)) => self.accepts_reply(reply),
            _ => false,
        }
    }

    /// Returns what to write for `observed`, keeping the placeholders of `old` that still fit.
    pub(crate) fn renewed(old: Option<&Self>, observed: &Observed) -> Self {
        match observed {
            Observed::Closed => Self::Closed,
            Observed::Reply(reply) => Self::renewed_reply(old, reply),
        }
    }

    fn renewed_reply(old: Option<&Self>, reply: &Reply) -> Self {
        if let Some(old) = old.filter(|old| old.accepts_reply(reply)) {
            return old.clone();
        }
        let Reply::Aggregate { marker, items } = reply else { return Self::Exact(reply.clone()) };
        let (old_items, any_order) = match old {
            Some(Self::Aggregate { items, any_order, .. }) => (&items[..], *any_order),
            _ => (&[][..], false),
        };
        let renewed = |(index, item)| Self::renewed_reply(old_items.get(index), item);
        Self::Aggregate { marker: *marker, any_order, items: items.iter().enumerate().map(renewed).collect() }
    }

    fn accepts_reply(&self, reply: &Reply) -> bool {
        match self {
            Self::Any => true,
            Self::NoReply | Self::Closed => false,
            Self::Exact(expected) => expected == reply,
            Self::Varying(marker, variation) => reply.marker() == *marker && variation.accepts(reply),
            Self::Aggregate { marker, any_order, items } => {
                let Reply::Aggregate { marker: other, items: replies } = reply else { return false };
                marker == other
                    && items.len() == replies.len()
                    && if *any_order {
                        accept_shuffled(*marker, items, replies)
                    } else {
                        accept_all(items, replies)
                    }
            }
        }
    }

    fn print_at(&self, indent: usize, text: &mut String) {
        let line = match self {
            Self::Any => ANY.to_owned(),
            Self::NoReply => NO_REPLY.to_owned(),
            Self::Closed => CLOSED.to_owned(),
            Self::Exact(reply) => print_exact(reply),
            Self::Varying(marker, variation) => {
                let gap = if is_blob(*marker) { " " } else { "" };
                format!("{}{gap}{}", char::from(*marker), variation.print())
            }
            Self::Aggregate { marker, any_order, items } => {
                let mark = if *any_order { ANY_ORDER } else { "" };
                format!("{}{}{mark}", char::from(*marker), items.len() / per_entry(*marker))
            }
        };
        text.extend([&" ".repeat(indent), &line, "\n"]);
        if let Self::Aggregate { items, .. } = self {
            for item in items {
                item.print_at(indent + INDENT, text);
            }
        }
    }
}

impl Variation {
    fn parse(text: &str) -> Option<Self> {
        let inside = text.strip_prefix('<')?.strip_suffix('>')?;
        match inside {
            "any" => Some(Self::Any),
            "integer" => Some(Self::Integer),
            _ => {
                let (low, high) = inside.strip_prefix("integer ")?.split_once("..")?;
                Some(Self::Range(low.parse().ok()?, high.parse().ok()?))
            }
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Any => ANY.to_owned(),
            Self::Integer => "<integer>".to_owned(),
            Self::Range(low, high) => format!("<integer {low}..{high}>"),
        }
    }

    fn accepts(&self, reply: &Reply) -> bool {
        match self {
            Self::Any => reply.bytes().is_some(),
            Self::Integer => reply.integer().is_some(),
            Self::Range(low, high) => reply.integer().is_some_and(|number| (*low..=*high).contains(&number)),
        }
    }
}

fn accept_all(items: &[Expectation], replies: &[Reply]) -> bool {
    items.iter().zip(replies).all(|(item, reply)| item.accepts_reply(reply))
}

/// Pairs every expected entry with one that came and is not yet taken.
fn accept_shuffled(marker: u8, items: &[Expectation], replies: &[Reply]) -> bool {
    let size = per_entry(marker);
    let mut left: Vec<&[Reply]> = replies.chunks(size).collect();
    items.chunks(size).all(|entry| {
        let found = left.iter().position(|candidate| accept_all(entry, candidate));
        found.map(|index| left.swap_remove(index)).is_some()
    })
}

/// Returns how many elements the count of an aggregate's header stands for.
fn per_entry(marker: u8) -> usize {
    if matches!(marker, b'%' | b'|') { 2 } else { 1 }
}

fn is_blob(marker: u8) -> bool {
    matches!(marker, b'$' | b'=' | b'!')
}

fn print_exact(reply: &Reply) -> String {
    let marker = char::from(reply.marker());
    match reply {
        Reply::Null { .. } => format!("{marker}-1"),
        Reply::Line { text, .. } if is_plain(text) => format!("{marker}{}", String::from_utf8_lossy(text)),
        _ => format!("{marker} {}", quote(reply.bytes().unwrap_or_default())),
    }
}

/// Tells whether a line can be written as it is: what it says is visible and not one of our own notations.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.starts_with(b" ")
        && !text.ends_with(b" ")
        && !text.starts_with(b"<")
}

fn parse_at(lines: &mut Peekable<Iter<'_, &str>>, indent: usize) -> Result<Expectation, String> {
    let line = lines.next().ok_or("an aggregate lacks elements")?;
    let text = line.trim_start_matches(' ');
    if line.len() - text.len() != indent {
        return Err(format!("indented by {} instead of {indent}: {line:?}", line.len() - text.len()));
    }
    let unclear = || format!("not a reply: {text:?}");
    match text {
        ANY => return Ok(Expectation::Any),
        NO_REPLY => return Ok(Expectation::NoReply),
        CLOSED => return Ok(Expectation::Closed),
        _ => {}
    }
    let (&marker, _) = text.as_bytes().split_first().ok_or_else(unclear)?;
    let payload = text.get(1..).ok_or_else(unclear)?;
    match marker {
        b'$' | b'*' if payload == "-1" => Ok(Expectation::Exact(Reply::Null { marker })),
        b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => parse_line(marker, payload).ok_or_else(unclear),
        b'$' | b'=' | b'!' => parse_blob(marker, payload).ok_or_else(unclear),
        b'*' | b'~' | b'>' | b'%' | b'|' => {
            let (count, any_order) = match payload.strip_suffix(ANY_ORDER) {
                Some(count) => (count, true),
                None => (payload, false),
            };
            let count: usize = count.parse().map_err(|_| unclear())?;
            let annotated = usize::from(marker == b'|');
            let elements =
                (0..count * per_entry(marker) + annotated).map(|_| parse_at(lines, indent + INDENT));
            Ok(Expectation::Aggregate { marker, any_order, items: elements.collect::<Result<_, _>>()? })
        }
        _ => Err(unclear()),
    }
}

fn parse_line(marker: u8, payload: &str) -> Option<Expectation> {
    if payload.starts_with('<') {
        return Some(Expectation::Varying(marker, Variation::parse(payload)?));
    }
    let text = match payload.strip_prefix(' ') {
        Some(quoted) => unquote(quoted)?,
        None => payload.as_bytes().to_vec(),
    };
    Some(Expectation::Exact(Reply::Line { marker, text }))
}

fn parse_blob(marker: u8, payload: &str) -> Option<Expectation> {
    let payload = payload.strip_prefix(' ')?;
    if payload.starts_with('<') {
        return Some(Expectation::Varying(marker, Variation::parse(payload)?));
    }
    Some(Expectation::Exact(Reply::Blob { marker, bytes: unquote(payload)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode;

    fn reply(bytes: &[u8]) -> Observed {
        Observed::Reply(decode(bytes).unwrap().unwrap().0)
    }

    fn parse(text: &str) -> Expectation {
        Expectation::parse(&text.lines().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn every_reply_survives_printing() {
        for bytes in [
            &b"+OK\r\n"[..],
            b"-ERR unknown command 'x', with args beginning with: \r\n",
            b"+<any>\r\n",
            b":-5\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"_\r\n",
            b"$2\r\n\r\n\r\n",
            b"*2\r\n*0\r\n%1\r\n+k\r\n,inf\r\n",
            b"=7\r\ntxt:a\nb\r\n",
            b"|1\r\n+k\r\n+v\r\n:9\r\n",
        ] {
            let observed = reply(bytes);
            let printed = Expectation::renewed(None, &observed).print();
            assert!(parse(&printed).accepts(&observed), "{printed}");
            assert_eq!(parse(&printed).print(), printed);
        }
    }

    #[test]
    fn placeholders_accept_what_they_say() {
        let range = parse("  :<integer 95..100>");
        assert!(range.accepts(&reply(b":95\r\n")) && range.accepts(&reply(b":100\r\n")));
        assert!(!range.accepts(&reply(b":94\r\n")) && !range.accepts(&reply(b"$2\r\n95\r\n")));
        assert!(parse("  $ <integer>").accepts(&reply(b"$2\r\n95\r\n")));
        assert!(!parse("  $ <integer>").accepts(&reply(b"$1\r\nx\r\n")));
        assert!(parse("  <any>").accepts(&reply(b"*0\r\n")));
        assert!(!parse("  <any>").accepts(&Observed::Closed));
        assert!(!parse("  $ <any>").accepts(&reply(b"$-1\r\n")));
    }

    #[test]
    fn any_order_pairs_each_entry_once() {
        let keys = parse("  *2 (any order)\n    $ \"a\"\n    $ \"b\"");
        assert!(keys.accepts(&reply(b"*2\r\n$1\r\nb\r\n$1\r\na\r\n")));
        assert!(!keys.accepts(&reply(b"*2\r\n$1\r\na\r\n$1\r\na\r\n")));
        let map = parse("  %2 (any order)\n    $ \"a\"\n    :1\n    $ \"b\"\n    :2");
        assert!(map.accepts(&reply(b"%2\r\n$1\r\nb\r\n:2\r\n$1\r\na\r\n:1\r\n")));
        assert!(!map.accepts(&reply(b"%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n")));
    }

    #[test]
    fn a_renewal_keeps_placeholders_that_fit() {
        let old = parse("  *2\n    :<integer>\n    $ \"old\"");
        let renewed = Expectation::renewed(Some(&old), &reply(b"*2\r\n:7\r\n$3\r\nnew\r\n"));
        assert_eq!(renewed.print(), "  *2\n    :<integer>\n    $ \"new\"\n");
        let renewed = Expectation::renewed(Some(&parse("  :<integer>")), &reply(b"+OK\r\n"));
        assert_eq!(renewed.print(), "  +OK\n");
    }
}
