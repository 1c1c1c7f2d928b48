//! HTTP: health, metrics, and commands for who speaks no RESP.
//!
//! ```text
//! TCP ─ patience ─ hyper ─ routes ─ handler ─ visitor ─ line ═ connection ─ session ─ engine
//! ```
//!
//! One thread serves all of HTTP on a runtime of its own, so that the workers pay nothing. Nothing runs here: a request
//! becomes commands on a [`line`](line::Line), which is a connection like any other (`crate::connection`), only that its
//! other end is in this program. So rights, statistics, `MONITOR`, transactions and waiting are those of every client.
//!
//! Start reading at `reception`, then `visitor`, `line` and `routes`.

mod answer;
mod body;
mod call;
mod command;
mod console;
mod events;
mod health;
mod json;
mod line;
mod metrics;
mod openapi;
mod path;
mod reception;
mod rest;
mod routes;
mod schema;
mod visitor;
mod websocket;

use crate::base64;
use crate::config::table;
use crate::listen;
use crate::log;
use crate::server::{Shared, StartError};
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// Serves HTTP until it is dropped.
pub(crate) struct Handle {
    /// Nothing is ever sent: the thread hears that this is gone.
    _ending: oneshot::Sender<Infallible>,
}

/// Opens the listeners that the settings ask for; none if HTTP is off.
///
/// Without a password only this machine is served: what speaks HTTP is sooner found by strangers than what speaks RESP.
pub(crate) fn listeners(shared: &Shared) -> Result<Vec<TcpListener>, StartError> {
    let port = shared.config.number(table::HTTP_PORT) as u16;
    let addresses = shared.config.text(table::HTTP_BIND);
    let backlog = shared.config.number(table::TCP_BACKLOG) as i32;
    let opened = listen::tcp(&String::from_utf8_lossy(&addresses), port, backlog);
    let listeners = opened.map_err(|(place, error)| {
        log::warning!("Could not create HTTP listening socket {place}: bind: {error}");
        StartError::Listen(format!("port {port} (http)"))
    })?;
    let is_reachable = |listener: &TcpListener| {
        listener.local_addr().is_ok_and(|address| !address.ip().to_canonical().is_loopback())
    };
    if shared.acl.default().user().needs_no_password() && listeners.iter().any(is_reachable) {
        return Err(StartError::HttpWithoutPassword);
    }
    Ok(listeners)
}

/// Starts the thread, if there is something to listen on. Its statistics are those of worker `number`. It drops `alive`
/// when it ends.
pub(crate) fn start(
    listeners: Vec<TcpListener>,
    number: usize,
    shared: &Arc<Shared>,
    alive: Sender<Infallible>,
) -> io::Result<Option<Handle>> {
    if listeners.is_empty() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let (ending, ended) = oneshot::channel::<Infallible>();
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                _ = ended => {}
                outcome = reception::serve(listeners, number, shared) => {
                    if let Err(error) = outcome {
                        log::warning!("HTTP is not served: {error}");
                    }
                }
            }
        });
        drop(alive);
    })?;
    Ok(Some(Handle { _ending: ending }))
}
