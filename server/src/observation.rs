//! Which commands are worth a note: slow ones, and those with large requests or replies.
//!
//! Most commands are brief: they take as long as their words and their reply are large, and are only counted. Reading the
//! clock for each would cost them a tenth of their time. So a brief command is looked at
//!
//! - where its reply is [heavy](HEAVY_BYTES): what passed since the clock was read last was its own time;
//! - where it was alone in its batch, whose time is known;
//! - always, where the batch is larger than the buffer it is read into, or somebody asks for a note of commands that take less than
//!   [a millisecond](BRIEF), or of requests or replies smaller than heavy ones.
//!
//! All others are timed alone.

use crate::attention::{Attention, Concern};
use crate::command_log::{Caller, Entry, Kind, cut};
use crate::config::Config;
use crate::config::table::{self, Key};
use crate::latency::Event;
use crate::redaction;
use crate::server::{Shared, now};
use crate::session::Session;
use crate::statistics::Meter;
use spinel_storage::Error;
use spinel_storage::command::flags::Flags;
use spinel_storage::command::table::CommandId;
use std::time::{Duration, Instant};

/// Bytes of a reply, or of a batch of requests, below which no brief command takes [`BRIEF`].
pub(crate) const HEAVY_BYTES: usize = 64 * 1024;

/// What no brief command takes by itself.
const BRIEF: Duration = Duration::from_millis(1);

/// Takes over what the settings say of which commands are noted.
pub(crate) fn apply(config: &Config, attention: &Attention) {
    let slow = Kind::Slow.noted_from(config);
    let is_on_each = slow.is_some_and(|microseconds| u128::from(microseconds) < BRIEF.as_micros())
        || [Kind::LargeRequest, Kind::LargeReply]
            .into_iter()
            .any(|kind| kind.noted_from(config).is_some_and(|bytes| bytes < HEAVY_BYTES as u64));
    let noted = slow.map_or(u64::MAX, |microseconds| microseconds.saturating_mul(1000));
    let monitored = config.number(table::LATENCY_MONITOR_THRESHOLD).unsigned_abs();
    let monitored = if monitored == 0 { u64::MAX } else { monitored.saturating_mul(1_000_000) };
    attention.set(Concern::Notes, is_on_each);
    attention.note_from(noted.min(monitored));
}

/// A command with its words.
#[derive(Clone, Copy)]
pub(crate) struct Called<'w> {
    pub(crate) id: CommandId,
    pub(crate) words: &'w [&'w [u8]],
    pub(crate) by: By,
}

/// Who called a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// The client, with a request.
    Client,
    /// A script of the client's.
    Script,
}

/// What was measured of a call.
pub(crate) struct Measured {
    /// The error that it replied.
    pub(crate) failure: Option<Error>,
    /// Its time, if it was timed alone, else 0.
    pub(crate) nanoseconds: u64,
}

/// A call that waits for its reply, for the note that is taken when it comes.
pub(crate) struct Late {
    id: CommandId,
    words: Vec<Vec<u8>>,
    request_bytes: usize,
    /// What it took until it waited.
    nanoseconds: u64,
    /// When it began to wait, if that counts: then others do its work meanwhile.
    since: Option<Instant>,
}

/// What a call took.
#[derive(Clone, Copy)]
struct Sizes {
    nanoseconds: u64,
    request_bytes: usize,
    reply_bytes: usize,
}

/// Whether a setting says which commands are noted.
pub(crate) fn concerns(key: Key) -> bool {
    [
        table::SLOWLOG_LOG_SLOWER_THAN,
        table::COMMANDLOG_REQUEST_LARGER_THAN,
        table::COMMANDLOG_REPLY_LARGER_THAN,
    ]
    .contains(&key)
}

impl Session {
    /// Notes a call if there is a reason to: for its time, which is 0 if it was not timed alone, or for its reply.
    #[inline]
    pub(crate) fn observe(
        &mut self,
        called: Called<'_>,
        (nanoseconds, reply_bytes): (u64, usize),
        meter: &mut Meter,
        shared: &Shared,
    ) {
        if meter.is_to_be_noted(nanoseconds) || reply_bytes >= HEAVY_BYTES || meter.looks_at_each() {
            self.look_at(called, (nanoseconds, reply_bytes), meter, shared);
        }
    }

    /// Notes a call as the settings say.
    #[cold]
    pub(crate) fn look_at(
        &mut self,
        called: Called<'_>,
        (nanoseconds, reply_bytes): (u64, usize),
        meter: &mut Meter,
        shared: &Shared,
    ) {
        let nanoseconds = if nanoseconds > 0 { nanoseconds } else { meter.since_last_reading() };
        if shared.attention.has(Concern::Collection) {
            self.collect(called, (nanoseconds, reply_bytes), meter, shared);
        }
        let sizes = Sizes { nanoseconds, request_bytes: called.request_bytes(), reply_bytes };
        self.note((called.id, called.by), sizes, shared, || called.words_noted(shared));
    }

