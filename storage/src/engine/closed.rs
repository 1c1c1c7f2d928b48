//! The keyspace closed to all but one, who fills it.

use super::load::{LoadError, LoadListener, LoadOptions, Loaded};
use super::snapshot::{Snapshot, SnapshotRunning};
use super::{Author, Engine, Executor};
use crate::keyspace::DbIndex;
use crate::keyspace::gate::Reason;
use crate::keyspace::news::News;
use spinel_cache::policy::Policies;
use spinel_persistence::vfs::File;
use std::sync::Arc;

/// The keyspace, which one thread has for itself until this is dropped. What happens in it meanwhile nobody is told.
///
/// Others wait, unless they are [turned away](Closed::turn_away). The thread must not begin a turn but by an
/// [`executor`](Closed::executor) of this.
pub struct Closed {
    engine: Arc<Engine>,
}

impl Engine {
    /// Waits until everybody is out of the keyspace, and lets nobody in again. The calling thread must not be inside.
    pub fn close(self: &Arc<Engine>) -> Closed {
        self.keyspace.gate.exclusive().keep();
        self.attention.mute(true);
        Closed { engine: Arc::clone(self) }
    }
}

impl Closed {
    /// The engine.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Tells those who don't want to wait that a data set is loaded, from now on.
    pub fn turn_away(&self) {
        self.engine.keyspace.gate.set_busy(Reason::Load);
    }

    /// Makes an executor that may be used as long as the keyspace is closed, by whoever closed it.
    pub fn executor(&self, seed: u64) -> Executor {
        Executor::of_owner(Arc::clone(&self.engine), seed)
    }

    /// Loads a snapshot file into the databases; otherwise as [`Engine::load_file`].
    pub fn load_file(
        &self,
        file: &dyn File,
        options: &LoadOptions,
        listener: &mut dyn LoadListener,
    ) -> Result<Loaded, LoadError> {
        self.engine.fill_from(file, options, listener)
    }

    /// Empties all databases, and forgets what belongs to the data set but is no key. Who watches a key finds it changed. O(keys).
    pub fn empty(&self) {
        self.engine.empty_all();
    }

    /// As [`empty`](Closed::empty), but the memory is given back on another thread: O(1) for the caller.
    pub fn empty_lazily(&self) {
        let (keyspace, mut emptied) = (&self.engine.keyspace, Vec::new());
        keyspace.set_policies(Policies::default());
        for db in 0..keyspace.databases() {
            keyspace.empty(DbIndex(db), &mut emptied);
        }
        keyspace.reclaim().databases(emptied);
    }

    /// Tells the audience that nothing of any database is as it was.
    pub fn tell_emptied(&self) {
        let mut news = News::default();
        (0..self.engine.keyspace.databases()).for_each(|db| news.emptied(DbIndex(db)));
        self.engine.tell(&news, Author::default());
    }

    /// Keeps the keyspace as it is now. The snapshot must be walked over before others are let in again.
    pub fn begin_snapshot(&self) -> Result<Arc<Snapshot>, SnapshotRunning> {
        Snapshot::of_closed(&self.engine, &self.engine.keyspace.gate.nested())
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.engine.attention.mute(false);
        drop(self.engine.keyspace.gate.take_up());
    }
}

impl Engine {
    /// Empties all databases, and forgets policies. The caller has the keyspace for himself.
    pub(super) fn empty_all(&self) {
        self.keyspace.set_policies(Policies::default());
        for db in 0..self.keyspace.databases() {
            self.keyspace.empty(DbIndex(db), &mut Vec::new());
        }
    }
}
