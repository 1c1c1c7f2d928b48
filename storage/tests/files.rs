//! Snapshot files on a disk that fails and loses its power.

use spinel_persistence::rdb::{Compression, Verification};
use spinel_persistence::vfs::{Fault, SimulatedVfs, Vfs};
use spinel_storage::durable::{FileOptions, SaveError, load_file, save};
use spinel_storage::engine::{ExpiredKeys, LoadListener, LoadOptions, PresentKeys};
use spinel_storage::{Db, SetOptions, UnixMillis};
use std::path::Path;

const PATH: &str = "/dump.rdb";
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// Hears of nothing that is no key.
struct Nobody;

impl LoadListener for Nobody {
    fn function(&mut self, _code: &[u8]) -> Result<(), String> {
        Err("there is none".to_owned())
    }
}

fn options(is_synced_early: bool) -> FileOptions {
    FileOptions { compression: Compression::None, is_synced_early, ..FileOptions::new(NOW) }
}

fn save_all(db: &Db, options: &FileOptions, vfs: &dyn Vfs) -> Result<(), SaveError> {
    let snapshot = db.engine().begin_snapshot().expect("no other is running");
    save(&snapshot, options, vfs, Path::new(PATH))
}

/// What a file holds under the key `state`, if there is one.
fn state(vfs: &dyn Vfs) -> Option<Vec<u8>> {
    let db = Db::memory();
    let options = LoadOptions {
        now: NOW,
        expired: ExpiredKeys::Drop,
        verification: Verification::On,
        present: PresentKeys::None,
    };
    let loaded = load_file(&db.engine().close(), (vfs, Path::new(PATH)), &options, &mut Nobody);
    loaded.expect("a file that is there is whole")?;
    assert_eq!(db.len(), 101);
    db.get("state").expect("it is a string")
}

#[test]
fn either_the_old_file_is_there_or_the_new_one() {
    let db = Db::memory();
    for number in 0..100 {
        db.set(format!("key {number}"), "value", &SetOptions::default()).expect("it is a string");
    }
    let (mut is_done, mut call) = (false, 0);
    while !is_done {
        for fault in [Fault::Error(28), Fault::Error(5), Fault::PowerCut] {
            let vfs = SimulatedVfs::new(call);
            db.set("state", "old", &SetOptions::default()).expect("it is a string");
            save_all(&db, &options(true), &vfs).expect("nothing fails");
            db.set("state", "new", &SetOptions::default()).expect("it is a string");
            vfs.fail_call(call, fault);
            let outcome = save_all(&db, &options(true), &vfs);
            is_done = outcome.is_ok();
            vfs.forget_faults();
            vfs.cut_power();
            vfs.restart();
            let found = state(&vfs);
            if is_done {
                assert_eq!(found.as_deref(), Some(&b"new"[..]));
            } else {
                assert!(matches!(found.as_deref(), Some(b"old" | b"new")), "{found:?} after call {call}");
            }
        }
        call += 1;
    }
    assert!(call > 5, "it took only {call} calls");
}

#[test]
fn a_large_file_is_synced_bit_by_bit() {
    let db = Db::memory();
    // Each of them is a piece of its own, and 14 make up the 4 MiB between two syncs.
    for number in 0..70 {
        db.set(format!("key {number}"), vec![b'x'; 300 << 10], &SetOptions::default())
            .expect("it is a string");
    }
    let calls = |is_synced_early| {
        let vfs = SimulatedVfs::new(1);
        save_all(&db, &options(is_synced_early), &vfs).expect("nothing fails");
        vfs.calls()
    };
    assert_eq!(calls(true) - calls(false), 5);
}

#[test]
fn nothing_is_left_of_a_file_that_could_not_be_written() {
    let (db, vfs) = (Db::memory(), SimulatedVfs::new(1));
    vfs.fail_call(1, Fault::Error(28));
    let error = save_all(&db, &options(true), &vfs).expect_err("the disk is full");
    assert!(matches!(error, SaveError::Io(_)), "{error}");
    assert_eq!(vfs.list(Path::new("/")).expect("it is a directory"), [""; 0]);
    let snapshot = db.engine().begin_snapshot().expect("the one before was given up");
    snapshot.cancel();
    let outcome = save(&snapshot, &options(true), &vfs, Path::new(PATH));
    assert!(matches!(outcome, Err(SaveError::Cancelled)));
    assert_eq!(vfs.list(Path::new("/")).expect("it is a directory"), [""; 0]);
}
