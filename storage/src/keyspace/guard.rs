//! The write guard: the only way to change a key.
//!
//! Whatever has to happen around a write happens when the guard drops, so that no handler does it by hand:
//! counting the changes (which decides whether the command has an effect on the journal and how many changes
//! the data set has since it was saved), removing a collection that was emptied, taking what was edited into
//! the accounts of memory and expiry times. What is large is freed in the background.

use super::event::Event;
use super::thresholds::Thresholds;
use super::view::{Scene, View};
use super::{DbIndex, Keyspace};
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::string::read_decimal;
use spinel_types::{
    Entry, Fields, HashSeed, Large, Marks, OwnedValue, Place, Slot, Str, StringEncoding, Value, ValueType,
    Values,
};

/// Longest string value in bytes.
pub const STRING_BYTES_MAX: usize = 512 << 20;

/// What happens to a key's expiry when its value is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// It stays.
    Keep,
    /// The key will not expire.
    Never,
    /// The key expires then.
    At(UnixMillis),
}

/// A value taken out of the keyspace, or copied, to be put under another key.
pub struct Detached {
    value: OwnedValue,
    expiry: Option<UnixMillis>,
    clock: u32,
}

impl Detached {
    pub(super) fn new(value: OwnedValue, entry: Entry<'_>) -> Detached {
        Detached { value, expiry: entry.stamp().map(UnixMillis), clock: entry.clock() }
    }

    /// A value that comes from outside, with its expiry and access clock.
    pub fn made(value: OwnedValue, expiry: Option<UnixMillis>, clock: u32) -> Detached {
        Detached { value, expiry, clock }
    }

    /// The value.
    pub(crate) fn value(&self) -> Value<'_> {
        Value::of_owned(&self.value)
    }

    pub(super) fn copy(values: &mut Values, slot: Slot) -> Detached {
        let value = values.copy(slot);
        Detached::new(value, values.table().entry(slot))
    }
}

/// What a guard tells of the changes made through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Voice {
    /// The usual event of the command.
    Usual,
    /// Events that were given instead.
    Own,
    /// Nothing.
    Quiet,
}

/// When those who watch a key hear of what a guard does to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Touch {
    /// When it changes the key.
    Changed,
    /// In any case.
    Always,
    Never,
}

/// One key, opened for writing.
pub struct KeyGuard<'v, 'a> {
    view: &'v mut View<'a>,
    db: DbIndex,
    key: &'v [u8],
    hash: u64,
    slot: Option<Slot>,
    changes: u64,
    /// Whether the value is a collection that was opened, so that the accounts must take it in again.
    is_open: bool,
    voice: Voice,
    touch: Touch,
    /// Whether who waits for the key looks again if it changed: the key was made, moved here or removed. Whoever could be
    /// served by a value that is there was served when it came, so that editing it wakes nobody, nor does a value that
    /// takes the place of one of another type, unless that was a stream.
    rouses: bool,
}

impl<'v, 'a> KeyGuard<'v, 'a> {
    pub(super) fn new(
        view: &'v mut View<'a>,
        db: DbIndex,
        key: &'v [u8],
        hash: u64,
        slot: Option<Slot>,
    ) -> Self {
        let (changes, is_open, voice, touch) = (0, false, Voice::Usual, Touch::Changed);
        KeyGuard { view, db, key, hash, slot, changes, is_open, voice, touch, rouses: false }
    }

    /// Whether the key exists.
    #[inline]
    pub fn exists(&self) -> bool {
        self.slot.is_some()
    }

