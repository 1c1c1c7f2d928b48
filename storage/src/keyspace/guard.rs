//! The write guard: the only way to change a key.
//!
//! Whatever has to happen around a write happens when the guard drops, so that no handler does it by hand:
//! counting the change (which decides whether the command has an effect on the journal and how many changes
//! the data set has since it was saved). The table below accounts memory and expiry times by itself.

use super::DbIndex;
use super::view::View;
use crate::error::Error;
use crate::time::UnixMillis;
use spinel_types::string::read_decimal;
use spinel_types::{Entry, Fields, Slot, Str, StringEncoding, Table};

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
#[derive(Clone, Debug)]
pub struct Detached {
    kind: u8,
    value: Vec<u8>,
    expiry: Option<UnixMillis>,
    clock: u32,
}

impl Detached {
    /// Copies an entry's value.
    pub fn copy_of(entry: Entry<'_>) -> Detached {
        Detached {
            kind: entry.kind(),
            value: entry.value().to_vec(),
            expiry: entry.stamp().map(UnixMillis),
            clock: entry.clock(),
        }
    }
}

/// One key, opened for writing.
pub struct KeyGuard<'v, 'a> {
    view: &'v mut View<'a>,
    db: DbIndex,
    key: &'v [u8],
    hash: u64,
    slot: Option<Slot>,
    is_changed: bool,
}

impl<'v, 'a> KeyGuard<'v, 'a> {
    pub(super) fn new(
        view: &'v mut View<'a>,
        db: DbIndex,
        key: &'v [u8],
        hash: u64,
        slot: Option<Slot>,
    ) -> Self {
        KeyGuard { view, db, key, hash, slot, is_changed: false }
    }

    /// Whether the key exists.
    #[inline]
    pub fn exists(&self) -> bool {
        self.slot.is_some()
    }

    /// The entry as it is.
    pub fn entry(&mut self) -> Option<Entry<'_>> {
        let slot = self.slot?;
        Some(self.table().entry(slot))
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
            let mut entry = self.table().entry_mut(slot);
            if entry.as_entry().kind() == StringEncoding::Integer as u8 {
                entry.value_mut().copy_from_slice(&integer.to_le_bytes());
                self.is_changed = true;
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
        let table = self.table();
        let slot = if len > text_len { table.resize_value(hash, slot, len) } else { slot };
        let mut entry = table.entry_mut(slot);
        entry.set_kind(StringEncoding::Raw as u8);
        self.slot = Some(slot);
        self.is_changed = true;
        let slot = self.slot.expect("just set");
        Ok(self.view.shard(self.db, self.hash).table.entry_mut(slot).into_value())
    }

    /// Sets or clears the expiry of a key that exists.
    pub fn set_expiry(&mut self, expiry: Option<UnixMillis>) {
        let (hash, slot) = (self.hash, self.slot.expect("only an existing key expires"));
        self.slot = Some(self.table().set_stamp(hash, slot, expiry.map(|at| at.0)));
        self.is_changed = true;
    }

    /// Removes the key; whether it was there.
    pub fn remove(&mut self) -> bool {
        let Some(slot) = self.slot.take() else { return false };
        let hash = self.hash;
        self.table().remove(hash, slot);
        self.is_changed = true;
        true
    }

    /// Takes the value out, removing the key.
    pub fn take(&mut self) -> Option<Detached> {
        let detached = self.entry().map(Detached::copy_of);
        self.remove();
        detached
    }

    /// Puts a value taken from elsewhere under this key, with its expiry.
    pub fn put(&mut self, value: &Detached) {
        let expiry = value.expiry.map_or(Expiry::Never, Expiry::At);
        self.set(value.kind, &value.value, expiry);
        let slot = self.slot.expect("just set");
        let clock = value.clock;
        self.table().entry_mut(slot).set_clock(clock);
    }

    fn set(&mut self, kind: u8, value: &[u8], expiry: Expiry) {
        let stamp = match expiry {
            Expiry::Keep => self.expiry(),
            Expiry::Never => None,
            Expiry::At(at) => Some(at),
        };
        let clock = self.view.scene.clock;
        let fields = Fields { kind, value, stamp: stamp.map(|at| at.0), clock };
        let (hash, key, slot) = (self.hash, self.key, self.slot);
        let table = self.table();
        let slot = match slot {
            Some(slot) => table.replace(hash, slot, key, &fields),
            None => table.insert(hash, key, &fields),
        };
        self.slot = Some(slot);
        self.is_changed = true;
    }

    fn table(&mut self) -> &mut Table {
        &mut self.view.shard(self.db, self.hash).table
    }
}

impl Drop for KeyGuard<'_, '_> {
    fn drop(&mut self) {
        self.view.changes += u64::from(self.is_changed);
    }
}
