//! What any thread can ask of the acceptor: to stop the server, to listen elsewhere.

use crate::acceptor::Place;
use spinel_storage::engine::wait::Waiter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Something for the acceptor to do.
pub(crate) enum Order {
    /// End the server.
    Stop(Farewell),
    /// Listen on what the settings say now, and tell whether that works. If not, nothing changes.
    Listen { place: Place, answer: SyncSender<Result<(), String>> },
}

/// How the server is to end.
#[derive(Default)]
pub(crate) struct Farewell {
    /// Whether the data set is saved before; if nothing is said, where the settings have save points.
    pub(crate) saves: Option<bool>,
    /// Whether the server ends also if that fails.
    pub(crate) is_forced: bool,
    /// Whether replicas get what they lack before.
    pub(crate) waits: bool,
    /// Who is told if it does not end.
    pub(crate) asker: Option<Arc<Waiter>>,
}

/// Where any thread leaves orders.
#[derive(Clone)]
pub(crate) struct Orders {
    sender: UnboundedSender<Order>,
    stop: Arc<AtomicU8>,
}

/// An order to stop can't be taken back: there is none, or it is being obeyed.
const SETTLED: u8 = 0;
/// It waits for replicas.
const WAITING: u8 = 1;
/// It was taken back meanwhile.
const ABORTED: u8 = 2;

impl Orders {
    pub(crate) fn new() -> (Orders, UnboundedReceiver<Order>) {
        let (sender, receiver) = unbounded_channel();
        (Orders { sender, stop: Arc::default() }, receiver)
    }

    /// Asks the server to stop; it does so after the running batches, unless what is to be saved before can't be.
    pub(crate) fn stop(&self, farewell: Farewell) {
        // If nobody receives it, the server is already stopping.
        let _ = self.sender.send(Order::Stop(farewell));
    }

    /// Takes back an order to stop that waits for replicas; whether there was one.
    pub(crate) fn abort_stop(&self) -> bool {
        self.stop.compare_exchange(WAITING, ABORTED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Notes that an order to stop begins to wait for replicas.
    pub(crate) fn begin_wait(&self) {
        self.stop.store(WAITING, Ordering::Relaxed);
    }

    /// Whether it was taken back since.
    pub(crate) fn is_aborted(&self) -> bool {
        self.stop.load(Ordering::Relaxed) == ABORTED
    }

    /// Notes that the wait is over; whether the order still holds.
    pub(crate) fn end_wait(&self) -> bool {
        self.stop.swap(SETTLED, Ordering::Relaxed) == WAITING
    }

    /// Moves the TCP listeners and waits until they are there: some microseconds.
    pub(crate) fn listen(&self, place: Place) -> Result<(), String> {
        let (answer, outcome) = std::sync::mpsc::sync_channel(1);
        let order = Order::Listen { place, answer };
        let stopping = || "the server is stopping".to_owned();
        self.sender.send(order).map_err(|_| stopping())?;
        outcome.recv().map_err(|_| stopping())?
    }
}
