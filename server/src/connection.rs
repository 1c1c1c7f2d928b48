//! One connection: bytes in, requests run in batches, bytes out.
//!
//! All complete requests of a read are run before one write of all their replies. While a connection waits
//! it owns no buffers, except for the start of a request that has not arrived whole and for replies that the
//! client does not read.

use crate::session::{Flow, Session};
use crate::stream::{Socket, Stream};
use crate::worker::{Desk, Worker};
use spinel_resp::{Limits, Parser, Protocol};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Serves a connection until it ends.
pub(crate) async fn serve(socket: Socket, worker: Rc<Worker>) {
    if let Ok(stream) = Stream::new(socket) {
        let session = Session::new(stream.is_local());
        let mut connection = Connection {
            stream,
            session,
            parser: Parser::new(),
            partial: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
        };
        // An I/O error ends a connection as its close does; there is nobody left to tell.
        let _ = connection.run(&worker).await;
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
}

impl Connection {
    async fn run(&mut self, worker: &Worker) -> io::Result<()> {
        loop {
            let read = poll_fn(|context| self.poll_io(context, worker)).await?;
            if read == 0 {
                return Ok(());
            }
            let flow = self.process(read, &mut worker.desk.borrow_mut(), worker);
            self.flush(&mut worker.desk.borrow_mut())?;
            match flow {
                Flow::Continue => {}
                Flow::Close => return poll_fn(|context| self.poll_flush(context)).await,
                Flow::Stay => std::future::pending().await,
            }
        }
    }

    /// Writes what is unsent, and reads: into the worker's buffer, or behind the start of a request.
    fn poll_io(&mut self, context: &mut Context<'_>, worker: &Worker) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_flush(context) {
            return Poll::Ready(Err(error));
        }
        if self.partial.is_empty() {
            let desk = &mut *worker.desk.borrow_mut();
            let mut buffer = ReadBuf::new(&mut desk.input);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            return Poll::Ready(Ok(buffer.filled().len()));
        }
        let missing = self.parser.wanted_bytes().saturating_sub(self.partial.len());
        self.partial.reserve(missing.max(16 * 1024));
        let start = self.partial.len();
        ready!(tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), context, &mut self.partial))?;
        Poll::Ready(Ok(self.partial.len() - start))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.unsent.len() {
            self.sent += ready!(Pin::new(&mut self.stream).poll_write(context, &self.unsent[self.sent..]))?;
        }
        (self.unsent, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Runs all complete requests.
    fn process(&mut self, read: usize, desk: &mut Desk, worker: &Worker) -> Flow {
        desk.reply.clear();
        desk.reply.set_protocol(self.session.protocol());
        let is_direct = self.partial.is_empty();
        let input = if is_direct { &desk.input[..read] } else { &self.partial[..] };

        desk.batch.clear();
        let parsed = self.parser.parse(input, &Limits::DEFAULT, &mut desk.batch);
        let mut flow =
            self.session.run(input, &desk.batch, &mut desk.executor, &mut desk.reply, &worker.shared);
        if let (Err(error), Flow::Continue) = (parsed, flow) {
            desk.reply.error(&format!("ERR {error}"));
            flow = Flow::Close;
        }
        let consumed = desk.batch.consumed();
        if is_direct {
            self.partial.extend_from_slice(&desk.input[consumed..read]);
        } else if consumed == self.partial.len() {
            self.partial = Vec::new();
        } else {
            self.partial.drain(..consumed);
        }
        flow
    }

    /// Sends the replies; what the socket does not take now is kept.
    fn flush(&mut self, desk: &mut Desk) -> io::Result<()> {
        let bytes = desk.reply.bytes();
        let mut written = 0;
        if self.unsent.is_empty() {
            while written < bytes.len() {
                match self.stream.try_write(&bytes[written..]) {
                    Ok(count) => written += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        self.unsent.extend_from_slice(&bytes[written..]);
        if desk.reply.len() > 1 << 20 {
            desk.reply = spinel_resp::ReplyWriter::new(Protocol::Resp2);
        }
        Ok(())
    }
}
