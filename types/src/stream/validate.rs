//! Telling nodes of streams from other bytes.

use super::StreamId;
use crate::listpack::{self, Element, Iter, Listpack, Malformed};
use std::fmt;

/// Why bytes are no node of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MalformedNode {
    /// They are no listpack.
    Listpack(Malformed),
    /// What stands before the entries is incomplete, or no counts.
    Head,
    /// The entry of this index is incomplete, has unknown flags, or doesn't say how many elements it has.
    Entry(usize),
    /// The entry of this index has an id that is not greater than the one before, or smaller than the node's.
    Order(usize),
    /// There are not as many entries, or not as many deleted ones, as the head says.
    Counts,
}

impl fmt::Display for MalformedNode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MalformedNode::Listpack(malformed) => malformed.fmt(out),
            MalformedNode::Head => out.write_str("the head of the stream's node is malformed"),
            MalformedNode::Entry(index) => write!(out, "entry {index} of the stream's node is malformed"),
            MalformedNode::Order(index) => write!(out, "entry {index} of the stream's node is out of order"),
            MalformedNode::Counts => out.write_str("the counts of the stream's node are wrong"),
        }
    }
}

impl std::error::Error for MalformedNode {}

/// Checks that bytes are the node of a stream whose first id this is. O(n), reads nothing but `bytes`.
///
/// Returns how many entries are there that were not deleted.
pub fn validate(first: StreamId, bytes: &[u8]) -> Result<u64, MalformedNode> {
    listpack::validate(bytes).map_err(MalformedNode::Listpack)?;
    let mut elements = Listpack::new(bytes).iter();
    let head = read_head(&mut elements).ok_or(MalformedNode::Head)?;
    let (mut live, mut deleted, mut last) = (0, 0, None);
    for index in 0.. {
        if elements.clone().next().is_none() {
            break;
        }
        let entry = read_entry(&mut elements, head.names).ok_or(MalformedNode::Entry(index))?;
        let id = StreamId {
            ms: first.ms.wrapping_add(entry.ms as u64),
            sequence: first.sequence.wrapping_add(entry.sequence as u64),
        };
        if id < first || last.is_some_and(|last| id <= last) {
            return Err(MalformedNode::Order(index));
        }
        last = Some(id);
        let count = if entry.is_deleted { &mut deleted } else { &mut live };
        *count += 1;
    }
    if (live, deleted) == (head.live, head.deleted) { Ok(live) } else { Err(MalformedNode::Counts) }
}

struct Head {
    live: u64,
    deleted: u64,
    names: usize,
}

struct Entry {
    is_deleted: bool,
    ms: i64,
    sequence: i64,
}

fn read_head(elements: &mut Iter<'_>) -> Option<Head> {
    let (live, deleted) = (read_count(elements)?, read_count(elements)?);
    let names = usize::try_from(read_count(elements)?).ok()?;
    skip(elements, names)?;
    (read_integer(elements)? == 0).then_some(Head { live, deleted, names })
}

fn read_entry(elements: &mut Iter<'_>, names: usize) -> Option<Entry> {
    let flags = read_integer(elements)?;
    let (ms, sequence) = (read_integer(elements)?, read_integer(elements)?);
    let is_same = match flags {
        0 | 1 => false,
        2 | 3 => true,
        _ => return None,
    };
    let (head, words) =
        if is_same { (3, names) } else { (4, usize::try_from(read_count(elements)?).ok()?.checked_mul(2)?) };
    skip(elements, words)?;
    let said = read_integer(elements)?;
    (said == (head + words) as i64).then_some(Entry { is_deleted: flags & 1 != 0, ms, sequence })
}

/// Passes over elements that must be there; stops at the end, however many are announced.
fn skip(elements: &mut Iter<'_>, count: usize) -> Option<()> {
    match count.checked_sub(1) {
        None => Some(()),
        Some(index) => elements.nth(index).map(drop),
    }
}

fn read_count(elements: &mut Iter<'_>) -> Option<u64> {
    u64::try_from(read_integer(elements)?).ok()
}

fn read_integer(elements: &mut Iter<'_>) -> Option<i64> {
    match elements.next()? {
        Element::Integer(integer) => Some(integer),
        Element::Text(_) => None,
    }
}
