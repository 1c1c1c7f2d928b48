//! Filling an engine from a `.spldb` file, on all cores.
//!
//! Threads take one part of the file after the other, and put its keys into the tables when all of it is read.

use super::batch::{Batch, Filler};
use super::{LoadError, LoadListener, LoadOptions, Loaded, Room};
use crate::commands::http_cache::policy;
use crate::engine::Engine;
use crate::keyspace::DbIndex;
use spinel_persistence::spldb::{Archive, Note, PartEntry, PartReader};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// What the threads share.
struct Load<'l> {
    engine: &'l Engine,
    archive: &'l Archive<'l>,
    options: &'l LoadOptions,
    /// The part that is taken next.
    next: AtomicUsize,
    /// Whether one of them has failed, so that the others need not go on.
    has_failed: AtomicBool,
    keys: AtomicU64,
    expired: AtomicU64,
    /// Bytes of the parts that were read.
    bytes: AtomicU64,
}

/// Loads all of a file.
pub(super) fn load(
    engine: &Engine,
    archive: &Archive<'_>,
    options: &LoadOptions,
    listener: &mut dyn LoadListener,
) -> Result<Loaded, LoadError> {
    let databases = engine.keyspace.databases();
    if let Some(far) = archive.parts().find(|part| part.database >= databases) {
        return Err(LoadError::NoSuchDatabase(far.database.into()));
    }
    for note in archive.notes()? {
        match note {
            Note::Field(name, text) => {
                policy::hear(&engine.keyspace, &name, &text).map_err(LoadError::Policy)?;
                listener.field(&name, &text);
            }
            Note::Function(code) => listener.function(&code).map_err(LoadError::Function)?,
        }
    }
    let mut options = *options;
    options.heed(listener);
    let options = &options;
    make_room(engine, archive, options);
    let load = Load {
        engine,
        archive,
        options,
        next: AtomicUsize::new(0),
        has_failed: AtomicBool::new(false),
        keys: AtomicU64::new(0),
        expired: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let others = cores.min(archive.parts().len()).saturating_sub(1);
    thread::scope(|scope| {
        let others: Vec<_> = (0..others).map(|_| scope.spawn(|| load.take_parts(&mut |_| ()))).collect();
        let mine = load.take_parts(&mut |loaded| listener.progress(loaded));
        let theirs =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        theirs.fold(mine, Result::and)
    })?;
    Ok(Loaded { bytes: archive.bytes(), ..load.loaded() })
}

/// Makes room for what the file says it has.
fn make_room(engine: &Engine, archive: &Archive<'_>, options: &LoadOptions) {
    let mut keys = vec![0; usize::from(engine.keyspace.databases())];
    for part in archive.parts() {
        keys[usize::from(part.database)] += options.staying(part.keys, part.expiring);
    }
    let mut room = Room::of_file(archive.bytes());
    for (db, keys) in (0..).zip(keys) {
        room.make(&engine.keyspace, DbIndex(db), keys);
    }
}

impl Load<'_> {
    /// Loads parts until there are no more.
    fn take_parts(&self, progress: &mut dyn FnMut(&Loaded)) -> Result<(), LoadError> {
        let (mut reader, mut filler) =
            (self.archive.reader(), Filler::new((&self.engine.keyspace, self.options.present)));
        let mut batch = Batch::new(DbIndex(0));
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = self.archive.part(index) else { return Ok(()) };
            if self.has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let taken = self.take_part((part, index), &mut reader, &mut batch, &mut filler);
            taken.inspect_err(|_| self.has_failed.store(true, Ordering::Relaxed))?;
            progress(&self.loaded());
        }
    }

    fn take_part(
        &self,
        (part, index): (&PartEntry, usize),
        reader: &mut PartReader<'_>,
        batch: &mut Batch,
        filler: &mut Filler<'_>,
    ) -> Result<(), LoadError> {
        let (mut expired, policy) = (0, self.engine.access_policy());
        batch.db = DbIndex(part.database);
        reader.select(index)?;
        while let Some(record) = reader.read()? {
            if self.options.drops(&record.marks) {
                expired += 1;
            } else {
                let clock = policy.of_usage(record.marks.usage, self.options.now);
                batch.add(record, clock, &self.engine.keyspace);
                if batch.is_full() {
                    filler.fill(batch)?;
                }
            }
            self.engine.delays.load.wait(|| self.has_failed.load(Ordering::Relaxed));
        }
        filler.fill(batch)?;
        self.keys.fetch_add(part.keys - expired, Ordering::Relaxed);
        self.expired.fetch_add(expired, Ordering::Relaxed);
        self.bytes.fetch_add(part.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// What was loaded so far.
    fn loaded(&self) -> Loaded {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Loaded { keys: of(&self.keys), expired: of(&self.expired), empty: 0, bytes: of(&self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{ExpiredKeys, LoadListener, LoadOptions, PresentKeys};
    use crate::{Db, DbIndex, UnixMillis};
    use spinel_persistence::rdb::{Marks, Verification};
    use spinel_persistence::spldb::{Assembly, Coding, PartEncoder};
    use spinel_persistence::vfs::{Access, SimulatedVfs, Vfs};
    use spinel_types::{Str, Value};
    use std::io::Write;

    struct Nobody;

    impl LoadListener for Nobody {
        fn function(&mut self, _code: &[u8]) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn upkeep_learns_in_which_databases_keys_expire() {
        let (vfs, mut bytes) = (SimulatedVfs::new(1), Vec::new());
        let mut assembly = Assembly::begin(Coding::Lz4, b"", &mut bytes);
        for (database, expiry_ms) in [(0, None), (3, Some(2_000_000))] {
            let mut encoder = PartEncoder::new(Coding::Lz4);
            assert!(encoder.select(database).is_none());
            let marks = Marks { expiry_ms, usage: None };
            assert!(encoder.key(b"k", Value::String(Str::Text(b"v")), marks).is_none());
            let part = encoder.finish().expect("there is a key");
            assembly.add(&part);
            bytes.extend_from_slice(&part.bytes);
        }
        assembly.end(&mut bytes);
        vfs.create("/f".as_ref()).and_then(|mut file| file.write_all(&bytes)).expect("there is room");
        let file = vfs.open("/f".as_ref(), Access::Read).expect("it was just made");

        let (db, now) = (Db::memory(), UnixMillis(1_000_000));
        let options = LoadOptions {
            now,
            expired: ExpiredKeys::Drop,
            verification: Verification::On,
            present: PresentKeys::None,
        };
        db.engine().load_file(&*file, &options, &mut Nobody).expect("it is sound");
        let has_expiries = |number| db.engine().keyspace().has_expiries(DbIndex(number));
        assert_eq!((has_expiries(0), has_expiries(3)), (false, true));
    }
}
