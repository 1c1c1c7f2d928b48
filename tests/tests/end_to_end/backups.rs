//! Backups: what is there under a backup's name is whole, and starts a server.

use crate::saving::{await_info, call, digest, fill, info, names, shown};
use spinel_tests::{Client, Folder, Server};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

const SETTINGS: &[&str] = &["--enable-debug-command", "yes", "--backup-dir", "backups"];

fn status(client: &mut Client, field: &str) -> String {
    let reply = call(client, "BACKUP STATUS");
    let words: Vec<&str> = reply.trim_matches(['[', ']']).split(", ").collect();
    let pair = words.chunks_exact(2).find(|pair| pair[0] == field);
    pair.unwrap_or_else(|| panic!("no {field} in {reply}"))[1].to_owned()
}

/// Waits until no backup is written, and says how the last one ended.
fn ending(client: &mut Client) -> String {
    let start = Instant::now();
    while status(client, "running") != "0" {
        assert!(start.elapsed() < Duration::from_secs(30), "the backup does not end");
    }
    status(client, "last-status")
}

#[test]
fn a_backup_starts_a_server_with_what_was_there() {
    for format in ["rdb", "spldb"] {
        let settings = [SETTINGS, &["--rdb-format", format]].concat();
        let server = Server::start(&settings);
        let mut client = Client::connect(server.port());
        fill(&mut client);
        let before = digest(&mut client);
        // One batch, so that nothing can come in between.
        client.send_bytes(b"BACKUP START first\r\nSET text changed\r\nDEL list hash\r\n");
        let replies: Vec<String> = (0..3).map(|_| client.reply()).map(|reply| shown(&reply)).collect();
        assert_eq!(replies, ["first", "OK", "2"]);
        assert_eq!(ending(&mut client), "ok");
        assert_eq!(status(&mut client, "last-name"), "first");
        let listed = call(&mut client, "BACKUP LIST");
        assert!(listed.starts_with("[[name, first, bytes, "), "{listed}");
        assert_eq!(names(&server.folder().join("backups/first")), [format!("dump.{format}")]);
        assert_eq!(info(&mut client, "rdb_saves"), "0", "a backup is no save");

        let copy = Folder::new();
        let file = format!("dump.{format}");
        fs::copy(server.folder().join("backups/first").join(&file), copy.path().join(&file))
            .expect("both are there");
        let restored = Server::start_in(copy, &settings);
        let mut client = Client::connect(restored.port());
        assert_eq!(digest(&mut client), before);
        client.send(["SHUTDOWN", "NOSAVE"]);
        assert!(client.is_closed());
        let mut restored = restored;
        assert!(restored.wait().success());
        let logged = [&settings[..], &["--appendonly", "yes"]].concat();
        let restored = Server::start_in(restored.leave(), &logged);
        assert_eq!(digest(&mut Client::connect(restored.port())), before);
    }
}

#[test]
fn names_are_checked_and_nothing_is_overwritten() {
    let server = Server::start(SETTINGS);
    let mut client = Client::connect(server.port());
    for name in ["..", ".", "a/b", "/tmp/a", "../a", ".a", "temp-1", "-a", ""] {
        let reply = shown(&client.call(["BACKUP", "START", name]));
        assert!(reply.starts_with("ERR The name of a backup"), "{name}: {reply}");
    }
    assert!(!server.folder().join("backups").exists());
    assert_eq!(call(&mut client, "BACKUP START one"), "one");
    assert_eq!(ending(&mut client), "ok");
    assert_eq!(call(&mut client, "BACKUP START one"), "ERR There is a backup of this name already");
    fs::write(server.folder().join("backups/file"), "mine").expect("the folder can be written");
    assert_eq!(call(&mut client, "BACKUP START file"), "ERR There is a backup of this name already");
    let made = call(&mut client, "BACKUP START");
    assert!(made.starts_with("backup-"), "{made}");
    assert_eq!(ending(&mut client), "ok");
    assert_eq!(names(&server.folder().join("backups")), [made, "file".to_owned(), "one".to_owned()]);
}

