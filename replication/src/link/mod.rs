//! The side of a replication link that copies: the state machine behind `REPLICAOF`.
//!
//! ```text
//! Waiting ─→ Connecting ─→ Handshake ─┬─ +CONTINUE ──────────────────────────────→ Stream
//!    ↑                                └─ +FULLRESYNC ─→ Header ─→ Payload ─→ Loading ─↑
//!    └─────── anything that fails, later and later ───────┘
//! ```
//!
//! A [`Link`] outlives its connections. It is told what came and what time it is, and asked by [`Link::next`] what is to
//! be done, again and again until that is nothing. Whoever asks has done what the last answer said.

mod buffer;
mod failure;
mod handshake;
mod options;
mod payload;
mod retry;
mod stream;

#[cfg(test)]
mod tests;

pub use failure::{Failure, Note};
pub use options::{Credentials, LinkOptions};

use crate::ReplicationId;
use buffer::Buffer;
use handshake::Await;
use payload::{Part, Payload};
use retry::Retry;
use spinel_persistence::log::{Unit, UnitScanner};
use std::collections::VecDeque;
use std::mem;
use std::ops::ControlFlow::{self, Break, Continue};

/// While a snapshot is loaded, the primary gets a sign of life so often.
const SIGN_MS: u64 = 1_000;

/// A place in a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The name of the stream.
    pub id: ReplicationId,
    /// How many bytes of it are before here.
    pub offset: u64,
}

