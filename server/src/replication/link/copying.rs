//! Copying one primary: does what the [`Link`] says.

use super::disk::Syncing;
use super::host::PrimaryClient;
use super::snapshot_file::SnapshotFile;
use super::socket::Socket;
use super::thread::now_ms;
use super::{Address, Order, end_waits};
use crate::config::{Config, table};
use crate::log;
use crate::persistence::TakenOver;
use crate::replication::poison::Poisoned;
use crate::server::{Shared, now};
use spinel_replication::{Action, Credentials, Failure, Handover, Link, LinkOptions, LinkStatus, Position};
use spinel_storage::durable::{Deviation, Follower};
use spinel_storage::system::random_word;
use std::future::{Future, pending};
use std::io;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// So many units run before the thread looks for orders.
const UNITS_PER_ROUND: usize = 1 << 10;
/// A primary that leaves so much of what it is told unread, is none.
const UNSENT_MAX: usize = 1 << 20;

/// A primary, and what has come of it.
pub(super) struct Copying {
    shared: Arc<Shared>,
    address: Address,
    link: Link,
    stage: Stage,
    unsent: Vec<u8>,
    file: Option<SnapshotFile>,
    /// Tells how it went to load a snapshot, while one is loaded.
    loading: Option<oneshot::Receiver<TakenOver>>,
    /// Why the connection has ended, until it is seen what that means.
    failure: Option<Failure>,
    /// What the primary has asked to be on disk, until it is.
    syncing: Syncing,
}

/// Where the connection stands.
enum Stage {
    Away,
    Coming(Pin<Box<dyn Future<Output = io::Result<Socket>>>>),
    There { socket: Socket, client: Box<PrimaryClient> },
}

/// What has happened.
enum Event {
    Connected(io::Result<Socket>),
    Readable,
    Writable,
    Loaded(TakenOver),
    /// What stands before this offset is on disk.
    Synced(Option<u64>),
    /// It is time.
    Due,
    Ordered(Order),
}

impl Copying {
    pub(super) fn new(shared: &Arc<Shared>, address: Address, position: Option<Position>) -> Copying {
        let link = Link::new(options(&shared.config, &address), position, random_word());
        Copying::with(shared, address, link)
    }

    /// Of a primary whose heir is to take over at a position of its stream.
    pub(super) fn hand_over(shared: &Arc<Shared>, heir: Address, position: Position) -> Copying {
        let link = Link::hand_over(options(&shared.config, &heir), position, random_word());
        Copying::with(shared, heir, link)
    }

    fn with(shared: &Arc<Shared>, address: Address, link: Link) -> Copying {
        let (shared, stage, unsent) = (Arc::clone(shared), Stage::Away, Vec::new());
        let (file, loading, failure, syncing) = (None, None, None, Syncing::default());
        Copying { shared, address, link, stage, unsent, file, loading, failure, syncing }
    }

    /// Where the data stands that there is.
    pub(super) fn position(&self) -> Option<Position> {
        self.link.position()
    }

    /// Copies until there is an order. A snapshot that is being loaded then is loaded before.
    pub(super) async fn run(
        &mut self,
        follower: &mut Follower,
        orders: &mut UnboundedReceiver<Order>,
    ) -> Order {
        loop {
            let mut has_more = true;
            while has_more {
                has_more = self.act(follower);
                self.shared.pubsub.end_round();
                self.shared.replication.ring();
                self.show();
                // Orders come before more of the stream.
                if let Some(order) = orders.try_recv().ok().and_then(|order| self.look_at_order(order)) {
                    return self.end(order, follower).await;
                }
            }
            match self.event(orders).await {
                Event::Ordered(order) => {
                    if let Some(order) = self.look_at_order(order) {
                        return self.end(order, follower).await;
                    }
                }
                event => self.hear(event, follower),
            }
        }
    }

