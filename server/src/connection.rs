//! One connection: bytes in, requests run in batches, bytes out.
//!
//! All complete requests of a read are run before one write of all their replies. While a connection waits
//! it owns no buffers, except for the start of a request that has not arrived whole and for replies that the
//! client does not read.

mod held;
mod unsent;
mod waiting;

use crate::admission::Entrance;
use crate::attention::Concern;
use crate::clients::{Client, Flag, OutputLimits, Traffic, room};
use crate::commands;
use crate::config::table;
use crate::log;
use crate::quorum::Quorum;
use crate::server::{Shared, now};
use crate::session::{Flow, Hold, Output, Session};
use crate::statistics::Meter;
use crate::stream::Stream;
use crate::worker::{Desk, READ_BYTES, Worker};
use held::Held;
use spinel_persistence::log::SyncedTo;
use spinel_resp::{Batch, Parser, ProtocolError, ReplyWriter};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use unsent::Unsent;

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: Stream, worker: &Rc<Worker>) {
    let shared = &worker.shared;
    let client = shared.clients.enter(stream.peer(worker.number), Arc::clone(shared.acl.default()), now());
    let mut session = Session::new(Arc::clone(&client), stream.is_local(), shared);
    if let Stream::Tls(stream) = &stream {
        session.enter_by_certificate(stream, shared);
    }
    let mut connection = Connection {
        stream,
        session,
        parser: Parser::new(),
        partial: Vec::new(),
        unsent: Unsent::default(),
        barrier: None,
        held: None,
        is_light: false,
    };
    // Any other I/O error ends a connection as its close does; there is nobody left to tell.
    if connection.run(worker).await.is_err_and(|error| error.kind() == io::ErrorKind::OutOfMemory) {
        tell_overflow(&client, shared);
    }
    connection.stream.say_goodbye();
    connection.session.stop_listening(shared);
    connection.session.stop_monitoring(shared);
    connection.session.leave_tracking(shared);
    if connection.session.replica.is_some() {
        shared.replication.detach(client.id);
    }
    connection.session.ask_quorum(Quorum::NONE, shared);
    if !connection.session.let_go(&mut worker.desk.borrow_mut().executor) {
        Box::pin(connection.let_go_later(worker)).await;
    }
    shared.clients.leave(&client, &shared.engine);
}

struct Connection {
    stream: Stream,
    session: Session,
    parser: Parser,
    /// The start of a request that has not arrived whole.
    partial: Vec<u8>,
    /// Replies the socket did not take.
    unsent: Unsent,
    /// What the log must have on disk before anything unsent may leave.
    barrier: Option<SyncedTo>,
    /// What replicas must have before anything unsent may leave, if that was ever so.
    held: Option<Box<Held>>,
    /// Whether the last replies were small, so that the next are believed to be.
    is_light: bool,
}

/// How much room to make behind the `held` bytes of a request that will have `wanted` at least.
///
/// An announced length is believed once a megabyte has come: from there on, a large value is not moved again.
/// Until then the room grows with what has come, so that announcing costs the server nothing.
fn room(held: usize, wanted: usize) -> usize {
    const READ_BYTES: usize = 16 * 1024;
    const BELIEVED_FROM: usize = 1 << 20;
    let missing = wanted.saturating_sub(held);
    if held >= BELIEVED_FROM { missing.max(READ_BYTES) } else { missing.min(held).max(READ_BYTES) }
}

/// Tells operators that a client did not read what was sent to it.
fn tell_overflow(client: &Client, shared: &Shared) {
    shared.clients.over_output_limit.fetch_add(1, Ordering::Relaxed);
    log::warning!(
        "Client id={} addr={} closed for overcoming of output buffer limits.",
        client.id,
        client.peer.address
    );
}

/// So much is written to a socket at once before others have their turn: a tenth of a millisecond's work, or a few. Replies beyond
/// it are not copied.
const WRITTEN_PER_TURN: usize = 256 << 10;

impl Connection {
    async fn run(&mut self, worker: &Rc<Worker>) -> io::Result<()> {
        poll_fn(|context| {
            self.session.client.register(context.waker());
            Poll::Ready(())
        })
        .await;
        loop {
            let read = poll_fn(|context| self.poll_io(context, worker)).await?;
            if read == 0 {
                return Ok(());
            }
            if worker.lane.is_taken() && !self.is_light {
                self.keep_input(read, worker);
                worker.lane.turn().await;
            }
            let mut flow = self.serve_batch(read, worker)?;
            if flow != Flow::Continue || self.waits_for_replicas() {
                flow = self.catch_up(flow, worker).await?;
            }
            match flow {
                Flow::Continue | Flow::Hold | Flow::Again => {}
                Flow::Close => {
                    self.session.stop_listening(&worker.shared);
                    self.session.stop_monitoring(&worker.shared);
                    return poll_fn(|context| self.poll_farewell(context, worker)).await;
                }
                Flow::Drop | Flow::Overflow => return Ok(()),
            }
        }
    }

