//! The keys that a thread has changed since it last told those with prefixes.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// After so many keys a round is told in between.
const KEYS_MAX: usize = 4096;

/// Keys with the client that changed each last; 0 if none did.
pub(super) type Changed = BTreeMap<Box<[u8]>, u64>;

thread_local! {
    static CHANGED: RefCell<Changed> = const { RefCell::new(BTreeMap::new()) };
}

/// Remembers a key.
pub(super) fn remember(key: &[u8], client: u64) {
    CHANGED.with_borrow_mut(|changed| match changed.get_mut(key) {
        Some(last) => *last = client,
        None => _ = changed.insert(key.into(), client),
    });
}

/// Whether there are so many that they should be told now.
pub(super) fn is_long() -> bool {
    CHANGED.with_borrow(|changed| changed.len() >= KEYS_MAX)
}

/// Takes all keys.
pub(super) fn take() -> Changed {
    CHANGED.with_borrow_mut(std::mem::take)
}
