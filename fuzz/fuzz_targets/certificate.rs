//! The reader of certificates on any bytes: it finds facts or none, and a name only where one stands.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../server/src/tls/certificate.rs"]
#[allow(dead_code, reason = "the server uses the rest")]
mod certificate;

use certificate::Certificate;

fuzz_target!(|data: &[u8]| {
    let Some(found) = Certificate::read(data) else { return };
    let stands_there =
        |name: &Vec<u8>| name.is_empty() || data.windows(name.len()).any(|bytes| bytes == *name);
    assert!(found.common_names.iter().chain(&found.uris).all(stands_there));
    assert!(found.serial.bytes().all(|digit| digit.is_ascii_hexdigit()) && !found.serial.is_empty());
    assert!(found.subject.is_ascii() && !found.subject.contains(|letter: char| letter.is_ascii_control()));
});
