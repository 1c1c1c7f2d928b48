//! Handshakes: what strangers can make the server do before it knows them.
//!
//! A handshake costs up to some milliseconds of a worker's time and some kilobytes. So one step of one handshake is taken
//! between two looks at the other connections, however many wait; at most [`UNDERWAY_MAX`] are under way per
//! worker, and the oldest makes room; and each has to be done in `tls-handshake-timeout`.

use super::stream::{Buffers, TlsStream};
use super::terms::Terms;
use crate::config::table;
use crate::log;
use crate::worker::Worker;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};

/// How many handshakes of a worker wait for their peers. An honest one is done after two round trips; so many others would
/// have to begin meanwhile to push it out.
const UNDERWAY_MAX: usize = 1024;

/// An encrypted connection on its way from the acceptor to a worker.
pub(crate) struct Arrival {
    pub(crate) tcp: std::net::TcpStream,
    pub(crate) terms: Arc<Terms>,
    /// What is to be said instead of serving it.
    pub(crate) refusal: Option<&'static [u8]>,
}

/// The handshakes of one worker.
pub(crate) struct Handshakes {
    buffers: Rc<RefCell<Buffers>>,
    /// Whoever takes a step has the only permit until all other connections have been looked at.
    step: Semaphore,
    /// Those that are under way, the oldest first, and how to end them.
    underway: RefCell<VecDeque<Rc<Notify>>>,
}

impl Handshakes {
    pub(crate) fn new() -> Handshakes {
        Handshakes { buffers: Buffers::shared(), step: Semaphore::new(1), underway: RefCell::default() }
    }

    /// Enters one, and ends the oldest if there are too many. It leaves when what is returned is dropped.
    fn enter(&self) -> Place<'_> {
        let mut underway = self.underway.borrow_mut();
        if underway.len() >= UNDERWAY_MAX
            && let Some(oldest) = underway.pop_front()
        {
            oldest.notify_one();
        }
        let end = Rc::new(Notify::new());
        underway.push_back(Rc::clone(&end));
        Place { handshakes: self, end }
    }

    /// Does a handshake; the connection, if it comes about and is to be served.
    pub(crate) async fn accept(&self, arrival: Arrival, worker: &Worker) -> Option<TlsStream> {
        let place = self.enter();
        let peer = arrival.tcp.peer_addr().ok();
        let seconds = worker.shared.config.number(table::TLS_HANDSHAKE_TIMEOUT) as u64;
        let refusal = arrival.refusal;
        let outcome = tokio::select! {
            outcome = self.shake(arrival) => outcome,
            () = tokio::time::sleep(Duration::from_secs(seconds)) => Err(io::ErrorKind::TimedOut.into()),
            () = place.end.notified() => Err(io::Error::other("others needed its place")),
        };
        drop(place);
        match outcome {
            Ok(mut stream) => {
                let Some(reason) = refusal else { return Some(stream) };
                // As to plain connections, it is said once, and nobody waits for who doesn't listen.
                let _ = stream.try_write(reason);
                stream.say_goodbye();
            }
            Err(error) => log::verbose!(
                "Error accepting a client connection: {error} (addr={})",
                peer.map_or_else(String::new, |peer| peer.to_string())
            ),
        }
        None
    }

    async fn shake(&self, arrival: Arrival) -> io::Result<TlsStream> {
        let tcp = TcpStream::from_std(arrival.tcp)?;
        let mut stream = TlsStream::new(tcp, &arrival.terms, Rc::clone(&self.buffers))?;
        drop(arrival.terms);
        while stream.is_handshaking() {
            stream.tcp().readable().await?;
            let permit = self.step.acquire().await.map_err(io::Error::other)?;
            if stream.advance()? {
                // Comes back after the runtime has looked at all sockets.
                tokio::task::yield_now().await;
            }
            drop(permit);
            poll_fn(|context| stream.poll_send(context)).await?;
        }
        Ok(stream)
    }
}

/// A handshake's place among those under way.
struct Place<'h> {
    handshakes: &'h Handshakes,
    end: Rc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.handshakes.underway.borrow_mut().retain(|end| !Rc::ptr_eq(end, &self.end));
    }
}
