//! Connections of the door, and the limits of each.

use super::hints::Line;
use super::serve::answer;
use crate::log;
use crate::stream::lent::Lent;
use crate::stream::patience::Patient;
use crate::worker::Worker;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a request's head may take, and a connection stay without a request.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// The largest head, its first line included.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// The most fields of one.
const FIELDS_MAX: usize = 100;
/// What is read, or kept to be written, at once.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// A client of the door.
pub(super) struct Guest {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: IpAddr,
}

impl Guest {
    /// What this server is called in `Via`.
    pub(super) fn name(&self) -> &str {
        &self.worker.shared.cache.name
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: std::net::TcpStream, worker: &Rc<Worker>) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let Ok(peer) = stream.peer_addr() else { return };
    let guest = Rc::new(Guest { worker: Rc::clone(worker), peer: peer.ip() });
    let line = Line::new(Patient::new(Lent(stream)));
    let beside = line.clone();
    let service = service_fn(move |request| {
        let (guest, beside) = (Rc::clone(&guest), beside.clone());
        async move { Ok::<_, Infallible>(answer(guest, &beside, request).await) }
    });
    let mut settings = http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    settings.max_buf_size(BUFFER_BYTES_MAX).max_header_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
    if let Err(error) = settings.serve_connection(TokioIo::new(line), service).await {
        log::verbose!("HTTP connection from {peer} ended: {error}");
    }
}
