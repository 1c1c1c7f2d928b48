//! What the keeper is told: orders, settings, and that something has come.

use super::keeper::Order;
use crate::lock;
use spinel_persistence::log::SyncPolicy;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// The keeper works.
const AWAKE: u8 = 0;
/// It lets writes gather for a moment; who waits for it may wake it.
const GATHERS: u8 = 1;
/// It rests until something comes.
const RESTS: u8 = 2;

/// Where others leave things for the keeper.
pub(super) struct Mailbox {
    /// None while nobody is there to obey them.
    orders: Mutex<Option<Vec<Order>>>,
    /// [`SyncPolicy`] as a number.
    policy: AtomicU8,
    notes_time: AtomicBool,
    /// Whether somebody waits for a sync.
    wants_sync: AtomicBool,
    /// How deeply the keeper sleeps, or is about to.
    sleep: AtomicU8,
    keeper: Mutex<Option<Thread>>,
    /// Since when at most something waits to be written, in monotonic milliseconds; 0 if nothing is known to.
    waits_since_ms: AtomicU64,
}

impl Mailbox {
    pub(super) fn new(policy: SyncPolicy) -> Mailbox {
        Mailbox {
            orders: Mutex::default(),
            policy: AtomicU8::new(policy as u8),
            notes_time: AtomicBool::new(false),
            wants_sync: AtomicBool::new(false),
            sleep: AtomicU8::new(AWAKE),
            keeper: Mutex::default(),
            waits_since_ms: AtomicU64::new(0),
        }
    }

    /// Takes orders from now on.
    pub(super) fn open(&self) {
        *lock(&self.orders) = Some(Vec::new());
    }

    /// Takes no more orders. Those that nobody has obeyed are dropped, which whoever waits for an answer notices.
    pub(super) fn close(&self) {
        *lock(&self.orders) = None;
    }

    /// Leaves an order, and wakes the keeper. The order comes back if nobody is there.
    pub(super) fn order(&self, order: Order) -> Result<(), Order> {
        match &mut *lock(&self.orders) {
            Some(orders) => orders.push(order),
            None => return Err(order),
        }
        self.wake_from(GATHERS);
        Ok(())
    }

    /// Takes all orders.
    pub(super) fn take(&self) -> Vec<Order> {
        lock(&self.orders).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Notes, for the keeper, that all is written that was there before a time, and whether something has come since.
    pub(super) fn wrote(&self, before_ms: u64, has_more: bool) {
        self.waits_since_ms.store(if has_more { before_ms.max(1) } else { 0 }, Ordering::SeqCst);
    }

    /// How long at most something has been waiting to be written, for who knows that something is there. Whoever is the
    /// first to ask notes the time, and takes it back if all `is_written` by now.
    #[inline]
    pub(super) fn waits_for_ms(&self, now_ms: u64, is_written: impl FnOnce() -> bool) -> u64 {
        let since = self.waits_since_ms.load(Ordering::SeqCst);
        if since == 0 {
            self.begins_to_wait(now_ms.max(1), is_written);
            return 0;
        }
        now_ms.saturating_sub(since)
    }

    #[cold]
    fn begins_to_wait(&self, now_ms: u64, is_written: impl FnOnce() -> bool) {
        let replaces = |old, new| {
            let outcome = self.waits_since_ms.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst);
            outcome.is_ok()
        };
        if replaces(0, now_ms) && is_written() {
            replaces(now_ms, 0);
        }
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

    /// Asks for a sync at once, whatever the policy.
    pub(super) fn want_sync(&self) {
        self.wants_sync.store(true, Ordering::SeqCst);
        self.wake_from(GATHERS);
    }

    /// Whether somebody has asked for one since the last call.
    pub(super) fn takes_sync(&self) -> bool {
        self.wants_sync.swap(false, Ordering::SeqCst)
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
        self.wake_from(RESTS);
    }

    /// Wakes the keeper if it sleeps at least so deeply.
    #[inline]
    fn wake_from(&self, sleep: u8) {
        // Sequentially consistent, as in `sleep`: either this sees that it sleeps, or it sees what came before this.
        if self.sleep.load(Ordering::SeqCst) >= sleep {
            self.wake_up();
        }
    }

    #[cold]
    fn wake_up(&self) {
        if self.sleep.swap(AWAKE, Ordering::SeqCst) != AWAKE
            && let Some(keeper) = &*lock(&self.keeper)
        {
            keeper.unpark();
        }
    }

    /// Lets the calling thread, which is the keeper, let writes gather, unless somebody waits.
    pub(super) fn gather(&self, time: Duration) {
        self.sleep(GATHERS, time, || self.wants_sync());
    }

    /// Lets the calling thread, which is the keeper, rest until it is woken or the time is over, unless something has come.
    pub(super) fn rest(&self, time: Duration, has_come: impl FnOnce() -> bool) {
        self.sleep(RESTS, time, has_come);
    }

    fn sleep(&self, depth: u8, time: Duration, has_come: impl FnOnce() -> bool) {
        self.sleep.store(depth, Ordering::SeqCst);
        if !has_come() && lock(&self.orders).as_ref().is_none_or(Vec::is_empty) {
            thread::park_timeout(time);
        }
        self.sleep.store(AWAKE, Ordering::SeqCst);
    }

    /// Whether somebody waits for a sync that was not begun.
    pub(super) fn wants_sync(&self) -> bool {
        self.wants_sync.load(Ordering::SeqCst)
    }
}
