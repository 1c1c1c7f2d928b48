//! Bodies of requests: read whole, within limits, and only after it is known who sends them.

use super::answer::Problem;
use super::visitor::{Counts, Visitor};
use crate::config::table;
use axum::body::Body;
use axum::http::StatusCode;
use hyper::body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

/// How long a body may stop coming.
const BODY_TIME: Duration = Duration::from_secs(30);
/// What all bodies together may take, unless one alone may take more.
const ALL_BODIES_BYTES_MAX: usize = 256 << 20;

/// The bytes of a body, counted as long as they are held.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    counted: usize,
    counts: Arc<Counts>,
}

impl Held {
    /// No bytes.
    pub(super) fn nothing(visitor: &Visitor) -> Held {
        Held { bytes: Vec::new(), counted: 0, counts: Arc::clone(&visitor.house.counts) }
    }

    /// Takes more bytes, as far as all together may.
    fn take(&mut self, more: &[u8], bytes_max: usize) -> Result<(), Problem> {
        if self.bytes.len() + more.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        self.counted += more.len();
        let before = self.counts.body_bytes.fetch_add(more.len(), Ordering::Relaxed);
        if before + more.len() > ALL_BODIES_BYTES_MAX.max(bytes_max) {
            let message = "Too many large requests at a time.";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TOOMUCH", message));
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.counts.body_bytes.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

fn too_large(bytes_max: usize) -> Problem {
    let message = format!("A body has at most {bytes_max} bytes (http-max-body).");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOOLARGE", &message)
}

/// Reads a body to its end. What announces too much is refused at once; memory is taken for what has come only.
pub(super) async fn read(mut body: Body, visitor: &Visitor) -> Result<Held, Problem> {
    let shared = visitor.shared();
    let bytes_max = (shared.config.number(table::HTTP_MAX_BODY) as usize).min(shared.bulk_bytes_max());
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    let mut held = Held::nothing(visitor);
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        match timeout(BODY_TIME, frame).await {
            Ok(None) => return Ok(held),
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
}