    /// Does what the link says, as long as it says something; whether it may say more at once.
    fn act(&mut self, follower: &mut Follower) -> bool {
        if self.link.status() == LinkStatus::Connect {
            let options = options(&self.shared.config, &self.address);
            self.link.set_options(options);
        }
        self.syncing.look(&mut self.link, &self.shared);
        for _ in 0..UNITS_PER_ROUND {
            if self.unsent.len() > UNSENT_MAX {
                self.lose("it reads nothing");
            }
            self.look_at_failure();
            let Some(action) = self.link.next(now_ms()) else { return false };
            let mut hands = Hands {
                shared: &self.shared,
                address: &self.address,
                stage: &mut self.stage,
                unsent: &mut self.unsent,
                file: &mut self.file,
                loading: &mut self.loading,
                failure: &mut self.failure,
                follower,
            };
            let done = hands.act(action);
            if self.link.wants_sync() {
                self.syncing.begin(&mut self.link, &self.shared.persistence.log);
            }
            if let Break(cause) = done {
                self.lose(&cause);
            }
        }
        true
    }

    /// If an heir has refused to be the primary, or surely does not know that it is to be one, this server stays it.
    fn look_at_failure(&mut self) {
        let Some(failure) = self.failure.take() else { return };
        if let Failure::Poisoned(name) = &failure {
            self.shared.upstream.note_poison(name);
        }
        if self.link.handover() != Handover::Asked {
            self.shared.replication.failover.abort(&failure.to_string(), &self.shared);
        }
    }

    /// Ends the connection if it is to somebody who is not to be followed any more. Returns an order that is about more.
    fn look_at_order(&mut self, order: Order) -> Option<Order> {
        if !matches!(order, Order::Look) {
            return Some(order);
        }
        self.link.set_options(options(&self.shared.config, &self.address));
        let poisoned = Poisoned::of(&self.shared.config);
        let is_hit =
            self.link.stream().is_some_and(|id| poisoned.has_stream(id)) || poisoned.has(&self.address);
        if is_hit && !matches!(self.stage, Stage::Away) {
            log::warning!("The primary {} is poisoned: the link to it ends", self.address);
            self.lose("the primary is poisoned");
        }
        None
    }

    /// Ends the connection, which is no good any more.
    fn lose(&mut self, cause: &str) {
        if let Some(failure) = self.link.lost(cause, now_ms()) {
            tell(&failure);
            self.failure = Some(failure);
        }
        self.leave();
    }

    fn leave(&mut self) {
        self.stage = Stage::Away;
        self.unsent.clear();
        if self.loading.is_none() {
            self.file = None;
        }
    }

    /// Waits until something happens.
    async fn event(&mut self, orders: &mut UnboundedReceiver<Order>) -> Event {
        let wait = Duration::from_millis(self.link.deadline().saturating_sub(now_ms()));
        let has_room = !self.link.room().is_empty();
        let (coming, socket, client) = match &mut self.stage {
            Stage::Away => (None, None, None),
            Stage::Coming(coming) => (Some(coming), None, None),
            Stage::There { socket, client } => (None, Some(&*socket), Some(&**client)),
        };
        let reading = socket.filter(|_| has_room);
        let writing = socket.filter(|socket| !self.unsent.is_empty() || socket.has_unsent());
        tokio::select! {
            biased;
            // The server's end comes as an order.
            order = orders.recv() => Event::Ordered(order.unwrap_or(Order::Stop)),
            loaded = maybe(self.loading.as_mut()) => {
                Event::Loaded(loaded.unwrap_or_else(|_| Err("the server is stopping".to_owned())))
            }
            offset = self.syncing.ended() => Event::Synced(offset),
            connected = maybe(coming) => Event::Connected(connected),
            () = readable(reading) => Event::Readable,
            () = writable(writing) => Event::Writable,
            // Which is found out behind every event.
            () = killed(client) => Event::Due,
            () = tokio::time::sleep(wait) => Event::Due,
        }
    }

    fn hear(&mut self, event: Event, follower: &mut Follower) {
        match event {
            Event::Connected(Ok(socket)) => self.arrive(socket),
            Event::Connected(Err(error)) => self.lose(&cause(&error)),
            Event::Readable => self.read(),
            Event::Writable => self.write(),
            Event::Loaded(outcome) => self.hear_loaded(outcome, follower),
            Event::Synced(offset) => self.syncing.end(offset, &mut self.link, &self.shared.persistence.log),
            Event::Due | Event::Ordered(_) => {}
        }
        let is_killed = matches!(&self.stage, Stage::There { client, .. } if client.is_killed());
        if is_killed {
            self.lose("ended by CLIENT KILL");
        }
    }

