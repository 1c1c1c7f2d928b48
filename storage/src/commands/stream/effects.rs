//! What commands on groups do, in words that do the same when they run again.

use crate::engine::effect::Line;
use spinel_types::StreamId;
use spinel_types::stream::{Group, Pending};

/// A key and a group of its stream.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) key: &'a [u8],
    pub(super) group: &'a [u8],
}

pub(super) fn decimal(number: impl std::fmt::Display) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub(super) fn id_word(id: StreamId) -> Vec<u8> {
    id.text().to_vec()
}

pub(super) fn line(words: &[&[u8]]) -> Line {
    words.iter().map(|word| word.to_vec()).collect()
}

/// Sets how far a group has read.
pub(super) fn set_group_id(place: Place<'_>, group: &Group) -> Line {
    let read = decimal(group.entries_read.unwrap_or(-1));
    let last = group.last_delivered.text();
    line(&[b"XGROUP", b"SETID", place.key, place.group, &last, b"ENTRIESREAD", &read])
}

/// Adds a consumer.
pub(super) fn create_consumer(place: Place<'_>, consumer: &[u8]) -> Line {
    line(&[b"XGROUP", b"CREATECONSUMER", place.key, place.group, consumer])
}

/// Drops an entry from the pending ones.
pub(super) fn acknowledge(place: Place<'_>, id: StreamId) -> Line {
    line(&[b"XACK", place.key, place.group, &id.text()])
}

/// Makes an entry pending as it is now.
pub(super) fn claim(place: Place<'_>, group: &Group, id: StreamId, pending: &Pending) -> Line {
    let (time, deliveries) = (decimal(pending.delivered_ms), decimal(pending.deliveries));
    let (id, last) = (id.text(), group.last_delivered.text());
    if pending.consumer.is_none() {
        return release(place, &id, &deliveries);
    }
    let consumer = group.owner(pending);
    let head: [&[u8]; 6] = [b"XCLAIM", place.key, place.group, consumer, b"0", &id];
    let marks: [&[u8]; 8] =
        [b"TIME", &time, b"RETRYCOUNT", &deliveries, b"FORCE", b"JUSTID", b"LASTID", &last];
    line(&[&head[..], &marks].concat())
}

/// Makes an entry pending without a consumer.
fn release(place: Place<'_>, id: &[u8], deliveries: &[u8]) -> Line {
    let head: [&[u8]; 7] = [b"XNACK", place.key, place.group, b"FAIL", b"IDS", b"1", id];
    line(&[&head[..], &[b"RETRYCOUNT", deliveries, b"FORCE"]].concat())
}
