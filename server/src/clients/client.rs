//! What the server knows of one client, and what it can do to it.

use super::FIXED_BYTES;
use crate::acl::Account;
use crate::pubsub::{Counts, Mailbox, TrackingState};
use crate::tokens::Pass;
use spinel_resp::Protocol;
use spinel_storage::UnixMillis;
use spinel_storage::command::table::CommandId;
use spinel_storage::engine::wait::Waiter;
use spinel_storage::engine::{Change, Watch, WatchFlag};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

/// Where a connection comes from and arrives, as CLIENT LIST writes it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// `ip:port`, or the path of the Unix socket and `:0`.
    pub(crate) address: Box<str>,
    /// The same of this side.
    pub(crate) local: Box<str>,
    /// The number of the connection's descriptor.
    pub(crate) descriptor: i32,
    /// The worker that serves it.
    pub(crate) worker: usize,
}

impl Peer {
    /// The host it comes from; an IPv6 address without brackets, or the path of the Unix socket.
    pub(crate) fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(&*self.address, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// A property of a client that is there or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(crate) enum Flag {
    /// The connection is to be closed.
    Killed = 1,
    /// It is being held back.
    Held = 1 << 1,
    /// It came over the Unix socket.
    Unix = 1 << 2,
    /// CLIENT NO-EVICT.
    NoEvict = 1 << 3,
    /// CLIENT NO-TOUCH.
    NoTouch = 1 << 4,
    /// CLIENT CAPA REDIRECT.
    Redirect = 1 << 5,
    /// It was told of changes to what it has read, or still is.
    Tracked = 1 << 6,
    /// Its command is being run beside those of others.
    Away = 1 << 7,
    /// It is shown all commands.
    Monitor = 1 << 8,
    /// Nothing is run for it before it has read more.
    Behind = 1 << 9,
    /// It is a replica.
    Replica = 1 << 10,
    /// It is the primary, which is obeyed.
    Primary = 1 << 11,
}

/// Which limits hold for a client, and by which type CLIENT LIST and CLIENT KILL find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Normal,
    Primary,
    Replica,
    PubSub,
}

/// Texts that a client says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) name: Box<[u8]>,
    pub(crate) library: Box<[u8]>,
    pub(crate) library_version: Box<[u8]>,
}

/// What a batch did, as far as others may know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) commands: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
}

/// One client. Only its connection writes the numbers; anybody may set flags.
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    pub(crate) created: UnixMillis,
    flags: AtomicU16,
    protocol: AtomicU8,
    db: AtomicU16,
    /// The index of the last command plus one; 0 before the first.
    command: AtomicU16,
    active: AtomicI64,
    commands: AtomicU64,
    input_bytes: AtomicU64,
    output_bytes: AtomicU64,
    /// Bytes of a request that has not arrived whole.
    pub(crate) query_bytes: AtomicUsize,
    /// Bytes of replies that the client has not read.
    pub(crate) unsent_bytes: AtomicUsize,
    /// How many commands its transaction has; below 0 if it is in none.
    pub(crate) queued: AtomicI64,
    /// Bytes that these take.
    pub(crate) queued_bytes: AtomicUsize,
    /// Bytes that count as this client's; see [`room`](super::room).
    pub(super) counted_bytes: AtomicUsize,
    /// How many keys it watches.
    watched: AtomicUsize,
    /// Tells when one of them changes.
    watch_flag: Mutex<Option<Arc<WatchFlag>>>,
    /// Since when more is unsent than the soft limit allows; 0 if it is not.
    pub(crate) over_soft_limit: AtomicI64,
    names: Mutex<Option<Box<Names>>>,
    /// Who it acts as.
    account: Mutex<Arc<Account>>,
    /// The token by which it came, if it did.
    pass: Mutex<Option<Box<Pass>>>,
    /// The wait that the client is in.
    waiter: Mutex<Option<Arc<Waiter>>>,
    waker: OnceLock<Waker>,
    /// What others have to say to the client; there is none before anybody may.
    mailbox: OnceLock<Arc<Mailbox>>,
}

