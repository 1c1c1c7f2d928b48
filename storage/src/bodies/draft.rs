//! Bodies that go to their files while they come.
//!
//! How long one gets may be known only at its end, so room is made as it grows. What comes to nothing leaves nothing: who drops a draft
//! has its file removed, and what a crash leaves is removed at the next start, as all that no entry has.

use super::DiskBodies;
use super::register::Place;
use crate::keyspace::DbIndex;
use spinel_persistence::bodies::{self, file_bytes};
use spinel_persistence::rdb::Checksum;
use spinel_types::blob::Blob;
use spinel_types::http_cache::{Body, Filed, Label, Lost, Opened, Shelf};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A body that is written while it comes.
pub struct Draft {
    bodies: Arc<DiskBodies>,
    id: u128,
    file: Arc<bodies::Draft>,
    checksum: Checksum,
    length: u64,
    is_finished: bool,
}

impl DiskBodies {
    /// Begins to write a body that is going to be stored under a key of so many bytes. This and what is done with the draft waits for
    /// the disk. Fails if there is no room, the disk doesn't work, or files are not written now.
    pub fn begin_draft(self: &Arc<Self>, key_bytes: usize) -> io::Result<Draft> {
        let id = self.register().begin_draft();
        let begun = self.reserve(id, file_bytes(0, key_bytes)).and_then(|()| self.folder.begin(id));
        let file = begun.inspect_err(|error| {
            if error.kind() != io::ErrorKind::StorageFull {
                self.counts.errors.fetch_add(1, Ordering::Relaxed);
            }
            self.drop_draft(id);
        })?;
        let (bodies, file) = (Arc::clone(self), Arc::new(file));
        Ok(Draft { bodies, id, file, checksum: Checksum::new(), length: 0, is_finished: false })
    }

    /// Has room made for so many bytes, and takes it.
    fn reserve(&self, id: u128, bytes: u64) -> io::Result<()> {
        let mut register = self.register();
        let refusals = register.refusals;
        loop {
            if !register.stage.is_working() || register.refusals != refusals {
                return Err(io::ErrorKind::StorageFull.into());
            }
            if register.used + bytes <= self.bytes_max() {
                register.grow_draft(id, bytes);
                return Ok(());
            }
            register.wanted_bytes = register.wanted_bytes.max(bytes);
            self.news.notify_all();
            register = self.wait_for_news(register);
        }
    }

    fn drop_draft(&self, id: u128) {
        self.register().drop_draft(id);
        self.news.notify_all();
    }
}

impl Draft {
    /// Writes what comes next. After an error nothing more is to be written.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bodies.reserve(self.id, bytes.len() as u64)?;
        self.file
            .append(bytes)
            .inspect_err(|_| _ = self.bodies.counts.errors.fetch_add(1, Ordering::Relaxed))?;
        self.checksum.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// What is written, for whoever reads it meanwhile or later.
    pub fn opened(&self) -> Arc<dyn Opened> {
        Arc::new(Written(Arc::clone(&self.file)))
    }

    /// Bytes that are written.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All of it is written: a body that is about to be stored under a key, last used at a time. Its bytes, if they are given, stay in
    /// memory until its file is durable. O(1); doesn't wait for the disk.
    pub fn finish(mut self, (db, key): (DbIndex, &[u8]), bytes: Option<Blob>, used_at: i64) -> Body {
        self.is_finished = true;
        let label = Label { id: self.id, length: self.length, checksum: self.checksum.value() };
        let shelf = Arc::clone(&self.bodies) as Arc<dyn Shelf>;
        let filed = Arc::new(Filed::drafted(&label, self.opened(), bytes, shelf));
        filed.note_use(used_at);
        let mut register = self.bodies.register();
        register.end_draft(self.id);
        register.add(self.id, Place::drafted(&filed, (db, key)));
        drop(register);
        self.bodies.news.notify_all();
        Body::Filed(filed)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_finished {
            self.bodies.drop_draft(self.id);
        }
    }
}

struct Written(Arc<bodies::Draft>);

impl Opened for Written {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Lost> {
        self.0.read(offset, bytes).map_err(|_| Lost)
    }

    /// This process has just written them.
    fn is_sound(&self) -> bool {
        true
    }
}
