//! Which messages a stream has had, so that none is added twice.
//!
//! A producer names itself and each message it sends. The stream remembers, per producer, the last messages and the
//! ids of the entries they became, for some time.

use super::StreamId;
use std::collections::{BTreeMap, VecDeque};

/// How much is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// For how many seconds.
    pub seconds: u64,
    /// How many messages per producer.
    pub messages: usize,
}

impl Default for Window {
    fn default() -> Window {
        Window { seconds: 100, messages: 100 }
    }
}

/// What a stream remembers of messages.
#[derive(Clone, Default, Debug)]
pub struct Idempotence {
    window: Window,
    producers: BTreeMap<Box<[u8]>, Producer>,
    added: u64,
    duplicates: u64,
    /// Bytes allocated by producers.
    bytes: usize,
}

#[derive(Clone, Default, Debug)]
struct Producer {
    ids: BTreeMap<Box<[u8]>, StreamId>,
    /// The messages in the order in which they came, which is that of their ids.
    order: VecDeque<(StreamId, Box<[u8]>)>,
}

/// What a message takes besides its name: two ids, two pointers with lengths, and slack.
const BYTES_PER_MESSAGE: usize = 96;

/// A message is kept twice.
fn message_bytes(message: &[u8]) -> usize {
    message.len() * 2 + BYTES_PER_MESSAGE
}

fn producer_bytes(name: &[u8]) -> usize {
    name.len() + size_of::<(Box<[u8]>, Producer)>()
}

impl Producer {
    /// Forgets the oldest message and returns how many bytes that frees.
    fn forget_oldest(&mut self) -> usize {
        let Some((_, message)) = self.order.pop_front() else { return 0 };
        self.ids.remove(&message);
        message_bytes(&message)
    }

    /// How many messages are older than `oldest_ms`.
    fn expired(&self, oldest_ms: u64) -> usize {
        self.order.partition_point(|(id, _)| id.ms < oldest_ms)
    }
}

impl Idempotence {
    /// How much is remembered.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Sets how much is remembered. A window that differs from the present one starts empty.
    pub fn set_window(&mut self, window: Window) {
        if self.window != window {
            self.window = window;
            self.producers.clear();
            self.bytes = 0;
        }
    }

    /// The id of the entry that a message became, if it is remembered. O(log n).
    pub fn find(&self, producer: &[u8], message: &[u8], now_ms: u64) -> Option<StreamId> {
        let id = *self.producers.get(producer)?.ids.get(message)?;
        (id.ms >= self.oldest_ms(now_ms)).then_some(id)
    }

    /// Counts a message that was not added because it had been before.
    pub fn count_duplicate(&mut self) {
        self.duplicates += 1;
    }

    /// Remembers a message, and forgets those of its producer that are too old or too many. O(log n) amortized.
    pub fn remember(&mut self, producer: &[u8], message: &[u8], id: StreamId, now_ms: u64) {
        let (oldest_ms, messages_max) = (self.oldest_ms(now_ms), self.window.messages);
        if !self.producers.contains_key(producer) {
            self.producers.insert(producer.into(), Producer::default());
            self.bytes += producer_bytes(producer);
        }
        let known = self.producers.get_mut(producer).expect("just made sure");
        let too_many = (known.order.len() + 1).saturating_sub(messages_max);
        for _ in 0..known.expired(oldest_ms).max(too_many) {
            self.bytes -= known.forget_oldest();
        }
        known.ids.insert(message.into(), id);
        known.order.push_back((id, message.into()));
        self.bytes += message_bytes(message);
        self.added += 1;
    }

    /// Forgets the messages that are too old, and producers that have no others. O(producers + forgotten · log n).
    pub fn forget_expired(&mut self, now_ms: u64) {
        let oldest_ms = self.oldest_ms(now_ms);
        self.producers.retain(|name, producer| {
            for _ in 0..producer.expired(oldest_ms) {
                self.bytes -= producer.forget_oldest();
            }
            let is_over = producer.order.is_empty();
            self.bytes -= if is_over { producer_bytes(name) } else { 0 };
            !is_over
        });
    }

    /// How many producers, and how many messages, are remembered. O(producers · log n).
    pub fn tracked(&self, now_ms: u64) -> (usize, usize) {
        let oldest_ms = self.oldest_ms(now_ms);
        let valid = |producer: &Producer| producer.order.len() - producer.expired(oldest_ms);
        let counts = self.producers.values().map(valid).filter(|count| *count > 0);
        counts.fold((0, 0), |(producers, messages), count| (producers + 1, messages + count))
    }