impl Client {
    pub(crate) fn new(id: u64, peer: Peer, account: Arc<Account>, now: UnixMillis) -> Client {
        let flags = if peer.address.starts_with('/') { Flag::Unix as u16 } else { 0 };
        Client {
            id,
            peer,
            created: now,
            flags: AtomicU16::new(flags),
            protocol: AtomicU8::new(2),
            db: AtomicU16::new(0),
            command: AtomicU16::new(0),
            active: AtomicI64::new(now.0),
            commands: AtomicU64::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            query_bytes: AtomicUsize::new(0),
            unsent_bytes: AtomicUsize::new(0),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicUsize::new(0),
            counted_bytes: AtomicUsize::new(0),
            watched: AtomicUsize::new(0),
            watch_flag: Mutex::new(None),
            over_soft_limit: AtomicI64::new(0),
            names: Mutex::new(None),
            account: Mutex::new(account),
            pass: Mutex::new(None),
            waiter: Mutex::new(None),
            waker: OnceLock::new(),
            mailbox: OnceLock::new(),
        }
    }

    /// Whether a flag is set.
    #[inline]
    pub(crate) fn has(&self, flag: Flag) -> bool {
        self.flags.load(Ordering::Relaxed) & flag as u16 != 0
    }

    /// Sets or clears a flag.
    pub(crate) fn set(&self, flag: Flag, is_set: bool) {
        if is_set {
            self.flags.fetch_or(flag as u16, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!(flag as u16), Ordering::Relaxed);
        }
    }

