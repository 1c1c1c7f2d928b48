//! Opening and closing.

use crate::support::{DIR, Folder, call, digest, fill, on, open, open_weak, restart};
use spinel_persistence::vfs::{Access, SimulatedVfs, Stream, Vfs};
use spinel_storage::durable::{FileOptions, LockError, OpenError, save};
use spinel_storage::{Db, Durability, Error, OpenOptions, SetOptions, UnixMillis, Value};
use std::io::{Read, Write};
use std::path::Path;

#[test]
fn what_was_there_is_there_again() {
    let folder = Folder::new();
    let db = Db::open(folder.path()).expect("the folder is empty");
    fill(&db);
    let before = digest(&db);
    db.close().expect("the disk is well");
    for round in 0..3 {
        let db = Db::open(folder.path()).expect("it was closed");
        assert_eq!(digest(&db), before, "round {round}");
        let recovery = db.recovery().expect("it is on disk");
        assert_eq!(recovery.cut, None);
        if round == 1 {
            db.checkpoint().expect("the disk is well");
        }
        // Without a word.
        drop(db);
    }
}

#[test]
fn each_call_is_on_disk_when_it_returns() {
    let vfs = SimulatedVfs::new(1);
    let db = open(&vfs);
    fill(&db);
    let before = digest(&db);
    let db = restart(&vfs, db);
    assert_eq!(digest(&db), before);
    call(&db, "SWAPDB 0 3");
    let before = digest(&db);
    assert_eq!(digest(&restart(&vfs, db)), before);
}

#[test]
fn a_long_log_is_replayed_in_its_order() {
    const KEYS: u32 = 700;
    let vfs = SimulatedVfs::new(1);
    let db = open_weak(&vfs);
    let other = db.select(1).expect("there is a database 1");
    for round in 0..9_000 {
        let (key, next) = (round % KEYS, (round + 1) % KEYS);
        call(&db, &format!("APPEND text:{key} {round},"));
        call(&other, &format!("RPUSH list:{key} {round}"));
        // What touches several keys, or all, must find what was done to each before.
        match round % 3_000 {
            1_000 => drop(call(&db, &format!("RENAME text:{key} text:{next}"))),
            1_500 => drop(call(&other, &format!("LMOVE list:{key} list:{next} LEFT RIGHT"))),
            2_000 => drop(call(&db, "SWAPDB 0 1")),
            2_001 => drop(call(&db, "SWAPDB 1 0")),
            _ => {}
        }
    }
    let before = (digest(&db), call(&db, "GET text:1"), call(&other, "LRANGE list:2 0 -1"));
    db.close().expect("the disk is well");
    let db = open(&vfs);
    let other = db.select(1).expect("there is a database 1");
    assert_eq!((digest(&db), call(&db, "GET text:1"), call(&other, "LRANGE list:2 0 -1")), before);
}

#[test]
fn a_weak_data_set_is_on_disk_when_somebody_asks() {
    let vfs = SimulatedVfs::new(1);
    for round in 0..20 {
        let db = open_weak(&vfs);
        let count = |db: &Db| call(db, "INCRBY count 0");
        let before = count(&db);
        assert_eq!(before, Value::Integer(round * 3));
        call(&db, "INCR count");
        call(&db, "INCR count");
        if round % 2 == 0 {
            call(&db, "INCR count");
            db.sync().expect("the disk is well");
        } else {
            assert_eq!(db.durability(), Durability::None);
            call(&db.with_durability(Durability::Always), "INCR count");
        }
        vfs.cut_power();
        drop(db);
        vfs.restart();
    }
}

#[test]
fn one_at_a_time_has_it_open_and_the_others_learn_who() {
    let folder = Folder::new();
    let db = Db::open(folder.path()).expect("the folder is empty");
    let error = Db::open(folder.path()).err().expect("it is open");
    let owner = Some(std::process::id());
    assert!(
        matches!(error, OpenError::Lock(LockError::Locked { owner: found }) if found == owner),
        "{error}"
    );
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    let other = db.clone();
    db.close().expect("the disk is well");
    // A handle that is left over is in nobody's way.
    let again = Db::open(folder.path()).expect("it was closed");
    call(&again, "SET key new");
    assert_eq!(other.set("key", "old", &SetOptions::default()), Err(Error::Closed));
    assert_eq!(other.get("key"), Ok(None));
    drop((other, again));
    assert_eq!(
        call(&Db::open(folder.path()).expect("it was dropped"), "GET key"),
        Value::Bulk(b"new".to_vec())
    );
}

