//! The node of a stream from any bytes: refused, or as good as one of our own.
//!
//! The first 16 bytes are the id the node starts from.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::stream::{NodeLimits, Precision, References, Stream, StreamId, Threshold};

fuzz_target!(|data: &[u8]| {
    let Some((id, bytes)) = data.split_first_chunk::<16>() else { return };
    let number = |at: usize| u64::from_be_bytes(id[at..at + 8].try_into().expect("8 bytes"));
    let first = StreamId::new(number(0), number(8));
    let mut stream = Stream::new();
    if stream.push_node(first, bytes.to_vec()).is_err() {
        return;
    }
    let ids: Vec<StreamId> = stream.entries().map(|entry| (entry.id, entry.fields.count()).0).collect();
    assert_eq!(ids.len() as u64, stream.len());
    assert!(ids.is_sorted() && ids.first().is_none_or(|id| *id == stream.first_id()));
    assert!(
        stream
            .range_reversed(StreamId::MIN, StreamId::MAX)
            .map(|entry| entry.id)
            .eq(ids.iter().rev().copied())
    );
    if let Some(next) = stream.last_id().next() {
        stream
            .add(next, &[b"field", b"value"], NodeLimits { bytes: 0, entries: 0 })
            .expect("the id is greater");
    }
    for id in ids.iter().step_by(2) {
        assert!(stream.delete(*id));
    }
    stream.trim(Threshold::Length(1), Precision::Exact, References::Keep);
    assert_eq!(stream.entries().count() as u64, stream.len());
});
