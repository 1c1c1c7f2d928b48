//! `--hotkeys`: the keys that are used most, by the counters that an LFU policy keeps.

use super::{Scanner, ask_each, database_size, percent, quoted, refused};
use crate::arguments::Arguments;
use crate::progress::Progress;
use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::Value;
use std::io::{self, Write};

/// How many keys are reported.
const KEYS_MAX: usize = 16;

const INTRODUCTION: &str = "
# Scanning the entire keyspace to find hot keys as well as
# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec
# per 100 SCAN commands (not usually needed).
";

/// Looks at the counter of each key.
pub(in crate::modes) fn hot(arguments: &Arguments, session: &mut Session) -> Result<(), RunError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{INTRODUCTION}")?;
    out.flush()?;
    let total = database_size(session)?;
    let mut scanner = Scanner::new(arguments);
    let mut progress = Progress::new("keys", Some(total));
    // The hottest last.
    let mut hottest: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut sampled = 0;

    while let Some(keys) = scanner.next_page(session)? {
        let question = |_, key: &[u8]| vec![b"OBJECT".to_vec(), b"FREQ".to_vec(), key.to_vec()];
        let replies = ask_each(session, &keys, question)?;
        let done = percent(sampled, total);
        sampled += keys.len() as u64;
        for (key, reply) in keys.into_iter().zip(&replies) {
            let counter = match reply {
                Value::Integer(counter) => counter.unsigned_abs(),
                Value::Null => continue,
                // Redis answers an error also for a key that is gone since it was listed.
                Value::Error(message) if message.starts_with(b"ERR no such key") => continue,
                other => return Err(refused("Error: ", other)),
            };
            if insert(&mut hottest, counter, &key) {
                progress.clear();
                writeln!(out, "[{done:05.2}%] Hot key {} found so far with counter {counter}", quoted(&key))?;
            }
        }
        progress.show(sampled);
    }
    drop(progress);
    writeln!(out, "\n-------- summary -------\n\nSampled {sampled} keys in the keyspace!")?;
    for (counter, key) in hottest.iter().rev() {
        writeln!(out, "hot key found with counter: {counter}\tkeyname: {}", quoted(key))?;
    }
    Ok(())
}

/// Puts a key in its place if it is among the hottest; whether it is.
fn insert(hottest: &mut Vec<(u64, Vec<u8>)>, counter: u64, key: &[u8]) -> bool {
    let coolest = if hottest.len() < KEYS_MAX { 0 } else { hottest[0].0 };
    if counter <= coolest {
        return false;
    }
    let place = hottest.partition_point(|(other, _)| *other < counter);
    hottest.insert(place, (counter, key.to_vec()));
    if hottest.len() > KEYS_MAX {
        hottest.remove(0);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_are_kept_in_order() {
        let mut hottest = Vec::new();
        assert!(!insert(&mut hottest, 0, b"cold"));
        for counter in [3, 1, 2].into_iter().chain(10..26) {
            insert(&mut hottest, counter, counter.to_string().as_bytes());
        }

        let counters: Vec<u64> = hottest.iter().map(|(counter, _)| *counter).collect();
        assert_eq!(counters, (10..26).collect::<Vec<_>>());
        assert!(!insert(&mut hottest, 10, b"late"));
        assert!(insert(&mut hottest, 11, b"warm"));
        assert_eq!(hottest.len(), KEYS_MAX);
    }
}
