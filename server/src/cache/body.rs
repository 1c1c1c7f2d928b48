//! Bodies of the door's answers.

use super::download::Download;
use super::flight::Reader;
use super::stored::Stored;
use hyper::body::{self, Bytes, Frame, SizeHint};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An answer.
pub(super) type Response = http::Response<Body>;

/// The body of an answer.
pub(super) enum Body {
    /// All of it; none if it is empty.
    Whole(Bytes),
    /// One piece after the other.
    Pieces(VecDeque<Bytes>),
    /// What is stored, but not as it is sent.
    Stored(Box<Stored>),
    /// What comes from the origin for this client alone.
    Origin(Box<Download>),
    /// What comes from the origin for all who asked.
    Flight(Reader),
}

impl Body {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
        Body::Whole(bytes.into())
    }
}

impl Default for Body {
    fn default() -> Body {
        Body::Whole(Bytes::new())
    }
}

impl body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Body::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Body::Pieces(pieces) => Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece)))),
            Body::Stored(stored) => stored.poll_next(context).map_ok(Frame::data),
            Body::Origin(download) => Pin::new(download).poll_frame(context),
            Body::Flight(reader) => reader.poll_next(context).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(bytes) => bytes.is_empty(),
            Body::Pieces(pieces) => pieces.is_empty(),
            Body::Stored(stored) => stored.left() == 0,
            Body::Origin(download) => download.is_end_stream(),
            Body::Flight(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Pieces(pieces) => SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum()),
            Body::Stored(stored) => SizeHint::with_exact(stored.left()),
            Body::Origin(download) => download.size_hint(),
            Body::Flight(reader) => reader.length().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
