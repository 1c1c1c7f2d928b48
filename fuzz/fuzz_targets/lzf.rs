//! LZF on any bytes: decompressing ends in an answer of the announced length, and what was compressed comes back.
//!
//! The first two bytes announce the length.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::lzf::{compress, decompress};

fuzz_target!(|data: &[u8]| {
    let [low, high, rest @ ..] = data else { return };
    let len = usize::from(u16::from_le_bytes([*low, *high]));
    if let Some(bytes) = decompress(rest, len) {
        assert_eq!(bytes.len(), len);
    }

    let compressed = compress(rest, usize::MAX).expect("no limit");
    assert_eq!(decompress(&compressed, rest.len()).as_deref(), Some(rest));
    let bound = rest.len() / 2;
    assert_eq!(compress(rest, bound).is_some(), compressed.len() <= bound);
});
