//! A connection whose peer has to take what is written to it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may take nothing of an answer before its connection is closed, so that nobody can make the server keep
/// answers.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A connection that ends when its peer takes nothing for too long.
pub(crate) struct Patient<S> {
    stream: S,
    /// How long is too long.
    write_time: Duration,
    /// Runs while the peer takes nothing.
    limit: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S) -> Patient<S> {
        Patient { stream, write_time: WRITE_TIME, limit: None }
    }

    /// Passes on what a write came to, or that the time is up.
    fn judge<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.limit = None;
            return outcome;
        }
        let limit = self.limit.get_or_insert_with(|| Box::pin(sleep(self.write_time)));
        ready!(limit.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// A connection that holds four bytes, and its peer.
    fn pair(write_time: Duration) -> (Patient<DuplexStream>, DuplexStream) {
        let (stream, peer) = duplex(4);
        (Patient { stream, write_time, limit: None }, peer)
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up() {
        let (mut patient, _peer) = pair(Duration::from_millis(1));
        let error = patient.write_all(b"answer").await.expect_err("nobody takes it");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn whatever_is_taken_gives_more_time() {
        let (mut patient, mut peer) = pair(WRITE_TIME);
        let write = |patient: &mut Patient<DuplexStream>, context: &mut Context<'_>| {
            Pin::new(patient).poll_write(context, b"answer")
        };
        for _ in 0..3 {
            let taken = poll_fn(|context| write(&mut patient, context)).await.expect("there is room");
            assert_eq!((taken, patient.limit.is_none()), (4, true));
            let waits = poll_fn(|context| Poll::Ready(write(&mut patient, context).is_pending())).await;
            assert!(waits && patient.limit.is_some(), "the time runs while nothing is taken");
            peer.read_exact(&mut [0; 4]).await.expect("it comes");
        }
    }
}
