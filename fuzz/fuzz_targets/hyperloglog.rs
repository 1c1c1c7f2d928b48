//! Sketches of any bytes: refused, or the same however they are asked, in either form.
//!
//! The input is a number of runs' bytes, the bytes, and elements of one byte to add.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_types::HyperLogLog;
use spinel_types::hyperloglog::{Observation, Registers, empty, observe};

const HEADER_BYTES: usize = 16;

fuzz_target!(|data: &[u8]| {
    // As they are, they hardly ever have the header.
    let _ = HyperLogLog::of(data).map(HyperLogLog::estimate);
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let (runs, elements) = rest.split_at(rest.len().min(usize::from(count)));
    let mut bytes = [&empty()[..HEADER_BYTES], runs].concat();
    let is_sound = check(&bytes);
    for element in elements.chunks(1) {
        let outcome = observe(&mut bytes, Observation::of(element), 200);
        assert!(outcome.is_ok() || !is_sound);
    }
    assert!(check(&bytes) || !is_sound);
});

/// Whether the runs are sound, asked in every way.
fn check(bytes: &[u8]) -> bool {
    let sketch = HyperLogLog::of(bytes).expect("the header is right");
    let estimate = sketch.estimate();
    let mut registers = Registers::new();
    assert_eq!(sketch.merge_into(&mut registers), estimate.map(drop));
    let dense = sketch.to_dense();
    assert_eq!(dense.as_ref().map(drop), estimate.as_ref().map(drop));
    if let (Ok(dense), Ok(estimate)) = (dense, estimate) {
        let dense = HyperLogLog::of(&dense).expect("a dense sketch has its size");
        assert_eq!(dense.estimate(), Ok(estimate));
        assert_eq!(registers.estimate(), estimate);
    }
    estimate.is_ok()
}
