//! What any thread can ask of the acceptor: to stop the server, to listen elsewhere.

use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Something for the acceptor to do.
pub(crate) enum Order {
    /// End the server; `saves` if somebody wants the data saved before.
    Stop { saves: bool },
    /// Listen on what the settings say now, and tell whether that works. If not, nothing changes.
    Listen { addresses: String, port: u16, answer: SyncSender<Result<(), String>> },
}

/// Where any thread leaves orders.
#[derive(Clone)]
pub(crate) struct Orders(UnboundedSender<Order>);

impl Orders {
    pub(crate) fn new() -> (Orders, UnboundedReceiver<Order>) {
        let (sender, receiver) = unbounded_channel();
        (Orders(sender), receiver)
    }

    /// Asks the server to stop; it does so after the running batches.
    pub(crate) fn stop(&self, saves: bool) {
        // If nobody receives it, the server is already stopping.
        let _ = self.0.send(Order::Stop { saves });
    }

    /// Moves the TCP listeners and waits until they are there: some microseconds.
    pub(crate) fn listen(&self, addresses: &str, port: u16) -> Result<(), String> {
        let (answer, outcome) = std::sync::mpsc::sync_channel(1);
        let order = Order::Listen { addresses: addresses.to_owned(), port, answer };
        let stopping = || "the server is stopping".to_owned();
        self.0.send(order).map_err(|_| stopping())?;
        outcome.recv().map_err(|_| stopping())?
    }
}