    /// Tells how to wake the connection's task. A task's waker stays the same while it lives.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
    }

    /// The client's mailbox, if it has one.
    #[inline]
    pub(crate) fn mailbox(&self) -> Option<&Arc<Mailbox>> {
        self.mailbox.get()
    }

    /// The client's mailbox, which stays once it is there. The connection must have been registered.
    pub(crate) fn open_mailbox(&self) -> Arc<Mailbox> {
        let new = || {
            let waker = self.waker.get().expect("a connection registers before it serves requests");
            Arc::new(Mailbox::new(self.id, waker.clone()))
        };
        let mailbox = self.mailbox.get_or_init(new);
        if self.protocol.load(Ordering::SeqCst) == 3 {
            mailbox.set_protocol(Protocol::Resp3);
        }
        Arc::clone(mailbox)
    }

    /// How many channels and patterns it listens to.
    pub(crate) fn subscriptions(&self) -> Counts {
        self.mailbox().map(|mailbox| mailbox.counts()).unwrap_or_default()
    }

    /// How it is told of changed keys, if it is.
    pub(crate) fn tracking(&self) -> Option<TrackingState> {
        self.mailbox().and_then(|mailbox| mailbox.tracking())
    }

    /// Bytes that wait until the client reads: of replies and of messages.
    pub(crate) fn output_bytes(&self) -> usize {
        let waiting = self.mailbox().map_or(0, |mailbox| mailbox.waiting_bytes());
        self.unsent_bytes.load(Ordering::Relaxed) + waiting
    }

    /// Bytes that it takes altogether, the command aside that it is just running.
    #[inline]
    pub(crate) fn memory_bytes(&self) -> usize {
        let (query, queued) = (&self.query_bytes, &self.queued_bytes);
        FIXED_BYTES + query.load(Ordering::Relaxed) + queued.load(Ordering::Relaxed) + self.output_bytes()
    }

    /// Which class it belongs to.
    pub(crate) fn class(&self) -> Class {
        if self.has(Flag::Replica) {
            return Class::Replica;
        }
        if self.has(Flag::Primary) {
            return Class::Primary;
        }
        if self.subscriptions().is_any() { Class::PubSub } else { Class::Normal }
    }

    /// Closes the connection as soon as its thread gets to it. Messages do not get there any more.
    pub(super) fn kill(&self) {
        self.set(Flag::Killed, true);
        if let Some(mailbox) = self.mailbox() {
            mailbox.close();
        }
        self.wake();
    }

    /// Lets the connection look what it can do.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Changes the protocol of replies and messages. Whoever opens the mailbox meanwhile sees the new one.
    pub(crate) fn speak(&self, protocol: Protocol) {
        self.protocol.store(if protocol == Protocol::Resp2 { 2 } else { 3 }, Ordering::SeqCst);
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.set_protocol(protocol);
        }
    }

    /// Notes what has become of the client after a batch.
    pub(crate) fn observe(&self, now: UnixMillis, db: u16, protocol: Protocol, command: Option<CommandId>) {
        self.active.store(now.0, Ordering::Relaxed);
        self.db.store(db, Ordering::Relaxed);
        self.protocol.store(if protocol == Protocol::Resp2 { 2 } else { 3 }, Ordering::Relaxed);
        self.command.store(command.map_or(0, |id| id.index() as u16 + 1), Ordering::Relaxed);
    }

    /// Adds to the client's sums. Only its own connection does, so that a load and a store are enough.
    pub(crate) fn add(&self, traffic: Traffic) {
        let add =
            |sum: &AtomicU64, amount| sum.store(sum.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
        add(&self.commands, traffic.commands);
        add(&self.input_bytes, traffic.input_bytes);
        add(&self.output_bytes, traffic.output_bytes);
    }

    /// The sums so far.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            commands: self.commands.load(Ordering::Relaxed),
            input_bytes: self.input_bytes.load(Ordering::Relaxed),
            output_bytes: self.output_bytes.load(Ordering::Relaxed),
        }
    }

    /// When the client last sent something.
    pub(crate) fn active(&self) -> UnixMillis {
        UnixMillis(self.active.load(Ordering::Relaxed))
    }

    pub(crate) fn db(&self) -> u16 {
        self.db.load(Ordering::Relaxed)
    }

    /// 2 or 3.
    pub(crate) fn protocol(&self) -> u8 {
        self.protocol.load(Ordering::Relaxed)
    }

    /// The index of the last command in the table.
    pub(crate) fn command(&self) -> Option<usize> {
        usize::from(self.command.load(Ordering::Relaxed)).checked_sub(1)
    }

    /// What the client says about itself.
    pub(crate) fn names(&self) -> Names {
        self.lock_names().as_deref().cloned().unwrap_or_default()
    }

    /// Changes what the client says about itself.
    pub(crate) fn rename(&self, change: impl FnOnce(&mut Names)) {
        change(self.lock_names().get_or_insert_default());
    }

    /// Who it acts as.
    pub(crate) fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes it act as a user.
    pub(crate) fn act_as(&self, account: &Arc<Account>) {
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(account);
    }

    /// Lets others see by which token it came, if it did.
    pub(crate) fn show_pass(&self, pass: Option<Pass>) {
        *self.pass.lock().unwrap_or_else(PoisonError::into_inner) = pass.map(Box::new);
    }

    /// Whether it came by a token of which something is so.
    pub(crate) fn has_pass(&self, is_so: impl FnOnce(&Pass) -> bool) -> bool {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner).as_deref().is_some_and(is_so)
    }

    /// Lets others see how many keys the client watches, and whether one of them has changed.
    pub(crate) fn show_watch(&self, watch: &Watch) {
        let flag = watch.flag().filter(|_| !watch.is_empty()).cloned();
        *self.watch_flag.lock().unwrap_or_else(PoisonError::into_inner) = flag;
        self.watched.store(watch.len(), Ordering::Relaxed);
    }

    /// What has become of the keys that the client watches.
    pub(crate) fn watched_change(&self) -> Change {
        let flag = self.watch_flag.lock().unwrap_or_else(PoisonError::into_inner);
        flag.as_ref().map_or(Change::None, |flag| flag.change())
    }

    /// How many keys the client watches; none any more if one of them was written.
    pub(crate) fn watched(&self) -> usize {
        if self.watched_change() == Change::Written { 0 } else { self.watched.load(Ordering::Relaxed) }
    }

    /// Lets others see in which wait the client is, if it is in one.
    pub(crate) fn wait_for(&self, waiter: Option<Arc<Waiter>>) {
        *self.waiter.lock().unwrap_or_else(PoisonError::into_inner) = waiter;
    }

    /// The wait that the client is in.
    pub(crate) fn waiter(&self) -> Option<Arc<Waiter>> {
        self.waiter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock_names(&self) -> MutexGuard<'_, Option<Box<Names>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
