//! The audit log: what it says of logins, denials and administrators, and what becomes of it when the disk fails.

use crate::saving::call;
use spinel_tests::{Client, Folder, Server};
use std::fs;
use std::path::Path;

const ALL: &[&str] = &["--audit-events", "logins denials admin", "--audit-file", "audit.json"];

/// The lines of a file, as soon as there are so many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count && text.ends_with('\n') {
            return lines;
        }
        std::thread::yield_now();
    }
}

/// A line without its time and the address.
fn stripped(line: &str) -> String {
    let rest = line.split_once(",\"event\"").expect("an event").1;
    let (head, tail) = rest.split_once("\"client\":").expect("a client");
    let tail = tail.split_once("\"name\"").expect("a name").1;
    format!("event{head}{}", tail.split_once(',').expect("more").1)
}

#[test]
fn logins_denials_and_administrators_are_noted() {
    let server = Server::start(ALL);
    let file = server.folder().join("audit.json");
    let mut admin = Client::connect(server.port());
    call(&mut admin, "ACL SETUSER ann on >secret +get ~a");
    let mut client = Client::connect(server.port());
    call(&mut client, "AUTH ann wrong");
    call(&mut client, "HELLO 3 AUTH ann secret");
    call(&mut client, "GET a");
    call(&mut client, "GET b");
    call(&mut client, "CONFIG GET port");
    call(&mut admin, "SET k v");
    call(&mut admin, "MULTI");
    call(&mut admin, "CONFIG SET requirepass secret");
    call(&mut admin, "FLUSHALL");
    call(&mut admin, "EXEC");
    let found: Vec<String> = lines(&file, 7).iter().map(|line| stripped(line)).collect();
    let expected = [
        r#"event:"command","user":"default","db":0,"command":["ACL","SETUSER","(redacted)","(redacted)","(redacted)","(redacted)","(redacted)"]}"#,
        r#"event:"login","user":"ann","outcome":"failure","means":"password"}"#,
        r#"event:"login","user":"ann","outcome":"success","means":"password"}"#,
        r#"event:"denial","user":"ann","reason":"key","context":"toplevel","command":"get","object":"b"}"#,
        r#"event:"denial","user":"ann","reason":"command","context":"toplevel","command":"config|get","object":"config|get"}"#,
        r#"event:"command","user":"default","db":0,"command":["CONFIG","SET","requirepass","(redacted)"]}"#,
        r#"event:"command","user":"default","db":0,"command":["FLUSHALL"]}"#,
    ];
    assert_eq!(found, expected);
    assert!(!fs::read_to_string(&file).expect("it is there").contains("secret"));
}

#[test]
fn only_what_is_asked_for_is_noted_until_it_is_switched_off() {
    let server = Server::start(&["--audit-file", "audit.json"]);
    let file = server.folder().join("audit.json");
    let mut admin = Client::connect(server.port());
    call(&mut admin, "CONFIG SET timeout 0");
    assert_eq!(call(&mut admin, "CONFIG SET audit-events admin"), "OK");
    call(&mut admin, "AUTH nobody x");
    // Who switches it off is noted.
    assert_eq!(call(&mut admin, "CONFIG SET audit-events none"), "OK");
    call(&mut admin, "CONFIG SET timeout 0");
    let found = lines(&file, 1);
    assert!(found[0].contains(r#"["CONFIG","SET","audit-events","none"]"#), "{found:?}");
    while !call(&mut admin, "INFO stats").contains("audit_records_written:1\r\naudit_records_lost:0") {}
    // Who may name files may write any.
    let refusal = call(&mut admin, "CONFIG SET audit-file other");
    assert!(refusal.ends_with("can't set protected config"), "{refusal}");
}

#[test]
fn a_file_may_be_moved_away_and_a_failing_one_costs_only_records() {
    let settings = [ALL, &["--enable-protected-configs", "yes"]].concat();
    let server = Server::start(&settings);
    let (file, moved) = (server.folder().join("audit.json"), server.folder().join("audit.1"));
    let mut admin = Client::connect(server.port());
    call(&mut admin, "CONFIG SET timeout 0");
    lines(&file, 1);
    fs::rename(&file, &moved).expect("it is there");
    call(&mut admin, "CONFIG SET timeout 0");
    lines(&file, 1);

    // A folder where the file was can't be written to.
    fs::remove_file(&file).expect("it is there");
    fs::create_dir(&file).expect("nothing is there");
    assert_eq!(call(&mut admin, "CONFIG SET timeout 0"), "OK");
    while !call(&mut admin, "INFO stats").contains("audit_records_lost:1\r\n") {}
    fs::remove_dir(&file).expect("it is empty");
    call(&mut admin, "CONFIG SET timeout 0");
    let found = lines(&file, 2);
    assert!(found[0].ends_with(r#""event":"lost","count":1}"#), "{found:?}");

    // What is no file is refused, and the former one stays.
    fs::create_dir(server.folder().join("folder")).expect("nothing is there");
    let refusal = call(&mut admin, "CONFIG SET audit-file folder");
    assert!(refusal.contains("it is no file"), "{refusal}");
    let printed = Server::fail_in(Folder::new(), &["--audit-file", "/nowhere/audit.json"]);
    assert!(printed.contains("The audit log can't be written: /nowhere/audit.json"), "{printed}");
}

#[test]
fn a_full_disk_costs_only_records_and_leaves_whole_lines() {
    let server = Server::start_limited(ALL, 4);
    let (file, moved) = (server.folder().join("audit.json"), server.folder().join("audit.1"));
    let mut admin = Client::connect(server.port());
    while call(&mut admin, "INFO stats").contains("audit_records_lost:0\r\n") {
        assert_eq!(call(&mut admin, "CONFIG SET timeout 0"), "OK");
    }
    let full = lines(&file, 1);
    assert!(full.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{full:?}");
    fs::rename(&file, &moved).expect("it is there");
    // Sooner or later all that are missing are told of, in the one file or the other.
    loop {
        call(&mut admin, "CONFIG SET timeout 0");
        let told = [&moved, &file].map(|path| fs::read_to_string(path).unwrap_or_default());
        let told: u64 = told.iter().flat_map(|text| text.lines()).filter_map(lost).sum();
        if call(&mut admin, "INFO stats").contains(&format!("audit_records_lost:{told}\r\n")) {
            break;
        }
    }
}

/// How many records a line says are missing, if it does.
fn lost(line: &str) -> Option<u64> {
    line.split_once(r#""event":"lost","count":"#)?.1.strip_suffix('}')?.parse().ok()
}

#[test]
fn without_a_file_records_go_to_the_log_and_the_last_ones_too() {
    let mut server = Server::start(&["--audit-events", "admin"]);
    let mut admin = Client::connect(server.port());
    call(&mut admin, "CONFIG SET loglevel warning");
    admin.send(["SHUTDOWN", "NOSAVE"]);
    assert!(admin.is_closed());
    server.wait();
    let log = server.log();
    assert!(log.contains(r#" * audit {"time":""#), "{log}");
    assert!(log.contains(r#""command":["SHUTDOWN","NOSAVE"]}"#), "{log}");
}
