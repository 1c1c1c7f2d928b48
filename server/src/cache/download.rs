//! Bodies of answers on their way from an origin.

use super::pool::Lease;
use super::timed::Timed;
use crate::config::table;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// The body of an answer. When it has come to its end, its connection serves others.
pub(super) struct Download {
    body: Timed<Incoming>,
    /// The connection, and its place among those with the origin.
    lease: Option<(Lease, OwnedSemaphorePermit)>,
}

impl Download {
    pub(super) fn new(body: Incoming, lease: Lease, place: OwnedSemaphorePermit) -> Download {
        let time = Duration::from_millis(lease.config().number(table::CACHE_ORIGIN_IDLE_TIMEOUT) as u64);
        let mut download = Download { body: Timed::new(body, time), lease: Some((lease, place)) };
        download.end_if_over();
        download
    }

    fn end_if_over(&mut self) {
        if self.body.is_end_stream()
            && let Some((lease, _)) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            None => {
                if let Some((lease, _)) = self.lease.take() {
                    lease.give_back();
                }
            }
            Some(Ok(_)) => self.end_if_over(),
            Some(Err(_)) => self.lease = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
