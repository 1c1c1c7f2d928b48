//! Streams.
//!
//! ```text
//! nodes: first id (a string of 16 bytes), listpack
//! length, last id, first id, greatest deleted id, entries added
//! groups: name, last id delivered, entries read
//!         pending: id (16 bytes), time (8 bytes), deliveries
//!         consumers: name, time seen (8 bytes), pending: id (16 bytes)
//! ```

use super::Encoder;
use super::primitive::{length, raw};
use spinel_types::stream::{Consumer, Group, Pending};
use spinel_types::{Stream, StreamId};

/// All ids.
const ALL: std::ops::RangeInclusive<StreamId> = StreamId::MIN..=StreamId::MAX;

/// An id as it stands beside other fields of known length.
pub(super) fn id_bytes(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.sequence)).to_be_bytes()
}

fn id_lengths(id: StreamId, out: &mut Vec<u8>) {
    length(id.ms, out);
    length(id.sequence, out);
}

/// The pending entries of a group that no consumer has: others don't know of such.
pub(super) fn unowned(group: &Group) -> impl Iterator<Item = (&StreamId, &Pending)> {
    let none_at_all = group.unowned_len() == 0;
    let candidates = (!none_at_all).then(|| group.pending_in(ALL)).into_iter().flatten();
    candidates.filter(|(_, pending)| pending.consumer.is_none())
}

impl Encoder {
    pub(super) fn stream(&mut self, stream: &Stream, out: &mut Vec<u8>) {
        length(stream.node_count() as u64, out);
        for (first, bytes) in stream.nodes() {
            raw(&id_bytes(first), out);
            self.bytes(bytes, out);
        }
        length(stream.len(), out);
        id_lengths(stream.last_id(), out);
        id_lengths(stream.first_id(), out);
        id_lengths(stream.max_deleted_id(), out);
        length(stream.entries_added(), out);
        length(stream.groups().len() as u64, out);
        for (name, group) in stream.groups().iter() {
            self.group(name, group, out);
        }
    }

    fn group(&mut self, name: &[u8], group: &Group, out: &mut Vec<u8>) {
        self.bytes(name, out);
        id_lengths(group.last_delivered, out);
        // Unknown is written as -1.
        length(group.entries_read.unwrap_or(-1) as u64, out);
        length((group.pending_len() - group.unowned_len()) as u64, out);
        for (id, pending) in group.pending_in(ALL).filter(|(_, pending)| pending.consumer.is_some()) {
            out.extend_from_slice(&id_bytes(*id));
            out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
            length(pending.deliveries, out);
        }
        length(group.consumers_len() as u64, out);
        for consumer in group.consumers() {
            self.consumer(consumer, out);
        }
    }

    fn consumer(&mut self, consumer: &Consumer, out: &mut Vec<u8>) {
        self.bytes(consumer.name(), out);
        out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
        length(consumer.pending_len() as u64, out);
        for id in consumer.pending(ALL) {
            out.extend_from_slice(&id_bytes(*id));
        }
    }
}