    /// Waits for what stands between a batch and the next read, and runs what was held back meanwhile.
    async fn catch_up(&mut self, mut flow: Flow, worker: &Rc<Worker>) -> io::Result<Flow> {
        loop {
            match flow {
                Flow::Hold => Box::pin(self.wait(worker)).await?,
                Flow::Again => {
                    poll_fn(|context| self.poll_caught_up(context, worker)).await?;
                    worker.lane.turn().await;
                }
                Flow::Continue if self.waits_for_replicas() => {
                    poll_fn(|context| self.poll_replicas(context, worker)).await?;
                    if self.partial.is_empty() {
                        return Ok(flow);
                    }
                }
                _ => return Ok(flow),
            }
            flow = self.serve_batch(0, worker)?;
        }
    }

    /// Keeps what was read into the worker's buffer, so that others may use that.
    fn keep_input(&mut self, read: usize, worker: &Worker) {
        if self.partial.is_empty() {
            self.partial.extend_from_slice(&worker.desk.borrow().input[..read]);
        }
    }

    /// Writes what is unsent, unless somebody ends the connection meanwhile.
    fn poll_farewell(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<()>> {
        if self.session.client.has(Flag::Killed) {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush(context, worker)
    }

    /// Runs the requests that are there and sends their replies.
    fn serve_batch(&mut self, read: usize, worker: &Worker) -> io::Result<Flow> {
        let desk = &mut *worker.desk.borrow_mut();
        let log = &worker.shared.persistence.log;
        // What is owed was done at a time that nobody noted.
        let health = self.session.owed.is_none().then(|| log.health());
        desk.meter.statistics.reads.add(u64::from(read > 0));
        desk.meter.begin(worker.shared.config.is_on(table::LATENCY_TRACKING));
        let era = worker.shared.attention.has(Concern::Quorum).then(|| worker.shared.replication.era());
        let was_replica = self.session.replica.is_some();
        let flow = self.process(read, desk, worker);
        if was_replica {
            // It takes all that it is sent for the stream.
            desk.reply.clear();
        }
        let commands = desk.meter.end();
        let output_bytes = desk.reply.len() as u64;
        self.is_light = worker.lane.note(desk.reply.len());
        self.session.client.add(Traffic { commands, input_bytes: read as u64, output_bytes });
        desk.meter.statistics.input_bytes.add(read as u64);
        desk.meter.statistics.output_bytes.add(output_bytes);
        match flow {
            Flow::Drop => {}
            Flow::Overflow => return Err(io::ErrorKind::OutOfMemory.into()),
            _ => {
                self.barrier = log.barrier(health);
                if self.barrier.is_some() {
                    worker.unsynced.notify_one();
                }
                if self.session.debt_due().is_some() {
                    let era = era.unwrap_or_else(|| worker.shared.replication.era());
                    self.hold_back(era, worker);
                }
                self.flush(desk)?;
            }
        }
        self.report_buffers(worker)?;
        Ok(flow)
    }

    /// Tells the size of the buffers, and ends the connection if one is too large.
    fn report_buffers(&mut self, worker: &Worker) -> io::Result<()> {
        let client = &self.session.client;
        let unsent = self.unsent.len();
        client.query_bytes.store(self.partial.len(), Ordering::Relaxed);
        self.note_unsent(unsent, worker)?;
        let limits = || OutputLimits::of(&worker.shared.config, client.class());
        if unsent > 0 && limits().is_over_hard(client.output_bytes()) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }

    /// Writes what is unsent, and [reads](Self::poll_read).
    ///
    /// From who has not said the password nothing is read before all replies are written, so that nobody can
    /// make the server keep replies without a password; nor for who comes by another protocol, which has its own limits.
    fn poll_io(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        if self.session.client.has(Flag::Killed) {
            return Poll::Ready(Ok(0));
        }
        match self.poll_flush(context, worker) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            // What comes would only raise the barrier.
            Poll::Pending if self.barrier.is_some() || self.waits_for_replicas() => return Poll::Pending,
            Poll::Pending if self.session.entrance == Entrance::NeedsPassword => return Poll::Pending,
            // Whoever speaks for others reads while he writes; what those don't take must not become more.
            Poll::Pending if matches!(self.stream, Stream::Inside(_)) => return Poll::Pending,
            Poll::Pending if room::is_behind(&self.session.client, &worker.shared) => return Poll::Pending,
            _ => {}
        }
        self.poll_read(context, worker)
    }

    /// Reads: into the worker's buffer, or behind the start of a request.
    fn poll_read(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        if self.partial.is_empty() {
            let desk = &mut *worker.desk.borrow_mut();
            let mut buffer = ReadBuf::new(&mut desk.input);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            return Poll::Ready(Ok(buffer.filled().len()));
        }
        self.poll_read_more(context, worker)
    }

    /// Reads behind the start of a request; nothing if that request is larger than allowed.
    ///
    /// What is read may be the start of others, too: only what was there before, or what the request itself announces, is
    /// surely its own.
    fn poll_read_more(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        self.partial.reserve(room(self.partial.len(), self.parser.wanted_bytes()));
        let start = self.partial.len();
        ready!(tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), context, &mut self.partial))?;
        let own_bytes = self.partial.len().min(start.max(self.parser.wanted_bytes()));
        if own_bytes as i64 > worker.shared.config.number(table::CLIENT_QUERY_BUFFER_LIMIT) {
            worker.desk.borrow().meter.statistics.query_limit_disconnections.add(1);
            let client = &self.session.client;
            let (id, addr) = (client.id, &client.peer.address);
            log::warning!(id, addr = %addr, "Closing client that reached max query buffer length:");
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(Ok(self.partial.len() - start))
    }

