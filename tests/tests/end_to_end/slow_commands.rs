//! SLOWLOG and COMMANDLOG: which command was slow or large, and that they outlive the server.

use crate::saving::{again, call, shown};
use spinel_resp::Value;
use spinel_tests::{Client, Folder, Server};
use std::fs;

/// The number and the first words of each entry, the newest first.
fn entries(client: &mut Client, kind: &str) -> Vec<(i64, String)> {
    let Value::Array(entries) = client.call(["COMMANDLOG", "GET", "-1", kind]) else { panic!("no entries") };
    let entry = |entry: &Value| {
        let Value::Array(fields) = entry else { panic!("no entry: {entry:?}") };
        let [_, _, Value::Integer(value), Value::Array(words), _, _] = &fields[..] else {
            panic!("not as Redis has it: {entry:?}")
        };
        (*value, words.iter().take(2).map(shown).collect::<Vec<_>>().join(" "))
    };
    entries.iter().map(entry).collect()
}

fn names(client: &mut Client, kind: &str) -> Vec<String> {
    entries(client, kind).into_iter().map(|(_, words)| words).collect()
}

#[test]
fn slow_commands_are_noted_with_their_time() {
    let server = Server::start(&["--enable-debug-command", "yes", "--slowlog-log-slower-than", "20000"]);
    let mut client = Client::connect(server.port());
    for command in ["SET k v", "DEBUG SLEEP 0.03", "MULTI", "GET k", "DEBUG SLEEP 0.04", "EXEC"] {
        call(&mut client, command);
    }
    let found = entries(&mut client, "slow");
    assert_eq!(found.len(), 2, "{found:?}");
    for ((microseconds, words), least) in found.iter().zip([40_000, 30_000]) {
        assert_eq!(words, "DEBUG SLEEP");
        assert!((least..1_000_000).contains(microseconds), "{found:?}");
    }
}

#[test]
fn work_that_others_do_counts() {
    let settings = ["--slowlog-log-slower-than", "30000", "--enable-debug-command", "yes"];
    let server = Server::start(&[&settings[..], &["--busy-reply-threshold", "1"]].concat());
    let mut client = Client::connect(server.port());
    // It is put aside for others after a millisecond, and again and again.
    client.text(["EVAL", "local start = os.clock() while os.clock() - start < 0.05 do end", "0"]);
    assert_eq!(
        names(&mut client, "slow"),
        ["EVAL local start = os.clock() while os.clock() - start < 0.05 do end"]
    );
    call(&mut client, "DEBUG POPULATE 10");
    call(&mut client, "CONFIG SET rdb-key-save-delay 5000");
    call(&mut client, "SAVE");
    assert_eq!(names(&mut client, "slow")[0], "SAVE");
    // Who waits for others is not slow.
    call(&mut client, "BLPOP nothing 0.05");
    assert_eq!(names(&mut client, "slow").len(), 2);
}

#[test]
fn a_large_reply_is_told_from_small_ones_around_it() {
    let server = Server::start(&["--slowlog-log-slower-than", "1000"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "SETRANGE large 20000000 x");
    call(&mut client, "SET small v");
    call(&mut client, "SLOWLOG RESET");
    client.send_bytes(
        b"GET small\r\nGET small\r\nGET large\r\nGET small\r\nMULTI\r\nGET small\r\nGET large\r\nEXEC\r\n",
    );
    (0..8).for_each(|_| drop(client.reply()));
    assert_eq!(names(&mut client, "large-reply"), ["GET large", "GET large"]);
    let slow = entries(&mut client, "slow");
    let count = |name: &str| slow.iter().filter(|(_, words)| words == name).count();
    // On a busy machine any command that is timed alone may take a millisecond, such as the one that resets the log.
    assert_eq!((count("GET large"), count("GET small")), (2, 0), "{slow:?}");
    for (microseconds, _) in slow {
        assert!((1000..60_000_000).contains(&microseconds), "{microseconds}");
    }
}

#[test]
fn large_requests_are_noted() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    client.text(["SET", "small", &"x".repeat(1000)]);
    client.text(["SET", "large", &"x".repeat(1_100_000)]);
    client.text(["GET", "small"]);
    assert_eq!(entries(&mut client, "large-request"), [(1_100_036, "SET large".to_owned())]);
    call(&mut client, "CONFIG SET commandlog-request-larger-than -1");
    client.text(["SET", "large", &"x".repeat(1_100_000)]);
    assert_eq!(names(&mut client, "large-request").len(), 1);
}

const SAVED: &[&str] = &["--save", "3600 1", "--enable-debug-command", "yes"];

#[test]
fn the_logs_outlive_the_server() {
    let mut server = Server::start(SAVED);
    let mut client = Client::connect(server.port());
    for command in ["CLIENT SETNAME me", "DEBUG SLEEP 0.02"] {
        call(&mut client, command);
    }
    let before = call(&mut client, "SLOWLOG GET");
    assert!(before.ends_with("me]]"), "{before}");
    client.send(["SHUTDOWN"]);
    server.wait();
    let (mut server, mut client) = again(server.leave(), SAVED);
    assert_eq!(call(&mut client, "SLOWLOG GET"), before);
    call(&mut client, "DEBUG SLEEP 0.02");
    assert!(call(&mut client, "SLOWLOG GET 1").starts_with("[[1, "));
    server.signal("TERM");
    server.wait();

    let folder = server.leave();
    let path = folder.path().join("spinel.commandlog");
    let mut bytes = fs::read(&path).expect("it was kept");
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    let (server, mut client) = again(folder, SAVED);
    assert_eq!(call(&mut client, "SLOWLOG LEN"), "0");
    server.wait_for_log("spinel.commandlog is damaged");
    assert!(server.folder().join("spinel.commandlog.broken").exists() && !path.exists());
}

#[test]
fn without_a_data_set_on_disk_nothing_is_kept() {
    let mut server = Server::start_in(Folder::new(), &["--enable-debug-command", "yes"]);
    call(&mut Client::connect(server.port()), "DEBUG SLEEP 0.02");
    server.signal("TERM");
    server.wait();
    let folder = server.leave();
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}
