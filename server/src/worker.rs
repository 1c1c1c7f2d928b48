//! A worker: one thread, one single-threaded runtime, many connections.

use crate::cache;
use crate::connection;
use crate::lane::Lane;
use crate::server::Shared;
use crate::statistics::{Meter, Statistics};
use crate::stream::{Socket, Stream};
use crate::tls::Handshakes;
use crate::window::Shelf;
use spinel_resp::{Batch, Protocol, ReplyWriter};
use spinel_storage::Executor;
use spinel_storage::system::random_word;
use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

/// Bytes one read takes at most, unless a large request is under way.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// What the connections of one worker share. Nobody keeps a borrow while waiting.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) desk: RefCell<Desk>,
    pub(crate) number: usize,
    /// Told when a connection begins to wait for the log.
    pub(crate) unsynced: Notify,
    /// Told when a connection begins to wait for replicas.
    pub(crate) pledged: Notify,
    pub(crate) handshakes: Handshakes,
    /// Where connections with much to do take turns.
    pub(crate) lane: Lane,
    /// Connections to origins that wait for requests.
    pub(crate) pool: cache::Pool,
    /// What it counts.
    pub(crate) statistics: Arc<Statistics>,
    connections: Arc<AtomicUsize>,
}

/// The tools a connection needs only while it is being served, so that idle ones own no buffers.
pub(crate) struct Desk {
    pub(crate) executor: Executor,
    pub(crate) input: Box<[u8]>,
    pub(crate) batch: Batch,
    pub(crate) reply: ReplyWriter,
    pub(crate) meter: Meter,
    pub(crate) shelf: Shelf,
}

/// A connection on its way from the acceptor to a worker.
pub(crate) enum Newcomer {
    /// Who speaks RESP.
    Client(Socket),
    /// Who speaks HTTP to the cache.
    Guest(std::net::TcpStream),
}

/// The acceptor's handle to a worker.
pub(crate) struct WorkerHandle {
    incoming: mpsc::UnboundedSender<Newcomer>,
    connections: Arc<AtomicUsize>,
}

impl WorkerHandle {
    /// How many connections the worker serves.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Hands a connection to the worker.
    pub(crate) fn adopt(&self, newcomer: Newcomer) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        if self.incoming.send(newcomer).is_err() {
            self.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Worker {
    /// Makes the worker of the calling thread.
    pub(crate) fn new(number: usize, shared: Arc<Shared>, connections: Arc<AtomicUsize>) -> Rc<Worker> {
        let statistics = Arc::clone(&shared.statistics[number]);
        let desk = Desk {
            executor: Executor::new(Arc::clone(&shared.engine), random_word()),
            input: vec![0; READ_BYTES].into(),
            batch: Batch::new(),
            reply: ReplyWriter::new(Protocol::Resp2),
            meter: Meter::new(Arc::clone(&statistics), Arc::clone(&shared.attention)),
            shelf: Shelf::default(),
        };
        let (unsynced, pledged) = (Notify::new(), Notify::new());
        let (desk, handshakes, lane) = (RefCell::new(desk), Handshakes::new(), Lane::default());
        let pool = cache::Pool::default();
        Rc::new(Worker {
            shared,
            desk,
            number,
            unsynced,
            pledged,
            handshakes,
            lane,
            pool,
            statistics,
            connections,
        })
    }

    /// Forgets a connection that was closed.
    fn closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a worker thread. It ends, and drops `alive`, when the handle is dropped.
pub(crate) fn start(
    number: usize,
    shared: &Arc<Shared>,
    alive: Sender<Infallible>,
) -> io::Result<WorkerHandle> {
    let (incoming, mut arrivals) = mpsc::unbounded_channel::<Newcomer>();
    let connections = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = WorkerHandle { incoming, connections: Arc::clone(&connections) };
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let worker = Worker::new(number, shared, connections);
        LocalSet::new().block_on(&runtime, async {
            tokio::task::spawn_local(run_errands(Rc::clone(&worker)));
            while let Some(newcomer) = arrivals.recv().await {
                tokio::task::spawn_local(attend(newcomer, Rc::clone(&worker)));
            }
        });
        drop(alive);
    })?;
    Ok(handle)
}

/// Serves a connection, after its handshake if it is encrypted.
async fn attend(newcomer: Newcomer, worker: Rc<Worker>) {
    match newcomer {
        Newcomer::Client(socket) => {
            if let Some(stream) = Stream::open(socket, &worker).await {
                connection::serve(stream, &worker).await;
            }
        }
        // On the heap, so that the tasks of others are no larger for it.
        Newcomer::Guest(stream) => Box::pin(cache::serve(stream, &worker)).await,
    }
    worker.closed();
}

/// Does what connections leave to others, for ever.
pub(crate) async fn run_errands(worker: Rc<Worker>) {
    tokio::join!(wake_log(&worker), ask_replicas(&worker), worker.lane.call(), cache::refresh_due(&worker),);
}

/// Asks replicas for connections that wait, when all have been served that were ready: one question is for all of them.
async fn ask_replicas(worker: &Worker) {
    loop {
        worker.pledged.notified().await;
        worker.shared.replication.ask();
    }
}

/// Wakes the log's thread for connections that wait, when all have been served that were ready: one sync is for all of them.
async fn wake_log(worker: &Worker) {
    loop {
        worker.unsynced.notified().await;
        worker.shared.persistence.log.wake();
    }
}
