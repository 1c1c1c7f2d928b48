//! Which bodies there are, and what is to be done about their files.

use super::WAITING_BYTES_MAX;
use crate::entropy::Entropy;
use crate::keyspace::DbIndex;
use spinel_persistence::bodies::file_bytes;
use spinel_types::http_cache::Filed;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

/// What may be done with files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// They are read.
    Reading,
    /// A data set is loaded: they are written, too. They are removed only to make room, because what is still to be loaded may
    /// name them, and nobody is told of entries.
    Loading,
    Running,
    /// The process ends.
    Closed,
}

impl Stage {
    /// Whether files are written.
    pub(super) fn is_working(self) -> bool {
        matches!(self, Stage::Loading | Stage::Running)
    }
}

/// The name of an entry.
pub(super) type Key = (DbIndex, Box<[u8]>);

pub(super) struct Register {
    pub(super) stage: Stage,
    pub(super) places: HashMap<u128, Place>,
    /// Bytes of all files that are there, or about to be.
    pub(super) used: u64,
    /// Bytes that wait for their files.
    pub(super) waiting_bytes: u64,
    /// Bodies that wait for their files, in the order in which they came, and maybe some that no longer do.
    pub(super) writes: VecDeque<u128>,
    /// Files that go, with their bytes.
    pub(super) removals: Vec<(u128, u64)>,
    /// Entries with lost bodies.
    pub(super) stale: Vec<Key>,
    /// Whether files are to be looked for that nobody has.
    pub(super) is_to_clean: bool,
    /// Bodies that are being written while they come, and the bytes of each so far, which are `used`, too.
    pub(super) drafts: HashMap<u128, u64>,
    /// How many bytes somebody waits for who writes one; 0: nobody.
    pub(super) wanted_bytes: u64,
    /// How often there was no room for them.
    pub(super) refusals: u64,
    entropy: Entropy,
}

/// What is known of a body.
pub(super) struct Place {
    pub(super) body: Weak<Filed>,
    /// Under what it was stored first. It may have been moved since.
    pub(super) key: Key,
    length: u64,
    /// Whether its file is to be written, or finished.
    is_waiting: bool,
    /// Its bytes that are in memory until then.
    waiting_bytes: u64,
    /// Whether there is a file of it, or may be.
    pub(super) has_file: bool,
}

impl Place {
    pub(super) fn waiting(body: &Arc<Filed>, key: (DbIndex, &[u8])) -> Place {
        Place { is_waiting: true, waiting_bytes: body.len(), has_file: false, ..Place::stored(body, key) }
    }

    /// Of a body that is written already, and maybe in memory, too.
    pub(super) fn drafted(body: &Arc<Filed>, key: (DbIndex, &[u8])) -> Place {
        let waiting_bytes = body.waiting_bytes().map_or(0, |bytes| bytes.len() as u64);
        Place { is_waiting: true, waiting_bytes, ..Place::stored(body, key) }
    }

    pub(super) fn stored(body: &Arc<Filed>, (db, key): (DbIndex, &[u8])) -> Place {
        let (body, length) = (Arc::downgrade(body), body.len());
        Place { body, key: (db, key.into()), length, is_waiting: false, waiting_bytes: 0, has_file: true }
    }

    /// Whether it may make room: it has a file that is finished.
    pub(super) fn is_settled(&self) -> bool {
        self.has_file && !self.is_waiting
    }

    /// The bytes of its file.
    pub(super) fn file_bytes(&self) -> u64 {
        file_bytes(self.length, self.key.1.len())
    }
}

impl Register {
    pub(super) fn new(entropy: Entropy) -> Register {
        Register {
            stage: Stage::Reading,
            places: HashMap::new(),
            used: 0,
            waiting_bytes: 0,
            writes: VecDeque::new(),
            removals: Vec::new(),
            stale: Vec::new(),
            is_to_clean: false,
            drafts: HashMap::new(),
            wanted_bytes: 0,
            refusals: 0,
            entropy,
        }
    }