#[test]
fn without_a_folder_there_are_no_backups() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let refusal = "ERR There are no backups, because the setting backup-dir is empty";
    assert_eq!(call(&mut client, "BACKUP START"), refusal);
    assert_eq!(call(&mut client, "BACKUP LIST"), refusal);
    assert_eq!(call(&mut client, "BACKUP CANCEL"), "ERR No backup is being written");
    assert_eq!(status(&mut client, "running"), "0");
    let protected = call(&mut client, "CONFIG SET backup-dir /tmp");
    assert!(protected.contains("can't set protected config"), "{protected}");
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "BACKUP START"), "ERR Command not allowed inside a transaction");
}

#[test]
fn a_backup_that_does_not_end_leaves_nothing_under_its_name() {
    let settings = [SETTINGS, &["--rdb-key-save-delay", "1000000000"]].concat();
    let server = Server::start(&settings);
    let mut client = Client::connect(server.port());
    fill(&mut client);
    let folder = server.folder().join("backups");
    assert_eq!(call(&mut client, "BACKUP START late"), "late");
    assert_eq!(
        (status(&mut client, "running"), status(&mut client, "name")),
        ("1".to_owned(), "late".to_owned())
    );
    assert_eq!(
        call(&mut client, "BACKUP START other"),
        "ERR Something else is being written in the background"
    );
    let refused = call(&mut client, "BGSAVE");
    assert!(refused.starts_with("ERR Another child process is active"), "{refused}");
    assert_eq!(info(&mut client, "rdb_bgsave_in_progress"), "0");
    assert_eq!(call(&mut client, "BACKUP LIST"), "[]");
    assert_eq!(call(&mut client, "BACKUP CANCEL"), "OK");
    assert_eq!(ending(&mut client), "cancelled");
    assert!(names(&folder).is_empty());

    assert_eq!(call(&mut client, "BACKUP START killed"), "killed");
    let start = Instant::now();
    while names(&folder).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing is written");
    }
    let left = folder.join(&names(&folder)[0]);
    assert_eq!(call(&mut client, "BACKUP LIST"), "[]");
    // What is young may be somebody's.
    let server = Server::start_in(server.kill(), SETTINGS);
    assert!(left.exists());
    let mut paths: Vec<_> = names(&left).iter().map(|name| left.join(name)).collect();
    paths.push(left.clone());
    for path in &paths {
        make_old(path);
    }
    let folder = server.kill();
    let server = Server::start_in(folder, SETTINGS);
    server.wait_for_log("which a killed save has left");
    assert!(!left.exists());
    assert_eq!(call(&mut Client::connect(server.port()), "BACKUP LIST"), "[]");
}

fn make_old(path: &Path) {
    let old = SystemTime::now() - Duration::from_secs(7200);
    File::open(path).and_then(|file| file.set_modified(old)).expect("it is ours");
}

#[test]
fn a_backup_that_fails_says_why_and_disturbs_nothing() {
    let server = Server::start(&["--backup-dir", "taken"]);
    fs::write(server.folder().join("taken"), "a file").expect("the folder can be written");
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET a 1"), "OK");
    assert_eq!(call(&mut client, "BACKUP START one"), "one");
    let how = ending(&mut client);
    assert!(how.starts_with("failed: "), "{how}");
    assert_eq!(call(&mut client, "SET a 2"), "OK");
    assert_eq!(call(&mut client, "BGSAVE"), "Background saving started");
    await_info(&mut client, "rdb_saves", "1");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
}

#[test]
fn files_of_killed_saves_go_when_nobody_can_be_writing_them() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let running = format!("temp-{}.rdb", std::process::id());
    // No process has a number that large.
    let names = ["temp-4194999.rdb", &running, "temp-x.rdb", "temp-4194999.aof", "temp-4194998.rdb"];
    for name in names {
        fs::write(path(name), "half").expect("the folder can be written");
    }
    for name in &names[..4] {
        make_old(&path(name));
    }
    let server = Server::start_in(folder, &[]);
    server.wait_for_log("Removed ./temp-4194999.rdb, which a killed save has left.");
    let left: Vec<String> = self::names(server.folder());
    let mut expected: Vec<String> = names[1..].iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(left, expected);
}
