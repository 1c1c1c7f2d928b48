//! Logs of one file, as they were before Redis 7.

use crate::support::{Disk, MANIFEST, bytes, write_file};
use spinel_persistence::log::{OpenError, ReadOptions};
use std::path::Path;

const OLD: &str = "/appendonly.aof";

#[test]
fn an_old_log_becomes_the_base() {
    let disk = Disk::new();
    write_file(&disk.vfs, Path::new(OLD), &bytes("SET a 1, SET b 2"));
    assert!(disk.directory().unwrap().was_upgraded());
    assert_eq!(disk.text(MANIFEST), "file appendonly.aof seq 1 type b\n");
    assert!(!disk.directory().unwrap().was_upgraded());
    let (commands, recovered) = disk.read(ReadOptions::default()).unwrap();
    assert_eq!(
        (commands.as_str(), recovered.offset),
        ("SET a 1, SET b 2", bytes("SET a 1, SET b 2").len() as u64)
    );
    disk.writer().append(&bytes("SET c 3"), None).unwrap();
    assert_eq!(disk.names(), ["appendonly.aof", "appendonly.aof.1.incr.aof", MANIFEST]);
    assert_eq!(disk.commands(), "SET a 1, SET b 2, SET c 3");
}

#[test]
fn an_old_log_may_begin_with_an_rdb_and_end_torn() {
    let disk = Disk::new();
    let torn = bytes("SET b 2");
    let content = [b"REDIS state\n", &bytes("SET a 1")[..], &torn[..torn.len() - 1]].concat();
    write_file(&disk.vfs, Path::new(OLD), &content);
    disk.writer();
    assert_eq!(disk.commands(), "REDIS state, SET a 1");
    assert_eq!(disk.get("appendonly.aof").len(), content.len() - torn.len() + 1);
}

#[test]
fn a_half_done_upgrade_is_completed() {
    let disk = Disk::with(&[(MANIFEST, b"file appendonly.aof seq 1 type b\n")]);
    write_file(&disk.vfs, Path::new(OLD), &bytes("SET a 1"));
    assert_eq!(disk.commands(), "SET a 1");
    assert_eq!(disk.names(), ["appendonly.aof", MANIFEST]);
}

#[test]
fn an_old_log_beside_a_new_one_is_left_alone() {
    let manifest = b"file appendonly.aof seq 1 type b\n";
    let disk = Disk::with(&[(MANIFEST, manifest), ("appendonly.aof", &bytes("SET new 1"))]);
    write_file(&disk.vfs, Path::new(OLD), &bytes("SET old 1"));
    assert_eq!(disk.commands(), "SET new 1");
    let disk = Disk::with(&[("appendonly.aof.1.incr.aof", &bytes("SET new 1"))]);
    write_file(&disk.vfs, Path::new(OLD), &bytes("SET old 1"));
    assert!(matches!(disk.directory(), Err(OpenError::ManifestMissing)));
}
