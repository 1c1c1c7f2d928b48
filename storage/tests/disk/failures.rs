//! Disks that fail: nobody is told that something is on disk that is not.

use crate::support::{call, digest, fill, open, open_weak, restart};
use spinel_persistence::log::{LogNames, SyncPolicy, SyncedTo};
use spinel_persistence::vfs::{Fault, SimulatedVfs, Vfs};
use spinel_storage::durable::{FileOptions, Following, Log, LogEvent, LogPlace};
use spinel_storage::system::SystemClock;
use spinel_storage::time::ManualClock;
use spinel_storage::{Db, Durability, Error, Executor, SetOptions, UnixMillis};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

#[test]
fn after_a_failed_sync_nothing_is_durable_before_a_checkpoint() {
    let vfs = SimulatedVfs::new(1);
    let db = open(&vfs);
    fill(&db);
    // An append, then the sync.
    vfs.fail_call(1, Fault::Error(5));
    let error = db.execute(["INCR", "count"]).expect_err("the sync fails");
    assert!(matches!(&error, Error::NotDurable(reason) if reason.contains("Input/output")), "{error}");
    for handle in [&db, &db.with_durability(Durability::None)] {
        let refused = handle.execute(["SET", "key", "value"]);
        assert!(matches!(refused, Err(Error::NotDurable(_))), "{refused:?}");
    }
    assert!(matches!(db.sync(), Err(Error::NotDurable(_))));
    assert!(db.with_durability(Durability::None).get("text").expect("it is in memory").is_some());

    db.checkpoint().expect("the disk is well again");
    db.sync().expect("all of it is in new files");
    call(&db, "SET key value");
    let before = digest(&db);
    assert_eq!(digest(&restart(&vfs, db)), before);
}

#[test]
fn what_could_not_be_written_is_written_when_there_is_room() {
    let vfs = SimulatedVfs::new(1);
    let db = open(&vfs);
    fill(&db);
    vfs.limit_bytes(Some(0));
    let error = db.execute(["SET", "key", "value"]).expect_err("the disk is full");
    assert!(matches!(&error, Error::NotDurable(reason) if reason.contains("no storage space")), "{error}");
    vfs.limit_bytes(None);
    // The log tries again by itself.
    while db.sync().is_err() {
        std::thread::yield_now();
    }
    call(&db, "SET other value");
    let before = digest(&db);
    assert_eq!(digest(&restart(&vfs, db)), before);
}

#[test]
fn closing_tells_what_a_weak_handle_was_not_told() {
    let vfs = SimulatedVfs::new(1);
    let db = open_weak(&vfs);
    fill(&db);
    vfs.limit_bytes(Some(0));
    let error = loop {
        if let Err(error) = db.execute(["INCR", "count"]) {
            break error;
        }
    };
    assert!(matches!(error, Error::NotDurable(_)), "{error}");
    let before = digest(&db);
    let other = db.clone();
    let error = db.close().expect_err("not all is on disk");
    assert!(error.to_string().contains("no storage space"), "{error}");
    // What is in memory can still be brought to safety.
    vfs.limit_bytes(None);
    other.backup("/rescued").expect("there is room again");
    drop(other);
    vfs.cut_power();
    vfs.restart();
    let rescued = Db::open_with("/rescued", &crate::support::on(&vfs)).expect("it is whole");
    assert_eq!(digest(&rescued), before);
}

#[test]
fn a_data_set_that_can_not_be_begun_leaves_nobody_out() {
    for call in 0..200 {
        let vfs = SimulatedVfs::new(call);
        vfs.fail_call(call, Fault::Error(28));
        let Err(error) = Db::open_with(crate::support::DIR, &crate::support::on(&vfs)) else {
            if vfs.calls() <= call {
                return assert!(call > 10, "it took only {call} calls");
            }
            // A call whose failure does not matter.
            continue;
        };
        assert!(!error.to_string().is_empty());
        let db = open(&vfs);
        db.set("key", "value", &SetOptions::default()).expect("the disk is well");
        assert_eq!(restart(&vfs, db).len(), 1);
        assert!(vfs_has(&vfs), "after call {call}");
    }
    panic!("it never succeeds");
}

fn vfs_has(vfs: &SimulatedVfs) -> bool {
    vfs.is_file(Path::new("/data/appendonlydir/appendonly.aof.manifest")).expect("the disk is well")
}

/// Writes a log anew, or begins it.
fn rewrite(log: &Arc<Log>, db: &Db) {
    let (sender, begun) = channel();
    let mut executor = Executor::new(Arc::clone(db.engine()), 1);
    log.rewrite(&mut executor.begin(UnixMillis(0)), Following::Logged, move |rewrite| {
        sender.send(rewrite).expect("somebody waits for it");
    });
    let rewrite = begun.recv().expect("it was sent").expect("no other snapshot is running");
    rewrite.write(&FileOptions::new(UnixMillis(0))).expect("the disk is well");
}

#[test]
fn nobody_waits_for_a_log_whose_thread_has_panicked() {
    let (vfs, db) = (SimulatedVfs::new(1), Db::memory());
    let place = LogPlace { vfs: Arc::new(vfs.clone()), names: LogNames::new("/") };
    let listener = |event: LogEvent<'_>| assert!(!matches!(event, LogEvent::Recovered), "somebody's mistake");
    let log = Log::new(Arc::clone(db.engine()), Arc::new(SystemClock), place, Box::new(listener));
    rewrite(&log, &db);

    let sync = || {
        db.set("key", "value", &SetOptions::default()).expect("it is a string");
        log.want_sync();
        log.unsynced().map_or(Ok(()), SyncedTo::wait)
    };
    vfs.limit_bytes(Some(0));
    let error = loop {
        if let Err(error) = sync() {
            break error;
        }
    };
    assert!(error.reason.contains("no storage space"), "{error}");
    vfs.limit_bytes(None);
    // The failure is over, and then the thread. From then on nobody may write.
    while !log.failure().is_some_and(|failure| failure.reason.contains("panicked")) {
        std::thread::yield_now();
    }
    assert!(log.has_failed());
    // Another rewrite begins a log of its own, with another thread.
    rewrite(&log, &db);
    sync().expect("the disk is well");
    log.stop().expect("the disk is well");
}

#[test]
fn who_waits_for_a_quick_disk_writes_himself() {
    let (vfs, db) = (SimulatedVfs::new(1), Db::memory());
    let place = LogPlace { vfs: Arc::new(vfs.clone()), names: LogNames::new("/") };
    let (sender, told) = channel();
    let listener = move |event: LogEvent<'_>| {
        if matches!(event, LogEvent::Failed(_)) {
            sender.send(std::thread::current().id()).expect("somebody listens");
        }
    };
    // Where no time passes, every disk is quick.
    let clock = Arc::new(ManualClock::new(UnixMillis(0)));
    let log = Log::new(Arc::clone(db.engine()), clock, place, Box::new(listener));
    log.set_policy(SyncPolicy::Always);
    rewrite(&log, &db);
    let sync = || {
        db.set("key", "value", &SetOptions::default()).expect("it is a string");
        log.sync_here();
        log.unsynced().map_or(Ok(()), SyncedTo::wait)
    };
    let fails_here = || {
        while sync().is_err() {}
        vfs.limit_bytes(Some(0));
        sync().expect_err("the disk is full");
        vfs.limit_bytes(None);
        told.recv().expect("it was told") == std::thread::current().id()
    };
    // The log's own thread may be at it for a moment.
    assert!((0..100).any(|_| fails_here()));
    while sync().is_err() {}
    log.stop().expect("the disk is well");
}