#[test]
fn closing_ends_waits_and_loses_nothing_of_others() {
    let vfs = SimulatedVfs::new(1);
    let db = open(&vfs);
    let acknowledged = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| db.execute(["BLPOP", "jobs", "0"]));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let db = db.clone();
                scope.spawn(move || {
                    let key = format!("count:{writer}");
                    let mut count = 0;
                    while db.execute(["INCR", &key]) != Err(Error::Closed) {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        while db.engine().waiters() == 0 || (0..4).any(|writer| db.get(format!("count:{writer}")) == Ok(None))
        {
            std::thread::yield_now();
        }
        db.clone().close().expect("the disk is well");
        assert_eq!(waiting.join().expect("it does not panic"), Err(Error::Closed));
        writers.into_iter().map(|writer| writer.join().expect("it does not panic")).collect::<Vec<i64>>()
    });
    vfs.cut_power();
    drop(db);
    vfs.restart();
    let db = open(&vfs);
    for (writer, count) in acknowledged.into_iter().enumerate() {
        assert_eq!(call(&db, &format!("INCRBY count:{writer} 0")), Value::Integer(count));
    }
}

#[test]
fn a_snapshot_is_what_a_new_log_begins_with() {
    let vfs = SimulatedVfs::new(1);
    let source = Db::memory();
    fill(&source);
    vfs.create_directory(Path::new(DIR)).expect("the disk is well");
    let library = b"#!lua name=numbers\nredis.register_function('seven', function() return 7 end)".to_vec();
    let options = FileOptions { libraries: vec![library.clone()], ..FileOptions::new(UnixMillis(0)) };
    let snapshot = source.engine().begin_snapshot().expect("no other is running");
    save(&snapshot, &options, &vfs, Path::new("/data/dump.rdb")).expect("the disk is well");
    let db = open(&vfs);
    assert_eq!(digest(&db), digest(&source));
    assert!(db.recovery().expect("it is on disk").loaded.keys > 10);
    // From now on it is the log that counts.
    call(&db, "SET more 1");
    let before = digest(&db);
    let db = restart(&vfs, db);
    assert_eq!(digest(&db), before);
    // What only a server can use is not lost.
    db.checkpoint().expect("the disk is well");
    let file = vfs.open(Path::new("/data/appendonlydir/appendonly.aof.2.base.rdb"), Access::Read);
    let mut base = Vec::new();
    Stream::new(&*file.expect("it is the second base"), 0).read_to_end(&mut base).expect("it can be read");
    assert!(base.windows(library.len()).any(|bytes| bytes == library));
}

#[test]
fn a_torn_end_is_cut_off_and_damage_is_refused() {
    let folder = Folder::new();
    let db = Db::open(folder.path()).expect("the folder is empty");
    for number in 0..100 {
        call(&db, &format!("SET key:{number} value"));
    }
    drop(db);
    let path = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("it was written");
    file.write_all(b"*3\r\n$3\r\nSET\r\n$5\r\nto").expect("it can be written");
    let db = Db::open(folder.path()).expect("a torn end is no damage");
    let cut = db.recovery().and_then(|recovery| recovery.cut.clone()).expect("it was cut off");
    assert_eq!((cut.bytes, db.len()), (19, 100));
    drop(db);
    let mut bytes = std::fs::read(&path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("it can be written");
    let error = Db::open(folder.path()).err().expect("it is damaged");
    assert!(matches!(error, OpenError::Read(_)), "{error}");
    let error = Db::open(folder.path()).err().expect("it is still damaged");
    assert!(matches!(error, OpenError::Read(_)), "who can't open it keeps nobody out: {error}");
}

#[test]
fn what_can_not_be_replayed_is_refused() {
    let vfs = SimulatedVfs::new(1);
    let db = open(&vfs);
    call(&db, "SET key value");
    db.close().expect("the disk is well");
    let narrow = OpenOptions { databases: 3, ..on(&vfs) };
    let db = Db::open_with(DIR, &narrow).expect("it has keys in one database only");
    assert!(db.select(3).is_err());
    drop(db);
    let db = open(&vfs);
    call(&db.select(9).expect("there is a database 9"), "SET key value");
    db.close().expect("the disk is well");
    let error = Db::open_with(DIR, &narrow).err().expect("it has keys elsewhere");
    assert!(matches!(error, OpenError::NoSuchDatabase { number: 9, databases: 3 }), "{error}");
    let path = Path::new("/data/appendonlydir/appendonly.aof.1.incr.aof");
    let mut file = vfs.open(path, Access::Append).expect("it is there");
    file.write_all(b"*2\r\n$8\r\nFUNCTION\r\n$5\r\nFLUSH\r\n").expect("it can be written");
    let error = Db::open_with(DIR, &on(&vfs)).err().expect("functions are a server's");
    assert!(matches!(&error, OpenError::UnknownCommand(name) if name == "FUNCTION"), "{error}");
}
