//! `--lru-test`: a cache in play, to see what an eviction policy keeps.
//!
//! Keys are read by a power law: a fifth of them gets four fifths of the reads. What is missed is written, as whoever
//! uses a cache does. The share of misses tells how well the server chose what to evict.

use crate::session::Session;
use crate::shell::RunError;
use spinel_resp::value::Value;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Reads sent in one piece.
const READS_PER_BATCH: usize = 250;

/// The exponent `e` for which a fifth of all keys is drawn four times in five: `0.8^e = 0.2`.
fn exponent() -> f64 {
    0.2_f64.ln() / 0.8_f64.ln()
}

/// Plays with so many keys and prints the share of hits each second, until the connection ends.
pub(in crate::modes) fn cache_test(session: &mut Session, keys: u64) -> Result<Infallible, RunError> {
    let mut chance = Chance(RandomState::new().hash_one(keys) | 1);
    let (mut hits, mut misses, mut begin) = (0_u64, 0_u64, Instant::now());
    loop {
        let names: Vec<Vec<u8>> =
            (0..READS_PER_BATCH).map(|_| format!("lru:{}", chance.key(keys)).into_bytes()).collect();
        let reads: Vec<_> = names.iter().map(|name| vec![b"GET".to_vec(), name.clone()]).collect();
        let replies = session.ask_all(&reads)?;
        let missed = names.into_iter().zip(&replies).filter(|(_, reply)| **reply == Value::Null);
        let writes: Vec<_> = missed.map(|(name, _)| vec![b"SET".to_vec(), name, b"value".to_vec()]).collect();
        misses += writes.len() as u64;
        hits += (READS_PER_BATCH - writes.len()) as u64;
        if let Some(Value::Error(message)) = session.ask_all(&writes)?.into_iter().find(is_error) {
            return Err(RunError::Refused(String::from_utf8_lossy(&message).into_owned()));
        }
        if begin.elapsed() >= Duration::from_secs(1) {
            report(hits, misses, begin.elapsed())?;
            (hits, misses, begin) = (0, 0, Instant::now());
        }
    }
}

fn is_error(reply: &Value) -> bool {
    matches!(reply, Value::Error(_))
}

fn report(hits: u64, misses: u64, elapsed: Duration) -> io::Result<()> {
    let reads = hits + misses;
    let share = |part: u64| part as f64 * 100.0 / reads as f64;
    let rate = (reads as f64 / elapsed.as_secs_f64()) as u64;
    writeln!(
        io::stdout(),
        "{rate} Gets/sec | Hits: {hits} ({:.2}%) | Misses: {misses} ({:.2}%)",
        share(hits),
        share(misses)
    )
}

/// Numbers that look random: Marsaglia's xorshift.
struct Chance(u64);

impl Chance {
    fn key(&mut self, keys: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // 53 bits are what a double holds.
        let uniform = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        (keys as f64 * uniform.powf(exponent())) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_keys_gets_four_fifths_of_the_reads() {
        let mut chance = Chance(1);
        let drawn: Vec<u64> = (0..10_000).map(|_| chance.key(1000)).collect();

        assert!(drawn.iter().all(|key| *key < 1000));
        let share = drawn.iter().filter(|key| **key < 200).count();
        assert!((7_700..8_300).contains(&share), "{share}");
    }
}
