//! The decoder of variants of HTTP cache entries on any bytes: what it takes keeps its promises, and comes back as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::http_cache::{Body, Filed, Parts, Source, Variant};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let Ok((parts, source)) = Variant::decode_any(data) else {
        return;
    };
    assert!(parts.are_sound());
    for (name, value) in parts.fields.as_ref().iter() {
        assert!(!name.is_empty() && !name.contains(&b':'));
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
    }
    // What is compressed becomes what it says.
    let body = parts.body.as_ref();
    assert_eq!(body.bytes().expect("it is in memory").len(), body.len());
    assert!(matches!(source, Source::Own) == Variant::decode(data).is_ok());
    let again = encoded(parts, &source);
    // Lengths can be written in more than one way.
    assert!(again.len() <= data.len());
    let (parts, source) = Variant::decode_any(&again).expect("it was just made");
    assert_eq!(again, encoded(parts, &source));
});

fn encoded(mut parts: Parts, source: &Source) -> Vec<u8> {
    if let Source::Filed(label) = source {
        parts.body = Body::Filed(Arc::new(Filed::lost(label)));
    }
    let (variant, mut bytes) = (Variant::from(parts), Vec::new());
    match source {
        Source::Own => variant.encode(&mut bytes).expect("its body is there"),
        Source::Shared(selector) => variant.encode_with_body_of(selector.as_ref(), &mut bytes),
        Source::Filed(_) => variant.encode_for_itself(&mut bytes),
    }
    bytes
}
