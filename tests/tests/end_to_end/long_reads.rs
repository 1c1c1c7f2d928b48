//! Reads that take long, and what others notice of them: all connections are served by one thread here.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

const KEYS: usize = 100_000;
/// A client repeats its command so often that it is still at it whenever others look.
const REPEATED: usize = 50;

struct Stage {
    server: Server,
    control: Client,
}

impl Stage {
    fn new() -> Stage {
        let server = Server::start(&["--io-threads", "1", "--enable-debug-command", "yes"]);
        let mut control = Client::connect(server.port());
        assert_eq!(control.text(["DEBUG", "POPULATE", &KEYS.to_string(), "resident"]), "OK");
        Stage { server, control }
    }

    /// A client that is busy with commands that take long, and its number.
    fn busy(&mut self, command: &str) -> (Client, i64) {
        let mut client = Client::connect(self.server.port());
        let id = client.integer(["CLIENT", "ID"]);
        client.send_bytes(format!("{command}\r\n").repeat(REPEATED).as_bytes());
        self.await_long_running(1);
        (client, id)
    }

    fn await_long_running(&mut self, number: usize) {
        let wanted = format!("long_running_clients:{number}\r\n");
        self.wait_until(&wanted, |stage| stage.control.text(["INFO", "clients"]).contains(&wanted));
    }

    /// Waits until no thread runs such commands any more.
    fn await_end_of_work(&mut self) {
        let tasks = format!("/proc/{}/task", self.server.id());
        let is_about_it = |task: fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "errand\n")
        };
        self.wait_until("the end of the work", |_| {
            !fs::read_dir(&tasks).expect("the server runs").flatten().any(is_about_it)
        });
    }

    fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Stage) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < Duration::from_secs(60), "{what} never comes");
        }
    }

    fn fill_list(&mut self, count: usize) {
        let numbers: Vec<String> = (0..count).map(|number| (number * 7919 % count).to_string()).collect();
        for part in numbers.chunks(10_000) {
            let words = ["RPUSH", "list"].into_iter().chain(part.iter().map(String::as_str));
            self.control.integer(words);
        }
    }
}

fn texts(value: Value) -> Vec<String> {
    let Value::Array(items) = value else { panic!("no array: {value:?}") };
    let text = |item| match item {
        Value::Bulk(text) => String::from_utf8(text).expect("it is text"),
        other => panic!("no text: {other:?}"),
    };
    items.into_iter().map(text).collect()
}

#[test]
fn others_are_served_meanwhile_and_replies_keep_their_order() {
    let mut stage = Stage::new();
    for command in ["KEYS none*", "SORT list LIMIT 3 2"] {
        stage.fill_list(20_000);
        let (mut busy, id) = stage.busy(command);
        busy.send_bytes(b"PING\r\n");
        assert_eq!(stage.control.text(["SET", "beside", "others"]), "OK");
        assert_eq!(stage.control.text(["GET", "beside"]), "others");
        assert_eq!(stage.control.integer(["CLIENT", "UNBLOCK", &id.to_string()]), 0, "it is not blocked");
        let line = stage.control.text(["CLIENT", "LIST", "ID", &id.to_string()]);
        let name = command.split(' ').next().expect("a name").to_lowercase();
        assert!(line.contains(" flags=N ") && line.contains(&format!(" cmd={name} ")), "{line}");
        stage.await_long_running(1);
        let expected: &[&str] = if name == "sort" { &["3", "4"] } else { &[] };
        for _ in 0..REPEATED {
            assert_eq!(texts(busy.reply()), expected);
        }
        assert_eq!(busy.reply(), Value::Simple(b"PONG".to_vec()));
        stage.await_long_running(0);
        stage.control.integer(["DEL", "list"]);
    }
}

#[test]
fn the_work_ends_with_its_client() {
    let mut stage = Stage::new();
    stage.fill_list(20_000);
    for command in ["KEYS none*", "SORT list LIMIT 0 1"] {
        let (mut killed, id) = stage.busy(command);
        assert_eq!(stage.control.integer(["CLIENT", "KILL", "ID", &id.to_string()]), 1);
        while !killed.is_closed() {}
        stage.await_end_of_work();
        let (gone, _) = stage.busy(command);
        drop(gone);
        stage.await_long_running(0);
        stage.await_end_of_work();
        assert_eq!(stage.control.text(["PING"]), "PONG");
    }
}

