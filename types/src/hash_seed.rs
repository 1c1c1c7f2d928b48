//! The seeded hash of keys and members.
//!
//! Sixteen bytes at a time are folded with two secret words: the 128-bit product of the two halves, each
//! masked by a secret, is folded to 64 bits by xor. Without the secrets nobody can choose keys that collide,
//! and a table shows at most the upper bits of a hash (as the order of a scan), never the secrets.

use crate::bytes::word64;

/// The secret of a hash function: two random words, chosen once per database.
#[derive(Clone, Copy, Debug)]
pub struct HashSeed {
    low: u64,
    high: u64,
}

/// Odd constants with evenly spread bits (the fractional digits of the square roots of 2 and 3).
const SPREAD: u64 = 0x6a09_e667_f3bc_c909;
const FINISH: u64 = 0xbb67_ae85_84ca_a73b;

impl HashSeed {
    /// Makes a seed from two random words.
    pub const fn new(low: u64, high: u64) -> HashSeed {
        HashSeed { low: low ^ SPREAD, high: high ^ FINISH }
    }

    /// Hashes `bytes`, O(len).
    #[inline]
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let length = bytes.len();
        // Most keys have such a length: only this much is worth inlining.
        if (8..=16).contains(&length) {
            return self.finish(start(length), word64(bytes, 0), word64(bytes, length - 8));
        }
        self.hash_shorter_or_longer(bytes)
    }

    #[inline(never)]
    fn hash_shorter_or_longer(self, bytes: &[u8]) -> u64 {
        let length = bytes.len();
        let mut state = start(length);
        let (first, last) = match length {
            0..=3 => (short(bytes), 0),
            4..=7 => (word32(bytes, 0), word32(bytes, length - 4)),
            _ => {
                let mut at = 0;
                while at + 16 < length {
                    state = fold(word64(bytes, at) ^ self.low ^ state, word64(bytes, at + 8) ^ self.high);
                    at += 16;
                }
                (word64(bytes, length - 16), word64(bytes, length - 8))
            }
        };
        self.finish(state, first, last)
    }

    #[inline]
    fn finish(self, state: u64, first: u64, last: u64) -> u64 {
        let mixed = fold(first ^ self.low ^ state, last ^ self.high);
        fold(mixed ^ self.high, FINISH ^ self.low)
    }

    /// Hashes an integer, O(1).
    #[inline]
    pub fn hash_integer(self, integer: i64) -> u64 {
        // The constants are not those that the secrets were made with, which they would undo.
        let mixed = fold(integer as u64 ^ self.low, SPREAD ^ self.high);
        fold(mixed ^ self.high, FINISH ^ self.low)
    }
}

#[inline]
fn start(length: usize) -> u64 {
    (length as u64).wrapping_mul(SPREAD)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
fn short(bytes: &[u8]) -> u64 {
    match *bytes {
        [] => 0,
        [a] => u64::from(a) | 0x100,
        [a, b] => u64::from(a) | u64::from(b) << 8 | 0x2_0000,
        [a, b, c, ..] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16 | 0x300_0000,
    }
}

#[inline]
fn word32(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u64::from(u32::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_length_and_every_byte_counts() {
        let seed = HashSeed::new(11, 12);
        let mut seen = HashSet::new();
        for length in 0..70 {
            let base = vec![7_u8; length];
            assert!(seen.insert(seed.hash(&base)));
            for at in 0..length {
                let mut changed = base.clone();
                changed[at] ^= 1;
                assert!(seen.insert(seed.hash(&changed)), "length {length}, byte {at}");
            }
        }
    }

    #[test]
    fn upper_and_lower_bits_are_even() {
        let seed = HashSeed::new(3, 99);
        let of_text = |number: i64| seed.hash(format!("key:{number}").as_bytes());
        let of_integer = |number: i64| seed.hash_integer(number);
        for hash in [&of_text as &dyn Fn(i64) -> u64, &of_integer] {
            let (mut upper, mut lower) = ([0_u32; 64], [0_u32; 64]);
            for number in 0..64_000 {
                let hash = hash(number);
                upper[(hash >> 58) as usize] += 1;
                lower[(hash & 63) as usize] += 1;
            }
            for count in upper.iter().chain(&lower) {
                assert!((850..1150).contains(count), "a bucket of 1000 expected got {count}");
            }
        }
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(HashSeed::new(1, 2).hash(b"a"), HashSeed::new(1, 3).hash(b"a"));
    }
}
