//! The acceptor: takes connections in, hands each to the least loaded worker, and ends the server.

use crate::config::Config;
use crate::config::table::{self, Key};
use crate::listen;
use crate::log::{self, Level};
use crate::orders::{Farewell, Order};
use crate::persistence;
use crate::server::Shared;
use crate::stream::Socket;
use crate::tls::Arrival;
use crate::worker::WorkerHandle;
use std::future::Future;
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_local};

/// How long to wait when the process has no room for another connection.
const PAUSE_WHEN_FULL: Duration = Duration::from_millis(10);

/// SIGXFSZ.
const FILE_SIZE_SIGNAL: i32 = 25;

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

const DENIED: &[u8] = b"-DENIED SpinelDB is in protected mode: the default user has no password, so only clients on \
    this machine are served. To serve others, set a password with the setting requirepass, or, if the network in \
    between is trusted, set protected-mode to no; both can be given on the command line, in the configuration file or \
    with CONFIG SET from a client on this machine.\r\n";

/// The listeners with what they need.
pub(crate) struct Acceptor {
    reception: Rc<Reception>,
    tcp: Vec<JoinHandle<()>>,
    tls: Vec<JoinHandle<()>>,
    /// Where these listen, to return to if others can't be had.
    place: Place,
    unix: Option<JoinHandle<()>>,
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
            log::warning(&format!("Could not create server TCP listening socket {place}: bind: {error}"));
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
    ) -> io::Result<Acceptor> {
        let reception = Rc::new(Reception { shared, workers });
        let unix = unix.map(UnixListener::from_std).transpose()?;
        let unix = unix.map(|listener| spawn_local(accept_unix(listener, Rc::clone(&reception))));
        let place = Place::of(&reception.shared.config);
        let mut acceptor = Acceptor { reception, tcp: Vec::new(), tls: Vec::new(), place, unix };
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
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // That a file may not grow is an error of who writes it, not the end of the process.
        let _file_size = signal(SignalKind::from_raw(FILE_SIZE_SIGNAL))?;
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
                _ = terminate.recv() => self.obey_signal("SIGTERM", table::SHUTDOWN_ON_SIGTERM),
                _ = interrupt.recv() => self.obey_signal("SIGINT", table::SHUTDOWN_ON_SIGINT),
            };
            log::warning("User requested shutdown...");
            if persistence::save_before_end(&self.reception.shared, &farewell).await {
                break;
            }
        }
        close(self.tcp.drain(..).chain(self.tls.drain(..)).chain(self.unix.take())).await;
        Ok(None)
    }

    /// How the settings want the server to end when this signal comes.
    fn obey_signal(&self, name: &str, policy: Key) -> Farewell {
        /// Bits of the choices of the policies.
        const SAVE: i64 = 1;
        const NO_SAVE: i64 = 2;
        const FORCE: i64 = 8;
        log::warning(&format!("Received {name} scheduling shutdown..."));
        let policy = self.reception.shared.config.number(policy);
        let saves = [(SAVE, true), (NO_SAVE, false)].into_iter().find(|(bit, _)| policy & bit != 0);
        let saves = saves.map(|(_, saves)| saves);
        Farewell { saves, is_forced: policy & FORCE != 0, asker: None }
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
        match listener.accept().await.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => reception.welcome_tcp(stream, security),
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
    log::warning(&format!("Accepting client connection: {error}"));
    tokio::time::sleep(PAUSE_WHEN_FULL).await;
}

impl Reception {
    fn welcome_tcp(&self, stream: TcpStream, security: Security) {
        let refusal = self.is_denied(&stream).then_some(DENIED);
        if let (Some(reason), Security::Plain) = (refusal, security) {
            return refuse(&stream, reason);
        }
        if self.is_full() {
            // Before its handshake, an encrypted connection is told nothing.
            if security == Security::Plain {
                refuse(&stream, TOO_MANY);
            }
            return;
        }
        if log::is_written(Level::Verbose)
            && let Ok(peer) = stream.peer_addr()
        {
            log::verbose(&format!("Accepted {peer}"));
        }
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
        if self.is_full() {
            return refuse(&stream, TOO_MANY);
        }
        self.hand_over(Socket::Unix(stream));
    }

    fn hand_over(&self, socket: Socket) {
        let least_loaded = self.workers.iter().min_by_key(|worker| worker.connections());
        least_loaded.expect("there is at least one worker").adopt(socket);
    }

    fn is_full(&self) -> bool {
        let connections: usize = self.workers.iter().map(WorkerHandle::connections).sum();
        let is_full = connections as i64 >= self.shared.config.number(table::MAXCLIENTS);
        if is_full {
            self.shared.rejected_connections.fetch_add(1, Ordering::Relaxed);
        }
        is_full
    }

    /// Whether protected mode keeps a peer out: nobody needs a password, and it is not of this machine.
    fn is_denied(&self, stream: &TcpStream) -> bool {
        self.shared.config.is_on(table::PROTECTED_MODE)
            && self.shared.acl.default().user().needs_no_password()
            && !stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
    }
}

/// Says why, as far as that goes without waiting, and closes.
fn refuse(mut stream: impl Write, reason: &[u8]) {
    // The peer may have gone; it is not waited for.
    let _ = stream.write(reason);
}
