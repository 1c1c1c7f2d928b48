//! A snapshot of our own format from any bytes: refused and nothing left, or loaded; and what was loaded is saved and
//! loaded again with the same digest.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_persistence::rdb::Verification;
use spinel_persistence::vfs::{Access, SimulatedVfs, Vfs};
use spinel_storage::durable::{FileOptions, SnapshotFormat, save};
use spinel_storage::engine::{ExpiredKeys, LoadError, LoadListener, LoadOptions, Loaded, PresentKeys};
use spinel_storage::{Db, UnixMillis};
use std::io::Write;
use std::path::Path;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

struct Nobody;

impl LoadListener for Nobody {
    fn function(&mut self, _code: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

fn load(vfs: &SimulatedVfs, path: &Path, verification: Verification) -> (Db, Result<Loaded, LoadError>) {
    let db = Db::memory();
    let file = vfs.open(path, Access::Read).expect("it was written");
    let options =
        LoadOptions { now: NOW, expired: ExpiredKeys::Keep, verification, present: PresentKeys::None };
    let result = db.engine().load_file(&*file, &options, &mut Nobody);
    (db, result)
}

fuzz_target!(|data: &[u8]| {
    let (vfs, path, copy) = (SimulatedVfs::new(1), Path::new("/f"), Path::new("/g"));
    let mut file = vfs.create(path).expect("a disk without faults");
    // What does not start so is read as an RDB file, which has a target of its own.
    file.write_all(b"SPINELDB\x01\0\0\0\0\0\0\0").and_then(|()| file.write_all(data)).expect("as above");
    let (db, result) = load(&vfs, path, Verification::Off);
    if result.is_err() {
        assert!(db.is_empty());
        return;
    }
    let digest = db.execute(["DEBUG", "DIGEST"]).expect("what was loaded can be read");
    let options = FileOptions { format: SnapshotFormat::Spldb, ..FileOptions::new(NOW) };
    let snapshot = db.engine().begin_snapshot().expect("no other is running");
    save(&snapshot, &options, &vfs, copy).expect("what was loaded can be saved");
    let (again, result) = load(&vfs, copy, Verification::On);
    result.expect("what was saved can be loaded");
    assert_eq!(again.execute(["DEBUG", "DIGEST"]).expect("it can be read"), digest);
});