    /// The entry as it is.
    pub fn entry(&mut self) -> Option<Entry<'_>> {
        let slot = self.slot?;
        Some(self.values().table().entry(slot))
    }

    /// The string as it is; an error if the key holds another type.
    pub fn string(&mut self) -> Result<Option<Str<'_>>, Error> {
        match self.entry() {
            None => Ok(None),
            Some(entry) => Str::of(entry).map(Some).ok_or(Error::WrongType),
        }
    }

    /// When the key expires.
    pub fn expiry(&mut self) -> Option<UnixMillis> {
        self.entry().and_then(Entry::stamp).map(UnixMillis)
    }

    /// Stores a text, as an integer if it is one's decimal.
    #[inline]
    pub fn set_text(&mut self, text: &[u8], expiry: Expiry) {
        match read_decimal(text) {
            Some(integer) => self.set_integer(integer, expiry),
            None => self.set(StringEncoding::of_text(text.len()) as u8, text, expiry),
        }
    }

    /// Stores a text as it is in one of the encodings of texts, even if it is an integer's decimal.
    pub fn set_verbatim(&mut self, text: &[u8], encoding: StringEncoding, expiry: Expiry) {
        debug_assert_ne!(encoding, StringEncoding::Integer);
        self.set(encoding as u8, text, expiry);
    }

    /// Stores an integer.
    pub fn set_integer(&mut self, integer: i64, expiry: Expiry) {
        if let (Some(slot), Expiry::Keep) = (self.slot, expiry) {
            let mut entry = self.values().entry_mut(slot);
            if entry.as_entry().kind() == StringEncoding::Integer as u8 {
                entry.value_mut().copy_from_slice(&integer.to_le_bytes());
                self.changes += 1;
                return;
            }
        }
        self.set(StringEncoding::Integer as u8, &integer.to_le_bytes(), expiry);
    }

    /// Makes the value an editable text of at least `len` bytes, padded with zeros, and returns all of it.
    ///
    /// The key is created if need be. Fails when another type is there. Callers keep to [`STRING_BYTES_MAX`].
    pub fn edit_text(&mut self, len: usize) -> Result<&mut [u8], Error> {
        let text_len = match self.string()? {
            None => {
                self.set(StringEncoding::Raw as u8, &vec![0; len], Expiry::Never);
                len
            }
            Some(Str::Text(text)) => text.len(),
            Some(integer @ Str::Integer(_)) => {
                let mut digits = [0; 20];
                let text = integer.text(&mut digits).to_vec();
                self.set(StringEncoding::Raw as u8, &text, Expiry::Keep);
                text.len()
            }
        };
        let (hash, slot) = (self.hash, self.slot.expect("the value exists by now"));
        let values = self.values();
        let slot = if len > text_len { values.resize_value(hash, slot, len) } else { slot };
        let mut entry = values.entry_mut(slot);
        entry.set_kind(StringEncoding::Raw as u8);
        self.slot = Some(slot);
        self.changes += 1;
        let slot = self.slot.expect("just set");
        Ok(self.view.shard(self.db, self.hash).values.entry_mut(slot).into_value())
    }

    /// Makes a short text an editable one, as any edit does. That is no change for the journal.
    pub fn make_raw(&mut self) {
        let Some(slot) = self.slot else { return };
        let mut entry = self.values().entry_mut(slot);
        if entry.as_entry().kind() == StringEncoding::Embedded as u8 {
            entry.set_kind(StringEncoding::Raw as u8);
        }
    }

    /// Sets or clears the expiry of a key that exists.
    pub fn set_expiry(&mut self, expiry: Option<UnixMillis>) {
        let (hash, slot) = (self.hash, self.slot.expect("only an existing key expires"));
        self.slot = Some(self.values().set_stamp(hash, slot, expiry.map(|at| at.0)));
        self.note_expiry(expiry.is_some());
        self.changes += 1;
    }

    /// Removes the key; whether it was there.
    pub fn remove(&mut self) -> bool {
        let Some(slot) = self.slot.take() else { return false };
        self.close(slot);
        let hash = self.hash;
        let large = self.values().remove(hash, slot);
        self.view.scene.keyspace.reclaim().value(large);
        self.changes += 1;
        self.rouses = true;
        self.notify(Event::DEL);
        true
    }

    /// Takes the value out, removing the key.
    pub fn take(&mut self) -> Option<Detached> {
        let slot = self.slot.take()?;
        self.close(slot);
        let hash = self.hash;
        let values = self.values();
        let entry = values.table().entry(slot);
        let (expiry, clock) = (entry.stamp().map(UnixMillis), entry.clock());
        let detached = Detached { value: values.take(hash, slot), expiry, clock };
        self.changes += 1;
        self.rouses = true;
        Some(detached)
    }

    /// Puts a value taken from elsewhere under this key, with its expiry.
    pub fn put(&mut self, detached: Detached) {
        if self.slot.is_some() {
            // What was there was removed, and another key came.
            self.view.tell_event(self.db, self.key, Event::NEW);
        }
        let Detached { value, expiry, clock } = detached;
        let parity = self.view.scene.parity;
        self.rouses = true;
        self.store(value, Marks { stamp: expiry.map(|at| at.0), clock, parity });
    }

    /// Stores a value that was made for this key; an empty collection removes the key.
    pub fn set_value(&mut self, value: OwnedValue, expiry: Expiry) {
        if value.is_empty() {
            self.remove();
            return;
        }
        let marks = self.marks(expiry);
        self.store(value, marks);
    }

    /// Opens the collection of a type that is there for editing, or a new one made by `fresh`.
    ///
    /// Fails when another type is there. A collection that is left empty goes with its key, except a stream.
    pub(super) fn open(
        &mut self,
        value_type: ValueType,
        fresh: impl FnOnce(HashSeed) -> OwnedValue,
    ) -> Result<Place<'_>, Error> {
        if self.slot.is_none() {
            let value = fresh(self.view.scene.keyspace.seed());
            let marks = self.marks(Expiry::Never);
            self.store(value, marks);
            // What counts is what will be put into it.
            self.changes -= 1;
        }
        Ok(self.open_existing(value_type)?.expect("there is one by now"))
    }

    /// Opens the collection of a type that is there for editing, if there is one.
    ///
    /// Fails when another type is there. A collection that is left empty goes with its key, except a stream.
    pub(super) fn open_existing(&mut self, value_type: ValueType) -> Result<Option<Place<'_>>, Error> {
        let Some(entry) = self.entry() else { return Ok(None) };
        if ValueType::of(entry) != value_type {
            return Err(Error::WrongType);
        }
        let values = &mut self.view.shard(self.db, self.hash).values;
        let slot = self.slot.as_mut().expect("an entry was there");
        if !std::mem::replace(&mut self.is_open, true) {
            values.unsettle(*slot);
        }
        Ok(Some(values.place(self.hash, slot, &mut self.changes)))
    }

    /// Tells of an event of this key, if somebody listens.
    #[inline]
    pub fn notify(&mut self, event: Event) {
        if self.voice != Voice::Quiet {
            self.voice = Voice::Own;
            self.view.tell_event(self.db, self.key, event);
        }
    }

    /// Names parts of the value that the next event is about, if somebody listens: fields of a hash.
    #[inline]
    pub fn name_parts<'p>(&mut self, parts: impl IntoIterator<Item = &'p [u8]>) {
        self.view.name_parts(parts);
    }

    /// Tells of an event of parts of the value, if there are any.
    pub fn notify_of(&mut self, event: Event, parts: &[&[u8]]) {
        if !parts.is_empty() {
            self.name_parts(parts.iter().copied());
            self.notify(event);
        }
    }

    /// Tells that a command looked for this key and did not find it.
    pub fn notify_miss(&mut self) {
        if self.slot.is_none() {
            self.view.tell_miss(self.db, self.key);
        }
    }

    /// Tells nothing more through this guard, because the events come in another order.
    pub fn keep_quiet(&mut self) {
        self.voice = Voice::Quiet;
    }

    /// Tells the usual event of the command, if the key was changed and nothing else was told.
    fn tell_usual(&mut self) {
        if self.changes > 0 && self.voice == Voice::Usual {
            self.voice = Voice::Own;
            self.view.tell_usual(self.db, self.key);
        }
    }

    /// Lets everybody take the key for changed even if it is not.
    pub fn touch(&mut self) {
        self.touch = Touch::Always;
    }

    /// Counts changes to a value that doesn't count them itself and that nobody who watches the key wants to hear of.
    pub fn count_hidden_changes(&mut self, changes: u64) {
        self.changes += changes;
        self.touch = Touch::Never;
    }

    /// Lets those look again who wait for the key, if it was changed.
    pub fn rouse_waiters(&mut self) {
        self.rouses = true;
    }

    /// Counts changes to a value that doesn't count them itself.
    pub fn count_changes(&mut self, changes: u64) {
        self.changes += changes;
    }

    /// The secret for the tables of large values.
    pub(super) fn seed(&self) -> HashSeed {
        self.view.scene.keyspace.seed()
    }

    /// The sizes at which values change their form.
    pub(crate) fn thresholds(&self) -> &'a Thresholds {
        self.view.scene.keyspace.thresholds()
    }

    /// The keyspace.
    pub(super) fn keyspace(&self) -> &'a Keyspace {
        self.view.scene.keyspace
    }

    /// Takes a collection that was opened into the accounts again.
    fn close(&mut self, slot: Slot) {
        if std::mem::take(&mut self.is_open) {
            self.values().settle(slot);
            let expires_in_part = self.values().expires_in_part(slot);
            self.note_expiry(expires_in_part);
        }
    }

    /// Lets upkeep look at this database if something in it expires.
    fn note_expiry(&self, expires: bool) {
        if expires {
            self.view.scene.keyspace.note_expiries(self.db, true);
        }
    }

    fn store(&mut self, mut value: OwnedValue, marks: Marks) {
        self.view.scene.keyspace.number(&mut value);
        if let Some(slot) = self.slot {
            self.leave_former(slot);
        }
        let (hash, key, slot) = (self.hash, self.key, self.slot);
        let (slot, former) = self.values().put(hash, slot, key, value, marks);
        let expires_in_part = self.values().expires_in_part(slot);
        self.note_expiry(marks.stamp.is_some() || expires_in_part);
        self.replaced(slot, former);
    }

    /// Takes leave of a value in whose place another one comes.
    fn leave_former(&mut self, slot: Slot) {
        self.close(slot);
        if self.view.shard(self.db, self.hash).has_waiters() {
            let former = ValueType::of(self.values().table().entry(slot));
            self.rouses |= former == ValueType::Stream;
        }
    }

    fn replaced(&mut self, slot: Slot, former: Option<Large>) {
        self.view.scene.keyspace.reclaim().value(former);
        if self.slot.is_none() {
            self.rouses = true;
            self.view.tell_event(self.db, self.key, Event::NEW);
        }
        self.slot = Some(slot);
        self.changes += 1;
    }

    /// What an entry that is written now holds beside its value.
    fn marks(&mut self, expiry: Expiry) -> Marks {
        let expiry = match expiry {
            Expiry::Keep => self.expiry(),
            Expiry::Never => None,
            Expiry::At(at) => Some(at),
        };
        let Scene { clock, parity, .. } = *self.view.scene;
        // What was used goes on being it, whatever value it has.
        let clock = self.entry().map_or(clock, Entry::clock);
        Marks { stamp: expiry.map(|at| at.0), clock, parity }
    }

    fn set(&mut self, kind: u8, value: &[u8], expiry: Expiry) {
        if let Some(slot) = self.slot {
            self.leave_former(slot);
        }
        let Marks { stamp, clock, parity } = self.marks(expiry);
        let fields = Fields { kind, value, stamp, clock, parity };
        let (hash, key, slot) = (self.hash, self.key, self.slot);
        let (slot, former) = self.values().put_inline(hash, slot, key, &fields);
        self.note_expiry(stamp.is_some());
        self.replaced(slot, former);
    }

    fn values(&mut self) -> &mut Values {
        &mut self.view.shard(self.db, self.hash).values
    }

    fn close_for_good(&mut self) {
        let Some(slot) = self.slot else { return };
        self.close(slot);
        self.tell_usual();
        if self.values().is_emptied(slot) {
            let hash = self.hash;
            self.values().remove(hash, slot);
            self.rouses = true;
            if self.changes > 0 {
                self.notify(Event::DEL);
            }
        }
    }
}

impl Drop for KeyGuard<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.view.changes += self.changes;
        if self.is_open {
            self.close_for_good();
        }
        if self.changes > 0 {
            self.tell_usual();
        }
        if self.touch == Touch::Always || self.changes > 0 && self.touch == Touch::Changed {
            self.view.tell_change(self.db, self.hash, self.key);
        }
        if self.rouses && self.changes > 0 {
            self.view.rouse_waiters(self.db, self.hash, self.key);
        }
        self.view.take_memory(self.db, self.hash);
    }
}
