//! The stream of writes, and what the primary is told of how far the replica is.

use super::failure::Failure;
use super::{Link, Phase, Step};
use spinel_persistence::log::Command;
use spinel_resp::number::format_unsigned;
use spinel_resp::{encode_request, encode_words};
use std::ops::ControlFlow::{self, Break, Continue};

/// The primary is told so often how far the replica is.
const ACK_MS: u64 = 1_000;

/// What a unit of the stream is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Change,
    /// A sign of life, or something that is only between servers.
    Filler,
    /// A question how far the replica is.
    Question,
    /// The same, by somebody who waits for it to be on disk.
    QuestionOfDisk,
}

impl Link {
    pub(super) fn step_stream(&mut self, (ack_at, is_silent): (u64, bool), now_ms: u64) -> ControlFlow<Step> {
        if now_ms >= ack_at && self.position.is_some() {
            if ack_at > 0 && now_ms > ack_at {
                // It has lasted, so it is worth being tried again at once.
                self.retry.reset();
            }
            self.phase = Phase::Stream { ack_at: now_ms + ACK_MS };
            self.acknowledge();
            return Continue(());
        }
        if is_silent {
            return self.fail(Failure::Silence, now_ms);
        }
        let bytes = self.buffer.bytes();
        let most = self.options.unit_bytes_max;
        match bytes {
            [] | [b'\r'] => return Break(Step::Nothing),
            [b'\n', ..] => return Break(Step::Filler(1)),
            [b'\r', b'\n', ..] => return Break(Step::Filler(2)),
            [b'*', ..] => {}
            _ => return self.fail(Failure::Inline, now_ms),
        }
        let is_longer = bytes.len() > most;
        match self.scanner.scan(&bytes[..bytes.len().min(most)]) {
            Ok(Some(end)) => self.hand_out_unit(end),
            Ok(None) if is_longer => self.fail(Failure::UnitTooLong, now_ms),
            Ok(None) => Break(Step::Nothing),
            Err(_) => self.fail(Failure::Malformed, now_ms),
        }
    }

    fn hand_out_unit(&mut self, end: usize) -> ControlFlow<Step> {
        match self.purpose(end) {
            Purpose::Change => Break(Step::Unit(end)),
            Purpose::Filler => Break(Step::Filler(end)),
            purpose @ (Purpose::Question | Purpose::QuestionOfDisk) => {
                // The question itself doesn't count: Redis replies before it is done with it.
                self.acknowledge();
                self.wants_sync |= purpose == Purpose::QuestionOfDisk;
                // Once it does, the primary learns that soon: it may be waiting for all of its stream to be here.
                self.phase = Phase::Stream { ack_at: 0 };
                Break(Step::Filler(end))
            }
        }
    }

    fn purpose(&self, end: usize) -> Purpose {
        let unit = self.scanner.unit(&self.buffer.bytes()[..end], 0);
        if unit.is_transaction() {
            return Purpose::Change;
        }
        let Some(mut words) = unit.commands().next().map(Command::words) else {
            return Purpose::Change;
        };
        match words.next() {
            Some(name) if name.eq_ignore_ascii_case(b"PING") => Purpose::Filler,
            Some(name) if name.eq_ignore_ascii_case(b"REPLCONF") => match words.next() {
                Some(word) if word.eq_ignore_ascii_case(b"GETACK") => match words.next() {
                    Some(word) if word.eq_ignore_ascii_case(b"DISK") => Purpose::QuestionOfDisk,
                    _ => Purpose::Question,
                },
                _ => Purpose::Filler,
            },
            _ => Purpose::Change,
        }
    }

    /// Tells the primary how far the replica is, if the stream has offsets.
    pub(super) fn acknowledge(&mut self) {
        let Some(position) = self.position else { return };
        let applied = format_unsigned(position.offset);
        let ack = [&b"REPLCONF"[..], b"ACK", applied.as_ref()];
        match self.synced {
            None => encode_words(&ack, &mut self.out),
            Some(synced) => {
                let synced = format_unsigned(synced);
                let also: [&[u8]; 2] = [b"FACK", synced.as_ref()];
                encode_request([&ack[..], &also].concat(), &mut self.out);
            }
        }
    }
}
