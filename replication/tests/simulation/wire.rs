//! A connection from a replica to its primary: bytes that arrive in order, some time later, or never.

use super::random::Random;
use std::collections::VecDeque;

/// The longest that a piece takes, in milliseconds.
const DELAY_MS_MAX: u64 = 40;

/// One direction.
#[derive(Default)]
pub(crate) struct Pipe {
    pieces: VecDeque<(u64, Vec<u8>)>,
    last_ms: u64,
}

impl Pipe {
    pub(crate) fn send(&mut self, bytes: &[u8], now_ms: u64, random: &mut Random) {
        let mut rest = bytes;
        // What is written at once does not arrive at once.
        while !rest.is_empty() {
            let count = (1 + random.below(2 * rest.len() as u64) as usize).min(rest.len());
            self.last_ms = self.last_ms.max(now_ms + random.below(DELAY_MS_MAX));
            self.pieces.push_back((self.last_ms, rest[..count].to_vec()));
            rest = &rest[count..];
        }
    }

    /// What has arrived; at most one piece.
    pub(crate) fn receive(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        let is_there = self.pieces.front().is_some_and(|(at, _)| *at <= now_ms);
        is_there.then(|| self.pieces.pop_front()).flatten().map(|(_, bytes)| bytes)
    }
}

/// Both directions, and who is at the other end.
pub(crate) struct Wire {
    /// The number by which the primary knows the replica.
    pub(crate) key: u64,
    pub(crate) primary: usize,
    pub(crate) replica: usize,
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    /// The primary notices that it is cut.
    pub(crate) is_cut: bool,
}
