//! Keyspace notifications: what happens to keys, as messages.

use super::PubSub;
use crate::config::{Config, table};
use spinel_storage::keyspace::event::{Class, Event};
use spinel_storage::keyspace::news::{Observed, Parts};
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
/// The same about parts of values, such as fields of hashes; and to channels named by key and part, or event and key.
const PARTS_BY_KEY: u32 = 1 << 26;
const PARTS_BY_EVENT: u32 = 1 << 27;
const BY_PART: u32 = 1 << 28;
const PARTS_BY_EVENT_AND_KEY: u32 = 1 << 29;
const PARTS: u32 = PARTS_BY_KEY | PARTS_BY_EVENT | BY_PART | PARTS_BY_EVENT_AND_KEY;

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
                b'S' => PARTS_BY_KEY,
                b'T' => PARTS_BY_EVENT,
                b'I' => BY_PART,
                b'V' => PARTS_BY_EVENT_AND_KEY,
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
    let has_classes = wanted & !(BY_KEY | BY_EVENT | PARTS) != 0;
    engine.observe(Observed::PARTS, wanted & PARTS != 0 && has_classes);
    engine.observe(Observed::EVENTS, (is_heard || wanted & PARTS != 0) && has_classes);
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

    /// Publishes an event of parts of a value, if it is asked for.
    pub(super) fn publish_parts(&self, (db, key): (DbIndex, &[u8]), event: Event, parts: Parts<'_>) {
        let wanted = self.notifications.0.load(Ordering::Relaxed);
        if wanted & event.class.bits() == 0 || self.channels.is_empty() && self.patterns.is_empty() {
            return;
        }
        let (name, list) = (event.name.as_bytes(), listed(parts.iter()));
        if wanted & PARTS_BY_KEY != 0 {
            self.publish(&channel("subkeyspace", db, key), &[name, b"|", &list].concat());
        }
        if wanted & PARTS_BY_EVENT != 0 {
            let text = [&listed(std::iter::once(key)), &b"|"[..], &list].concat();
            self.publish(&channel("subkeyevent", db, name), &text);
        }
        // A line feed separates the key from the part.
        if wanted & BY_PART != 0 && !key.contains(&b'\n') {
            for part in parts.iter() {
                self.publish(&channel("subkeyspaceitem", db, &[key, b"\n", part].concat()), name);
            }
        }
        if wanted & PARTS_BY_EVENT_AND_KEY != 0 {
            self.publish(&channel("subkeyspaceevent", db, &[name, b"|", key].concat()), &list);
        }
    }
}

/// Names with their lengths: `3:one,5:other`.
fn listed<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    let mut text = Vec::new();
    for name in names {
        if !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(format!("{}:", name.len()).as_bytes());
        text.extend_from_slice(name);
    }
    text
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
        assert_eq!(parse(b"STIVh"), PARTS | Class::HASH.bits());
        assert_eq!(listed([&b"foo"[..], b"", b"a,b"].into_iter()), b"3:foo,0:,3:a,b");
        assert_eq!(parse(b"nm"), Class::MISS.bits() | Class::NEW.bits());
    }
}