    /// Notes calls of a brief command whose replies are heavy together. Each has its share of the time by what it replied.
    #[cold]
    pub(crate) fn look_at_run<'w>(
        &mut self,
        calls: impl Iterator<Item = Called<'w>>,
        replies: &[u8],
        meter: &mut Meter,
        shared: &Shared,
    ) {
        let nanoseconds = meter.since_last_reading();
        let mut rest = replies;
        for called in calls {
            let Some(reply_bytes) = spinel_resp::encoded_length(rest) else { return };
            rest = &rest[reply_bytes..];
            if reply_bytes >= HEAVY_BYTES {
                let share = u128::from(nanoseconds) * reply_bytes as u128 / replies.len() as u128;
                self.look_at(called, (share as u64, reply_bytes), meter, shared);
            }
        }
    }

    /// Keeps what is needed to note a call that waits for its reply. `nanoseconds` is what it took so far.
    pub(crate) fn observe_later(
        &mut self,
        called: Called<'_>,
        nanoseconds: u64,
        meter: &mut Meter,
        shared: &Shared,
    ) {
        if shared.attention.has(Concern::Collection) {
            // Its reply may never come.
            self.collect(called, (nanoseconds, 0), meter, shared);
        }
        let flags = shared.engine.table().row(called.id).command.flags;
        let is_idle = flags.contains(Flags::BLOCKING);
        // Who waits for others does nothing: only if all is noted, that is.
        if is_idle && !meter.looks_at_each() {
            return;
        }
        self.late = Some(Box::new(Late {
            id: called.id,
            words: called.words_noted(shared),
            request_bytes: called.request_bytes(),
            nanoseconds,
            since: (!is_idle).then(Instant::now),
        }));
    }

    /// Notes a call whose reply has come.
    pub(crate) fn observe_late(&mut self, reply_bytes: usize, shared: &Shared) {
        let Some(late) = self.late.take() else { return };
        let waited = late.since.map_or(0, |since| since.elapsed().as_nanos() as u64);
        let nanoseconds = late.nanoseconds + waited;
        let sizes = Sizes { nanoseconds, request_bytes: late.request_bytes, reply_bytes };
        self.note((late.id, By::Client), sizes, shared, || late.words.clone());
    }

    fn note(
        &self,
        (id, by): (CommandId, By),
        sizes: Sizes,
        shared: &Shared,
        words: impl Fn() -> Vec<Vec<u8>>,
    ) {
        let flags = shared.engine.table().row(id).command.flags;
        let event = if flags.contains(Flags::FAST) { Event::FastCommand } else { Event::Command };
        shared.latency.note(event, Duration::from_nanos(sizes.nanoseconds));
        if flags.contains(Flags::SKIP_SLOWLOG) {
            return;
        }
        let config = &shared.config;
        for (kind, value) in [
            (Kind::Slow, sizes.nanoseconds / 1000),
            (Kind::LargeRequest, sizes.request_bytes as u64),
            (Kind::LargeReply, sizes.reply_bytes as u64),
        ] {
            if kind.noted_from(config).is_some_and(|least| value >= least) {
                if kind == Kind::Slow {
                    let took = Duration::from_nanos(sizes.nanoseconds);
                    shared.telemetry.slow(shared.engine.table().row(id).command, took);
                }
                let (words, at_seconds) = (words(), now().0 / 1000);
                let entry = Entry { id: 0, at_seconds, value, caller: self.caller(by), words };
                shared.command_log.note(kind, entry, kind.entries_max(config));
            }
        }
    }

    fn caller(&self, by: By) -> Caller {
        match by {
            By::Client => {
                Caller { address: self.client.peer.address.clone(), name: self.client.names().name }
            }
            // As in Redis, where a script is a client of its own.
            By::Script => Caller { address: Box::default(), name: Box::default() },
        }
    }
}

impl Called<'_> {
    pub(crate) fn request_bytes(self) -> usize {
        if self.by == By::Script { 0 } else { request_bytes(self.words) }
    }

    /// The words as the log has them.
    fn words_noted(self, shared: &Shared) -> Vec<Vec<u8>> {
        let row = shared.engine.table().row(self.id);
        cut(&redaction::shown(row.command.flags, self.words, row.name_words_in(self.words).into()))
    }
}

/// Bytes of a request in RESP.
fn request_bytes(words: &[&[u8]]) -> usize {
    let framed = |length: usize| length.max(1).ilog10() as usize + 4;
    framed(words.len()) + words.iter().map(|word| framed(word.len()) + word.len() + 2).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_long_as_they_are_encoded() {
        for words in [&[&b"get"[..], b"k"][..], &[b"ping"], &[b"set", b"k", &[b'x'; 1000]], &[&b""[..]; 12]] {
            let mut encoded = Vec::new();
            spinel_resp::encode_request(words, &mut encoded);
            assert_eq!(request_bytes(words), encoded.len());
        }
    }
}
