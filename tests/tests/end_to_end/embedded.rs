//! Directories that a server and a program that embeds the engine open in turns; and never both.

use crate::saving::{again, await_info, call, digest, fill, info};
use spinel_storage::durable::{LockError, OpenError};
use spinel_storage::{Db, Durability, SetOptions, Value};
use spinel_tests::{Client, Folder, Server};

const LOGGED: &[&str] =
    &["--appendonly", "yes", "--enable-debug-command", "yes", "--appendfsync", "always", "--save", ""];

fn digest_of(db: &Db) -> String {
    match db.execute(["DEBUG", "DIGEST"]) {
        Ok(Value::Simple(digest)) => String::from_utf8_lossy(&digest).into_owned(),
        other => panic!("no digest: {other:?}"),
    }
}

fn open(folder: &Folder) -> Db {
    Db::open(folder.path()).unwrap_or_else(|error| panic!("{error}"))
}

/// Changes keys of several types, and one database.
fn change(db: &Db) {
    for command in
        ["INCR number", "LPUSH list more", "HSET hash new field", "SPOP members 1", "XADD stream * a b"]
    {
        db.execute(command.split(' ')).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    db.select(3).and_then(|db| db.execute(["APPEND", "elsewhere", "2"])).expect("it is a string");
}

#[test]
fn a_server_and_a_program_take_turns() {
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let before = digest(&mut client);
    let folder = server.kill();

    let db = open(&folder);
    assert_eq!(digest_of(&db), before);
    change(&db);
    let before = digest_of(&db);
    db.close().expect("the disk is well");

    let (server, mut client) = again(folder, LOGGED);
    assert_eq!(digest(&mut client), before);
    call(&mut client, "SET number 7");
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "ok");
    let before = digest(&mut client);
    let folder = server.kill();

    let db = open(&folder);
    assert_eq!(digest_of(&db), before);
    change(&db);
    db.checkpoint().expect("the disk is well");
    change(&db);
    let before = digest_of(&db);
    drop(db);
    let (_server, mut client) = again(folder, LOGGED);
    assert_eq!(digest(&mut client), before);
}

#[test]
fn a_server_starts_with_what_a_program_made_and_copied() {
    let (folder, copies) = (Folder::new(), Folder::new());
    let db = open(&folder);
    db.execute(["SET", "number", "1"]).expect("it is a string");
    change_all(&db);
    let before = digest_of(&db);
    let copy = copies.path().join("copy");
    db.backup(&copy).expect("the disk is well");
    db.execute(["SET", "later", "1"]).expect("it is a string");
    let (_server, mut client) = {
        db.close().expect("the disk is well");
        again(folder, LOGGED)
    };
    assert_eq!(call(&mut client, "GET later"), "1");
    let dir = copy.to_string_lossy().into_owned();
    let server = Server::start(&[LOGGED, &["--dir", &dir]].concat());
    let mut client = Client::connect(server.port());
    assert_eq!(digest(&mut client), before);
    assert_eq!(call(&mut client, "GET later"), "nil");
}

fn change_all(db: &Db) {
    for number in 0..500 {
        for command in ["RPUSH list", "SADD members", "PFADD sketch", "ZADD scores 1"] {
            let words = command.split(' ').map(str::to_owned).chain([number.to_string()]);
            db.with_durability(Durability::None).execute(words).expect("the key has its type");
        }
    }
    db.sync().expect("the disk is well");
}

#[test]
fn who_has_the_log_keeps_the_others_out() {
    let server = Server::start(LOGGED);
    let error = Db::open(server.folder()).err().expect("the server has it");
    let owner = server.id();
    assert!(
        matches!(error, OpenError::Lock(LockError::Locked { owner: Some(found) }) if found == owner),
        "{error}"
    );
    let dir = server.folder().to_string_lossy().into_owned();
    let second = [LOGGED, &["--dir", &dir]].concat();
    let printed = Server::fail_in(Folder::new(), &second);
    assert!(printed.contains(&format!("in use by process {owner}")), "{printed}");
    // Who keeps no log may share a folder, as with Redis, until he wants one.
    let third = Server::start(&["--dir", &dir, "--save", ""]);
    let mut client = Client::connect(third.port());
    assert_eq!(call(&mut client, "SET key value"), "OK");
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_rewrites", "1");
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "err");

    let folder = server.kill();
    let db = open(&folder);
    let printed = Server::fail_in(Folder::new(), &second);
    assert!(printed.contains(&format!("in use by process {}", std::process::id())), "{printed}");
    drop(db);
    // A log that is turned off is everybody's.
    let server = Server::start(&second);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "CONFIG SET appendonly no"), "OK");
    server.wait_for_log("The append only file is closed");
    let db = open(&folder);
    assert_eq!(call(&mut client, "CONFIG SET appendonly yes"), "OK");
    await_info(&mut client, "aof_last_write_status", "err");
    assert!(call(&mut client, "SET key value").contains("in use by process"));
    drop(db);
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_last_write_status", "ok");
    assert_eq!(call(&mut client, "SET key value"), "OK");
}

#[test]
fn functions_survive_a_program_that_can_not_run_them() {
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    let library = "#!lua name=numbers\nredis.register_function('seven', function() return 7 end)";
    assert_eq!(client.text(["FUNCTION", "LOAD", library]), "numbers");
    let folder = server.kill();
    let error = Db::open(folder.path()).err().expect("there are commands that only a server knows");
    assert!(matches!(&error, OpenError::UnknownCommand(name) if name == "FUNCTION"), "{error}");

    let (server, mut client) = again(folder, LOGGED);
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "ok");
    let folder = server.kill();
    let db = open(&folder);
    db.set("key", "value", &SetOptions::default()).expect("it is a string");
    db.checkpoint().expect("the disk is well");
    drop(db);
    let (_server, mut client) = again(folder, LOGGED);
    assert_eq!(call(&mut client, "FCALL seven 0"), "7");
    assert_eq!(call(&mut client, "GET key"), "value");
}
