//! A payload of RESTORE from any bytes, with a right checksum: refused, or a value that can be dumped and comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_persistence::dump;
use spinel_persistence::rdb::{Checksum, Compression, Encoder, Forms};
use spinel_storage::keyspace::Keyspace;
use spinel_types::{HashSeed, OwnedValue, Value};

fuzz_target!(|data: &[u8]| {
    let forms = Keyspace::new(1, HashSeed::new(1, 2)).forms();
    let mut payload = data.to_vec();
    payload.extend_from_slice(&Checksum::of(data).value().to_le_bytes());
    let Ok(value) = dump::decode(&payload, &forms) else {
        return;
    };
    // The first trip may bring another encoding: fields that could expire, and none does, come back as plain ones.
    let first = restored(&dumped(&value), &forms);
    assert!(first.value_type() == value.value_type());
    let payload = dumped(&first);
    let second = restored(&payload, &forms);
    assert_eq!(dumped(&second).len(), payload.len());
});

fn dumped(value: &OwnedValue) -> Vec<u8> {
    let mut payload = Vec::new();
    dump::encode(&mut Encoder::new(Compression::Lzf), Value::of_owned(value), &mut payload);
    payload
}

fn restored(payload: &[u8], forms: &Forms) -> OwnedValue {
    dump::decode(payload, forms).expect("what was dumped can be restored")
}
