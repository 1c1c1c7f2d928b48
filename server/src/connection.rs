//! One connection: bytes in, requests run in batches, bytes out.
//!
//! All complete requests of a read are run before one write of all their replies. While a connection waits
//! it owns no buffers, except for the start of a request that has not arrived whole and for replies that the
//! client does not read.

mod waiting;

use crate::admission::Entrance;
use crate::clients::{Client, Flag, OutputLimits, Traffic};
use crate::config::table;
use crate::log;
use crate::server::{Shared, now};
use crate::session::{Flow, Hold, Output, Session};
use crate::statistics::Meter;
use crate::stream::{Socket, Stream};
use crate::worker::{Desk, READ_BYTES, Worker};
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

/// Serves a connection until it ends.
pub(crate) async fn serve(socket: Socket, worker: Rc<Worker>) {
    if let Some(stream) = Stream::open(socket, &worker).await {
        let shared = &worker.shared;
        let client =
            shared.clients.enter(stream.peer(worker.number), Arc::clone(shared.acl.default()), now());
        let mut session = Session::new(Arc::clone(&client), stream.is_local(), shared);
        if let Stream::Tls(stream) = &stream {
            session.enter_by_certificate(stream, shared);
        }
        let mut connection = Connection {
            stream,
            session,
            parser: Parser::new(),
            partial: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            barrier: None,
        };
        // Any other I/O error ends a connection as its close does; there is nobody left to tell.
        if connection.run(&worker).await.is_err_and(|error| error.kind() == io::ErrorKind::OutOfMemory) {
            tell_overflow(&client, shared);
        }
        connection.stream.say_goodbye();
        connection.session.stop_listening(shared);
        connection.session.stop_monitoring(shared);
        connection.session.leave_tracking(shared);
        if !connection.session.let_go(&mut worker.desk.borrow_mut().executor) {
            Box::pin(connection.let_go_later(&worker)).await;
        }
        shared.clients.leave(&client, &shared.engine);
    }
    worker.closed();
}

struct Connection {
    stream: Stream,
    session: Session,
    parser: Parser,
    /// The start of a request that has not arrived whole.
    partial: Vec<u8>,
    /// Replies the socket did not take, and how much of them it did since.
    unsent: Vec<u8>,
    sent: usize,
    /// What the log must have on disk before anything unsent may leave.
    barrier: Option<SyncedTo>,
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
    log::warning(&format!(
        "Client id={} addr={} closed for overcoming of output buffer limits.",
        client.id, client.peer.address
    ));
}

/// So much is written to a socket at once before others have their turn: some tenths of a millisecond's work. Replies beyond
/// it are not copied.
const WRITTEN_PER_TURN: usize = 1 << 20;

