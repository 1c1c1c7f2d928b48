//! Bodies that somebody else keeps: in files, as far as is known here.
//!
//! ```text
//! Waiting: bytes in memory ──┬→ Stored: on the shelf ──→ Lost
//! Drafted: written already ──┘
//!     └──────────────────────────────────────────────────↗
//! ```
//!
//! Variants, their copies and whoever is sending a body share one [`Filed`]. When the last of them is gone, the shelf is told,
//! whatever removed them.

use crate::blob::Blob;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What a stored body is called, and what it has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Label {
    /// A number that no other body has.
    pub id: u128,
    /// Length in bytes.
    pub length: u64,
    /// The checksum that the shelf makes of them.
    pub checksum: u64,
}

/// A body whose bytes are not to be had: their file is missing, damaged or can't be read, or had to make room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost;

/// Whoever keeps bodies.
pub trait Shelf: Send + Sync {
    /// Opens a body that is stored.
    fn open(&self, label: &Label) -> Result<Box<dyn Opened>, Lost>;

    /// Hears that the body of this number was found lost by who read it.
    fn miss(&self, id: u128);

    /// Hears that nobody has the body of this number any more. Called while shards are locked: it must not wait.
    fn release(&self, id: u128);
}

/// A body that is open: it can be read to its end, whatever happens to it meanwhile.
pub trait Opened: Send + Sync {
    /// Fills a buffer with the bytes from an offset on.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Lost>;

    /// Whether the bytes are those of the label. O(bytes).
    fn is_sound(&self) -> bool;
}

/// A body that a shelf keeps.
pub struct Filed {
    id: u128,
    length: u64,
    /// Nobody if it is only known what the body is called.
    shelf: Option<Arc<dyn Shelf>>,
    state: Mutex<State>,
    /// It as somebody has it open, if he still has.
    opened: Mutex<Option<Weak<dyn Opened>>>,
    used_at: AtomicI64,
}

enum State {
    /// It is not stored yet.
    Waiting(Blob),
    /// It is written, and not yet known under its name.
    Drafted {
        opened: Arc<dyn Opened>,
        checksum: u64,
        /// Its bytes, if somebody will want them soon.
        bytes: Option<Blob>,
    },
    Stored {
        checksum: u64,
        /// Whether its bytes are known to be right, because they were written or looked at by this process.
        is_checked: bool,
    },
    Lost {
        /// What it was when it was stored, or 0.
        checksum: u64,
    },
}

/// The bytes of a body that is filed.
pub enum Content {
    /// It is still in memory.
    Memory(Blob),
    /// It is stored.
    Stored(Arc<dyn Opened>),
}

impl Filed {
    /// A body that is to be stored under a number that no other has.
    pub fn waiting(id: u128, bytes: Blob, shelf: Arc<dyn Shelf>) -> Filed {
        Filed::new(id, bytes.len() as u64, Some(shelf), State::Waiting(bytes))
    }

    /// A body that was written as it came and is about to be stored under such a name, which nobody may be told before. Its bytes, if
    /// they are given, stay in memory until then.
    pub fn drafted(
        label: &Label,
        opened: Arc<dyn Opened>,
        bytes: Option<Blob>,
        shelf: Arc<dyn Shelf>,
    ) -> Filed {
        let state = State::Drafted { opened, checksum: label.checksum, bytes };
        Filed::new(label.id, label.length, Some(shelf), state)
    }

    /// A body that was stored by an earlier process, as far as is known.
    pub fn stored(label: &Label, shelf: Arc<dyn Shelf>) -> Filed {
        let state = State::Stored { checksum: label.checksum, is_checked: false };
        Filed::new(label.id, label.length, Some(shelf), state)
    }

    /// A body that nobody keeps.
    pub fn lost(label: &Label) -> Filed {
        Filed::new(label.id, label.length, None, State::Lost { checksum: label.checksum })
    }

