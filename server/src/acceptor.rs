//! The acceptor: takes connections in, hands each to the least loaded worker, and ends the server.

use crate::clients::seats::{self, Origin};
use crate::config::Config;
use crate::config::table::{self, Key};
use crate::listen;
use crate::log;
use crate::orders::{Farewell, Order};
use crate::persistence;
use crate::replication::ReplicaWait;
use crate::server::Shared;
use crate::stream::Socket;
use crate::tls::Arrival;
use crate::worker::{Newcomer, WorkerHandle};
use std::future::Future;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_local};

/// How long to wait when the process has no room for another connection.
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(10);

/// How long between two looks whether replicas have what they lacked.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// SIGXFSZ.
const FILE_SIZE_SIGNAL: i32 = 25;

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

const DENIED: &[u8] = b"-DENIED SpinelDB is in protected mode: the default user has no password, so only clients on \
    this machine are served. To serve others, set a password with the setting requirepass, or, if the network in \
    between is trusted, set protected-mode to no; both can be given on the command line, in the configuration file or \
    with CONFIG SET from a client on this machine.\r\n";

/// What a client of the HTTP cache is told instead.
const TOO_MANY_GUESTS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n\
    Content-Length: 0\r\n\r\n";

/// The listeners with what they need.
pub(crate) struct Acceptor {
    reception: Rc<Reception>,
    tcp: Vec<JoinHandle<()>>,
    tls: Vec<JoinHandle<()>>,
    /// Where these listen, to return to if others can't be had.
    place: Place,
    unix: Option<JoinHandle<()>>,
    cache: Vec<JoinHandle<()>>,
    signals: Signals,
}

/// The signals that the server obeys. They are listened for as long as it runs: one that came while nobody did would be lost.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// That a file may not grow is an error of who writes it, not the end of the process.
    _file_size: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(FILE_SIZE_SIGNAL))?,
        })
    }
}

/// Where to listen: addresses, and ports for plain and encrypted connections. Port 0: for none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    addresses: String,
    port: u16,
    tls_port: u16,
}

impl Place {
    /// As the settings say.
    pub(crate) fn of(config: &Config) -> Place {
        Place {
            addresses: String::from_utf8_lossy(&config.text(table::BIND)).into_owned(),
            port: config.number(table::PORT) as u16,
            tls_port: config.number(table::TLS_PORT) as u16,
        }
    }

    /// The addresses, separated by spaces.
    pub(crate) fn addresses(&self) -> &str {
        &self.addresses
    }

    /// The port for such connections.
    pub(crate) fn port(&self, security: Security) -> u16 {
        match security {
            Security::Plain => self.port,
            Security::Tls => self.tls_port,
        }
    }

    /// Opens the listeners for such connections. The error names the address that failed, which the log tells.
    pub(crate) fn open(&self, security: Security, backlog: i32) -> io::Result<Vec<std::net::TcpListener>> {
        listen::tcp(&self.addresses, self.port(security), backlog).map_err(|(place, error)| {
            log::warning!("Could not create server TCP listening socket {place}: bind: {error}");
            error
        })
    }
}

/// Whether the connections of a listener are encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// Decides about each connection that comes.
struct Reception {
    shared: Arc<Shared>,
    workers: Vec<WorkerHandle>,
}

impl Acceptor {
    /// Starts to accept. Must be called inside a runtime with local tasks.
    pub(crate) fn start(
        shared: Arc<Shared>,
        workers: Vec<WorkerHandle>,
        (tcp, tls): (Vec<std::net::TcpListener>, Vec<std::net::TcpListener>),
        unix: Option<std::os::unix::net::UnixListener>,
        cache: Vec<std::net::TcpListener>,
    ) -> io::Result<Acceptor> {
        let reception = Rc::new(Reception { shared, workers });
        let unix = unix.map(UnixListener::from_std).transpose()?;
        let unix = unix.map(|listener| spawn_local(accept_unix(listener, Rc::clone(&reception))));
        let place = Place::of(&reception.shared.config);
        let cache = cache.into_iter().map(|listener| {
            let listener = TcpListener::from_std(listener)?;
            Ok(spawn_local(accept_guests(listener, Rc::clone(&reception))))
        });
        let cache = cache.collect::<io::Result<_>>()?;
        let signals = Signals::new()?;
        let mut acceptor =
            Acceptor { reception, tcp: Vec::new(), tls: Vec::new(), place, unix, cache, signals };
        acceptor.open(Security::Plain, tcp)?;
        acceptor.open(Security::Tls, tls)?;
        Ok(acceptor)
    }

