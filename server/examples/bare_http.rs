//! Keys over HTTP and nothing else: what `cargo xtask bench http` compares the server's HTTP with.
//!
//! The same libraries with the same settings answer `GET` and `PUT` of `/v1/db/{db}/keys/{key}` from a map behind a lock, on one
//! thread. Nobody is asked who he is, nothing expires, nothing is counted: what is left is the price of HTTP.
//!
//! `bare_http --port 8379`; further words are ignored, so that it can be started as a server is.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

type Keys = Arc<Mutex<HashMap<(u16, String), Bytes>>>;

/// As in `server/src/http/reception.rs`.
const HEADER_TIME: Duration = Duration::from_secs(30);
const HEADER_BYTES_MAX: usize = 32 * 1024;
const BUFFER_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 << 20;

async fn read(State(keys): State<Keys>, Path(place): Path<(u16, String)>) -> Result<Bytes, StatusCode> {
    let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    keys.get(&place).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn write(State(keys): State<Keys>, Path(place): Path<(u16, String)>, request: Request) -> StatusCode {
    match axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await {
        Ok(value) => {
            keys.lock().unwrap_or_else(PoisonError::into_inner).insert(place, value);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let mut settings = http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    settings.max_buf_size(BUFFER_BYTES_MAX).max_header_size(HEADER_BYTES_MAX);
    let connection = settings.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Whoever leaves in the middle of a request leaves.
    drop(connection.with_upgrades().await);
}

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let port = words.windows(2).find(|pair| pair[0] == "--port").and_then(|pair| pair[1].parse::<u16>().ok());
    let router =
        Router::new().route("/v1/db/{db}/keys/{key}", get(read).put(write)).with_state(Keys::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(8379))).await?;
        println!("Ready to accept connections");
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn_local(serve(stream, router.clone()));
        }
    })
}
