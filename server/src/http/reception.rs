//! Taking HTTP connections in, and the limits of each.

use super::routes::Routes;
use super::visitor::{Counts, House, Visitor};
use crate::config::table;
use crate::listen;
use crate::log;
use crate::server::Shared;
use crate::stream::Origin;
use crate::stream::patience::Patient;
use crate::worker::{self, Worker};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// How long a request's header may take, and a connection stay without a request.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// The largest header, its first line included.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// What is read, or kept to be written, at once.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long to wait when the process has no room for another connection.
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(10);

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n\
    Content-Length: 0\r\n\r\n";
const DENIED: &[u8] = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Serves all who come, for ever.
pub(super) async fn serve(
    listeners: Vec<std::net::TcpListener>,
    number: usize,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let routes = Rc::new(Routes::new(&shared));
    let worker = Worker::new(number, shared, Arc::new(AtomicUsize::new(0)));
    let house = House { worker: Rc::clone(&worker), counts: Rc::new(Counts::default()) };
    for listener in listeners {
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        log::notice!("Serving HTTP on {address}");
        spawn_local(accept(listener, house.clone(), Rc::clone(&routes)));
    }
    worker::run_errands(worker).await;
    pending().await
}

async fn accept(listener: TcpListener, house: House, routes: Rc<Routes>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome(stream, &house, &routes),
            Err(error) => {
                log::warning!("Accepting HTTP connection: {error}");
                tokio::time::sleep(PAUSE_WHEN_FULL).await;
            }
        }
    }
}

/// Serves a connection, or says why not as far as that goes without waiting.
fn welcome(stream: TcpStream, house: &House, routes: &Rc<Routes>) {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let origin = Origin { peer, local, descriptor: stream.as_raw_fd() };
    // Rights may have changed since the listener was opened.
    if !origin.is_local() && house.worker.shared.acl.default().user().needs_no_password() {
        return refuse(&stream, DENIED);
    }
    let open = &house.counts.connections;
    if open.get() as i64 >= house.worker.shared.config.number(table::HTTP_MAX_CONNECTIONS) {
        house.worker.shared.rejected_connections.fetch_add(1, Ordering::Relaxed);
        return refuse(&stream, TOO_MANY);
    }
    // A connection that can't be tuned was closed by its peer, which its first read will tell.
    let _ = listen::tune_socket(&stream, &house.worker.shared.config);
    let visitor = Rc::new(Visitor::new(origin, house.clone()));
    spawn_local(serve_one(stream, visitor, Rc::clone(routes)));
}

fn refuse(stream: &TcpStream, answer: &[u8]) {
    // The peer may have gone; it is not waited for.
    let _ = stream.try_write(answer);
}

/// Serves one connection until it ends.
async fn serve_one(stream: TcpStream, visitor: Rc<Visitor>, routes: Rc<Routes>) {
    let peer = visitor.origin.peer;
    let service = service_fn(move |request| {
        visitor.count_request();
        let (visitor, routes) = (Rc::clone(&visitor), Rc::clone(&routes));
        async move { Ok::<_, Infallible>(routes.serve(visitor, request).await) }
    });
    let mut settings = http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    settings.max_buf_size(BUFFER_BYTES_MAX).max_header_size(HEADER_BYTES_MAX);
    let served = settings.serve_connection(TokioIo::new(Patient::new(stream)), service).with_upgrades().await;
    if let Err(error) = served {
        log::verbose!("HTTP connection from {peer} ended: {error}");
    }
}
