//! The events that keyspace notifications tell of.

/// One kind of event: its name, and the class by which it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The class.
    pub class: Class,
    /// The name, as clients see it.
    pub name: &'static str,
}

impl Event {
    /// A key was removed.
    pub const DEL: Event = Event { class: Class::GENERIC, name: "del" };
    /// A string was stored.
    pub const SET: Event = Event { class: Class::STRING, name: "set" };
    /// A key was given a time to live.
    pub const EXPIRE: Event = Event::generic("expire");
    /// A key lost its time to live.
    pub const PERSIST: Event = Event::generic("persist");
    /// A key was removed because its time had come.
    pub const EXPIRED: Event = Event { class: Class::EXPIRED, name: "expired" };
    /// A key was removed to make room.
    pub const EVICTED: Event = Event { class: Class::EVICTED, name: "evicted" };
    /// A key came into being.
    pub const NEW: Event = Event { class: Class::NEW, name: "new" };
    /// A key that was to be read is not there.
    pub const KEY_MISS: Event = Event { class: Class::MISS, name: "keymiss" };

    /// An event of keys of any type.
    pub const fn generic(name: &'static str) -> Event {
        Event { class: Class::GENERIC, name }
    }

    /// An event of lists.
    pub const fn list(name: &'static str) -> Event {
        Event { class: Class::LIST, name }
    }

    /// An event of sets.
    pub const fn set(name: &'static str) -> Event {
        Event { class: Class::SET, name }
    }

    /// An event of hashes.
    pub const fn hash(name: &'static str) -> Event {
        Event { class: Class::HASH, name }
    }

    /// An event of sorted sets.
    pub const fn sorted_set(name: &'static str) -> Event {
        Event { class: Class::SORTED_SET, name }
    }

    /// An event of streams.
    pub const fn stream(name: &'static str) -> Event {
        Event { class: Class::STREAM, name }
    }
}

/// A set of classes of events. The letters are those of `notify-keyspace-events`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Class(u32);

impl Class {
    /// No class.
    pub const NONE: Class = Class(0);
    /// `g`: commands for keys of any type.
    pub const GENERIC: Class = Class(1);
    /// `$`: strings.
    pub const STRING: Class = Class(1 << 1);
    /// `l`: lists.
    pub const LIST: Class = Class(1 << 2);
    /// `s`: sets.
    pub const SET: Class = Class(1 << 3);
    /// `h`: hashes.
    pub const HASH: Class = Class(1 << 4);
    /// `z`: sorted sets.
    pub const SORTED_SET: Class = Class(1 << 5);
    /// `x`: keys that expired.
    pub const EXPIRED: Class = Class(1 << 6);
    /// `e`: keys evicted for want of memory.
    pub const EVICTED: Class = Class(1 << 7);
    /// `t`: streams.
    pub const STREAM: Class = Class(1 << 8);
    /// `m`: keys that are not there.
    pub const MISS: Class = Class(1 << 9);
    /// `d`: what modules tell.
    pub const MODULE: Class = Class(1 << 10);
    /// `n`: keys that are new.
    pub const NEW: Class = Class(1 << 11);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Class) -> Class {
        Class(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: Class) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set as a number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set with this number.
    pub const fn from_bits(bits: u32) -> Class {
        Class(bits)
    }
}
