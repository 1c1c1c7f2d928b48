//! What a value holds, as words that can be compared.

use spinel_storage::DbIndex;
use spinel_types::http_cache::Variant;
use spinel_types::{Direction, HttpCache, SortedSetRef, Stream, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A key of a data set.
pub(crate) type Place = (DbIndex, Vec<u8>);

/// What all keys of a data set hold, and when they expire.
pub(crate) type Contents = BTreeMap<Place, (Option<i64>, Vec<String>)>;

pub(crate) fn describe(value: Value<'_>) -> Vec<String> {
    match value {
        Value::String(text) => vec![format!("{:?}", text.to_vec())],
        Value::List(list) => {
            let mut elements = Vec::new();
            list.for_each((0, usize::MAX), Direction::Forwards, |element| {
                elements.push(format!("{:?}", element.to_vec()));
            });
            elements
        }
        Value::Hash(hash) => {
            let mut fields = BTreeSet::new();
            hash.for_each(|field, value, expiry| {
                fields.insert(format!("{:?} {:?} {expiry:?}", field.to_vec(), value.to_vec()));
            });
            fields.into_iter().collect()
        }
        Value::Set(set) => {
            let mut members = BTreeSet::new();
            for member in set.iter() {
                members.insert(format!("{:?} {:?}", member.to_vec(), set.expiry(member)));
            }
            members.into_iter().collect()
        }
        Value::SortedSet(set) => describe_sorted_set(set),
        Value::Stream(stream) => describe_stream(stream),
        Value::HttpCache(cache) => describe_variants(cache),
    }
}

fn describe_sorted_set(set: SortedSetRef<'_>) -> Vec<String> {
    let member = |(member, score): (spinel_types::Str<'_>, f64)| {
        let name = member.to_vec();
        format!("{name:?} {} {:?}", score.to_bits(), set.expiry(&name))
    };
    set.iter().map(member).collect()
}

fn describe_variants(cache: &HttpCache) -> Vec<String> {
    let describe = |variant: &Variant| {
        let mut bytes = Vec::new();
        variant.encode(&mut bytes).expect("its body is in memory");
        format!("{bytes:?}")
    };
    cache.variants().iter().map(describe).collect()
}

fn describe_stream(stream: &Stream) -> Vec<String> {
    let ids = (stream.last_id(), stream.max_deleted_id(), stream.entries_added());
    let mut lines = vec![format!("{ids:?}")];
    for entry in stream.entries() {
        let words = entry.fields.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]);
        lines.push(format!("{:?} {:?}", entry.id, words.collect::<Vec<_>>()));
    }
    for (name, group) in stream.groups().iter() {
        lines.push(format!("group {name:?} {:?} {:?}", group.last_delivered, group.entries_read));
        for consumer in group.consumers() {
            let pending: Vec<_> =
                consumer.pending(spinel_types::StreamId::MIN..=spinel_types::StreamId::MAX).collect();
            lines.push(format!("consumer {:?} {pending:?}", consumer.name()));
        }
    }
    lines
}
