//! Lists: the rows of each file in one list, and what several files need.

mod block;
mod edit;
mod find;
mod pop;
mod push;
mod read;
mod transfer;

use crate::command::Command;
use crate::command::args::Args;
use crate::command::keys::{KeySpec, KeyUse};
use crate::error::Error;
use spinel_resp::ReplyWriter;
use spinel_types::Element;
use spinel_types::list::End;
use std::ops::Range;

/// The rows of this family, file by file.
pub(super) const COMMANDS: &[&[Command]] = &[
    push::COMMANDS,
    pop::COMMANDS,
    read::COMMANDS,
    find::COMMANDS,
    edit::COMMANDS,
    transfer::COMMANDS,
    block::COMMANDS,
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyUse::READ_ONLY.with(KeyUse::ACCESS))];
const INSERT_USE: KeyUse = KeyUse::READ_WRITE.with(KeyUse::INSERT);
const INSERT_KEY: &[KeySpec] = &[KeySpec::at(1, INSERT_USE)];

/// Replies an element.
#[inline]
fn reply_element(reply: &mut ReplyWriter, element: Element<'_>) {
    match element {
        Element::Text(text) => reply.bulk(text),
        Element::Integer(integer) => reply.bulk_integer(integer),
    }
}

/// Reads LEFT or RIGHT.
fn end(args: &mut Args<'_>) -> Result<End, Error> {
    if args.accept("LEFT") {
        Ok(End::Head)
    } else if args.accept("RIGHT") {
        Ok(End::Tail)
    } else {
        Err(Error::Syntax)
    }
}

/// The index that a possibly negative one means, if it is not below 0.
fn index_of(position: i64, len: usize) -> Option<usize> {
    let from_head = if position < 0 { position.saturating_add(len as i64) } else { position };
    usize::try_from(from_head).ok()
}

/// The indexes from one position to another, both included, of a list with `len` elements. Positions beyond the
/// ends mean nothing before and all behind.
fn range_of(start: i64, stop: i64, len: usize) -> Range<usize> {
    let start = index_of(start, len).unwrap_or(0);
    let behind = index_of(stop, len).map_or(0, |stop| stop.saturating_add(1)).min(len);
    if start < behind { start..behind } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_list() {
        for (start, stop, len, expected) in [
            (0, -1, 3, 0..3),
            (-2, -1, 3, 1..3),
            (-9, 9, 3, 0..3),
            (1, 1, 3, 1..2),
            (2, 1, 3, 0..0),
            (3, 9, 3, 0..0),
            (0, -4, 3, 0..0),
            (i64::MIN, i64::MAX, 3, 0..3),
            (i64::MAX, i64::MIN, 3, 0..0),
        ] {
            assert_eq!(range_of(start, stop, len), expected, "{start} {stop} of {len}");
        }
    }
}