    fn open(&mut self, security: Security, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
        for listener in listeners {
            let listener = TcpListener::from_std(listener)?;
            let task = spawn_local(accept_tcp(listener, security, Rc::clone(&self.reception)));
            self.tasks(security).push(task);
        }
        Ok(())
    }

    fn tasks(&mut self, security: Security) -> &mut Vec<JoinHandle<()>> {
        match security {
            Security::Plain => &mut self.tcp,
            Security::Tls => &mut self.tls,
        }
    }

    /// Obeys orders and signals until something else has happened, whose outcome is returned; or until one of them ends
    /// the server.
    pub(crate) async fn run<T>(
        &mut self,
        orders: &mut UnboundedReceiver<Order>,
        until: impl Future<Output = T>,
    ) -> io::Result<Option<T>> {
        let mut until = pin!(until);
        loop {
            let farewell = tokio::select! {
                outcome = &mut until => return Ok(Some(outcome)),
                order = orders.recv() => match order {
                    Some(Order::Listen { place, answer }) => {
                        // The one who asked waits for the answer, or has gone with its connection.
                        let _ = answer.send(self.listen(place).await);
                        continue;
                    }
                    Some(Order::Stop(farewell)) => farewell,
                    None => Farewell { saves: Some(false), ..Farewell::default() },
                },
                _ = self.signals.hang_up.recv() => {
                    log::reopen();
                    continue;
                }
                _ = self.signals.terminate.recv() => self.obey_signal("SIGTERM", table::SHUTDOWN_ON_SIGTERM),
                _ = self.signals.interrupt.recv() => self.obey_signal("SIGINT", table::SHUTDOWN_ON_SIGINT),
            };
            log::warning!("User requested shutdown...");
            if self.prepare_end(farewell, orders).await {
                break;
            }
        }
        let all = self.tcp.drain(..).chain(self.tls.drain(..)).chain(self.cache.drain(..));
        close(all.chain(self.unix.take())).await;
        Ok(None)
    }

    /// Does what is to be done before the server ends; whether it may.
    async fn prepare_end(&mut self, farewell: Farewell, orders: &mut UnboundedReceiver<Order>) -> bool {
        let shared = Arc::clone(&self.reception.shared);
        let wait = ReplicaWait::begin(&shared, &farewell);
        if let Some(wait) = wait {
            while wait.goes_on(&shared) {
                match tokio::time::timeout(LOOK_AGAIN, orders.recv()).await {
                    // Who asks again with NOW waits no longer.
                    Ok(Some(Order::Stop(Farewell { waits: false, .. })) | None) => break,
                    Ok(Some(Order::Stop(_))) | Err(_) => {}
                    // As above.
                    Ok(Some(Order::Listen { place, answer })) => drop(answer.send(self.listen(place).await)),
                }
            }
            if !wait.end(&shared, &farewell) {
                return false;
            }
        }
        let may_end = persistence::save_before_end(&shared, &farewell).await;
        if !may_end {
            shared.replication.resume();
        }
        may_end
    }

    /// How the settings want the server to end when this signal comes.
    fn obey_signal(&self, name: &str, policy: Key) -> Farewell {
        /// Bits of the choices of the policies.
        const SAVE: i64 = 1;
        const NO_SAVE: i64 = 2;
        const NOW: i64 = 4;
        const FORCE: i64 = 8;
        log::warning!("Received {name} scheduling shutdown...");
        let policy = self.reception.shared.config.number(policy);
        let saves = [(SAVE, true), (NO_SAVE, false)].into_iter().find(|(bit, _)| policy & bit != 0);
        let saves = saves.map(|(_, saves)| saves);
        Farewell { saves, is_forced: policy & FORCE != 0, waits: policy & NOW == 0, asker: None }
    }

    /// Closes the TCP listeners that are to move and opens others; if that fails, those from before again.
    async fn listen(&mut self, place: Place) -> Result<(), String> {
        let former = self.place.clone();
        for security in [Security::Plain, Security::Tls] {
            if let Err(error) = self.move_to(security, &former, &place).await {
                for security in [Security::Plain, Security::Tls] {
                    // They were there a moment ago; what can't be had again is in the log.
                    let _ = self.move_to(security, &place, &former).await;
                }
                return Err(error.to_string());
            }
        }
        self.place = place;
        Ok(())
    }

