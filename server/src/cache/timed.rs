//! Bodies that have to keep coming.

use hyper::body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// A body that fails when nothing of it comes for too long.
pub(super) struct Timed<B> {
    body: B,
    time: Duration,
    /// Runs while nothing comes.
    limit: Option<Pin<Box<Sleep>>>,
    /// When something came last.
    progress: Rc<Cell<Instant>>,
}

impl<B> Timed<B> {
    pub(super) fn new(body: B, time: Duration) -> Timed<B> {
        Timed { body, time, limit: None, progress: Rc::new(Cell::new(Instant::now())) }
    }

    /// Where it says when something came last.
    pub(super) fn progress(&self) -> &Rc<Cell<Instant>> {
        &self.progress
    }
}

impl<B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Unpin> Body for Timed<B> {
    type Data = B::Data;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<B::Data>>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.limit = None;
            self.progress.set(Instant::now());
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let time = self.time;
        ready!(self.limit.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(context));
        Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