/// What a link is doing, as `ROLE` tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkStatus {
    /// It waits until it connects again.
    Connect,
    /// It connects.
    Connecting,
    /// It agrees with the primary on what comes.
    Handshake,
    /// It receives or loads a snapshot.
    Sync,
    /// It follows the stream.
    Connected,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action<'l> {
    /// Connect to the primary; then say [`Link::connected`] or [`Link::lost`].
    Connect,
    /// Send this.
    Send(&'l [u8]),
    /// Tell operators.
    Note(Note),
    /// Close the connection, and tell operators why.
    Close(Failure),
    /// A snapshot begins: what is there of another one is void.
    SnapshotBegins {
        /// Where the stream goes on behind it; not known of old primaries.
        position: Option<Position>,
        /// How long it is, if that is known.
        length: Option<u64>,
    },
    /// A piece of the snapshot.
    Snapshot(&'l [u8]),
    /// The snapshot is whole: load it instead of what is there, then say [`Link::loaded`] or [`Link::not_loaded`].
    SnapshotEnds,
    /// The primary goes on where the replica is; its stream may have got another name.
    Continues {
        /// Where that is, by the name that the stream has now.
        position: Position,
    },
    /// Run a command, or the commands of a transaction as one.
    Unit(Unit<'l>),
    /// A part of the stream that changes nothing.
    Filler(&'l [u8]),
}

/// The link of a replica to its primary.
pub struct Link {
    options: LinkOptions,
    phase: Phase,
    /// Where the data that is there stands in which stream.
    position: Option<Position>,
    buffer: Buffer,
    scanner: UnitScanner,
    out: Vec<u8>,
    notes: VecDeque<Note>,
    /// What is to be done after the notes.
    behind_notes: Option<Step>,
    /// What the last action was about.
    handed_out: HandedOut,
    /// When something came last.
    heard_at: u64,
    /// The highest offset up to which all is on disk, if there is a log.
    synced: Option<u64>,
    /// Whether somebody has asked for what is there to be on disk.
    wants_sync: bool,
    retry: Retry,
    /// How often the other server was asked to become the primary in this one's place, while it is to do that.
    asked: Option<u32>,
}

/// How far a server is with making another one the primary, whose copy it will be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handover {
    /// There is nothing of the kind, or no more: the other one is the primary.
    None,
    /// The other server has not been asked yet, so it surely is no primary.
    Due,
    /// It was asked and has not answered: it may be the primary.
    Asked,
}

enum Phase {
    Waiting {
        until: u64,
    },
    Connecting,
    Handshake(Await),
    Header {
        position: Option<Position>,
    },
    Payload {
        payload: Payload,
        position: Option<Position>,
    },
    /// The primary gets a sign of life at a time, unless the connection is gone.
    Loading {
        position: Option<Position>,
        sign_at: Option<u64>,
    },
    Stream {
        ack_at: u64,
    },
}

/// What is done with once the next action is asked for.
#[derive(Default)]
enum HandedOut {
    #[default]
    Nothing,
    Output,
    Bytes(usize),
    Stream(usize),
}

/// An action that has not borrowed what it is about.
enum Step {
    Nothing,
    Connect,
    Send,
    Note(Note),
    Close(Failure),
    SnapshotBegins { position: Option<Position>, length: Option<u64> },
    Snapshot(usize),
    SnapshotEnds,
    Continues(Position),
    Unit(usize),
    Filler(usize),
}

impl Link {
    /// A link of a replica that has the data of a position, if of any; `seed` spreads attempts to connect over time.
    pub fn new(options: LinkOptions, position: Option<Position>, seed: u64) -> Link {
        Link {
            options,
            phase: Phase::Waiting { until: 0 },
            position,
            buffer: Buffer::default(),
            scanner: UnitScanner::default(),
            out: Vec::new(),
            notes: VecDeque::new(),
            behind_notes: None,
            handed_out: HandedOut::Nothing,
            heard_at: 0,
            synced: None,
            wants_sync: false,
            retry: Retry::new(seed),
            asked: None,
        }
    }

    /// A link of a primary that makes one of its replicas the primary, and then copies it. The position is that of its own
    /// stream.
    pub fn hand_over(options: LinkOptions, position: Position, seed: u64) -> Link {
        Link { asked: Some(0), ..Link::new(options, Some(position), seed) }
    }

    /// Whether the other server is yet to become the primary.
    pub fn handover(&self) -> Handover {
        match self.asked {
            None => Handover::None,
            Some(0) => Handover::Due,
            Some(_) => Handover::Asked,
        }
    }

    /// Changes the options: what was said of them is not said again before the next connection.
    pub fn set_options(&mut self, options: LinkOptions) {
        self.options = options;
    }

    /// Notes up to which offset the log has all on disk; none if there is no log. The primary is told.
    pub fn set_synced(&mut self, synced: Option<u64>) {
        self.synced = synced;
    }

    /// Whether the primary has asked, since this was asked last, for what stands before the [position](Link::position) to be on disk.
    /// It was told how far that is; once it is all there, it is to be [told again](Link::tell_synced).
    pub fn wants_sync(&mut self) -> bool {
        mem::take(&mut self.wants_sync)
    }

    /// Notes up to which offset all is on disk, and tells the primary at once.
    pub fn tell_synced(&mut self, synced: u64) {
        self.synced = Some(synced);
        if matches!(self.phase, Phase::Stream { .. }) {
            self.acknowledge();
        }
    }

    /// Where the data that is there stands: what was handed out before the last action is applied. None if it is
    /// nowhere in a stream that can be gone on with.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The stream that is followed, or will be once its snapshot is loaded.
    pub fn stream(&self) -> Option<ReplicationId> {
        let position = match self.phase {
            Phase::Header { position }
            | Phase::Payload { position, .. }
            | Phase::Loading { position, .. } => position,
            Phase::Stream { .. } => self.position,
            Phase::Waiting { .. } | Phase::Connecting | Phase::Handshake(_) => None,
        };
        position.map(|position| position.id)
    }

    /// What the link is doing.
    pub fn status(&self) -> LinkStatus {
        match self.phase {
            Phase::Waiting { .. } => LinkStatus::Connect,
            Phase::Connecting => LinkStatus::Connecting,
            Phase::Handshake(_) => LinkStatus::Handshake,
            Phase::Header { .. } | Phase::Payload { .. } | Phase::Loading { .. } => LinkStatus::Sync,
            Phase::Stream { .. } => LinkStatus::Connected,
        }
    }

    /// When something came last, in the time that events have.
    pub fn heard_at(&self) -> u64 {
        self.heard_at
    }

    /// How much memory is taken by what came and is not used yet.
    pub fn memory(&self) -> usize {
        self.buffer.memory() + self.out.capacity()
    }

    /// When [`next`](Link::next) is to be asked although nothing has come.
    pub fn deadline(&self) -> u64 {
        let silence = self.heard_at.saturating_add(self.options.timeout_ms);
        match self.phase {
            Phase::Waiting { until } => until,
            Phase::Stream { ack_at } if self.position.is_some() => silence.min(ack_at),
            Phase::Loading { sign_at, .. } => sign_at.unwrap_or(u64::MAX),
            _ => silence,
        }
    }

    /// Hears that the connection is there.
    pub fn connected(&mut self, now_ms: u64) {
        if matches!(self.phase, Phase::Connecting) {
            self.heard_at = now_ms;
            self.introduce();
        }
    }

    /// Room for what comes from the primary. None while a snapshot is loaded: what comes then has to wait.
    pub fn room(&mut self) -> &mut [u8] {
        self.settle();
        match self.phase {
            Phase::Waiting { .. } | Phase::Connecting | Phase::Loading { .. } => &mut [],
            _ => self.buffer.room(),
        }
    }

    /// Hears that so many bytes have come, and are at the beginning of the room.
    pub fn received(&mut self, count: usize, now_ms: u64) {
        self.buffer.fill(count);
        self.heard_at = now_ms;
    }

    /// Hears that there is no connection, or none any more, and why. Returns what operators are to be told.
    ///
    /// A snapshot that is being loaded then is of use all the same: once it is, the primary is asked to go on behind it.
    pub fn lost(&mut self, cause: &str, now_ms: u64) -> Option<Failure> {
        self.settle();
        let cause = cause.to_owned();
        let failure = match &self.phase {
            Phase::Waiting { .. } | Phase::Loading { sign_at: None, .. } => return None,
            Phase::Connecting => Failure::Unreachable(cause),
            Phase::Handshake(_) | Phase::Header { .. } => Failure::Interrupted(cause),
            Phase::Payload { .. } | Phase::Loading { .. } => Failure::SnapshotInterrupted(cause),
            Phase::Stream { .. } => Failure::Lost,
        };
        let loading = if let Phase::Loading { position, .. } = self.phase { Some(position) } else { None };
        self.end(&failure, now_ms);
        if let Some(position) = loading {
            self.phase = Phase::Loading { position, sign_at: None };
        }
        Some(failure)
    }

    /// Hears that the snapshot is loaded: the stream goes on from there.
    pub fn loaded(&mut self, now_ms: u64) {
        let Phase::Loading { position, sign_at } = self.phase else { return };
        self.position = position;
        match sign_at {
            Some(_) => self.follow(now_ms),
            None => self.phase = Phase::Waiting { until: now_ms },
        }
    }

    /// Hears that the snapshot can't be loaded. The connection is to be closed.
    pub fn not_loaded(&mut self, now_ms: u64) -> Failure {
        self.end(&Failure::NotLoaded, now_ms);
        Failure::NotLoaded
    }

    /// Hears that the unit which was handed out can't be run. The connection is to be closed, and only a snapshot helps.
    pub fn not_applied(&mut self, cause: String, now_ms: u64) -> Failure {
        let failure = Failure::NotApplied(cause);
        self.end(&failure, now_ms);
        failure
    }

    /// What is to be done; none until something comes, or the [`deadline`](Link::deadline). What the last action said has
    /// been done: units that were handed out have run.
    pub fn next(&mut self, now_ms: u64) -> Option<Action<'_>> {
        self.settle();
        let step = loop {
            if let Some(note) = self.notes.pop_front() {
                break Step::Note(note);
            }
            if let Some(step) = self.behind_notes.take() {
                break step;
            }
            if !self.out.is_empty() {
                break Step::Send;
            }
            match self.step(now_ms) {
                Continue(()) => {}
                Break(step) if self.notes.is_empty() => break step,
                Break(step) => self.behind_notes = Some(step),
            }
        };
        self.hand_out(step)
    }

    fn hand_out(&mut self, step: Step) -> Option<Action<'_>> {
        let bytes = self.buffer.bytes();
        Some(match step {
            Step::Nothing => return None,
            Step::Connect => Action::Connect,
            Step::Note(note) => Action::Note(note),
            Step::Close(failure) => Action::Close(failure),
            Step::SnapshotBegins { position, length } => Action::SnapshotBegins { position, length },
            Step::SnapshotEnds => Action::SnapshotEnds,
            Step::Continues(position) => Action::Continues { position },
            Step::Send => {
                self.handed_out = HandedOut::Output;
                Action::Send(&self.out)
            }
            Step::Snapshot(count) => {
                self.handed_out = HandedOut::Bytes(count);
                Action::Snapshot(&bytes[..count])
            }
            Step::Filler(count) => {
                self.handed_out = HandedOut::Stream(count);
                Action::Filler(&bytes[..count])
            }
            Step::Unit(count) => {
                self.handed_out = HandedOut::Stream(count);
                let offset = self.position.map_or(0, |position| position.offset);
                Action::Unit(self.scanner.unit(&bytes[..count], offset))
            }
        })
    }

    /// Is done with what was handed out.
    fn settle(&mut self) {
        match mem::take(&mut self.handed_out) {
            HandedOut::Nothing => {}
            HandedOut::Output => self.out.clear(),
            HandedOut::Bytes(count) => self.buffer.skip(count),
            HandedOut::Stream(count) => {
                self.buffer.skip(count);
                if let Some(position) = &mut self.position {
                    position.offset += count as u64;
                }
            }
        }
    }

    /// Goes on by one step; to be called again unless it says what is to be done.
    fn step(&mut self, now_ms: u64) -> ControlFlow<Step> {
        let is_silent = now_ms >= self.heard_at.saturating_add(self.options.timeout_ms);
        match &mut self.phase {
            Phase::Waiting { until } if now_ms < *until => Break(Step::Nothing),
            Phase::Waiting { .. } => {
                if let Some(name) = self.options.poisoned_primary.clone() {
                    return self.fail(Failure::Poisoned(name), now_ms);
                }
                self.phase = Phase::Connecting;
                self.heard_at = now_ms;
                Break(Step::Connect)
            }
            Phase::Loading { sign_at: Some(sign_at), .. } if now_ms >= *sign_at => {
                *sign_at = now_ms + SIGN_MS;
                self.out.push(b'\n');
                Continue(())
            }
            Phase::Connecting | Phase::Handshake(_) if is_silent => self.fail(Failure::NoAnswer, now_ms),
            Phase::Header { .. } | Phase::Payload { .. } if is_silent => {
                self.fail(Failure::NoSnapshot, now_ms)
            }
            Phase::Connecting | Phase::Loading { .. } => Break(Step::Nothing),
            Phase::Handshake(_) | Phase::Header { .. } => self.listen(now_ms),
            Phase::Payload { .. } => self.step_payload(now_ms),
            Phase::Stream { ack_at } => {
                let ack_at = *ack_at;
                self.step_stream((ack_at, is_silent), now_ms)
            }
        }
    }

    fn step_payload(&mut self, now_ms: u64) -> ControlFlow<Step> {
        let Phase::Payload { payload, position } = &mut self.phase else { return Continue(()) };
        match payload.take(self.buffer.bytes()) {
            Part::Nothing => Break(Step::Nothing),
            Part::Bytes(count) => Break(Step::Snapshot(count)),
            Part::End(count) => {
                self.phase = Phase::Loading { position: *position, sign_at: Some(now_ms + SIGN_MS) };
                self.buffer.skip(count);
                Break(Step::SnapshotEnds)
            }
        }
    }

    /// Begins to follow the stream.
    fn follow(&mut self, now_ms: u64) {
        self.heard_at = now_ms;
        // The first acknowledgement tells the primary that the replica is ready.
        self.phase = Phase::Stream { ack_at: now_ms };
    }

    /// Ends the connection.
    fn fail(&mut self, failure: Failure, now_ms: u64) -> ControlFlow<Step> {
        self.end(&failure, now_ms);
        Break(Step::Close(failure))
    }

    fn end(&mut self, failure: &Failure, now_ms: u64) {
        if failure.spoils_position() {
            self.position = None;
        }
        self.buffer.clear();
        self.scanner = UnitScanner::default();
        self.out.clear();
        self.handed_out = HandedOut::Nothing;
        self.behind_notes = None;
        self.phase = Phase::Waiting { until: now_ms + self.retry.delay_ms() };
    }
}
