//! A second keyspace, in which a data set is loaded while the one that is there is still served.

use super::snapshot::SnapshotRunning;
use super::{Closed, Engine};
use crate::command::table::CommandTable;
use std::sync::Arc;

impl Engine {
    /// Makes a second keyspace, empty and closed, for a data set that is to [take the place](Closed::exchange) of this one's. Values
    /// that are loaded into it get the forms that they have here at this moment. It knows no commands.
    pub fn spare(&self) -> Closed {
        let keyspace = self.keyspace.empty_twin();
        let engine = Engine::with(keyspace, CommandTable::new(&[]), Arc::clone(&self.delays));
        engine.set_access_policy(self.access_policy());
        Arc::new(engine).close()
    }
}

impl Closed {
    /// Exchanges all databases with those of a [spare](Engine::spare). Who watches a key finds it changed. Fails when a snapshot is
    /// running in either, which would find the one data set for the other. O(databases).
    pub fn exchange(&self, spare: &Closed) -> Result<(), SnapshotRunning> {
        let (keyspace, other) = (&self.engine().keyspace, &spare.engine().keyspace);
        if keyspace.saving().is_running() || other.saving().is_running() {
            return Err(SnapshotRunning);
        }
        keyspace.exchange(other);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ExpiredKeys, LoadError, LoadListener, LoadOptions, PresentKeys};
    use crate::time::ManualClock;
    use crate::{Db, DbIndex, UnixMillis, Value};
    use spinel_persistence::rdb::Verification;
    use spinel_persistence::vfs::{Access, SimulatedVfs, Vfs, append_all};
    use std::path::Path;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const FILE: &str = "/dump.rdb";

    struct Nobody;

    impl LoadListener for Nobody {
        fn function(&mut self, _: &[u8]) -> Result<(), String> {
            Ok(())
        }
    }

    fn call(db: &Db, words: &str) -> Value {
        db.execute(words.split(' ')).unwrap_or_else(|error| panic!("{words}: {error}"))
    }

    fn filled(calls: &[&str]) -> Db {
        let db = Db::with_clock(ManualClock::new(NOW));
        for words in calls {
            call(&db, words);
        }
        db
    }

    /// A file of what there is.
    fn saved(db: &Db) -> Vec<u8> {
        let snapshot = db.engine().begin_snapshot().expect("no other is running");
        let mut bytes = Vec::new();
        let options = crate::durable::FileOptions::new(NOW);
        crate::durable::stream(&snapshot, &options, &mut |piece: Vec<u8>| {
            bytes.extend(piece);
            Ok(())
        })
        .expect("memory takes all");
        bytes
    }

    fn load(spare: &Closed, bytes: &[u8]) -> Result<(), LoadError> {
        let vfs = SimulatedVfs::new(1);
        append_all(&*vfs.create(Path::new(FILE)).unwrap(), bytes).unwrap();
        let file = vfs.open(Path::new(FILE), Access::Read).unwrap();
        let (expired, present) = (ExpiredKeys::Keep, PresentKeys::None);
        let options = LoadOptions { now: NOW, expired, verification: Verification::On, present };
        spare.load_file(&*file, &options, &mut Nobody).map(|_| ())
    }

    const OLD: &[&str] = &["SET old 1", "RPUSH list a b", "SADD both 1"];
    const NEW: &[&str] = &["SET new 1 PX 5000", "HSET hash a 1", "SADD both 2", "SET watched 1"];

    #[test]
    fn a_data_set_takes_the_place_of_another_all_at_once() {
        for snapshots in 0..3 {
            let (db, other) = (filled(OLD), filled(NEW));
            (0..snapshots).for_each(|_| drop(saved(&db)));
            let spare = db.engine().spare();
            load(&spare, &saved(&other)).expect("the file is good");
            assert_eq!(call(&db, "EXISTS old new"), Value::Integer(1), "it is served meanwhile");
            let generation = db.engine().keyspace().generation(DbIndex(0));
            let closed = db.engine().close();
            closed.exchange(&spare).expect("no snapshot is running");
            drop(closed);
            assert_eq!(call(&db, "DEBUG DIGEST"), call(&other, "DEBUG DIGEST"));
            assert_ne!(db.engine().keyspace().generation(DbIndex(0)), generation);
            assert!(db.engine().keyspace().has_expiries(DbIndex(0)), "upkeep will look at it");
            // Snapshots have all of it, whatever was before.
            for key in ["new", "changed", "more"] {
                call(&db, &format!("SET {key} 2"));
                let again = Db::with_clock(ManualClock::new(NOW));
                let closed = again.engine().close();
                load(&closed, &saved(&db)).expect("it was just made");
                drop(closed);
                assert_eq!(call(&again, "DEBUG DIGEST"), call(&db, "DEBUG DIGEST"), "{snapshots} {key}");
            }
            let former = spare.engine().keyspace().len(DbIndex(0));
            assert_eq!(former, OLD.len());
        }
    }

    #[test]
    fn what_can_not_be_loaded_leaves_what_there_is() {
        let (db, other) = (filled(OLD), filled(NEW));
        let before = call(&db, "DEBUG DIGEST");
        let mut bytes = saved(&other);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let spare = db.engine().spare();
        assert!(load(&spare, &bytes).is_err());
        drop(spare);
        assert_eq!(call(&db, "DEBUG DIGEST"), before);
    }

    #[test]
    fn policies_come_with_the_data_and_purges_don_t_reach_it() {
        let db =
            filled(&["CACHE.SET k old", "CACHE.POLICY SET mine PATTERN * URL http://o/", "CACHE.PURGE k"]);
        let other = filled(&["CACHE.SET k new", "CACHE.POLICY SET theirs PATTERN * URL http://o/"]);
        let spare = db.engine().spare();
        load(&spare, &saved(&other)).expect("the file is good");
        let closed = db.engine().close();
        closed.exchange(&spare).expect("no snapshot is running");
        drop(closed);
        assert_eq!(call(&db, "EXISTS k"), Value::Integer(1));
        assert_eq!(call(&db, "CACHE.POLICY LIST"), call(&other, "CACHE.POLICY LIST"));
    }

    #[test]
    fn nothing_is_exchanged_while_a_snapshot_is_running() {
        let db = filled(OLD);
        let (spare, snapshot) =
            (db.engine().spare(), db.engine().begin_snapshot().expect("it is the only one"));
        let closed = db.engine().close();
        assert!(closed.exchange(&spare).is_err());
        drop((closed, snapshot));
        assert!(db.engine().close().exchange(&spare).is_ok());
        assert_eq!(call(&db, "DBSIZE"), Value::Integer(0));
    }
}
