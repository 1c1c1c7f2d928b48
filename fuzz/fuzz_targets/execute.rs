//! The engine on any commands: every call is answered, whatever went before.
//!
//! The input is text as one would type it: a command per line, with quotes. A line `@ms` sets the clock.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use spinel_resp::request::split_line;
use spinel_storage::time::ManualClock;
use spinel_storage::{Clock, Db, UnixMillis};

/// Offsets and lengths above this make values of hundreds of megabytes: right, and too slow here.
const NUMBER_MAX: u64 = 100_000;

/// Commands whose numbers are lengths, offsets or counts of what is made.
const SIZED: [&[u8]; 5] = [b"setrange", b"setbit", b"bitfield", b"bitfield_ro", b"debug"];

/// A clock that the input sets.
#[derive(Clone)]
struct SharedClock(Arc<ManualClock>);

impl Clock for SharedClock {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }
}

fuzz_target!(|data: &[u8]| {
    let clock = SharedClock(Arc::new(ManualClock::new(UnixMillis(1_000_000))));
    let db = Db::with_clock(clock.clone());
    for line in data.split(|&byte| byte == b'\n') {
        if let Some(time) = line.strip_prefix(b"@") {
            let time = std::str::from_utf8(time).ok().and_then(|text| text.parse().ok());
            clock.0.set(UnixMillis(time.unwrap_or(2_000_000)));
        } else if let Some(words) = split_line(line).filter(|words| !words.is_empty() && !is_huge(words)) {
            // An error is an answer too; that there is one, and well formed, is what `execute` asserts.
            let _ = db.execute(&words);
        }
    }
});

/// Returns whether the call would make a huge value.
fn is_huge(words: &[Vec<u8>]) -> bool {
    let name = words[0].to_ascii_lowercase();
    let is_large = |word: &Vec<u8>| {
        let digits = word.strip_prefix(b"#").unwrap_or(word);
        let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
        number.is_some_and(|number| number > NUMBER_MAX)
    };
    SIZED.contains(&name.as_slice()) && words[1..].iter().any(is_large)
}
