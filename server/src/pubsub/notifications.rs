//! Keyspace notifications: what happens to keys, as messages.

use super::PubSub;
use crate::config::{Config, table};
use spinel_storage::keyspace::event::{Class, Event};
use spinel_storage::keyspace::news::Observed;
use spinel_storage::{DbIndex, Engine};
use std::sync::atomic::{AtomicU32, Ordering};

/// Every class with its letter in `notify-keyspace-events`.
const LETTERS: &[(u8, Class)] = &[
    (b'g', Class::GENERIC),
    (b'$', Class::STRING),
    (b'l', Class::LIST),
    (b's', Class::SET),
    (b'h', Class::HASH),
    (b'z', Class::SORTED_SET),
    (b'x', Class::EXPIRED),
    (b'e', Class::EVICTED),
    (b't', Class::STREAM),
    (b'd', Class::MODULE),
    (b'm', Class::MISS),
    (b'n', Class::NEW),
];
/// The letters that `A` stands for.
const ALL: &[u8] = b"g$lshzxetd";
/// Beside the classes: messages to channels named by keys, and to channels named by events.
const BY_KEY: u32 = 1 << 30;
const BY_EVENT: u32 = 1 << 31;

/// Which events are told, and how.
#[derive(Default)]
pub(super) struct Notifications(AtomicU32);

/// Reads the letters of the setting.
fn parse(letters: &[u8]) -> u32 {
    let bits = |letter: u8| {
        let known = LETTERS.iter().find(|(name, _)| *name == letter);
        known.map_or(0, |(_, class)| class.bits())
    };
    letters.iter().fold(0, |wanted, letter| {
        wanted
            | match letter {
                b'K' => BY_KEY,
                b'E' => BY_EVENT,
                b'A' => ALL.iter().fold(0, |all, letter| all | bits(*letter)),
                letter => bits(*letter),
            }
    })
}

/// Makes the engine tell what the setting asks for.
pub(crate) fn apply(config: &Config, engine: &Engine, registry: &PubSub) {
    let wanted = parse(&config.text(table::NOTIFY_KEYSPACE_EVENTS));
    registry.notifications.0.store(wanted, Ordering::Relaxed);
    let is_heard = wanted & (BY_KEY | BY_EVENT) != 0;
    engine.observe(Observed::EVENTS, is_heard && wanted & !(BY_KEY | BY_EVENT) != 0);
    engine.observe(Observed::MISSES, is_heard && wanted & Class::MISS.bits() != 0);
}

impl PubSub {
    /// Publishes an event, if it is asked for: first to the channel of the key, then to that of the event.
    pub(super) fn publish_event(&self, db: DbIndex, key: &[u8], event: Event) {
        let wanted = self.notifications.0.load(Ordering::Relaxed);
        if wanted & event.class.bits() == 0 || self.channels.is_empty() && self.patterns.is_empty() {
            return;
        }
        let name = event.name.as_bytes();
        if wanted & BY_KEY != 0 {
            self.publish(&channel("keyspace", db, key), name);
        }
        if wanted & BY_EVENT != 0 {
            self.publish(&channel("keyevent", db, name), key);
        }
    }
}

/// `__keyspace@0__:key`, or `__keyevent@0__:event`.
fn channel(kind: &str, db: DbIndex, name: &[u8]) -> Vec<u8> {
    let mut channel = format!("__{kind}@{}__:", db.0).into_bytes();
    channel.extend_from_slice(name);
    channel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_choose_classes_and_channels() {
        assert_eq!(parse(b""), 0);
        assert_eq!(parse(b"K$"), BY_KEY | Class::STRING.bits());
        assert_eq!(parse(b"AE"), parse(b"Eg$lshzxetd"));
        assert_eq!(parse(b"A") & (Class::MISS.bits() | Class::NEW.bits()), 0);
        assert_eq!(parse(b"nm"), Class::MISS.bits() | Class::NEW.bits());
    }
}
