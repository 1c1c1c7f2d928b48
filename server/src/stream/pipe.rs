//! A pipe between two parts of the program on one thread: what is written at one end is read at the other.
//!
//! It holds so much in each direction; who writes more waits until the other end has read. An end that is dropped ends both
//! directions: what is there can still be read, then comes the end, and nothing can be written any more.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, ReadBuf};

/// What a pipe holds in each direction.
pub(crate) const PIPE_BYTES: usize = 64 * 1024;
/// So much memory an empty direction may keep for what comes next.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// One end of a pipe.
pub(crate) struct End {
    incoming: Rc<RefCell<Lane>>,
    outgoing: Rc<RefCell<Lane>>,
}

/// One direction.
#[derive(Default)]
struct Lane {
    /// What was written, and how much of it was read.
    bytes: Vec<u8>,
    read: usize,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Makes a pipe.
pub(crate) fn pipe() -> (End, End) {
    let lanes: [Rc<RefCell<Lane>>; 2] = Default::default();
    let [there, back] = lanes;
    let near = End { incoming: Rc::clone(&back), outgoing: Rc::clone(&there) };
    (near, End { incoming: there, outgoing: back })
}

impl End {
    /// Whether the other end is still there.
    pub(crate) fn is_open(&self) -> bool {
        !self.outgoing.borrow().is_closed
    }

    /// Writes what fits and wakes who reads.
    pub(crate) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.poll_put(context, bytes);
        wake(&mut self.outgoing.borrow_mut().reader);
        written
    }

    /// The same without waking anybody, for who sees to it that the other end reads.
    pub(crate) fn poll_put(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let lane = &mut *self.outgoing.borrow_mut();
        if lane.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = PIPE_BYTES - (lane.bytes.len() - lane.read);
        if room == 0 {
            remember(&mut lane.writer, context);
            return Poll::Pending;
        }
        lane.bytes.drain(..lane.read);
        lane.read = 0;
        let fitting = &bytes[..bytes.len().min(room)];
        lane.bytes.extend_from_slice(fitting);
        Poll::Ready(Ok(fitting.len()))
    }

    /// Adds all that is there to `received`; at the end, nothing.
    pub(crate) fn poll_take(&self, context: &mut Context<'_>, received: &mut Vec<u8>) -> Poll<()> {
        let lane = &mut *self.incoming.borrow_mut();
        if lane.read == lane.bytes.len() {
            return lane.poll_end(context);
        }
        if received.is_empty() && lane.read == 0 {
            std::mem::swap(received, &mut lane.bytes);
        } else {
            received.extend_from_slice(&lane.bytes[lane.read..]);
        }
        lane.has_been_read();
        Poll::Ready(())
    }
}

impl Lane {
    /// Waits for more, of which there is nothing yet, unless there will be nothing.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_closed {
            return Poll::Ready(());
        }
        remember(&mut self.reader, context);
        Poll::Pending
    }

    /// Forgets what was written, all of which was read.
    fn has_been_read(&mut self) {
        self.read = 0;
        if self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        wake(&mut self.writer);
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let lane = &mut *self.incoming.borrow_mut();
        if lane.read == lane.bytes.len() {
            return lane.poll_end(context).map(Ok);
        }
        let rest = &lane.bytes[lane.read..];
        let fitting = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..fitting]);
        if fitting == rest.len() {
            lane.has_been_read();
        } else {
            lane.read += fitting;
            wake(&mut lane.writer);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for lane in [&self.incoming, &self.outgoing] {
            let lane = &mut *lane.borrow_mut();
            lane.is_closed = true;
            wake(&mut lane.reader);
            wake(&mut lane.writer);
        }
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

fn remember(waiting: &mut Option<Waker>, context: &Context<'_>) {
    match waiting {
        Some(waker) => waker.clone_from(context.waker()),
        None => *waiting = Some(context.waker().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime needs no more than memory").block_on(test);
    }

    async fn write_all(end: &End, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[poll_fn(|context| end.poll_write(context, bytes)).await?..];
        }
        Ok(())
    }

    #[test]
    fn more_than_it_holds_comes_through_in_its_order() {
        run(async {
            let (near, mut far) = pipe();
            let sent: Vec<u8> = (0..3 * PIPE_BYTES + 7).map(|place| (place % 251) as u8).collect();
            let read = async {
                let mut read = vec![0; sent.len()];
                // In pieces that are no divisor of what it holds.
                for piece in read.chunks_mut(1000) {
                    far.read_exact(piece).await.expect("all of it comes");
                }
                read
            };
            let (written, read) = tokio::join!(write_all(&near, &sent), read);
            written.expect("the other end is there");
            assert!(read == sent);
        });
    }

    #[test]
    fn who_takes_all_gets_all_that_is_there() {
        run(async {
            let (near, far) = pipe();
            let mut received = Vec::new();
            for (sent, expected) in [("a", "a"), ("bc", "abc")] {
                write_all(&far, sent.as_bytes()).await.expect("the other end is there");
                poll_fn(|context| near.poll_take(context, &mut received)).await;
                assert_eq!(received, expected.as_bytes());
            }
            let is_waiting =
                poll_fn(|context| Poll::Ready(near.poll_take(context, &mut received).is_pending()));
            assert!(is_waiting.await);
        });
    }

    #[test]
    fn what_was_written_before_the_end_can_be_read() {
        run(async {
            let (near, mut far) = pipe();
            write_all(&near, b"last words").await.expect("the other end is there");
            drop(near);
            let mut read = String::new();
            far.read_to_string(&mut read).await.expect("it ends");
            assert_eq!((&read[..], far.is_open()), ("last words", false));
            let error = write_all(&far, b"too late").await.expect_err("nobody will read it");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    }
}