#[test]
fn a_server_ends_while_it_is_about_a_long_read() {
    let mut stage = Stage::new();
    let (_busy, _) = stage.busy("KEYS none*");
    stage.control.send(["SHUTDOWN", "NOSAVE"]);
    assert!(stage.server.wait().success());
}

#[test]
fn keys_that_are_there_throughout_are_listed_once() {
    let mut stage = Stage::new();
    let mut lister = Client::connect(stage.server.port());
    for round in 0..5 {
        lister.send(["KEYS", "resident:*"]);
        for guest in 0..2_000 {
            let name = format!("resident:guest:{round}:{guest}");
            stage.control.text(["SET", &name, "x"]);
        }
        let listed = texts(lister.reply());
        let residents: Vec<_> = listed.iter().filter(|key| !key.contains("guest")).collect();
        let different: HashSet<_> = residents.iter().collect();
        assert_eq!((residents.len(), different.len()), (KEYS, KEYS));
    }
}

#[test]
fn keys_of_two_databases_are_never_mixed() {
    let mut stage = Stage::new();
    stage.control.text(["SELECT", "1"]);
    assert_eq!(stage.control.text(["DEBUG", "POPULATE", &KEYS.to_string(), "other"]), "OK");
    let mut lister = Client::connect(stage.server.port());
    for _ in 0..10 {
        lister.send(["KEYS", "*"]);
        stage.control.text(["SWAPDB", "0", "1"]);
        let listed = texts(lister.reply());
        let residents = listed.iter().filter(|key| key.starts_with("resident")).count();
        assert!(
            listed.len() == KEYS && (residents == 0 || residents == KEYS),
            "{residents} of {}",
            listed.len()
        );
    }
}

#[test]
fn transactions_and_scripts_list_and_sort_at_one_moment() {
    let mut stage = Stage::new();
    stage.fill_list(20_000);
    let control = &mut stage.control;
    control.text(["MULTI"]);
    for command in [
        &["SET", "mine", "1"][..],
        &["KEYS", "*"],
        &["SORT", "list", "DESC", "LIMIT", "0", "1"],
        &["DEL", "mine"],
    ] {
        assert_eq!(control.text(command), "QUEUED");
    }
    let Value::Array(replies) = control.call(["EXEC"]) else { panic!("no array") };
    // With the list and the key that is there in between.
    assert_eq!(texts(replies[1].clone()).len(), KEYS + 2);
    assert_eq!(texts(replies[2].clone()), ["19999"]);
    let script = "return {#redis.call('KEYS', '*'), redis.call('SORT', 'list')[3]}";
    let expected = Value::Array(vec![Value::Integer(KEYS as i64 + 1), Value::Bulk(b"2".to_vec())]);
    assert_eq!(control.call(["EVAL", script, "0"]), expected);
}

#[test]
fn a_long_sort_is_of_the_moment_it_was_asked_for() {
    let mut stage = Stage::new();
    stage.fill_list(50_000);
    let mut sorter = Client::connect(stage.server.port());
    // Both arrive together, so that the list is changed while it is being sorted or after.
    sorter.send_bytes(b"SORT list ALPHA DESC\r\nSORT list BY nosort GET # LIMIT 0 2\r\n");
    stage.wait_until("the sort", |stage| {
        stage.control.text(["INFO", "commandstats"]).contains("cmdstat_sort:")
    });
    stage.control.text(["RENAME", "list", "gone"]);
    stage.control.text(["SET", "list", "no list"]);
    let sorted = texts(sorter.reply());
    assert!(sorted.len() == 50_000 && sorted.is_sorted_by(|one, other| one > other));
    sorter.reply();
    let mut texts_only = Client::connect(stage.server.port());
    stage.control.text(["DEL", "list"]);
    stage.control.integer(["RPUSH", "gone", "no number"]);
    let refused = texts_only.call(["SORT", "gone"]);
    assert_eq!(refused, Value::Error(b"ERR One or more scores can't be converted into double".to_vec()));
    let failures = stage.control.text(["INFO", "commandstats"]);
    let line = failures.lines().find(|line| line.starts_with("cmdstat_sort:")).expect("it was called");
    assert!(line.contains("failed_calls=1") || line.contains("failed_calls=2"), "{line}");
}
