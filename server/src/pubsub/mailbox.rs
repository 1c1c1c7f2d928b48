//! What others have to say to a client, until its connection sends it.

use super::message::Message;
use crate::tracking::{Mode, Options};
use spinel_resp::Protocol;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// From how many unread bytes on a client's connection is closed; 0: never.
#[derive(Default)]
pub(crate) struct HardLimits {
    pub(crate) normal: AtomicUsize,
    pub(crate) subscriber: AtomicUsize,
}

impl HardLimits {
    /// Whether so many bytes close the connection of a client at once, by whether it listens to channels.
    pub(crate) fn are_over(&self, is_subscriber: bool, bytes: usize) -> bool {
        let limit = if is_subscriber { &self.subscriber } else { &self.normal };
        let bytes_max = limit.load(Ordering::Relaxed);
        bytes_max > 0 && bytes >= bytes_max
    }
}

/// How many subscriptions a client has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) channels: usize,
    pub(crate) patterns: usize,
    pub(crate) shard_channels: usize,
}

impl Counts {
    /// Whether there is any.
    pub(crate) fn is_any(self) -> bool {
        self != Counts::default()
    }
}

/// What others see of a client's tracking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TrackingState {
    /// The client that is told instead; 0 for none.
    pub(crate) redirect: u64,
    pub(crate) broadcasts: bool,
    /// The client that was to be told instead is gone.
    pub(crate) is_broken: bool,
}

/// More is unread than the limit allows. What was there is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Overflow;

impl From<Overflow> for io::Error {
    fn from(_: Overflow) -> io::Error {
        io::ErrorKind::OutOfMemory.into()
    }
}

/// The mailbox of a client. Anybody puts messages in, only its connection takes them out.
pub(crate) struct Mailbox {
    /// The client's number.
    pub(crate) client: u64,
    /// Wakes the connection.
    waker: Waker,
    content: Mutex<Content>,
}

struct Content {
    bytes: Vec<u8>,
    protocol: Protocol,
    counts: Counts,
    /// Bytes that the connection took and could not send yet.
    unsent: usize,
    overflow: Option<Overflow>,
    is_closed: bool,
    tracking: Option<TrackingState>,
}

impl Mailbox {
    pub(crate) fn new(client: u64, waker: Waker) -> Mailbox {
        let content = Content {
            bytes: Vec::new(),
            protocol: Protocol::Resp2,
            counts: Counts::default(),
            unsent: 0,
            overflow: None,
            is_closed: false,
            tracking: None,
        };
        Mailbox { client, waker, content: Mutex::new(content) }
    }

    /// Appends a message; whether the client is still there. The first one wakes the connection, which will take those
    /// that come until it runs, too.
    pub(crate) fn put(&self, message: &Message, limits: &HardLimits) -> bool {
        self.put_with(limits, |bytes, (protocol, _)| message.append_to(bytes, protocol))
    }

    /// As [`put`](Self::put), for messages that depend on more than the protocol. Whether the client is still there.
    pub(crate) fn put_with(
        &self,
        limits: &HardLimits,
        append: impl FnOnce(&mut Vec<u8>, (Protocol, Counts)),
    ) -> bool {
        let mut content = self.lock();
        if content.overflow.is_some() || content.is_closed {
            return !content.is_closed;
        }
        let was_empty = content.bytes.is_empty();
        let to = (content.protocol, content.counts);
        append(&mut content.bytes, to);
        if limits.are_over(content.counts.is_any(), content.bytes.len() + content.unsent) {
            content.bytes = Vec::new();
            content.overflow = Some(Overflow);
        }
        let (is_over, is_empty) = (content.overflow.is_some(), content.bytes.is_empty());
        drop(content);
        if was_empty && !is_empty || is_over {
            self.waker.wake_by_ref();
        }
        true
    }

    /// Drops what is there and takes no more: the client is gone.
    pub(crate) fn close(&self) {
        let mut content = self.lock();
        content.bytes = Vec::new();
        content.is_closed = true;
    }

    /// Whether the client is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// The protocol of messages.
    pub(crate) fn protocol(&self) -> Protocol {
        self.lock().protocol
    }

    /// Takes note of how the client is told of changes, or that it is not.
    pub(crate) fn note_tracking(&self, options: Option<Options>) {
        let state = |options: Options| TrackingState {
            redirect: options.redirect,
            broadcasts: options.mode == Mode::Broadcast,
            is_broken: false,
        };
        self.lock().tracking = options.map(state);
    }

    /// Takes note that the client that was to be told instead is gone.
    pub(crate) fn note_broken_redirect(&self) {
        if let Some(state) = &mut self.lock().tracking {
            state.is_broken = true;
        }
    }

    /// How the client is told of changes, if it is.
    pub(crate) fn tracking(&self) -> Option<TrackingState> {
        self.lock().tracking
    }

    /// Appends bytes in the client's own protocol, which count for no limit.
    pub(crate) fn put_own(&self, bytes: &[u8]) {
        self.lock().bytes.extend_from_slice(bytes);
    }

    /// Takes all that is there.
    pub(crate) fn take(&self) -> Result<Vec<u8>, Overflow> {
        let mut content = self.lock();
        match content.overflow {
            Some(overflow) => Err(overflow),
            None => Ok(std::mem::take(&mut content.bytes)),
        }
    }

    /// Takes note of how much is still unsent of what was taken. Fails if too much has come meanwhile.
    pub(crate) fn note_unsent(&self, bytes: usize) -> Result<(), Overflow> {
        let mut content = self.lock();
        content.unsent = bytes;
        content.overflow.map_or(Ok(()), Err)
    }

    /// Encodes messages in this protocol from now on.
    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.lock().protocol = protocol;
    }

    /// How many subscriptions the client has.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(super) fn set_counts(&self, counts: Counts) {
        self.lock().counts = counts;
    }

    /// Bytes that wait to be taken.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lock().bytes.len()
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn mailbox() -> (Mailbox, Arc<Count>) {
        let wakes = Arc::<Count>::default();
        (Mailbox::new(1, Waker::from(Arc::clone(&wakes))), wakes)
    }

    #[test]
    fn one_wake_for_all_messages_until_they_are_taken() {
        let (mailbox, wakes) = mailbox();
        let (message, limits) = (Message::of(&[b"x"]), HardLimits::default());
        mailbox.put(&message, &limits);
        mailbox.put(&message, &limits);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(mailbox.take(), Ok(b"*1\r\n$1\r\nx\r\n".repeat(2)));
        mailbox.put(&message, &limits);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_is_taken_and_unsent_counts_for_the_limit_of_the_class() {
        let (mailbox, wakes) = mailbox();
        let limits = HardLimits { normal: 0.into(), subscriber: 30.into() };
        let message = Message::of(&[b"x"]);
        assert_eq!(mailbox.note_unsent(1000), Ok(()));
        mailbox.put(&message, &limits);
        assert_eq!(mailbox.take().map(|bytes| bytes.len()), Ok(11));

        mailbox.set_counts(Counts { channels: 1, ..Counts::default() });
        assert_eq!(mailbox.note_unsent(18), Ok(()));
        mailbox.put(&message, &limits);
        assert_eq!(mailbox.waiting_bytes(), 11);
        mailbox.put(&message, &limits);
        assert_eq!((mailbox.waiting_bytes(), mailbox.take()), (0, Err(Overflow)));
        assert_eq!(mailbox.note_unsent(0), Err(Overflow));
        mailbox.put(&message, &limits);
        assert_eq!((mailbox.waiting_bytes(), wakes.0.load(Ordering::Relaxed)), (0, 3));
    }
}
