//! Bases that take the place of what was written before them, and syncs that fail.

use crate::support::{Disk, MANIFEST, bytes, path, write_file};
use spinel_persistence::log::{BaseFormat, WriteError, Writer};
use spinel_persistence::vfs::Fault;

#[test]
fn a_base_takes_the_place_of_what_was_before_it() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    let one = bytes("SET a 1").len();
    writer.append(&bytes("SET a 1"), None).unwrap();
    let rewrite = writer.begin_rewrite(None).unwrap();
    assert_eq!(rewrite.offset(), one as u64);
    assert!(matches!(writer.begin_rewrite(None), Err(WriteError::AlreadyRewriting)));
    writer.append(&bytes("SET b 2"), None).unwrap();
    assert_eq!(disk.commands(), "SET a 1, SET b 2", "both increments count until the base is there");
    write_file(&disk.vfs, rewrite.path(), b"REDIS a=1\n");
    writer.finish_rewrite(rewrite, BaseFormat::Rdb).unwrap();
    writer.append(&bytes("SET c 3"), None).unwrap();
    assert_eq!(disk.commands(), "REDIS a=1, SET b 2, SET c 3");
    assert_eq!(writer.history(), [path("appendonly.aof.1.incr.aof")]);
    assert_eq!(disk.names().len(), 4);
    writer.remove_history().unwrap();
    assert!(writer.history().is_empty());
    assert_eq!(disk.names(), ["appendonly.aof.1.base.rdb", "appendonly.aof.2.incr.aof", MANIFEST]);
    assert_eq!(
        disk.text(MANIFEST),
        format!(
            "file appendonly.aof.1.base.rdb seq 1 type b\n\
             file appendonly.aof.2.incr.aof seq 2 type i startoffset {one}\n"
        )
    );
    let mut writer = disk.writer();
    let rewrite = writer.begin_rewrite(None).unwrap();
    write_file(&disk.vfs, rewrite.path(), &bytes("SET abc 123"));
    writer.finish_rewrite(rewrite, BaseFormat::Commands).unwrap();
    disk.writer();
    assert_eq!(disk.names(), ["appendonly.aof.2.base.aof", "appendonly.aof.3.incr.aof", MANIFEST]);
    assert_eq!(disk.commands(), "SET abc 123");
}

#[test]
fn a_rewrite_that_is_given_up_leaves_the_log_whole() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    writer.append(&bytes("SET a 1"), None).unwrap();
    let rewrite = writer.begin_rewrite(None).unwrap();
    write_file(&disk.vfs, rewrite.path(), b"REDIS ha");
    writer.append(&bytes("SET b 2"), None).unwrap();
    writer.abandon_rewrite(rewrite);
    writer.append(&bytes("SET c 3"), None).unwrap();
    assert_eq!(disk.commands(), "SET a 1, SET b 2, SET c 3");
    assert_eq!(disk.names(), ["appendonly.aof.1.incr.aof", "appendonly.aof.2.incr.aof", MANIFEST]);
    let crashed = writer.begin_rewrite(None).unwrap();
    write_file(&disk.vfs, crashed.path(), b"REDIS ha");
    disk.writer();
    assert_eq!(disk.commands(), "SET a 1, SET b 2, SET c 3");
    assert!(!disk.names().iter().any(|name| name.starts_with("temp-")), "{:?}", disk.names());
}

#[test]
fn a_failed_sync_is_made_up_for_by_a_rewrite_only() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    writer.append(&bytes("SET a 1"), None).unwrap();
    let durable = writer.sync().unwrap();
    writer.append(&bytes("SET b 2"), None).unwrap();
    disk.vfs.fail_call(0, Fault::Error(5));
    assert_eq!(writer.sync().unwrap_err().to_string(), "Input/output error");
    for _ in 0..3 {
        writer.append(&bytes("SET c 3"), None).unwrap();
        assert!(matches!(writer.sync(), Err(WriteError::NotDurable)));
        assert_eq!((writer.synced(), writer.has_failed()), (durable, true));
    }
    let rewrite = writer.begin_rewrite(None).unwrap();
    writer.append(&bytes("SET d 4"), None).unwrap();
    assert!(matches!(writer.sync(), Err(WriteError::NotDurable)), "the base is not there yet");
    write_file(&disk.vfs, rewrite.path(), b"REDIS abc\n");
    writer.finish_rewrite(rewrite, BaseFormat::Rdb).unwrap();
    assert_eq!((writer.synced(), writer.has_failed()), (writer.offset(), false));
    writer.append(&bytes("SET e 5"), None).unwrap();
    assert_eq!(writer.sync().unwrap(), writer.offset());
    disk.vfs.cut_power();
    disk.vfs.restart();
    assert_eq!(disk.commands(), "REDIS abc, SET d 4, SET e 5");
}

#[test]
fn a_log_may_begin_while_a_server_runs() {
    let disk = Disk::new();
    let (mut writer, rewrite) = Writer::begin_fresh(disk.directory().unwrap(), 700, None).unwrap();
    writer.append(&bytes("SET b 2"), None).unwrap();
    assert_eq!(writer.sync().unwrap(), 700, "without a base nothing can be recovered");
    assert!(!disk.directory().unwrap().has_log());
    write_file(&disk.vfs, rewrite.path(), b"REDIS a\n");
    writer.finish_rewrite(rewrite, BaseFormat::Rdb).unwrap();
    assert_eq!(writer.synced(), writer.offset());
    assert_eq!(disk.commands(), "REDIS a, SET b 2");
    assert_eq!(disk.writer().offset(), 700 + bytes("SET b 2").len() as u64);

    let (mut writer, rewrite) = Writer::begin_fresh(disk.directory().unwrap(), 0, None).unwrap();
    writer.append(&bytes("SET x 1"), None).unwrap();
    assert_eq!(disk.commands(), "REDIS a, SET b 2", "the old log counts until the new one is complete");
    assert!(!writer.has_failed());
    writer.abandon_rewrite(rewrite);
    assert!(writer.has_failed());
    assert!(matches!(writer.sync(), Err(WriteError::Incomplete)), "nobody is going to complete it");
    let rewrite = writer.begin_rewrite(None).unwrap();
    writer.append(&bytes("SET y 2"), None).unwrap();
    assert_eq!(writer.sync().unwrap(), 0);
    write_file(&disk.vfs, rewrite.path(), b"REDIS other\n");
    writer.finish_rewrite(rewrite, BaseFormat::Rdb).unwrap();
    assert_eq!(disk.commands(), "REDIS other, SET y 2");
}

#[test]
fn appends_that_fail_leave_nothing_behind() {
    let disk = Disk::new();
    let mut writer = disk.writer();
    writer.append(&bytes("SET a 1"), None).unwrap();
    let length = writer.increment_bytes();
    let files: u64 = disk.names().iter().map(|name| disk.get(name).len() as u64).sum();
    disk.vfs.limit_bytes(Some(files + 20));
    assert_eq!(writer.append(&bytes("SET b 2"), None).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(disk.get("appendonly.aof.1.incr.aof").len() as u64, length);
    // The disk is full, and cutting fails, too: the next append has to do it.
    disk.vfs.fail_call(2, Fault::Error(5));
    writer.append(&bytes("SET b 2"), None).unwrap_err();
    assert!(disk.get("appendonly.aof.1.incr.aof").len() as u64 > length);
    disk.vfs.limit_bytes(None);
    disk.vfs.fail_call(1, Fault::Short);
    writer.append(&bytes("SET c 3"), None).unwrap();
    assert_eq!(disk.commands(), "SET a 1, SET c 3");
}
