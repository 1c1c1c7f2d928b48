//! What clients are told of their own commands: after all others, and after all commands of a transaction or a script.

use std::cell::RefCell;

/// Something that a client has changed itself: a key, or everything.
pub(super) type Changed = Option<Box<[u8]>>;

#[derive(Default)]
struct Own {
    /// The client whose command the thread runs, if that is not over; 0 for none.
    running: u64,
    /// The client that has changed something, and what.
    client: u64,
    changed: Vec<Changed>,
}

thread_local! {
    static OWN: RefCell<Own> = RefCell::default();
}

/// Says that the thread runs a command of this client; 0 that it is over.
pub(super) fn run(client: u64) {
    OWN.with_borrow_mut(|own| own.running = client);
}

/// Whether the command of a client, or whatever it belongs to, is not over yet.
pub(super) fn is_running(client: u64) -> bool {
    OWN.with_borrow(|own| own.running == client)
}

/// Remembers what a client has changed itself. Nothing of another client may be left.
pub(super) fn remember(client: u64, key: Option<&[u8]>) {
    OWN.with_borrow_mut(|own| {
        debug_assert!(own.changed.is_empty() || own.client == client, "another client was told before");
        own.client = client;
        own.changed.push(key.map(Box::from));
    });
}

/// Takes what there is, unless it is of this client.
pub(super) fn take_unless_of(client: u64) -> (u64, Vec<Changed>) {
    OWN.with_borrow_mut(|own| {
        let is_taken = own.client != client;
        (own.client, if is_taken { std::mem::take(&mut own.changed) } else { Vec::new() })
    })
}
