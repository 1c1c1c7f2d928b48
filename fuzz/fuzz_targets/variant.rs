//! The decoder of variants of HTTP cache entries on any bytes: what it takes keeps its promises, and comes back as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::http_cache::{Body, Filed, Source, Variant};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let Ok((variant, source)) = Variant::decode_any(data) else {
        return;
    };
    assert!(variant.is_sound());
    for (name, value) in variant.fields.iter() {
        assert!(!name.is_empty() && !name.contains(&b':'));
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
    }
    // What is compressed becomes what it says.
    assert_eq!(variant.body.bytes().expect("it is in memory").len(), variant.body.len());
    assert!(matches!(source, Source::Own) == Variant::decode(data).is_ok());
    let again = encoded(variant, &source);
    // Lengths can be written in more than one way.
    assert!(again.len() <= data.len());
    let (variant, source) = Variant::decode_any(&again).expect("it was just made");
    assert_eq!(again, encoded(variant, &source));
});

fn encoded(mut variant: Variant, source: &Source) -> Vec<u8> {
    let mut bytes = Vec::new();
    match source {
        Source::Own => variant.encode(&mut bytes).expect("its body is there"),
        Source::Shared(selector) => variant.encode_with_body_of(selector, &mut bytes),
        Source::Filed(label) => {
            variant.body = Body::Filed(Arc::new(Filed::lost(label)));
            variant.encode_for_itself(&mut bytes);
        }
    }
    bytes
}
