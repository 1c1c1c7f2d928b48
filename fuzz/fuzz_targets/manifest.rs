//! The manifest of a log on any bytes: what is accepted comes back as it was written, and names files only.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_persistence::log::Manifest;

fuzz_target!(|data: &[u8]| {
    let Ok(manifest) = Manifest::parse(data) else {
        return;
    };
    assert!(
        manifest.files().all(|file| !file.name.is_empty() && !file.name.contains('/') && file.sequence > 0)
    );
    assert!(manifest.increments.is_sorted_by(|one, next| one.sequence < next.sequence));
    let text = manifest.to_string();
    // What was read from short lines may have to be quoted in lines that are too long.
    if !text.is_empty() && text.lines().all(|line| line.len() < 1023) {
        assert_eq!(Manifest::parse(text.as_bytes()), Ok(manifest));
    }
});
