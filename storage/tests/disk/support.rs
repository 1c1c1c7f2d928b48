//! Data sets on disks of their own.

use spinel_persistence::vfs::SimulatedVfs;
use spinel_storage::{Db, Durability, OpenOptions, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where data sets are on a simulated disk.
pub(crate) const DIR: &str = "/data";

pub(crate) fn on(vfs: &SimulatedVfs) -> OpenOptions {
    OpenOptions { vfs: Arc::new(vfs.clone()), ..OpenOptions::default() }
}

/// Opens the data set of a simulated disk.
pub(crate) fn open(vfs: &SimulatedVfs) -> Db {
    Db::open_with(DIR, &on(vfs)).expect("what is on the disk is sound")
}

pub(crate) fn open_weak(vfs: &SimulatedVfs) -> Db {
    Db::open_with(DIR, &OpenOptions { durability: Durability::None, ..on(vfs) }).expect("the disk is well")
}

/// Ends the process that a data set is open in, and starts another one.
pub(crate) fn restart(vfs: &SimulatedVfs, db: Db) -> Db {
    vfs.cut_power();
    drop(db);
    vfs.restart();
    open(vfs)
}

pub(crate) fn call(db: &Db, command: &str) -> Value {
    db.execute(command.split(' ')).unwrap_or_else(|error| panic!("{command}: {error}"))
}

pub(crate) fn digest(db: &Db) -> String {
    format!("{:?}", call(db, "DEBUG DIGEST"))
}

/// Puts keys of all types into two databases.
pub(crate) fn fill(db: &Db) {
    for command in [
        "SET text hello",
        "SET number 12345",
        "SET expiring value PX 10000000",
        "RPUSH list a b c 1 2 3",
        "HSET hash field value other 7",
        "HPEXPIRE hash 10000000 FIELDS 1 other",
        "SADD members a b c d e f",
        "SPOP members 2",
        "SADD integers 1 2 3 70000",
        "ZADD scores 1 a 2.5 b -inf c",
        "XADD stream * field value",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group alice COUNT 1 STREAMS stream >",
        "PFADD sketch a b c d",
    ] {
        call(db, command);
    }
    for number in 0..2000 {
        call(db, &format!("RPUSH long {number}"));
        call(db, &format!("SADD many member:{number}"));
    }
    call(&db.select(3).expect("there is a database 3"), "SET elsewhere 1");
}

/// A directory of the operating system's, which is removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("spinel-disk-{}-{number}", std::process::id()));
        // Somebody of the same number may have left it.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("the folder for temporary files can be written");
        Folder(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
