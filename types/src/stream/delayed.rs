//! Entries whose time has not come: they stand beside the others, where no reader sees them.
//!
//! The id of a delayed entry tells when it is due: its milliseconds are the time. When the stream releases it, it
//! becomes the last entry, with this id if that is greater than the last one, else with the next there is.
//!
//! Finding, adding and removing cost O(log n).

use super::{ENTRY_BYTES_MAX, NodeLimits, Stream, StreamId};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Fields and values in turns.
type Words = Box<[Box<[u8]>]>;

/// Entries that are not due yet, by id.
#[derive(Clone, Default, Debug)]
pub struct Delayed {
    entries: BTreeMap<StreamId, Words>,
    /// Bytes allocated by entries.
    bytes: usize,
    /// When the nodes are full that the entries will be added to.
    limits: NodeLimits,
}

/// What an entry takes besides its words: its place in the map, and slack.
const BYTES_PER_ENTRY: usize = 64;

fn entry_bytes(words: &[Box<[u8]>]) -> usize {
    BYTES_PER_ENTRY + words.iter().map(|word| size_of::<Box<[u8]>>() + word.len()).sum::<usize>()
}

impl Delayed {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries whose ids are in a range, in order, with their fields and values in turns.
    pub fn range(&self, ids: RangeInclusive<StreamId>) -> impl Iterator<Item = (StreamId, &[Box<[u8]>])> {
        let ids = if ids.is_empty() { StreamId::MAX..=StreamId::MAX } else { ids };
        self.entries.range(ids).map(|(id, words)| (*id, &**words))
    }

    /// The id of the first one.
    pub fn first_id(&self) -> Option<StreamId> {
        self.entries.keys().next().copied()
    }

    /// The id for one more entry that is due at a time, behind those that are due then, too; none if there is no more.
    pub fn next_id(&self, due_ms: u64) -> Option<StreamId> {
        let same = StreamId::new(due_ms, 0)..=StreamId::new(due_ms, u64::MAX);
        match self.entries.range(same).next_back() {
            None => Some(StreamId::new(due_ms, 0)),
            Some((last, _)) => Some(StreamId::new(due_ms, last.sequence.checked_add(1)?)),
        }
    }

    /// Bytes allocated. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Delayed>() + self.bytes
    }

    fn insert(&mut self, id: StreamId, fields: &[&[u8]]) -> bool {
        if self.entries.contains_key(&id) {
            return false;
        }
        let words: Words = fields.iter().map(|word| Box::from(*word)).collect();
        self.bytes += entry_bytes(&words);
        self.entries.insert(id, words);
        true
    }

    fn remove(&mut self, id: StreamId) -> Option<Words> {
        let words = self.entries.remove(&id)?;
        self.bytes -= entry_bytes(&words);
        Some(words)
    }
}

impl Stream {
    /// The entries that are not due yet; none if there never was one.
    pub fn delayed(&self) -> Option<&Delayed> {
        self.delayed.as_deref().filter(|delayed| !delayed.is_empty())
    }

    /// The id for one more entry that is due at a time; none if so many are already.
    pub fn next_delayed_id(&self, due_ms: u64) -> Option<StreamId> {
        self.delayed.as_ref().map_or(Some(StreamId::new(due_ms, 0)), |delayed| delayed.next_id(due_ms))
    }

    /// Keeps an entry of fields and values in turns until it is due; whether there was none of this id. Zero, which is no
    /// entry's id, is refused, too.
    ///
    /// # Panics
    /// If there is no field, one without a value, or more than [`ENTRY_BYTES_MAX`] bytes.
    pub fn delay(&mut self, id: StreamId, fields: &[&[u8]], limits: NodeLimits) -> bool {
        assert!(!fields.is_empty() && fields.len().is_multiple_of(2), "fields come with values");
        assert!(
            fields.iter().map(|word| word.len()).sum::<usize>() <= ENTRY_BYTES_MAX,
            "it will be an entry"
        );
        let delayed = self.delayed.get_or_insert_default();
        delayed.limits = limits;
        !id.is_zero() && delayed.insert(id, fields)
    }

    /// Drops a delayed entry; whether it was there.
    pub fn drop_delayed(&mut self, id: StreamId) -> bool {
        self.delayed.as_mut().is_some_and(|delayed| delayed.remove(id).is_some())
    }