impl Connection {
    async fn run(&mut self, worker: &Worker) -> io::Result<()> {
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
            let mut flow = self.serve_batch(read, worker)?;
            while matches!(flow, Flow::Hold | Flow::Again) {
                if flow == Flow::Hold {
                    Box::pin(self.wait(worker)).await?;
                }
                flow = self.serve_batch(0, worker)?;
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
        let flow = self.process(read, desk, worker);
        let commands = desk.meter.end();
        let output_bytes = desk.reply.len() as u64;
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
                self.flush(desk)?;
            }
        }
        self.report_buffers(worker)?;
        Ok(flow)
    }

    /// Tells the size of the buffers, and ends the connection if one is too large.
    fn report_buffers(&mut self, worker: &Worker) -> io::Result<()> {
        let client = &self.session.client;
        let unsent = self.unsent.len() - self.sent;
        client.query_bytes.store(self.partial.len(), Ordering::Relaxed);
        client.unsent_bytes.store(unsent, Ordering::Relaxed);
        if let Some(mailbox) = client.mailbox() {
            mailbox.note_unsent(unsent)?;
        }
        let limits = || OutputLimits::of(&worker.shared.config, client.class());
        if unsent > 0 && limits().is_over_hard(client.output_bytes()) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }

    /// Writes what is unsent, and reads: into the worker's buffer, or behind the start of a request.
    ///
    /// From who has not said the password nothing is read before all replies are written, so that nobody can
    /// make the server keep replies without a password.
    fn poll_io(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        if self.session.client.has(Flag::Killed) {
            return Poll::Ready(Ok(0));
        }
        match self.poll_flush(context, worker) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            // What comes would only raise the barrier.
            Poll::Pending if self.barrier.is_some() => return Poll::Pending,
            Poll::Pending if self.session.entrance == Entrance::NeedsPassword => return Poll::Pending,
            _ => {}
        }
        if self.partial.is_empty() {
            let desk = &mut *worker.desk.borrow_mut();
            let mut buffer = ReadBuf::new(&mut desk.input);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            return Poll::Ready(Ok(buffer.filled().len()));
        }
        self.poll_read_more(context, worker)
    }

    /// Reads behind the start of a request; nothing if that makes it larger than allowed.
    fn poll_read_more(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        self.partial.reserve(room(self.partial.len(), self.parser.wanted_bytes()));
        let start = self.partial.len();
        ready!(tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), context, &mut self.partial))?;
        if self.partial.len() as i64 > worker.shared.config.number(table::CLIENT_QUERY_BUFFER_LIMIT) {
            worker.desk.borrow().meter.statistics.query_limit_disconnections.add(1);
            log::warning(&format!(
                "Closing client that reached max query buffer length: id={} addr={}",
                self.session.client.id, self.session.client.peer.address
            ));
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
        let mut left = WRITTEN_PER_TURN;
        loop {
            while self.sent < self.unsent.len() {
                if left == 0 {
                    context.waker().wake_by_ref();
                    self.note_unsent(self.unsent.len() - self.sent)?;
                    return Poll::Pending;
                }
                let rest = &self.unsent[self.sent..];
                let rest = &rest[..rest.len().min(left)];
                let Poll::Ready(written) = self.stream.poll_write(context, rest) else {
                    self.note_unsent(self.unsent.len() - self.sent)?;
                    return Poll::Pending;
                };
                let written = written?;
                worker.desk.borrow().meter.statistics.writes.add(1);
                self.sent += written;
                left -= written;
            }
            if !self.unsent.is_empty() {
                (self.unsent, self.sent) = (Vec::new(), 0);
                self.note_unsent(0)?;
            }
            let Some(mailbox) = self.session.client.mailbox() else { return Poll::Ready(Ok(())) };
            self.unsent = mailbox.take()?;
            if self.unsent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.note_messages(worker)?;
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
        self.note_unsent(bytes)
    }

    fn note_unsent(&self, bytes: usize) -> io::Result<()> {
        let client = &self.session.client;
        client.unsent_bytes.store(bytes, Ordering::Relaxed);
        if let Some(mailbox) = client.mailbox() {
            mailbox.note_unsent(bytes)?;
        }
        Ok(())
    }

    /// Runs all complete requests.
    fn process(&mut self, read: usize, desk: &mut Desk, worker: &Worker) -> Flow {
        let Desk { executor, input, batch, reply, meter, shelf } = desk;
        reply.clear();
        reply.set_protocol(self.session.protocol());
        if let Some(served) = self.session.owed.take() {
            self.session.note_late(&served, meter, &worker.shared);
            self.reply_late(served.reply, reply, meter);
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
                        break self.refuse(error, output.reply);
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
        (self.unsent, self.sent) = (late, 0);
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
    fn refuse(&self, error: ProtocolError, reply: &mut ReplyWriter) -> Flow {
        let client = &self.session.client;
        log::verbose(&format!("{error} from client: id={} addr={}", client.id, client.peer.address));
        reply.error_bytes(&[b"ERR ", &error.text()[..]].concat());
        Flow::Close
    }

    /// Sends the replies; what the socket does not take now is kept.
    fn flush(&mut self, desk: &mut Desk) -> io::Result<()> {
        let bytes = desk.reply.bytes();
        let bytes_now = bytes.len().min(WRITTEN_PER_TURN);
        let mut written = 0;
        let may_leave = self.barrier.is_none() && !matches!(self.session.hold, Hold::Penalty(_));
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
            self.unsent.extend_from_slice(&bytes[written..]);
            return Ok(());
        }
        // What is large is not copied, and its memory is not kept.
        let replies = desk.reply.take();
        if self.unsent.is_empty() {
            (self.unsent, self.sent) = (replies, written);
        } else {
            self.unsent.extend_from_slice(&replies);
        }
        Ok(())
    }
}