    /// How many messages were ever remembered.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// How many messages were ever found to have been added before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The producers with what is remembered of each: messages and their ids, the oldest first.
    pub fn producers(
        &self,
    ) -> impl Iterator<Item = (&[u8], impl ExactSizeIterator<Item = (&[u8], StreamId)>)> {
        self.producers
            .iter()
            .map(|(name, producer)| (&**name, producer.order.iter().map(|(id, message)| (&**message, *id))))
    }

    /// Remembers a message of a data set that was saved; messages of one producer come the oldest first. Whether it
    /// was taken: it is not if it is known already, or older than the last one. O(log n).
    pub fn restore(&mut self, producer: &[u8], message: &[u8], id: StreamId) -> bool {
        if !self.producers.contains_key(producer) {
            self.producers.insert(producer.into(), Producer::default());
            self.bytes += producer_bytes(producer);
        }
        let known = self.producers.get_mut(producer).expect("just made sure");
        let is_late = known.order.back().is_some_and(|(last, _)| *last >= id);
        if is_late || known.ids.contains_key(message) {
            return false;
        }
        known.ids.insert(message.into(), id);
        known.order.push_back((id, message.into()));
        self.bytes += message_bytes(message);
        true
    }

    /// Sets the counts of messages that were remembered, and found to have been added before.
    pub fn set_counts(&mut self, added: u64, duplicates: u64) {
        (self.added, self.duplicates) = (added, duplicates);
    }

    /// Bytes allocated. O(1).
    pub fn memory_bytes(&self) -> usize {
        size_of::<Idempotence>() + self.bytes
    }

    fn oldest_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.window.seconds * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn remembered(messages: usize) -> Idempotence {
        let mut idempotence = Idempotence::default();
        idempotence.set_window(Window { seconds: 10, messages });
        for number in 0..5_u64 {
            let message = number.to_string();
            idempotence.remember(b"p", message.as_bytes(), StreamId::new(NOW + number, 0), NOW);
        }
        idempotence
    }

    #[test]
    fn the_last_messages_are_remembered() {
        let idempotence = remembered(3);
        let found = |message: &[u8]| idempotence.find(b"p", message, NOW);
        assert_eq!((found(b"1"), found(b"2")), (None, Some(StreamId::new(NOW + 2, 0))));
        assert_eq!(idempotence.find(b"q", b"2", NOW), None);
        assert_eq!((idempotence.tracked(NOW), idempotence.added()), ((1, 3), 5));
    }

    #[test]
    fn old_messages_are_forgotten() {
        let mut idempotence = remembered(100);
        let later = NOW + 10_003;
        assert_eq!(idempotence.find(b"p", b"2", later), None);
        assert_eq!(idempotence.find(b"p", b"3", later), Some(StreamId::new(NOW + 3, 0)));
        assert_eq!(idempotence.tracked(later), (1, 2));
        idempotence.forget_expired(later);
        assert_eq!(idempotence.find(b"p", b"2", NOW), None);
        idempotence.forget_expired(NOW + 20_000);
        assert_eq!((idempotence.tracked(NOW), idempotence.bytes), ((0, 0), 0));
    }

    #[test]
    fn what_was_saved_is_remembered_again() {
        let saved = remembered(3);
        let mut restored = Idempotence::default();
        restored.set_window(saved.window());
        for (producer, messages) in saved.producers() {
            for (message, id) in messages {
                assert!(restored.restore(producer, message, id) && !restored.restore(producer, message, id));
            }
        }
        restored.set_counts(saved.added(), saved.duplicates());
        assert_eq!((restored.tracked(NOW), restored.added()), ((1, 3), 5));
        assert_eq!(restored.find(b"p", b"2", NOW), Some(StreamId::new(NOW + 2, 0)));
        assert_eq!(restored.memory_bytes(), saved.memory_bytes());
        assert!(!restored.restore(b"p", b"late", StreamId::new(NOW, 0)));
    }

    #[test]
    fn another_window_starts_empty() {
        let mut idempotence = remembered(3);
        idempotence.set_window(Window { seconds: 10, messages: 3 });
        assert_eq!(idempotence.tracked(NOW), (1, 3));
        idempotence.set_window(Window { seconds: 10, messages: 4 });
        assert_eq!(idempotence.tracked(NOW), (0, 0));
    }
}