    /// Writes what is unsent, and then the messages that have come; ready when there are none.
    fn poll_flush(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<()>> {
        if let Some(barrier) = &mut self.barrier {
            let outcome = ready!(Pin::new(barrier).poll(context));
            // Whether what failed is on disk, nobody knows. Unless that was only slow, nothing may be said of it.
            if worker.shared.persistence.log.is_strict() {
                outcome.map_err(io::Error::other)?;
            }
            self.barrier = None;
        }
        ready!(self.poll_held(worker));
        let mut left = WRITTEN_PER_TURN;
        loop {
            let had_unsent = !self.unsent.is_empty();
            while !self.unsent.is_empty() {
                if left == 0 {
                    worker.lane.join(context.waker());
                    self.note_unsent(self.unsent.len(), worker)?;
                    return Poll::Pending;
                }
                let first = self.unsent.first();
                let first = &first[..first.len().min(left)];
                let Poll::Ready(written) = self.stream.poll_write(context, first) else {
                    self.note_unsent(self.unsent.len(), worker)?;
                    return Poll::Pending;
                };
                let written = written?;
                worker.desk.borrow().meter.statistics.writes.add(1);
                self.unsent.advance(written);
                left -= written;
            }
            if had_unsent {
                self.note_unsent(0, worker)?;
            }
            if let Some(replica) = &mut self.session.replica {
                let chunks = replica.poll(context, &worker.shared)?;
                if chunks.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                self.unsent.share(chunks);
                worker.desk.borrow().meter.statistics.replica_bytes.add(self.unsent.len() as u64);
                self.note_messages(worker)?;
                continue;
            }
            let Some(mailbox) = self.session.client.mailbox() else { return Poll::Ready(Ok(())) };
            self.unsent.push(mailbox.take()?);
            if self.unsent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.note_messages(worker)?;
        }
    }

    /// Waits until the client has read enough for its next requests to run. Whoever ended the connection ends this, too.
    fn poll_caught_up(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<()>> {
        if !room::is_behind(&self.session.client, &worker.shared) {
            return Poll::Ready(Ok(()));
        }
        if self.session.client.has(Flag::Killed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match self.poll_flush(context, worker) {
            Poll::Pending if room::is_behind(&self.session.client, &worker.shared) => Poll::Pending,
            Poll::Pending => Poll::Ready(Ok(())),
            Poll::Ready(outcome) => Poll::Ready(outcome),
        }
    }

    /// Writes as [`poll_flush`](Self::poll_flush) does, until that fails.
    fn poll_failure(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Error> {
        match self.poll_flush(context, worker) {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// Takes note of messages that are to be sent now.
    fn note_messages(&self, worker: &Worker) -> io::Result<()> {
        let bytes = self.unsent.len();
        self.session.client.add(Traffic { output_bytes: bytes as u64, ..Traffic::default() });
        worker.desk.borrow().meter.statistics.output_bytes.add(bytes as u64);
        self.note_unsent(bytes, worker)
    }

    fn note_unsent(&self, bytes: usize, worker: &Worker) -> io::Result<()> {
        let client = &self.session.client;
        client.unsent_bytes.store(bytes, Ordering::Relaxed);
        if let Some(mailbox) = client.mailbox() {
            mailbox.note_unsent(bytes)?;
        }
        room::note(client, &worker.shared);
        Ok(())
    }

    /// Runs all complete requests.
    fn process(&mut self, read: usize, desk: &mut Desk, worker: &Worker) -> Flow {
        let Desk { executor, input, batch, reply, meter, shelf } = desk;
        reply.clear();
        reply.set_protocol(self.session.protocol());
        if let Some(served) = self.session.owed.take() {
            self.session.note_late(&served, meter, &worker.shared);
            let start = self.unsent.len();
            self.reply_late(served.reply, reply, meter);
            if let Some(asked) = self.session.successor.take() {
                commands::succeed(&mut self.session, &asked, reply, &worker.shared);
            }
            let end = self.unsent.len() + reply.position();
            if worker.shared.attention.has(Concern::Quorum) && self.session.has_late_write(&worker.shared) {
                self.held.get_or_insert_default().note_reply(start..end);
            }
        }
        let mut buffer = std::mem::take(&mut self.partial);
        let is_direct = buffer.is_empty();
        let input = if is_direct { &input[..read] } else { &buffer[..] };
        if input.len() > READ_BYTES {
            meter.look_at_each();
        }

        let mut consumed = 0;
        let mut output = Output { reply, meter };
        let flow = loop {
            let limits = self.session.limits(&worker.shared);
            let rest = &input[consumed..];
            let parsed = self.parser.parse(rest, &limits, batch);
            let flow = self.session.run(rest, batch, executor, &mut output, (shelf, &worker.shared));
            if matches!(flow, Flow::Hold | Flow::Again) {
                self.keep_requests(rest, batch);
                return flow;
            }
            consumed += batch.consumed();
            match parsed {
                Err(error) if flow == Flow::Continue => {
                    if limits == self.session.limits(&worker.shared) {
                        break self.refuse(error, &mut output);
                    }
                    // A request before the refused one said the password: it counts for those after it.
                }
                _ => break flow,
            }
        };
        if is_direct {
            self.partial.extend_from_slice(&input[consumed..]);
        } else if consumed < buffer.len() {
            buffer.drain(..consumed);
            self.partial = buffer;
        }
        flow
    }

    /// Replies to a command that waited. What is large goes to the socket from where it is.
    fn reply_late(&mut self, late: Vec<u8>, reply: &mut ReplyWriter, meter: &Meter) {
        if late.len() < WRITTEN_PER_TURN || !self.unsent.is_empty() {
            reply.raw(&late);
            return;
        }
        let output_bytes = late.len() as u64;
        meter.statistics.output_bytes.add(output_bytes);
        self.session.client.add(Traffic { output_bytes, ..Traffic::default() });
        self.unsent.push(late);
    }

    /// Keeps the requests that are not done with, and the start of the next one, to parse them again.
    fn keep_requests(&mut self, input: &[u8], batch: &Batch) {
        for request in batch.requests(input).skip(self.session.done) {
            spinel_resp::encode_request(request, &mut self.partial);
        }
        self.partial.extend_from_slice(&input[batch.consumed()..]);
        self.parser = Parser::new();
    }

    /// Replies what is wrong with bytes that are no request. There is no way to go on after them.
    fn refuse(&self, error: ProtocolError, output: &mut Output<'_>) -> Flow {
        let client = &self.session.client;
        log::verbose!(id = client.id, addr = %client.peer.address, "{error} from client:");
        output.meter.statistics.count_error("ERR");
        output.reply.error_bytes(&[b"ERR ", &error.text()[..]].concat());
        Flow::Close
    }

    /// Sends the replies; what the socket does not take now is kept.
    fn flush(&mut self, desk: &mut Desk) -> io::Result<()> {
        let bytes = desk.reply.bytes();
        let bytes_now = bytes.len().min(WRITTEN_PER_TURN);
        let mut written = 0;
        let may_leave = self.barrier.is_none()
            && !self.waits_for_replicas()
            && !matches!(self.session.hold, Hold::Penalty(_));
        if self.unsent.is_empty() && may_leave {
            while written < bytes_now {
                match self.stream.try_write(&bytes[written..bytes_now]) {
                    Ok(count) => {
                        written += count;
                        desk.meter.statistics.writes.add(1);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        if bytes.len() <= WRITTEN_PER_TURN {
            self.unsent.copy(&bytes[written..]);
            return Ok(());
        }
        // What is large is not copied, and its memory is not kept.
        self.unsent.push(desk.reply.take());
        self.unsent.advance(written);
        Ok(())
    }
}
