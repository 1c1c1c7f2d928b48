//! The keyspace closed to all but one, who fills it.

use super::load::{LoadError, LoadListener, LoadOptions, Loaded};
use super::{Engine, Executor};
use crate::keyspace::DbIndex;
use crate::keyspace::gate::Reason;
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

    /// Empties all databases. Nobody is told that keys are gone. O(keys).
    pub fn empty(&self) {
        self.engine.empty_all();
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.engine.attention.mute(false);
        drop(self.engine.keyspace.gate.take_up());
    }
}

impl Engine {
    /// Empties all databases. The caller has the keyspace for himself.
    pub(super) fn empty_all(&self) {
        for db in 0..self.keyspace.databases() {
            self.keyspace.empty(DbIndex(db), &mut Vec::new());
        }
    }
}