    fn arrive(&mut self, socket: Socket) {
        log::notice!("Non blocking connect for SYNC fired the event.");
        let name = |address: io::Result<std::net::SocketAddr>| {
            address.map_or_else(|_| String::new(), |address| address.to_string())
        };
        let names = (name(socket.tcp().peer_addr()), name(socket.tcp().local_addr()));
        let client = Box::new(PrimaryClient::new(&self.shared, names));
        self.stage = Stage::There { socket, client };
        self.link.connected(now_ms());
    }

    fn read(&mut self) {
        let Stage::There { socket, .. } = &mut self.stage else { return };
        match socket.try_read(self.link.room()) {
            Ok(0) => self.lose("connection lost"),
            Ok(count) => {
                let statistics = self.shared.link_statistics();
                statistics.input_bytes.add(count as u64);
                statistics.primary_bytes.add(count as u64);
                self.link.received(count, now_ms());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.lose(&cause(&error)),
        }
    }

    fn write(&mut self) {
        let Stage::There { socket, .. } = &mut self.stage else { return };
        match socket.try_write(&self.unsent) {
            Ok(count) => {
                self.shared.link_statistics().output_bytes.add(count as u64);
                self.unsent.drain(..count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.lose(&cause(&error)),
        }
    }

    /// Hears that the snapshot is the data set now, or can't be.
    fn hear_loaded(&mut self, outcome: TakenOver, follower: &mut Follower) {
        self.loading = None;
        self.file = None;
        match outcome {
            Ok(db) => {
                follower.begin(db);
                // What was on disk was so of another stream.
                self.syncing = Syncing::default();
                self.link.set_synced(None);
                self.link.loaded(now_ms());
                self.shared.replication.adopt(self.link.position(), db);
                log::notice!("MASTER <-> REPLICA sync: Finished with success");
            }
            Err(reason) => {
                log::warning!("The snapshot of the primary can't be loaded: {reason}");
                tell(&self.link.not_loaded(now_ms()));
                self.leave();
            }
        }
    }

    /// Ends because of an order, once the data set is whole again.
    async fn end(&mut self, order: Order, follower: &mut Follower) -> Order {
        // Who stops the server waits for no load.
        if let Some(loading) = self.loading.take().filter(|_| !matches!(order, Order::Stop)) {
            let outcome = loading.await.unwrap_or_else(|_| Err("the server is stopping".to_owned()));
            self.hear_loaded(outcome, follower);
        }
        self.leave();
        order
    }

    /// Lets others see how far it is.
    fn show(&self) {
        let (status, position, heard) = (self.link.status(), self.link.position(), self.link.heard_at());
        self.shared.upstream.show(&self.shared.config, |progress| {
            (progress.status, progress.position) = (status, position);
            progress.heard_ms = (status == LinkStatus::Connected || heard > 0).then_some(heard);
        });
    }
}

/// What a [`Copying`] does with, while its link has lent an action.
struct Hands<'c> {
    shared: &'c Arc<Shared>,
    address: &'c Address,
    stage: &'c mut Stage,
    unsent: &'c mut Vec<u8>,
    file: &'c mut Option<SnapshotFile>,
    loading: &'c mut Option<oneshot::Receiver<TakenOver>>,
    failure: &'c mut Option<Failure>,
    follower: &'c mut Follower,
}

impl Hands<'_> {
    /// Does it; otherwise the connection is no good any more, and why.
    fn act(&mut self, action: Action<'_>) -> ControlFlow<String> {
        match action {
            Action::Connect => self.connect()?,
            Action::Send(bytes) => self.unsent.extend_from_slice(bytes),
            Action::Note(note) => log::notice!("{note}"),
            Action::Close(failure) => {
                tell(&failure);
                *self.failure = Some(failure);
                *self.stage = Stage::Away;
                self.unsent.clear();
                *self.file = None;
            }
            Action::SnapshotBegins { length, .. } => {
                self.end_failover();
                *self.file = Some(written(SnapshotFile::create())?);
                self.shared.upstream.show(&self.shared.config, |progress| {
                    progress.snapshot_bytes = (length.map_or(0, |length| length as i64), 0);
                });
            }
            Action::Snapshot(bytes) => {
                if let Some(file) = self.file {
                    written(file.write(bytes))?;
                }
                self.shared.upstream.show(&self.shared.config, |progress| {
                    progress.snapshot_bytes.1 += bytes.len() as i64;
                });
            }
            Action::SnapshotEnds => self.load(),
            Action::Continues { position } => {
                self.shared.replication.go_on(position, self.shared);
                log::notice!("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
                self.end_failover();
            }
            Action::Filler(bytes) => self.shared.replication.relay(bytes, self.follower.db()),
            Action::Unit(unit) => {
                let Stage::There { client, .. } = self.stage else { return Continue(()) };
                if let Err(Deviation { command, error }) = self.follower.run(unit, now(), &mut **client) {
                    log::warning!(
                        "== CRITICAL == This replica is sending an error to its master: '{}' after processing the \
                         command '{}'",
                        String::from_utf8_lossy(&error.bytes()),
                        String::from_utf8_lossy(&command)
                    );
                }
            }
        }
        Continue(())
    }

    /// If the server has handed over, its heir has taken over: writes are not for it any more.
    fn end_failover(&self) {
        if self.shared.replication.failover.succeed(self.shared) {
            end_waits(self.shared);
        }
    }

    fn connect(&mut self) -> ControlFlow<String> {
        log::notice!("Connecting to MASTER {}", self.address);
        log::notice!("MASTER <-> REPLICA sync started");
        self.shared.upstream.show(&self.shared.config, |progress| progress.snapshot_bytes = (-1, 0));
        let terms = if self.shared.config.is_on(table::TLS_REPLICATION) {
            let Some(terms) = self.shared.tls.terms() else {
                return Break("there is no certificate for encrypted connections".to_owned());
            };
            Some(terms)
        } else {
            None
        };
        *self.stage = Stage::Coming(Box::pin(Socket::connect(self.address.clone(), terms)));
        Continue(())
    }

    fn load(&mut self) {
        let Some(file) = self.file else { return };
        self.shared.replication.abandon(self.shared);
        log::notice!("MASTER <-> REPLICA sync: Loading DB in memory");
        let (sender, receiver) = oneshot::channel();
        *self.loading = Some(receiver);
        self.shared.persistence.take_over(file.path(), move |outcome| {
            // Nobody waits for it only when the server ends.
            let _ = sender.send(outcome);
        });
    }
}

/// How the link introduces this server, and what it bears.
fn options(config: &Config, primary: &Address) -> LinkOptions {
    let poisoned = Poisoned::of(config);
    let text = |key| Some(config.text(key).to_vec()).filter(|text| !text.is_empty());
    let credentials =
        text(table::MASTERAUTH).map(|password| Credentials { user: text(table::MASTERUSER), password });
    let announced = config.number(table::REPLICA_ANNOUNCE_PORT);
    let encrypted = config.number(table::TLS_PORT);
    let port = match announced {
        0 if config.is_on(table::TLS_REPLICATION) && encrypted != 0 => encrypted,
        0 => config.number(table::PORT),
        _ => announced,
    };
    LinkOptions {
        credentials,
        listening_port: port as u16,
        announced_address: text(table::REPLICA_ANNOUNCE_IP)
            .map(|address| String::from_utf8_lossy(&address).into_owned()),
        poisoned_primary: poisoned.has(primary).then(|| primary.to_string()),
        poisoned_streams: poisoned.streams(),
        timeout_ms: config.number(table::REPL_TIMEOUT).unsigned_abs() * 1000,
        ..LinkOptions::default()
    }
}

fn tell(failure: &Failure) {
    if failure.is_usual() {
        log::notice!("{failure}");
    } else {
        log::warning!("{failure}");
    }
}

/// An error as Redis tells it.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "Connection reset by peer".to_owned(),
        _ => error.to_string(),
    }
}

/// Ends a transfer whose file is no good.
fn written<T>(outcome: io::Result<T>) -> ControlFlow<String, T> {
    let told = outcome.map_err(|error| format!("the snapshot can't be written to a file: {error}"));
    told.map_or_else(Break, Continue)
}

/// Waits until somebody ends the client.
async fn killed(client: Option<&PrimaryClient>) {
    match client {
        Some(client) => client.killed().await,
        None => pending().await,
    }
}

/// What comes of something, if there is something.
async fn maybe<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Waits until something can be read. An error is found by reading.
async fn readable(socket: Option<&Socket>) {
    match socket {
        Some(socket) => socket.readable().await,
        None => pending().await,
    }
}

/// The same for writing.
async fn writable(socket: Option<&Socket>) {
    match socket {
        Some(socket) => socket.writable().await,
        None => pending().await,
    }
}