    /// Makes a delayed entry the last one, and returns the id that it got. None if there is no such entry, or no id
    /// left.
    pub fn release(&mut self, id: StreamId) -> Option<StreamId> {
        let own = Some(id).filter(|id| *id > self.last_id);
        let new_id = own.or_else(|| self.last_id.next())?;
        let delayed = self.delayed.as_mut()?;
        let (words, limits) = (delayed.remove(id)?, delayed.limits);
        if delayed.is_empty() {
            self.delayed = None;
        }
        let fields: Vec<&[u8]> = words.iter().map(|word| &**word).collect();
        self.add(new_id, &fields, limits).expect("its id is greater than the last, and its size was checked");
        Some(new_id)
    }

    /// The time at which the first delayed entry is due; `i64::MAX` if there is none, or it can't be released.
    pub(crate) fn next_due(&self) -> i64 {
        let due = self.delayed().filter(|_| self.last_id != StreamId::MAX).and_then(Delayed::first_id);
        due.map_or(i64::MAX, |id| i64::try_from(id.ms).unwrap_or(i64::MAX))
    }

    /// Releases entries that are due, at most `entries_max`, and reports the ids under which they were kept. Whether
    /// more are due.
    pub(crate) fn release_due(
        &mut self,
        now: i64,
        entries_max: usize,
        mut report: impl FnMut(StreamId),
    ) -> bool {
        for _ in 0..entries_max {
            if self.next_due() > now {
                return false;
            }
            let id = self.delayed().and_then(Delayed::first_id).expect("one is due");
            self.release(id);
            report(id);
        }
        self.next_due() <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64, sequence: u64) -> StreamId {
        StreamId::new(ms, sequence)
    }

    fn delayed(ids: &[StreamId]) -> Stream {
        let mut stream = Stream::new();
        for id in ids {
            assert!(stream.delay(*id, &[b"f", id.text().as_ref()], NodeLimits::default()));
        }
        stream
    }

    fn release_all(stream: &mut Stream, now: i64) -> Vec<StreamId> {
        let mut released = Vec::new();
        while stream.release_due(now, 2, |id| released.push(id)) {}
        released
    }

    #[test]
    fn entries_come_when_they_are_due() {
        let mut stream = delayed(&[id(30, 0), id(10, 1), id(20, 0), id(10, 0)]);
        assert_eq!((stream.len(), stream.next_due()), (0, 10));
        assert_eq!(stream.next_delayed_id(10), Some(id(10, 2)));
        assert_eq!(release_all(&mut stream, 9), []);
        assert_eq!(release_all(&mut stream, 20), [id(10, 0), id(10, 1), id(20, 0)]);
        let ids: Vec<StreamId> = stream.entries().map(|entry| entry.id).collect();
        assert_eq!(ids, [id(10, 0), id(10, 1), id(20, 0)]);
        assert_eq!((stream.entries_added(), stream.delayed().map(Delayed::len)), (3, Some(1)));
        assert_eq!(release_all(&mut stream, i64::MAX - 1), [id(30, 0)]);
        assert!(stream.delayed().is_none() && stream.next_due() == i64::MAX);
    }

    #[test]
    fn ids_follow_the_last_one() {
        let mut stream = delayed(&[id(10, 0), id(20, 0)]);
        stream.add(id(15, 5), &[b"f", b"v"], NodeLimits::default()).expect("it is the first");
        assert_eq!(stream.release(id(10, 0)), Some(id(15, 6)));
        assert_eq!(stream.release(id(10, 0)), None);
        assert_eq!(stream.release(id(20, 0)), Some(id(20, 0)));
    }

    #[test]
    fn without_ids_entries_stay() {
        let mut stream = delayed(&[id(10, 0)]);
        stream.set_last_id(StreamId::MAX);
        assert_eq!((release_all(&mut stream, 99), stream.next_due()), (vec![], i64::MAX));
        assert_eq!(stream.release(id(10, 0)), None);
        assert_eq!(stream.delayed().map(Delayed::len), Some(1));
    }

    #[test]
    fn entries_can_be_dropped() {
        let mut stream = delayed(&[id(10, 0), id(10, 1)]);
        let bytes = stream.memory_bytes();
        assert!(!stream.delay(id(10, 1), &[b"f", b"v"], NodeLimits::default()));
        assert!(!stream.delay(StreamId::MIN, &[b"f", b"v"], NodeLimits::default()));
        assert!(stream.drop_delayed(id(10, 0)) && !stream.drop_delayed(id(10, 0)));
        assert!(stream.memory_bytes() < bytes);
        let left: Vec<StreamId> =
            stream.delayed().expect("one is left").range(id(0, 0)..=id(99, 0)).map(|(id, _)| id).collect();
        assert_eq!(left, [id(10, 1)]);
        assert_eq!(stream.delayed().expect("one is left").range(id(9, 0)..=id(1, 0)).count(), 0);
    }
}
