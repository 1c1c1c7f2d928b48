//! Opening a [`Db`] that outlives the process, and what can be asked of its files.

use super::disk::{self, Disk};
use super::open::{Durability, OpenOptions, Recovery};
use super::{Db, SharedDb, engine};
use crate::durable::{LogPlace, OpenError, SaveError, backup};
use crate::error::Error;
use crate::keyspace::DbIndex;
use crate::lock;
use spinel_persistence::log::LogNames;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// On disk.
impl Db {
    /// Opens the data set in a directory, or begins one there. Calls return when their effect is on disk.
    ///
    /// The files are those of a server that runs with `appendonly yes`: a program and a server may take turns. Where there is
    /// a snapshot but no log, the log begins with the snapshot. What a crash left half written is cut off; a log that is
    /// damaged otherwise is refused.
    ///
    /// The directory is made if its parent is there. As long as the data set is open nobody else can open it.
    ///
    /// ```
    /// use spinel_storage::Db;
    ///
    /// # let dir = std::env::temp_dir().join(format!("spinel-open-{}", std::process::id()));
    /// let db = Db::open(&dir)?;
    /// db.set("greeting", "hello", &Default::default())?; // On disk when it returns.
    /// db.close()?;
    ///
    /// let db = Db::open(&dir)?;
    /// assert_eq!(db.get("greeting")?.as_deref(), Some(&b"hello"[..]));
    /// # drop(db);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(dir: impl AsRef<Path>) -> Result<Db, OpenError> {
        Db::open_with(dir, &OpenOptions::default())
    }

    /// As [`Db::open`], otherwise than by default.
    ///
    /// ```
    /// use spinel_storage::{Db, Durability, OpenOptions};
    ///
    /// # let dir = std::env::temp_dir().join(format!("spinel-open-with-{}", std::process::id()));
    /// let options = OpenOptions { durability: Durability::EverySecond, ..OpenOptions::default() };
    /// let db = Db::open_with(&dir, &options)?;
    /// for visit in 0..1000 {
    ///     db.execute(["INCRBY", "visits", &visit.to_string()])?; // Waits for nothing.
    /// }
    /// db.sync()?; // Now all of it is on disk.
    /// db.close()?;
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_with(dir: impl AsRef<Path>, options: &OpenOptions) -> Result<Db, OpenError> {
        let engine = engine(options.databases);
        let disk = Disk::open(&engine, dir.as_ref(), options)?;
        let shared = SharedDb {
            vfs: Arc::clone(&options.vfs),
            disk: Some(disk),
            ..SharedDb::new(engine, Arc::clone(&options.clock))
        };
        Ok(Db { shared: Arc::new(shared), index: DbIndex(0), durability: options.durability })
    }

    /// A handle to the same database whose calls wait for something else before they return.
    ///
    /// A stronger one holds for the calls of this handle only, but for [`Durability::EverySecond`]: once there is such a
    /// handle, the whole data set is made durable every second. A data set in memory has nothing to wait for.
    ///
    /// ```
    /// use spinel_storage::{Db, Durability, OpenOptions};
    ///
    /// # let dir = std::env::temp_dir().join(format!("spinel-durability-{}", std::process::id()));
    /// let options = OpenOptions { durability: Durability::None, ..OpenOptions::default() };
    /// let cache = Db::open_with(&dir, &options)?;
    /// let orders = cache.with_durability(Durability::Always);
    /// cache.set("page", "<html>", &Default::default())?;
    /// orders.execute(["RPUSH", "orders", "42"])?; // On disk, and so is what was written before.
    /// # orders.close()?;
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_durability(&self, durability: Durability) -> Db {
        if let Some(disk) = &self.shared.disk {
            disk.promise(durability);
        }
        Db { durability, ..self.clone() }
    }

    /// What calls of this handle wait for.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Waits until all is on disk that calls have done so far, whichever handle or thread made them.
    ///
    /// Fails with [`Error::NotDurable`] if the disk does not take it. A data set in memory has nothing to wait for.
    pub fn sync(&self) -> Result<(), Error> {
        self.shared.disk.as_ref().map_or(Ok(()), |disk| disk.settle(Durability::Always))
    }

    /// Writes the log anew: it gets as short as the data set is large. Calls go on meanwhile, on other threads.
    ///
    /// The log grows with every write until somebody calls this; [`Db::log_bytes`] tells how far. It also is what makes
    /// a log durable again that could not be written for a while ([`Error::NotDurable`]). If it fails, the log is as it was.
    /// The calling thread writes, with the help of up to four others that encode.
    pub fn checkpoint(&self) -> Result<(), SaveError> {
        let disk = self.shared.disk.as_ref().ok_or(SaveError::Off)?;
        let _alone = lock(&self.shared.copying);
        if self.shared.is_closed.load(Ordering::Relaxed) {
            return Err(SaveError::Off);
        }
        let mut executor = self.take_executor();
        let outcome = disk.rewrite(&mut executor, self.shared.clock.now());
        self.executors().push(executor);
        outcome
    }

    /// How large the files of the log are in bytes; 0 for a data set in memory.
    pub fn log_bytes(&self) -> u64 {
        self.shared.disk.as_ref().map_or(0, Disk::log_bytes)
    }

    /// Writes a copy of the whole data set as of now into another directory, while calls go on. A data set in memory can be
    /// copied, too.
    ///
    /// The copy opens by itself, with [`Db::open`] or in a server. It is on disk when this returns. The directory is made if
    /// its parent is there; one that holds a data set already is refused. An unfinished copy is never taken for a data set
    /// with a part of the keys: opened, it is empty.
    ///
    /// ```
    /// use spinel_storage::Db;
    ///
    /// # let dir = std::env::temp_dir().join(format!("spinel-backup-{}", std::process::id()));
    /// let db = Db::memory();
    /// db.set("greeting", "hello", &Default::default())?;
    /// db.backup(&dir)?;
    /// db.set("greeting", "goodbye", &Default::default())?;
    /// let copy = Db::open(&dir)?;
    /// assert_eq!(copy.get("greeting")?.as_deref(), Some(&b"hello"[..]));
    /// # drop(copy);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, dir: impl AsRef<Path>) -> Result<(), SaveError> {
        let shared = &self.shared;
        let _alone = lock(&shared.copying);
        let now = shared.clock.now();
        let snapshot = shared.engine.begin_snapshot()?;
        let options = match &shared.disk {
            Some(disk) => disk.file_options(&shared.engine, now),
            None => disk::file_options(&shared.engine, now),
        };
        let place = LogPlace { vfs: Arc::clone(&shared.vfs), names: LogNames::new(dir.as_ref()) };
        backup(&snapshot, &options, &place)
    }

    /// Writes the rest, makes all of it durable and lets others open the data set.
    ///
    /// It is closed for all handles: calls that write fail with [`Error::Closed`] from then on, also those that wait for a
    /// key; what is in memory can still be read. If this fails, what was written last may not be on disk: the error says
    /// why, and [`Db::backup`] can still save the data elsewhere.
    ///
    /// When the last handle is dropped without it, the same is done, and nobody learns how it ended.
    pub fn close(self) -> Result<(), SaveError> {
        let shared = &self.shared;
        let Some(disk) = &shared.disk else { return Ok(()) };
        let _alone = lock(&shared.copying);
        if shared.is_closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        // Who did not see it is still inside, and may write.
        drop(shared.engine.keyspace.gate.exclusive());
        for waiter in lock(&shared.waiting).iter() {
            waiter.fail(Error::Closed);
        }
        disk.close()
    }

    /// What was found when the data set was opened; nothing for one in memory.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.shared.disk.as_ref().map(Disk::recovery)
    }
}
