//! Connections to origins that wait for the next request. Each worker has its own, so that nothing is handed from thread to thread.

use super::link::Link;
use super::origin::{Origin, Unreachable};
use super::upload::Upload;
use crate::config::Config;
use crate::log;
use crate::worker::Worker;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::Instant;

/// How long a connection waits. Most origins close theirs later than this; some after a few seconds, which is noticed.
const WAIT_TIME: Duration = Duration::from_secs(30);
/// How many wait in a worker.
const WAITING_MAX: usize = 64;
/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most fields of one.
const FIELDS_MAX: usize = 200;

/// A connection on which nothing is under way.
struct Waiting {
    origin: Arc<Origin>,
    sender: SendRequest<Upload>,
    since: Instant,
}

/// The connections of a worker that wait.
#[derive(Default)]
pub(crate) struct Pool(RefCell<Vec<Waiting>>);

/// A connection in use. Who has read its answer to the end gives it back; dropping it closes the connection.
pub(super) struct Lease {
    pub(super) sender: SendRequest<Upload>,
    origin: Arc<Origin>,
    worker: Rc<Worker>,
}

impl Lease {
    /// Takes a connection that waits.
    pub(super) fn again(origin: &Arc<Origin>, worker: &Rc<Worker>) -> Option<Lease> {
        let mut waiting = worker.pool.0.borrow_mut();
        waiting.retain(|other| !other.sender.is_closed() && other.since.elapsed() < WAIT_TIME);
        // The one that came back last is the one that its origin will close last.
        let at = waiting.iter().rposition(|one| Arc::ptr_eq(&one.origin, origin) && one.sender.is_ready());
        let Waiting { origin, sender, .. } = waiting.remove(at?);
        Some(Lease { sender, origin, worker: Rc::clone(worker) })
    }

    /// Makes a connection.
    pub(super) async fn new(origin: &Arc<Origin>, worker: &Rc<Worker>) -> Result<Lease, Unreachable> {
        let link = Link::connect(origin, &worker.shared).await?;
        let mut settings = http1::Builder::new();
        settings.max_buf_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
        // A proxy has to mend both rather than pass them on (RFC 9112, sections 5.1 and 5.2).
        settings.allow_spaces_after_header_name_in_responses(true);
        settings.allow_obsolete_multiline_headers_in_responses(true);
        let (sender, connection) = settings.handshake(TokioIo::new(link)).await.map_err(io::Error::other)?;
        spawn_local(async move {
            if let Err(error) = connection.await {
                log::verbose!("Connection to an origin ended: {error}");
            }
        });
        Ok(Lease { sender, origin: Arc::clone(origin), worker: Rc::clone(worker) })
    }

    /// The settings.
    pub(super) fn config(&self) -> &Config {
        &self.worker.shared.config
    }

    /// Lets the connection wait for another request.
    pub(super) fn give_back(self) {
        let mut waiting = self.worker.pool.0.borrow_mut();
        if !self.sender.is_closed() && waiting.len() < WAITING_MAX {
            waiting.push(Waiting { origin: self.origin, sender: self.sender, since: Instant::now() });
        }
    }
}
