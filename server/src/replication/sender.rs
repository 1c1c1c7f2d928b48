//! What a replica's connection sends.

use super::transfer::Portion;
use super::{Introduction, now_ms};
use crate::clients::Client;
use crate::config::table;
use crate::log;
use crate::server::Shared;
use spinel_persistence::log::Chunk;
use spinel_replication::Phase;
use spinel_storage::engine::journal::Reader;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// So much is taken at a time.
const TAKEN_BYTES: usize = 256 << 10;
/// How long what happens is gathered before it is sent, while there is much of it and nobody waits.
const GATHER: Duration = Duration::from_millis(1);

/// Takes for one replica what it is to be sent next.
pub(crate) struct Sender {
    client: Arc<Client>,
    /// How much of the snapshot's frame was sent.
    frame: Frame,
    /// What happens is gathered until then.
    pause: Option<Pin<Box<Sleep>>>,
    /// Something was sent since the last pause.
    has_sent: bool,
    /// When a sign of life was sent last to who waits for a snapshot.
    signed_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// Not even the answer to `PSYNC`.
    None,
    /// The answer.
    Answered,
    /// What stands before the snapshot.
    Opened,
    /// All.
    Closed,
}

impl Sender {
    pub(super) fn new(client: &Arc<Client>) -> Sender {
        let client = Arc::clone(client);
        Sender { client, frame: Frame::None, pause: None, has_sent: false, signed_ms: now_ms() }
    }

    /// Takes what is to be sent; nothing if that has to wait, after which the connection is woken. Fails when the replica has to
    /// begin anew.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, shared: &Shared) -> io::Result<Vec<Chunk>> {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        if self.phase(shared).ok_or_else(broken)? == Phase::Receiving {
            let chunks = self.take_snapshot(shared).ok_or_else(broken)?;
            if !chunks.is_empty() || self.frame != Frame::Closed {
                return Ok(chunks);
            }
        }
        match self.phase(shared).ok_or_else(broken)? {
            Phase::Waiting => Ok(self.sign_of_life(shared)),
            Phase::Receiving | Phase::Loading => Ok(Vec::new()),
            Phase::Online => self.poll_stream(context, shared),
        }
    }

    fn phase(&self, shared: &Shared) -> Option<Phase> {
        let state = shared.replication.state();
        state.primary.replica(self.client.id).map(|replica| replica.phase)
    }

    /// A newline now and then, so that who waits does not take the connection for dead.
    fn sign_of_life(&mut self, shared: &Shared) -> Vec<Chunk> {
        let period = shared.config.number(table::REPL_PING_REPLICA_PERIOD).unsigned_abs() * 1000;
        if now_ms().saturating_sub(self.signed_ms) < period {
            return Vec::new();
        }
        self.signed_ms = now_ms();
        vec![Chunk::from(b"\n".to_vec())]
    }

    /// Takes what is next of the snapshot and what stands around it; none if that is broken.
    fn take_snapshot(&mut self, shared: &Shared) -> Option<Vec<Chunk>> {
        let key = self.client.id;
        let state = shared.replication.state();
        let seat = state.seats.get(&key)?;
        let transfer = Arc::clone(seat.transfer.as_ref()?);
        let (finds_end, is_silent) = (seat.introduction.finds_end, seat.is_silent);
        drop(state);
        let line = |text: String| Some(vec![Chunk::from(text.into_bytes())]);
        if self.frame == Frame::None {
            self.frame = Frame::Answered;
            if !is_silent {
                return line(format!("+FULLRESYNC {} {}\r\n", transfer.id, transfer.cut));
            }
        }
        if self.frame == Frame::Answered {
            let marker = String::from_utf8_lossy(&transfer.marker);
            let opening = if finds_end {
                format!("$EOF:{marker}\r\n")
            } else {
                let Some(length) = transfer.length(key) else { return Some(self.sign_of_life(shared)) };
                format!("${length}\r\n")
            };
            self.frame = Frame::Opened;
            return line(opening);
        }
        match transfer.take(key, TAKEN_BYTES) {
            Portion::Bytes(chunks) => Some(chunks),
            Portion::Later => Some(Vec::new()),
            Portion::Broken => None,
            Portion::End => {
                transfer.leave(key);
                self.frame = Frame::Closed;
                let mut state = shared.replication.state();
                let seat = state.seats.get_mut(&key)?;
                seat.transfer = None;
                let Introduction { only_snapshot, .. } = seat.introduction;
                log::notice!("Synchronization with replica {} succeeded", seat.name());
                state.forget_transfer();
                state.primary.delivered(key, finds_end || only_snapshot);
                state.count_good(&shared.replication);
                // What follows it at once would be taken for a part of it.
                Some(if finds_end { vec![Chunk::from(transfer.marker.to_vec())] } else { Vec::new() })
            }
        }
    }

    /// Takes what is next of the stream. Where there was something just now, the next is gathered for a moment.
    fn poll_stream(&mut self, context: &mut Context<'_>, shared: &Shared) -> io::Result<Vec<Chunk>> {
        let replication = &shared.replication;
        let is_urgent = replication.is_urgent.load(Ordering::Relaxed);
        if let Some(pause) = self.pause.as_mut().filter(|_| !is_urgent)
            && pause.as_mut().poll(context).is_pending()
        {
            return Ok(Vec::new());
        }
        self.pause = None;
        loop {
            let mut state = replication.state();
            state.advance();
            let taken = state.primary.take(self.client.id, TAKEN_BYTES);
            let chunks = taken.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            if !chunks.is_empty() {
                self.has_sent = true;
                return Ok(chunks);
            }
            if std::mem::take(&mut self.has_sent) && !is_urgent {
                drop(state);
                let mut pause = Box::pin(tokio::time::sleep(GATHER));
                if pause.as_mut().poll(context) == Poll::Pending {
                    self.pause = Some(pause);
                    return Ok(Vec::new());
                }
                continue;
            }
            replication.bell.register(&self.client);
            // Without a journal, who feeds the backlog wakes all.
            if state.reader.as_ref().is_none_or(Reader::await_write) {
                return Ok(Vec::new());
            }
        }
    }
}
