//! Replies made of replies: arrays, maps, sets, push messages, attributes.

use super::{Protocol, ReplyWriter};
use crate::number::format_unsigned;

/// Stands for an aggregate's length until its elements have been written and counted.
///
/// It is given back to the method that fits the one it came from, nested ones from the inside out, or dropped along
/// with the half-written reply (see [`ReplyWriter::truncate`]).
#[derive(Debug)]
#[must_use = "the aggregate has no length before it is finished"]
pub struct Deferred {
    position: usize,
    aggregate: Aggregate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Aggregate {
    Array,
    Map,
    Set,
    Push,
}

impl Deferred {
    /// Returns where the aggregate's header is and ends the deferral.
    fn into_position(self, aggregate: Aggregate) -> usize {
        assert_eq!(aggregate, self.aggregate, "finished as something else than it began");
        self.position
    }
}

impl ReplyWriter {
    /// Announces an array of `count` elements.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.aggregate(Aggregate::Array, count);
    }

    /// Announces a map of `count` keys, each followed by its value; in RESP2 an array of twice as many.
    pub fn map(&mut self, count: usize) {
        self.aggregate(Aggregate::Map, count);
    }

    /// Announces a set of `count` members; in RESP2 an array.
    pub fn set(&mut self, count: usize) {
        self.aggregate(Aggregate::Set, count);
    }

    /// Announces a push message of `count` elements, the first of which is its kind; in RESP2 an array.
    pub fn push(&mut self, count: usize) {
        self.aggregate(Aggregate::Push, count);
    }

    /// Announces `count` attributes, each a key and a value, of the reply that follows them.
    ///
    /// Panics in RESP2, whose clients would take it for the reply.
    pub fn attribute(&mut self, count: usize) {
        assert_eq!(self.protocol, Protocol::Resp3, "RESP2 has no attributes");
        self.length(b'|', count);
    }

    /// Announces an array whose length is told to [`finish_array`](Self::finish_array) later.
    pub fn deferred_array(&mut self) -> Deferred {
        self.defer(Aggregate::Array)
    }

    /// Sets the length of an array to the number of elements written since.
    pub fn finish_array(&mut self, deferred: Deferred, count: usize) {
        self.finish(Aggregate::Array, deferred.into_position(Aggregate::Array), count);
    }

    /// Announces a map whose length is told to [`finish_map`](Self::finish_map) later.
    pub fn deferred_map(&mut self) -> Deferred {
        self.defer(Aggregate::Map)
    }

    /// Sets the length of a map to the number of keys written since.
    pub fn finish_map(&mut self, deferred: Deferred, count: usize) {
        self.finish(Aggregate::Map, deferred.into_position(Aggregate::Map), count);
    }

    /// Announces a set whose length is told to [`finish_set`](Self::finish_set) later.
    pub fn deferred_set(&mut self) -> Deferred {
        self.defer(Aggregate::Set)
    }

    /// Sets the length of a set to the number of members written since.
    pub fn finish_set(&mut self, deferred: Deferred, count: usize) {
        self.finish(Aggregate::Set, deferred.into_position(Aggregate::Set), count);
    }

    #[inline]
    fn aggregate(&mut self, aggregate: Aggregate, count: usize) {
        let (marker, length) = self.announcement(aggregate, count);
        self.length(marker, length);
    }

    /// How `aggregate` is announced: its type byte and the number after it.
    #[inline]
    fn announcement(&self, aggregate: Aggregate, count: usize) -> (u8, usize) {
        match (self.protocol, aggregate) {
            (Protocol::Resp2, Aggregate::Map) => (b'*', count * 2),
            (Protocol::Resp2, _) | (_, Aggregate::Array) => (b'*', count),
            (Protocol::Resp3, Aggregate::Map) => (b'%', count),
            (Protocol::Resp3, Aggregate::Set) => (b'~', count),
            (Protocol::Resp3, Aggregate::Push) => (b'>', count),
        }
    }

    /// Writes the header of an empty aggregate, so that even an unfinished reply is well-formed up to here.
    fn defer(&mut self, aggregate: Aggregate) -> Deferred {
        let position = self.position();
        self.aggregate(aggregate, 0);
        Deferred { position, aggregate }
    }

    /// Replaces the 0 in the header at `position`. A length of one digit, the common case, moves nothing.
    fn finish(&mut self, aggregate: Aggregate, position: usize, count: usize) {
        let (_, length) = self.announcement(aggregate, count);
        let digit = position + 1;
        assert_eq!(self.buffer.get(digit), Some(&b'0'), "the deferred reply was dropped");
        self.buffer.splice(digit..=digit, format_unsigned(length as u64).iter().copied());
    }
}
