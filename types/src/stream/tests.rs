//! Streams against ordered maps, byte by byte and with changed bytes.

use super::*;
use crate::listpack::Element;
use crate::random::Random;
use crate::sharing;
use std::collections::BTreeMap;

/// What streams need of chance.
impl Random {
    /// Fields and values in turns, mostly with the same few fields.
    fn fields(&mut self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self.below(8) {
            0..5 => &[b"a", b"b"],
            5 => &[b"a"],
            6 => &[b"a", b"c", b"12"],
            _ => &[b"\xff", b"", b"a"],
        };
        let value = |random: &mut Random| match random.below(6) {
            0 => vec![b'v'; random.below(200)],
            1 => (random.next() as i64 >> random.below(64)).to_string().into_bytes(),
            _ => random.below(1000).to_string().into_bytes(),
        };
        names.iter().flat_map(|name| [name.to_vec(), value(self)]).collect()
    }
}

type Model = BTreeMap<StreamId, Vec<Vec<u8>>>;

fn owned(entry: Entry<'_>) -> (StreamId, Vec<Vec<u8>>) {
    let words = entry.fields.flat_map(|(name, value)| [name, value]);
    (entry.id, words.map(Element::to_vec).collect())
}

fn slices(fields: &[Vec<u8>]) -> Vec<&[u8]> {
    fields.iter().map(Vec::as_slice).collect()
}

impl Stream {
    /// Verifies the invariants. O(n).
    fn check(&self) {
        let (mut length, mut last) = (0, None);
        for (first, bytes) in self.nodes() {
            assert!(last.is_none_or(|last| first > last), "nodes are in order");
            length += validate(first, bytes).expect("every node is well-formed");
            last = Some(Node::new(first, bytes).last_id().expect("a node has entries"));
        }
        assert!(last.is_none_or(|last| last <= self.last_id));
        assert_eq!(length, self.length);
        assert_eq!(self.entries().next().map_or(StreamId::MIN, |entry| entry.id), self.first_id);
        self.groups.check();
        self.nodes.check();
    }
}

/// Compares everything with a model, in both directions, and a random range.
fn compare(stream: &Stream, model: &Model, random: &mut Random) {
    stream.check();
    assert_eq!(stream.len(), model.len() as u64);
    let expected = |(id, fields): (&StreamId, &Vec<Vec<u8>>)| (*id, fields.clone());
    let bounds = [some_id(stream, random), some_id(stream, random)];
    let (from, to) = (bounds[0].min(bounds[1]), bounds[0].max(bounds[1]));
    assert!(stream.range(from, to).map(owned).eq(model.range(from..=to).map(expected)));
    assert!(stream.range_reversed(from, to).map(owned).eq(model.range(from..=to).rev().map(expected)));
    assert_eq!(stream.entry(from).map(owned), model.get_key_value(&from).map(expected));
}

fn some_id(stream: &Stream, random: &mut Random) -> StreamId {
    let ms = random.below(stream.last_id().ms as usize + 3) as u64;
    StreamId::new(ms, random.below(3) as u64)
}