    /// Moves the listeners for such connections, unless they stay where they are.
    async fn move_to(&mut self, security: Security, from: &Place, to: &Place) -> io::Result<()> {
        if (&from.addresses, from.port(security)) == (&to.addresses, to.port(security)) {
            return Ok(());
        }
        let backlog = self.reception.shared.config.number(table::TCP_BACKLOG) as i32;
        close(self.tasks(security).drain(..)).await;
        let listeners = to.open(security, backlog)?;
        self.open(security, listeners)
    }
}

/// Ends tasks and waits until their listeners are closed.
async fn close(tasks: impl Iterator<Item = JoinHandle<()>>) {
    for task in tasks {
        task.abort();
        // It ends because it was aborted.
        let _ = task.await;
    }
}

async fn accept_tcp(listener: TcpListener, security: Security, reception: Rc<Reception>) {
    loop {
        match listener.accept().await.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => reception.welcome_tcp(stream, peer, security),
            Err(error) => report(&error).await,
        }
    }
}

async fn accept_guests(listener: TcpListener, reception: Rc<Reception>) {
    loop {
        match listener.accept().await.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => reception.welcome_guest(stream, peer),
            Err(error) => report(&error).await,
        }
    }
}

async fn accept_unix(listener: UnixListener, reception: Rc<Reception>) {
    loop {
        match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => reception.welcome_unix(stream),
            Err(error) => report(&error).await,
        }
    }
}

/// A failed accept concerns one connection, unless files have run out: then a rest lets others end.
async fn report(error: &io::Error) {
    log::warning!("Accepting client connection: {error}");
    tokio::time::sleep(PAUSE_WHEN_FULL).await;
}

impl Reception {
    fn welcome_tcp(&self, stream: TcpStream, peer: SocketAddr, security: Security) {
        let is_local = peer.ip().to_canonical().is_loopback();
        let refusal = (!is_local && self.is_protected()).then_some(DENIED);
        if let (Some(reason), Security::Plain) = (refusal, security) {
            return refuse(&stream, reason);
        }
        if self.is_full(if is_local { Origin::ThisMachine } else { Origin::Elsewhere }) {
            // Before its handshake, an encrypted connection is told nothing.
            if security == Security::Plain {
                refuse(&stream, TOO_MANY);
            }
            return;
        }
        log::verbose!("Accepted {peer}");
        // A connection that can't be tuned was closed by its peer, which its first read will tell.
        let _ = listen::tune(&stream, &self.shared.config);
        match security {
            Security::Plain => self.hand_over(Socket::Tcp(stream)),
            // Without terms, the listener is about to be closed.
            Security::Tls => {
                if let Some(terms) = self.shared.tls.terms() {
                    self.hand_over(Socket::Tls(Arrival { tcp: stream, terms, refusal }));
                }
            }
        }
    }

    fn welcome_unix(&self, stream: UnixStream) {
        if self.is_full(Origin::UnixSocket) {
            return refuse(&stream, TOO_MANY);
        }
        self.hand_over(Socket::Unix(stream));
    }

    /// Of the HTTP cache, which serves everybody what everybody may have.
    fn welcome_guest(&self, stream: TcpStream, peer: SocketAddr) {
        let is_local = peer.ip().to_canonical().is_loopback();
        if self.is_full(if is_local { Origin::ThisMachine } else { Origin::Elsewhere }) {
            return refuse(&stream, TOO_MANY_GUESTS);
        }
        // As above.
        let _ = listen::tune(&stream, &self.shared.config);
        self.assign(Newcomer::Guest(stream));
    }

    fn hand_over(&self, socket: Socket) {
        self.assign(Newcomer::Client(socket));
    }

    fn assign(&self, newcomer: Newcomer) {
        let least_loaded = self.workers.iter().min_by_key(|worker| worker.connections());
        least_loaded.expect("there is at least one worker").adopt(newcomer);
    }

    /// Whether there is no place for a connection that comes from there.
    fn is_full(&self, origin: Origin) -> bool {
        let connections: usize = self.workers.iter().map(WorkerHandle::connections).sum();
        let is_full = connections as i64 >= seats::of(&self.shared.config, origin);
        if is_full {
            self.shared.rejected_connections.fetch_add(1, Ordering::Relaxed);
        }
        is_full
    }

    /// Whether protected mode keeps out who is not of this machine, because nobody needs a password.
    fn is_protected(&self) -> bool {
        self.shared.config.is_on(table::PROTECTED_MODE)
            && self.shared.acl.default().user().needs_no_password()
    }
}

/// Says why, as far as that goes without waiting, and closes.
fn refuse(mut stream: impl Write, reason: &[u8]) {
    // The peer may have gone; it is not waited for.
    let _ = stream.write(reason);
}
