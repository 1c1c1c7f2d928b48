//! A worker: one thread, one single-threaded runtime, many connections.

use crate::connection;
use crate::server::Shared;
use crate::statistics::Meter;
use crate::stream::Socket;
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
    pub(crate) handshakes: Handshakes,
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

/// The acceptor's handle to a worker.
pub(crate) struct WorkerHandle {
    incoming: mpsc::UnboundedSender<Socket>,
    connections: Arc<AtomicUsize>,
}

impl WorkerHandle {
    /// How many connections the worker serves.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Hands a connection to the worker.
    pub(crate) fn adopt(&self, socket: Socket) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        if self.incoming.send(socket).is_err() {
            self.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Worker {
    /// Makes the worker of the calling thread.
    pub(crate) fn new(number: usize, shared: Arc<Shared>, connections: Arc<AtomicUsize>) -> Rc<Worker> {
        let desk = Desk {
            executor: Executor::new(Arc::clone(&shared.engine), random_word()),
            input: vec![0; READ_BYTES].into(),
            batch: Batch::new(),
            reply: ReplyWriter::new(Protocol::Resp2),
            meter: Meter::new(Arc::clone(&shared.statistics[number]), Arc::clone(&shared.attention)),
            shelf: Shelf::default(),
        };
        let (unsynced, handshakes) = (Notify::new(), Handshakes::new());
        Rc::new(Worker { shared, desk: RefCell::new(desk), number, unsynced, handshakes, connections })
    }

    /// Counts a connection that the worker made itself.
    pub(crate) fn opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets a connection that was closed.
    pub(crate) fn closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a worker thread. It ends, and drops `alive`, when the handle is dropped.
pub(crate) fn start(
    number: usize,
    shared: &Arc<Shared>,
    alive: Sender<Infallible>,
) -> io::Result<WorkerHandle> {
    let (incoming, mut arrivals) = mpsc::unbounded_channel::<Socket>();
    let connections = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = WorkerHandle { incoming, connections: Arc::clone(&connections) };
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let worker = Worker::new(number, shared, connections);
        LocalSet::new().block_on(&runtime, async {
            tokio::task::spawn_local(wake_log(Rc::clone(&worker)));
            while let Some(socket) = arrivals.recv().await {
                tokio::task::spawn_local(connection::serve(socket, Rc::clone(&worker)));
            }
        });
        drop(alive);
    })?;
    Ok(handle)
}

/// Wakes the log's thread for connections that wait, when all have been served that were ready: one sync is for all of them.
pub(crate) async fn wake_log(worker: Rc<Worker>) {
    loop {
        worker.unsynced.notified().await;
        worker.shared.persistence.log.wake();
    }
}