fn steps() -> usize {
    std::env::var("SPINEL_MODEL_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(30_000)
}

#[test]
fn changes_are_those_of_an_ordered_map() {
    let mut random = Random::new(11);
    let (mut stream, mut model) = (Stream::new(), Model::new());
    let mut limits = NodeLimits::default();
    for step in 0..steps() {
        if step % 200 == 0 {
            limits = NodeLimits {
                bytes: [0, 64, 300, 4096][random.below(4)],
                entries: [0, 1, 5, 100][random.below(4)],
            };
        }
        if step % 600 == 0 {
            (stream, model) = (Stream::new(), Model::new());
        }
        match random.below(20) {
            0..12 => {
                let last = stream.last_id();
                let id = if random.below(3) == 0 {
                    StreamId::new(last.ms + 1 + random.below(2) as u64, random.below(2) as u64)
                } else {
                    StreamId::new(last.ms, last.sequence + 1)
                };
                let fields = random.fields();
                stream.add(id, &slices(&fields), limits).expect("the id is greater");
                assert_eq!(stream.add(id, &slices(&fields), limits), Err(AddError::NotGreater));
                model.insert(id, fields);
            }
            12..19 => {
                let id = some_id(&stream, &mut random);
                assert_eq!(stream.delete(id), model.remove(&id).is_some());
            }
            _ => trim(&mut stream, &mut model, &mut random),
        }
        compare(&stream, &model, &mut random);
    }
}

fn trim(stream: &mut Stream, model: &mut Model, random: &mut Random) {
    let precision = match random.below(3) {
        0 => Precision::WholeNodes { limit: random.below(30) as u64 },
        _ => Precision::Exact,
    };
    let (threshold, beyond) = if random.below(2) == 0 {
        let length = random.below(model.len() + 2);
        (Threshold::Length(length as u64), model.len().saturating_sub(length))
    } else {
        let id = some_id(stream, random);
        (Threshold::Id(id), model.range(..id).count())
    };
    let removed = stream.trim(threshold, precision, References::Keep) as usize;
    if precision == Precision::Exact {
        assert_eq!(removed, beyond);
    } else {
        assert!(removed <= beyond);
    }
    for _ in 0..removed {
        model.pop_first();
    }
}

#[test]
fn nodes_have_the_documented_bytes() {
    let mut stream = Stream::new();
    let limits = NodeLimits::default();
    stream.add(StreamId::new(5, 0), &[b"a", b"1"], limits).expect("greater");
    stream.add(StreamId::new(5, 1), &[b"a", b"2"], limits).expect("greater");
    stream.add(StreamId::new(6, 0), &[b"b", b"x"], limits).expect("greater");
    assert!(stream.delete(StreamId::new(5, 1)));
    let (first, bytes) = stream.nodes().next().expect("there are entries");
    let elements: Vec<Vec<u8>> = crate::listpack::Listpack::new(bytes).iter().map(Element::to_vec).collect();
    let expected = "2 1 1 a 0 2 0 0 1 4 3 0 1 2 4 0 1 0 1 b x 6";
    assert_eq!(elements.join(&b' '), expected.as_bytes());
    assert_eq!(first, StreamId::new(5, 0));
}

#[test]
fn corrupted_nodes_are_refused_or_can_be_walked() {
    let mut stream = Stream::new();
    let mut random = Random::new(3);
    for sequence in 0..12 {
        let id = StreamId::new(1 << 40, sequence);
        stream.add(id, &slices(&random.fields()), NodeLimits { bytes: 0, entries: 0 }).expect("greater");
    }
    stream.delete(StreamId::new(1 << 40, 4));
    let (first, bytes) = stream.nodes().next().expect("there are entries");
    let good = bytes.to_vec();
    assert_eq!(validate(first, &good), Ok(11));
    for at in 0..good.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128, 0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            let mut stream = Stream::new();
            if stream.push_node(first, bytes).is_err() {
                continue;
            }
            stream.check();
            assert_eq!(stream.entries().map(owned).count() as u64, stream.len());
            let reversed = stream.range_reversed(StreamId::MIN, StreamId::MAX);
            assert_eq!(reversed.map(owned).count() as u64, stream.len());
        }
    }
}

#[test]
fn ids_at_the_end_of_the_range() {
    let mut stream = Stream::new();
    let limits = NodeLimits::default();
    let ids = [StreamId::new(1, u64::MAX), StreamId::new(u64::MAX, 0), StreamId::MAX];
    for id in ids {
        stream.add(id, &[b"f", b"v"], limits).expect("greater");
    }
    assert!(stream.entries().map(|entry| entry.id).eq(ids));
    assert_eq!(stream.add(StreamId::MAX, &[b"f", b"v"], limits), Err(AddError::NotGreater));
    assert_eq!(stream.trim(Threshold::Length(0), Precision::Exact, References::Keep), 3);
    stream.check();
}

/// What a group should know: owner and deliveries of pending entries.
type Ledger = BTreeMap<StreamId, (Option<Vec<u8>>, u64, u64)>;

#[test]
fn pending_lists_are_those_of_an_ordered_map() {
    let mut random = Random::new(29);
    let (mut group, mut model) = (Group::new(StreamId::MIN, None), Ledger::new());
    for step in 0..steps() {
        let id = StreamId::new(random.below(40) as u64, 0);
        let name = format!("c{}", random.below(5)).into_bytes();
        match random.below(10) {
            0..5 => {
                let (index, _) = group.consumer_or_add(&name, 0);
                let (delivered_ms, deliveries) = (random.below(30) as u64, random.below(4) as u64);
                let is_owned = random.below(5) > 0;
                let consumer = is_owned.then_some(index);
                group.set_pending(id, Pending { delivered_ms, deliveries, consumer });
                model.insert(id, (is_owned.then_some(name), delivered_ms, deliveries));
            }
            5..8 => assert_eq!(group.acknowledge(id).is_some(), model.remove(&id).is_some()),
            8 if step % 7 == 0 => {
                let expected = model.values().filter(|(owner, ..)| owner.as_ref() == Some(&name)).count();
                let removed = group.remove_consumer(&name);
                assert!(removed.is_none_or(|removed| removed == expected));
                model.retain(|_, (owner, ..)| owner.as_ref() != Some(&name));
            }
            _ if step > 50 => {
                let (moment, count) = (random.below(30) as u64, random.below(9));
                let mut expected: Vec<(u64, StreamId)> =
                    model.iter().map(|(id, (_, at, _))| (*at, *id)).filter(|(at, _)| *at <= moment).collect();
                expected.sort_unstable();
                let found = group.delivered_until(moment, count);
                assert!(found.iter().eq(expected.iter().take(count).map(|(_, id)| id)));
            }
            _ => {}
        }
        group.check();
        let all = group.pending_in(StreamId::MIN..=StreamId::MAX);
        let shown = all.map(|(id, pending)| {
            let owner = pending.consumer.map(|index| group.consumer(index).name().to_vec());
            (*id, (owner, pending.delivered_ms, pending.deliveries))
        });
        assert!(shown.eq(model.clone()));
    }
}

