//! Taking HTTP connections in, and the limits of each.

use super::patience::Patient;
use super::routes;
use super::visitor::{Counts, House, Visitor};
use crate::config::table;
use crate::connection;
use crate::listen;
use crate::log;
use crate::server::Shared;
use crate::stream::{Origin, Socket};
use crate::worker::{self, Worker};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::unbounded_channel;
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
    let (lines, mut arrivals) = unbounded_channel::<Socket>();
    let house = House { shared: Arc::clone(&shared), lines, counts: Arc::new(Counts::default()) };
    let router = routes::router();
    for listener in listeners {
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        log::notice(&format!("Serving HTTP on {address}"));
        spawn_local(accept(listener, house.clone(), router.clone()));
    }
    let worker = Worker::new(number, shared, Arc::new(AtomicUsize::new(0)));
    spawn_local(worker::wake_log(Rc::clone(&worker)));
    while let Some(socket) = arrivals.recv().await {
        worker.opened();
        spawn_local(connection::serve(socket, Rc::clone(&worker)));
    }
    Ok(())
}

async fn accept(listener: TcpListener, house: House, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome(stream, &house, &router),
            Err(error) => {
                log::warning(&format!("Accepting HTTP connection: {error}"));
                tokio::time::sleep(PAUSE_WHEN_FULL).await;
            }
        }
    }
}

/// Serves a connection, or says why not as far as that goes without waiting.
fn welcome(stream: TcpStream, house: &House, router: &Router) {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let origin = Origin { peer, local, descriptor: stream.as_raw_fd() };
    // Rights may have changed since the listener was opened.
    if !origin.is_local() && house.shared.acl.default().user().needs_no_password() {
        return refuse(&stream, DENIED);
    }
    let open = &house.counts.connections;
    if open.load(Ordering::Relaxed) as i64 >= house.shared.config.number(table::HTTP_MAX_CONNECTIONS) {
        house.shared.rejected_connections.fetch_add(1, Ordering::Relaxed);
        return refuse(&stream, TOO_MANY);
    }
    // A connection that can't be tuned was closed by its peer, which its first read will tell.
    let _ = listen::tune_socket(&stream, &house.shared.config);
    let visitor = Arc::new(Visitor::new(origin, house.clone()));
    spawn_local(serve_one(stream, visitor, router.clone()));
}

fn refuse(stream: &TcpStream, answer: &[u8]) {
    // The peer may have gone; it is not waited for.
    let _ = stream.try_write(answer);
}

/// Serves one connection until it ends.
async fn serve_one(stream: TcpStream, visitor: Arc<Visitor>, router: Router) {
    let routed = TowerToHyperService::new(router);
    let visit = Arc::clone(&visitor);
    let service = service_fn(move |mut request: Request<Incoming>| {
        visit.count_request();
        request.extensions_mut().insert(Arc::clone(&visit));
        routed.call(request)
    });
    let mut settings = http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    settings.max_buf_size(BUFFER_BYTES_MAX).max_header_size(HEADER_BYTES_MAX);
    let served = settings.serve_connection(TokioIo::new(Patient::new(stream)), service).await;
    if let Err(error) = served
        && log::is_written(log::Level::Verbose)
    {
        log::verbose(&format!("HTTP connection from {} ended: {error}", visitor.origin.peer));
    }
}