    fn new(id: u128, length: u64, shelf: Option<Arc<dyn Shelf>>, state: State) -> Filed {
        let (opened, used_at) = (Mutex::new(None), AtomicI64::new(0));
        Filed { id, length, shelf, state: Mutex::new(state), opened, used_at }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its number.
    pub fn id(&self) -> u128 {
        self.id
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What it is called; nothing while it waits to be stored.
    pub fn label(&self) -> Option<Label> {
        match *self.state() {
            State::Waiting(_) | State::Drafted { .. } => None,
            State::Stored { checksum, .. } | State::Lost { checksum } => {
                Some(Label { id: self.id, length: self.length, checksum })
            }
        }
    }

    /// Its bytes if they are in memory until it is stored.
    pub fn waiting_bytes(&self) -> Option<Blob> {
        match &*self.state() {
            State::Waiting(bytes) => Some(bytes.clone()),
            State::Drafted { bytes, .. } => bytes.clone(),
            _ => None,
        }
    }

    /// Its checksum if it is written already and waits to be stored.
    pub fn drafted_checksum(&self) -> Option<u64> {
        match *self.state() {
            State::Drafted { checksum, .. } => Some(checksum),
            _ => None,
        }
    }

    /// Whether its bytes are not to be had.
    pub fn is_lost(&self) -> bool {
        matches!(*self.state(), State::Lost { .. })
    }

    /// It has been stored, and this is its checksum: its bytes leave memory.
    pub fn settle(&self, checksum: u64) {
        let former = std::mem::replace(&mut *self.state(), State::Stored { checksum, is_checked: true });
        drop(former);
    }

    /// Its bytes are not to be had from now on; whether they were.
    pub fn lose(&self) -> bool {
        let mut state = self.state();
        let checksum = match *state {
            State::Waiting(_) => 0,
            State::Drafted { checksum, .. } | State::Stored { checksum, .. } => checksum,
            State::Lost { .. } => return false,
        };
        let former = std::mem::replace(&mut *state, State::Lost { checksum });
        drop((state, former));
        true
    }

    /// It as somebody has it open, which costs nothing. It may be lost meanwhile, and can be read all the same.
    pub fn opened(&self) -> Option<Arc<dyn Opened>> {
        if let State::Drafted { opened, .. } = &*self.state() {
            return Some(Arc::clone(opened));
        }
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.as_ref().and_then(Weak::upgrade)
    }

    /// Opens it for reading. What an earlier process has stored is looked at whole before the first use: O(bytes) then, O(1)
    /// later. What is found wrong is lost.
    pub fn open(&self) -> Result<Content, Lost> {
        if let Some(opened) = self.opened() {
            return Ok(Content::Stored(opened));
        }
        let (checksum, is_sound) = match &*self.state() {
            State::Waiting(bytes) => return Ok(Content::Memory(bytes.clone())),
            State::Drafted { opened, .. } => return Ok(Content::Stored(Arc::clone(opened))),
            State::Stored { checksum, is_checked } => (*checksum, *is_checked),
            State::Lost { .. } => return Err(Lost),
        };
        let shelf = self.shelf.as_ref().ok_or(Lost)?;
        let opened = shelf.open(&Label { id: self.id, length: self.length, checksum });
        let Some(opened) = opened.ok().filter(|opened| is_sound || opened.is_sound()) else {
            return Err(self.miss());
        };
        if let State::Stored { is_checked, .. } = &mut *self.state() {
            *is_checked = true;
        }
        let opened: Arc<dyn Opened> = opened.into();
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(&opened));
        Ok(Content::Stored(opened))
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Lost> {
        if let Some(bytes) = self.waiting_bytes() {
            return Ok(bytes.to_vec());
        }
        match self.open()? {
            Content::Memory(bytes) => Ok(bytes.to_vec()),
            Content::Stored(opened) => {
                let mut bytes = vec![0; self.length as usize];
                opened.read(0, &mut bytes).map_err(|Lost| self.miss())?;
                Ok(bytes)
            }
        }
    }

    /// It could not be read.
    pub fn miss(&self) -> Lost {
        if self.lose()
            && let Some(shelf) = &self.shelf
        {
            shelf.miss(self.id);
        }
        Lost
    }

    /// Notes a use at `now`: what was not used for the longest time makes room for others.
    pub fn note_use(&self, now: i64) {
        self.used_at.store(now, Ordering::Relaxed);
    }

    /// When it was used last, or 0.
    pub fn used_at(&self) -> i64 {
        self.used_at.load(Ordering::Relaxed)
    }
}

impl Drop for Filed {
    fn drop(&mut self) {
        if let Some(shelf) = &self.shelf {
            shelf.release(self.id);
        }
    }
}

impl fmt::Debug for Filed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.state() {
            State::Waiting(_) => "waiting",
            State::Drafted { .. } => "drafted",
            State::Stored { .. } => "stored",
            State::Lost { .. } => "lost",
        };
        f.debug_struct("Filed")
            .field("id", &self.id)
            .field("length", &self.length)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
