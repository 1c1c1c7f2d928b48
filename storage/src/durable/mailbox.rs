//! What the keeper is told: orders, settings, and that something has come.

use super::keeper::Order;
use super::lock;
use spinel_persistence::log::SyncPolicy;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// Where others leave things for the keeper.
pub(super) struct Mailbox {
    orders: Mutex<Vec<Order>>,
    /// [`SyncPolicy`] as a number.
    policy: AtomicU8,
    notes_time: AtomicBool,
    /// Whether somebody waits for a sync.
    wants_sync: AtomicBool,
    /// Whether the keeper rests, or is about to.
    rests: AtomicBool,
    keeper: Mutex<Option<Thread>>,
}

impl Mailbox {
    pub(super) fn new(policy: SyncPolicy) -> Mailbox {
        Mailbox {
            orders: Mutex::default(),
            policy: AtomicU8::new(policy as u8),
            notes_time: AtomicBool::new(false),
            wants_sync: AtomicBool::new(false),
            rests: AtomicBool::new(false),
            keeper: Mutex::default(),
        }
    }

    /// Leaves an order, and wakes the keeper.
    pub(super) fn order(&self, order: Order) {
        lock(&self.orders).push(order);
        self.wake();
    }

    /// Takes all orders.
    pub(super) fn take(&self) -> Vec<Order> {
        std::mem::take(&mut *lock(&self.orders))
    }

    pub(super) fn set_policy(&self, policy: SyncPolicy) {
        self.policy.store(policy as u8, Ordering::Relaxed);
        self.wake();
    }

    pub(super) fn policy(&self) -> SyncPolicy {
        match self.policy.load(Ordering::Relaxed) {
            number if number == SyncPolicy::Always as u8 => SyncPolicy::Always,
            number if number == SyncPolicy::No as u8 => SyncPolicy::No,
            _ => SyncPolicy::EverySecond,
        }
    }

    /// Asks for a sync that the policy `no` would leave to the operating system.
    pub(super) fn want_sync(&self) {
        self.wants_sync.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether somebody has asked for one since the last call.
    pub(super) fn takes_sync(&self) -> bool {
        self.wants_sync.swap(false, Ordering::Acquire)
    }

    pub(super) fn set_notes_time(&self, notes_time: bool) {
        self.notes_time.store(notes_time, Ordering::Relaxed);
    }

    /// Whether the time is noted in the files.
    pub(super) fn notes_time(&self) -> bool {
        self.notes_time.load(Ordering::Relaxed)
    }

    pub(super) fn belongs_to(&self, keeper: Thread) {
        *lock(&self.keeper) = Some(keeper);
    }

    /// Wakes the keeper if it rests.
    #[inline]
    pub(super) fn wake(&self) {
        // Sequentially consistent, as in `rest`: either this sees that it rests, or it sees what came before this.
        if self.rests.load(Ordering::SeqCst) {
            self.wake_up();
        }
    }

    #[cold]
    fn wake_up(&self) {
        if self.rests.swap(false, Ordering::SeqCst)
            && let Some(keeper) = &*lock(&self.keeper)
        {
            keeper.unpark();
        }
    }

    /// Lets the calling thread, which is the keeper, rest until it is woken or the time is over, unless something has come.
    pub(super) fn rest(&self, time: Duration, has_come: impl FnOnce() -> bool) {
        self.rests.store(true, Ordering::SeqCst);
        if !has_come() && lock(&self.orders).is_empty() {
            thread::park_timeout(time);
        }
        self.rests.store(false, Ordering::SeqCst);
    }
}