    /// A number that no body has.
    pub(super) fn draw(&mut self) -> u128 {
        u128::from(self.entropy.word()) << 64 | u128::from(self.entropy.word())
    }

    /// Whether another body of so many bytes may wait for its file.
    pub(super) fn has_room(&self, length: u64) -> bool {
        let is_first = self.waiting_bytes == 0;
        self.stage.is_working() && (is_first || self.waiting_bytes + length <= WAITING_BYTES_MAX)
    }

    pub(super) fn add(&mut self, id: u128, place: Place) {
        if place.is_waiting {
            self.waiting_bytes += place.waiting_bytes;
            self.writes.push_back(id);
        }
        if place.has_file {
            self.used += place.file_bytes();
            // It was about to go with its last entry, and another one names it.
            let before = self.removals.len();
            self.removals.retain(|(removed, _)| *removed != id);
            if self.removals.len() < before {
                self.used -= place.file_bytes();
            }
        }
        if let Some(former) = self.places.insert(id, place) {
            // Its last owner is just letting go of it.
            self.used -= if former.has_file { former.file_bytes() } else { 0 };
            self.waiting_bytes -= if former.is_waiting { former.waiting_bytes } else { 0 };
        }
    }

    /// The body of this number, if somebody has it.
    pub(super) fn find(&self, id: u128) -> Option<Arc<Filed>> {
        self.places.get(&id)?.body.upgrade()
    }

    /// Notes that a body is about to be written while it comes.
    pub(super) fn begin_draft(&mut self) -> u128 {
        let id = self.draw();
        self.drafts.insert(id, 0);
        id
    }

    /// Notes that so many more bytes of it are written.
    pub(super) fn grow_draft(&mut self, id: u128, bytes: u64) {
        if let Some(written) = self.drafts.get_mut(&id) {
            *written += bytes;
            self.used += bytes;
        }
    }

    /// Notes that it is a body now, or nothing: its bytes don't count any more.
    pub(super) fn end_draft(&mut self, id: u128) {
        self.used -= self.drafts.remove(&id).unwrap_or(0);
    }

    /// Notes that nothing comes of it. The bytes count until they have gone.
    pub(super) fn drop_draft(&mut self, id: u128) {
        let bytes = self.drafts.remove(&id).unwrap_or(0);
        self.removals.push((id, bytes));
    }

    /// Notes that there will be a file of a body. Nothing if nobody has the body any more, or it has one.
    pub(super) fn begin_file(&mut self, id: u128) {
        if let Some(place) = self.places.get_mut(&id) {
            place.has_file = true;
            self.used += place.file_bytes();
        }
    }

    /// Notes that there is no file of a body, which somebody has.
    pub(super) fn forget_file(&mut self, id: u128) {
        if let Some(place) = self.places.get_mut(&id)
            && std::mem::replace(&mut place.has_file, false)
        {
            self.used -= place.file_bytes();
        }
    }

    /// Notes that a body waits no more.
    pub(super) fn end_waiting(&mut self, id: u128) {
        if let Some(place) = self.places.get_mut(&id)
            && std::mem::replace(&mut place.is_waiting, false)
        {
            self.waiting_bytes -= place.waiting_bytes;
        }
    }

    /// Nobody has a body any more: its file is to go. The bytes count until it has gone.
    pub(super) fn release(&mut self, id: u128) {
        self.end_waiting(id);
        // One that was claimed again has another place.
        let is_gone = self.places.get(&id).is_some_and(|place| place.body.strong_count() == 0);
        if is_gone
            && let Some(place) = self.places.remove(&id)
            && place.has_file
        {
            self.removals.push((id, place.file_bytes()));
        }
    }

    /// Notes that the entry of a body is to lose it.
    pub(super) fn note_stale(&mut self, id: u128) {
        if let Some(place) = self.places.get(&id) {
            self.stale.push(place.key.clone());
        }
    }
}
