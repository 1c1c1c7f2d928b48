//! What commands on groups do, in words that do the same when they run again.

use crate::engine::effect::Line;
use spinel_types::stream::{Group, Pending};
use spinel_types::{Stream, StreamId};

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

/// Drops an entry from the pending ones of all groups that have it.
pub(super) fn release_everywhere(key: &[u8], stream: &Stream, id: StreamId) -> Vec<Line> {
    let has = |group: &Group| group.pending(id).is_some();
    let groups = stream.groups();
    let with = groups.iter().filter(|(_, group)| has(group));
    with.map(|(group, _)| acknowledge(Place { key, group }, id)).collect()
}

/// The entries that are pending in each group.
pub(super) struct PendingEntries(Vec<(Vec<u8>, Vec<StreamId>)>);

impl PendingEntries {
    pub(super) fn of(stream: &Stream) -> PendingEntries {
        let ids = |group: &Group| {
            group.pending_in(StreamId::MIN..=StreamId::MAX).map(|(id, _)| *id).collect::<Vec<_>>()
        };
        PendingEntries(stream.groups().iter().map(|(name, group)| (name.to_vec(), ids(group))).collect())
    }

    /// Drops those that are pending no more.
    pub(super) fn released(&self, key: &[u8], stream: &Stream) -> Vec<Line> {
        let mut lines = Vec::new();
        for (name, ids) in &self.0 {
            let groups = stream.groups();
            let has = |id: &StreamId| groups.find(name).is_some_and(|group| group.pending(*id).is_some());
            let gone = ids.iter().filter(|id| !has(id)).map(|id| id.text().to_vec());
            let words: Vec<_> = gone.collect();
            if !words.is_empty() {
                lines.push([line(&[b"XACK", key, name]), words].concat());
            }
        }
        lines
    }
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