/// A stream of ids 1-0 to 6-0 with a group that has read 1-0 to 3-0, the first two being pending.
fn read_by_group() -> Stream {
    let mut stream = Stream::new();
    for ms in 1..=6 {
        stream
            .add(StreamId::new(ms, 0), &[b"f", b"v"], NodeLimits { bytes: 0, entries: 2 })
            .expect("greater");
    }
    let mut group = Group::new(StreamId::new(3, 0), None);
    let (index, _) = group.consumer_or_add(b"c", 0);
    for ms in 1..=2 {
        let pending = Pending { delivered_ms: 0, deliveries: 1, consumer: Some(index) };
        group.set_pending(StreamId::new(ms, 0), pending);
    }
    assert!(stream.groups_mut().add(b"g", group));
    stream
}

fn remaining(stream: &Stream) -> Vec<u64> {
    stream.check();
    stream.entries().map(|entry| entry.id.ms).collect()
}

#[test]
fn references_decide_what_is_deleted() {
    let ids = |range: std::ops::RangeInclusive<u64>| range.map(|ms| StreamId::new(ms, 0));
    let pending_len = |stream: &Stream| stream.groups().find(b"g").expect("there").pending_len();

    let mut stream = read_by_group();
    let results: Vec<Deletion> = ids(1..=4).map(|id| stream.delete_with(id, References::Await)).collect();
    assert_eq!(results, [Deletion::Awaited, Deletion::Awaited, Deletion::Deleted, Deletion::Awaited]);
    assert_eq!(remaining(&stream), [1, 2, 4, 5, 6]);

    let mut stream = read_by_group();
    assert_eq!(stream.delete_with(StreamId::new(1, 0), References::Keep), Deletion::Deleted);
    assert_eq!((remaining(&stream), pending_len(&stream)), (vec![2, 3, 4, 5, 6], 2));
    assert_eq!(stream.delete_with(StreamId::new(1, 0), References::Delete), Deletion::Missing);
    assert_eq!(stream.delete_with(StreamId::new(2, 0), References::Delete), Deletion::Deleted);
    assert_eq!((remaining(&stream), pending_len(&stream)), (vec![3, 4, 5, 6], 0));
}

#[test]
fn trimming_looks_after_references() {
    let trimmed = |threshold, precision, references| {
        let mut stream = read_by_group();
        let removed = stream.trim(threshold, precision, references);
        (removed, remaining(&stream), stream.groups().find(b"g").expect("there").pending_len())
    };
    let whole = Precision::WholeNodes { limit: 0 };
    let (length, id) = (Threshold::Length(1), Threshold::Id(StreamId::new(4, 0)));
    assert_eq!(trimmed(length, Precision::Exact, References::Keep), (5, vec![6], 2));
    assert_eq!(trimmed(length, Precision::Exact, References::Delete), (5, vec![6], 0));
    assert_eq!(trimmed(length, Precision::Exact, References::Await), (1, vec![1, 2, 4, 5, 6], 2));
    assert_eq!(trimmed(id, Precision::Exact, References::Await), (1, vec![1, 2, 4, 5, 6], 2));
    assert_eq!(trimmed(id, whole, References::Delete), (2, vec![3, 4, 5, 6], 0));
    assert_eq!(trimmed(length, whole, References::Await), (0, vec![1, 2, 3, 4, 5, 6], 2));
}

#[test]
fn memory_is_about_what_entries_take() {
    let mut stream = Stream::new();
    for ms in 0..10_000_u64 {
        let value = format!("{ms:08}x");
        stream
            .add(StreamId::new(ms, 1), &[b"field", value.as_bytes()], NodeLimits::default())
            .expect("greater");
    }
    // An entry: flags 2, deltas 2 and 2, value 11, elements 2.
    let per_entry = stream.memory_bytes() as f64 / 10_000.0;
    assert!((18.0..21.0).contains(&per_entry), "{per_entry}");
    stream.trim(Threshold::Length(0), Precision::Exact, References::Keep);
    assert!(stream.memory_bytes() < 1000, "{}", stream.memory_bytes());
}

#[test]
fn copies_share_their_blocks_until_they_differ() {
    const KIND: sharing::Kind<Stream, Model> = sharing::Kind {
        share: Stream::share,
        edit: |stream, model, random| {
            let limits = NodeLimits { bytes: 300, entries: 5 };
            match random.below(20) {
                0..12 => {
                    let id = stream.last_id().next().expect("ids are far from the last");
                    let fields = random.fields();
                    stream.add(id, &slices(&fields), limits).expect("the id is greater");
                    model.insert(id, fields);
                }
                12..19 => {
                    let at = random.below(stream.last_id().sequence as usize + 2) as u64;
                    let id = StreamId::new(0, at);
                    assert_eq!(stream.delete(id), model.remove(&id).is_some());
                }
                _ if model.len() > 800 => trim(stream, model, random),
                _ => {}
            }
        },
        compare: |stream, model| compare(stream, model, &mut Random::new(5)),
    };
    sharing::check(&KIND, (Stream::new(), Model::new()), steps(), 3);
}
