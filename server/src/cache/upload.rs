//! Bodies of requests on their way to an origin.

use super::timed::Timed;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may stop sending a body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The body of a request, if it has one.
pub(super) struct Upload(Option<Timed<Incoming>>);

/// When something of a body came last.
#[derive(Clone)]
pub(super) struct Progress(Option<std::rc::Rc<std::cell::Cell<Instant>>>);

impl Upload {
    /// None.
    pub(super) const NOTHING: Upload = Upload(None);

    /// What a client sends.
    pub(super) fn of(body: Incoming) -> Upload {
        Upload((!body.is_end_stream()).then(|| Timed::new(body, BODY_TIME)))
    }

    /// Whether there is no body, so that the request can be sent again.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// Where it tells how far it is.
    pub(super) fn progress(&self) -> Progress {
        Progress(self.0.as_ref().map(|body| body.progress().clone()))
    }
}

impl Progress {
    /// When something came, or at `start`, whatever was later.
    pub(super) fn since(&self, start: Instant) -> Instant {
        self.0.as_ref().map_or(start, |progress| progress.get().max(start))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Timed::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Timed::size_hint)
    }
}
