//! Whole copies, which are made while calls go on.

use crate::support::{Folder, call, digest, fill, on, open, restart};
use spinel_persistence::log::LogNames;
use spinel_persistence::vfs::{Fault, SimulatedVfs};
use spinel_storage::durable::{FileOptions, LogPlace, SaveError, backup};
use spinel_storage::{Db, Durability, Error, SetOptions, UnixMillis, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lets threads write pairs of keys, each pair at once, while something happens.
fn beside_writers<T>(db: &Db, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    let db = &db.with_durability(Durability::None);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let is_over = &is_over;
            scope.spawn(move || {
                let (left, right) = (format!("left:{writer}"), format!("right:{writer}"));
                let mut number = 0_u64;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    let number = number.to_string();
                    db.execute(["MSET", &left, &number, &right, &number]).expect("they are strings");
                }
            });
        }
        while (0..3).any(|writer| db.get(format!("left:{writer}")) == Ok(None)) {
            std::thread::yield_now();
        }
        let result = act();
        is_over.store(true, Ordering::Relaxed);
        result
    })
}

fn assert_pairs(db: &Db) {
    for writer in 0..3 {
        let left = db.get(format!("left:{writer}")).expect("it is a string");
        assert!(left.is_some());
        assert_eq!(left, db.get(format!("right:{writer}")).expect("it is a string"));
    }
}

#[test]
fn a_checkpoint_loses_nothing_and_shortens_the_log() {
    let vfs = SimulatedVfs::new(1);
    let db = open(&vfs);
    fill(&db);
    for number in 0..20_000 {
        db.with_durability(Durability::None)
            .execute(["SET", "often", &number.to_string()])
            .expect("it is a string");
    }
    db.sync().expect("the disk is well");
    let before = db.log_bytes();
    db.checkpoint().expect("the disk is well");
    assert!(db.log_bytes() < before / 2, "{} of {before}", db.log_bytes());
    for _ in 0..5 {
        beside_writers(&db, || db.checkpoint()).expect("the disk is well");
    }
    db.sync().expect("the disk is well");
    let before = digest(&db);
    let db = restart(&vfs, db);
    assert_eq!(digest(&db), before);
    assert_pairs(&db);
}

#[test]
fn a_backup_is_a_data_set_of_one_moment() {
    let folder = Folder::new();
    let db = Db::open(folder.path().join("data")).expect("the folder is empty");
    fill(&db);
    let before = digest(&db);
    db.backup(folder.path().join("quiet")).expect("the disk is well");
    beside_writers(&db, || db.backup(folder.path().join("busy"))).expect("the disk is well");
    let error = db.backup(folder.path().join("busy")).expect_err("there is one already");
    assert!(matches!(error, SaveError::AlreadyThere), "{error}");
    let error = db.backup(folder.path().join("data")).expect_err("it is open");
    assert!(matches!(error, SaveError::Lock(_)), "{error}");

    let quiet = Db::open(folder.path().join("quiet")).expect("it is a data set");
    assert_eq!(digest(&quiet), before);
    let busy = Db::open(folder.path().join("busy")).expect("it is a data set");
    assert_pairs(&busy);
    // They have lives of their own.
    call(&busy, "SET mine 1");
    drop(busy);
    let busy = Db::open(folder.path().join("busy")).expect("it was closed");
    assert_eq!(call(&busy, "GET mine"), Value::Bulk(b"1".to_vec()));
    assert_eq!(db.get("mine"), Ok(None));
    let after = digest(&db);
    db.close().expect("the disk is well");
    assert_eq!(digest(&Db::open(folder.path().join("data")).expect("it was closed")), after);
}

#[test]
fn a_backup_that_is_broken_off_is_no_part_of_a_data_set() {
    let source = Db::memory();
    fill(&source);
    let before = digest(&source);
    let calls = {
        let vfs = SimulatedVfs::new(1);
        copy(&source, &vfs).expect("the disk is well");
        vfs.calls()
    };
    let mut empty = 0;
    for call in 0..calls {
        let vfs = SimulatedVfs::new(call);
        vfs.fail_call(call, Fault::PowerCut);
        let outcome = copy(&source, &vfs);
        // Who walked how far is by chance, and with it the number of calls.
        vfs.forget_faults();
        vfs.cut_power();
        vfs.restart();
        let opened = Db::open_with("/copy", &on(&vfs)).expect("it can be opened");
        empty += usize::from(opened.is_empty());
        assert!(opened.is_empty() || digest(&opened) == before, "after call {call}");
        assert!(!opened.is_empty() || outcome.is_err(), "after call {call}");
    }
    assert!(empty > 5, "only {empty} were broken off");
}

fn copy(source: &Db, vfs: &SimulatedVfs) -> Result<(), SaveError> {
    let snapshot = source.engine().begin_snapshot().expect("no other is running");
    let place = LogPlace { vfs: Arc::new(vfs.clone()), names: LogNames::new("/copy") };
    backup(&snapshot, &FileOptions::new(UnixMillis(0)), &place)
}

#[test]
fn a_data_set_in_memory_has_no_files() {
    let db = Db::memory();
    assert!(matches!(db.checkpoint(), Err(SaveError::Off)));
    assert_eq!((db.sync(), db.log_bytes(), db.recovery()), (Ok(()), 0, None));
    let durable = db.with_durability(Durability::Always);
    assert_eq!(durable.set("key", "value", &SetOptions::default()), Ok(true));
    db.close().expect("there is nothing to close");
    assert_eq!(durable.execute(["INCR", "key"]), Err(Error::NotAnInteger));
}
