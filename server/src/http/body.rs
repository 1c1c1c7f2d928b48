//! Bodies of requests: read whole, within limits, and only after it is known who sends them.

use super::answer::Problem;
use super::visitor::{Counts, Visitor};
use crate::config::table;
use axum::body::Bytes;
use axum::http::StatusCode;
use hyper::body::{Body, Frame};
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How long a body may stop coming.
const BODY_TIME: Duration = Duration::from_secs(30);
/// What all bodies together may take, unless one alone may take more.
const ALL_BODIES_BYTES_MAX: usize = 256 << 20;

/// The bytes of a body, counted as long as they are held.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    counted: usize,
    counts: Rc<Counts>,
}

impl Held {
    /// No bytes.
    pub(super) fn nothing(counts: &Rc<Counts>) -> Held {
        Held { bytes: Vec::new(), counted: 0, counts: Rc::clone(counts) }
    }

    /// Takes more bytes, as far as all together may.
    fn take(&mut self, more: &[u8], bytes_max: usize) -> Result<(), Problem> {
        if self.bytes.len() + more.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        self.counted += more.len();
        self.counts.body_bytes.update(|held| held + more.len());
        if self.counts.body_bytes.get() > ALL_BODIES_BYTES_MAX.max(bytes_max) {
            let message = "Too many large requests at a time.";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TOOMUCH", message));
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.counts.body_bytes.update(|held| held - self.counted);
    }
}

fn too_large(bytes_max: usize) -> Problem {
    let message = format!("A body has at most {bytes_max} bytes (http-max-body).");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOOLARGE", &message)
}

/// The most bytes of a body.
pub(super) fn bytes_max(visitor: &Visitor) -> usize {
    let shared = visitor.shared();
    (shared.config.number(table::HTTP_MAX_BODY) as usize).min(shared.bulk_bytes_max())
}

/// Reads a body to its end. What announces too much is refused at once; memory is taken for what has come only.
pub(super) async fn read<B>(body: B, bytes_max: usize, counts: &Rc<Counts>) -> Result<Held, Problem>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    read_within(BODY_TIME, body, bytes_max, counts).await
}

/// As [`read`]; `time` is how long it may stop coming.
async fn read_within<B>(
    time: Duration,
    mut body: B,
    bytes_max: usize,
    counts: &Rc<Counts>,
) -> Result<Held, Problem>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    let mut held = Held::nothing(counts);
    while !body.is_end_stream() {
        match next_frame(&mut body, time).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    held.take(&bytes, bytes_max)?;
                }
            }
            Ok(Some(Err(error))) => {
                let message = format!("The body can't be read: {error}.");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "BODY", &message));
            }
            Err(_) => {
                let message = "The body did not come in time.";
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", message));
            }
        }
    }
    Ok(held)
}

/// What comes next of a body. What is there already needs no timer.
async fn next_frame<B>(
    body: &mut B,
    time: Duration,
) -> Result<Option<Result<Frame<Bytes>, B::Error>>, Elapsed>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut body = Pin::new(body);
    match poll_fn(|context| Poll::Ready(body.as_mut().poll_frame(context))).await {
        Poll::Ready(frame) => Ok(frame),
        Poll::Pending => timeout(time, poll_fn(|context| body.as_mut().poll_frame(context))).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::task::Context;

    /// A body of so many pieces of a megabyte, that stops behind them or ends.
    struct Pieces {
        left: usize,
        ends: bool,
    }

    const PIECE: usize = 1 << 20;

    fn pieces(left: usize) -> Pieces {
        Pieces { left, ends: true }
    }

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match (self.left, self.ends) {
                (0, true) => Poll::Ready(None),
                (0, false) => Poll::Pending,
                _ => {
                    self.left -= 1;
                    Poll::Ready(Some(Ok(Frame::data(vec![b'x'; PIECE].into()))))
                }
            }
        }
    }

    fn status(outcome: Result<Held, Problem>) -> u16 {
        outcome.err().expect("it is refused").into_response().status().as_u16()
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up() {
        let counts = Rc::default();
        let body = Pieces { left: 1, ends: false };
        let outcome = read_within(Duration::from_millis(1), body, 2 * PIECE, &counts).await;
        assert_eq!(status(outcome), 408);
        assert_eq!(counts.body_bytes.get(), 0, "what had come is no longer held");
    }

    #[tokio::test]
    async fn all_bodies_together_are_limited() {
        let counts = Rc::default();
        let come = |count: usize| read(pieces(count), ALL_BODIES_BYTES_MAX, &counts);
        let first = come(200).await.expect("there is room");
        let second = come(56).await.expect("there is just enough room");
        assert_eq!(counts.body_bytes.get(), ALL_BODIES_BYTES_MAX);
        assert_eq!(status(come(1).await), 503);
        // What is done with makes room; what was refused takes none.
        drop(second);
        assert_eq!(status(come(57).await), 503);
        assert_eq!(counts.body_bytes.get(), 200 * PIECE);
        drop(first);
        assert_eq!(counts.body_bytes.get(), 0);
        // One alone may be as large as the settings say.
        let large = read(pieces(300), 300 * PIECE, &counts).await;
        assert_eq!(large.expect("it is alone").bytes.len(), 300 * PIECE);
    }
}
