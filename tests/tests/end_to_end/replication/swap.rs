//! Copies that serve the data they had until that of their primary is loaded (`repl-diskless-load swapdb`).

use super::copy::{ID, await_link, await_reply, replicate};
use super::upstream::{Upstream, snapshot};
use crate::saving::{await_info, call, digest, info, wait_until};
use spinel_tests::{Client, Server};

const SWAPPING: &[&str] = &["--repl-diskless-load", "swapdb", "--enable-debug-command", "yes"];
const LOGGED: &[&str] = &["--appendonly", "yes", "--enable-debug-command", "yes"];
const KEYS: usize = 1500;

fn load_library(client: &mut Client, name: &str) {
    let code = format!("#!lua name={name}\nredis.register_function('{name}', function() return 1 end)");
    assert_eq!(client.text(["FUNCTION", "LOAD", &code]), name);
}

/// Whether the libraries are just this one.
fn has_only_library(client: &mut Client, name: &str) -> bool {
    let list = call(client, "FUNCTION LIST");
    list.matches("library_name").count() == 1 && list.contains(name)
}

#[test]
fn what_there_was_is_served_until_the_new_is_whole_and_takes_its_place_at_once() {
    let primary = Server::start(&["--enable-debug-command", "yes"]);
    let mut original = Client::connect(primary.port());
    for key in 0..KEYS {
        assert_eq!(call(&mut original, &format!("SET key:{key} new")), "OK");
    }
    load_library(&mut original, "fresh");

    let server = Server::start(&[SWAPPING, &LOGGED[..2], &["--key-load-delay", "1000000000"]].concat());
    let mut client = Client::connect(server.port());
    let last = KEYS - 1;
    for key in ["old".to_owned(), "key:0".to_owned(), format!("key:{last}")] {
        assert_eq!(call(&mut client, &format!("SET {key} old")), "OK");
    }
    load_library(&mut client, "stale");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    replicate(&mut client, primary.port());
    await_info(&mut client, "async_loading", "1");
    assert_eq!([info(&mut client, "loading"), call(&mut client, "DBSIZE")], ["0", "3"]);
    assert!(has_only_library(&mut client, "stale"));
    assert!(call(&mut client, "INFO persistence").contains("loading_loaded_perc:"));

    let ask = format!("MGET key:0 key:{last} old");
    assert_eq!(call(&mut client, &ask), "[old, old, old]");
    assert_eq!(call(&mut client, "CONFIG SET key-load-delay 0"), "OK");
    wait_until("the new data does not come", || match &*call(&mut client, &ask) {
        "[old, old, old]" => false,
        "[new, new, nil]" => true,
        other => panic!("half of it is to be seen: {other}"),
    });
    await_link(&mut client, "up");
    assert_eq!(
        (digest(&mut client), info(&mut client, "async_loading")),
        (digest(&mut original), "0".into())
    );
    assert!(has_only_library(&mut client, "fresh"));
    assert_eq!(call(&mut original, "SET more 1"), "OK");
    await_reply(&mut client, "GET more", "1");

    // The log is that of the new data.
    wait_until("the log is not written anew", || {
        ["aof_rewrite_scheduled", "aof_rewrite_in_progress"]
            .iter()
            .all(|field| info(&mut client, field) == "0")
    });
    let mut server = server;
    client.send(["SHUTDOWN", "NOSAVE"]);
    assert!(server.wait().success(), "{}", server.log());
    let server = Server::start_in(server.leave(), LOGGED);
    let mut client = Client::connect(server.port());
    assert_eq!(digest(&mut client), digest(&mut original));
    assert!(has_only_library(&mut client, "fresh"));
}

/// A snapshot with something that can't be loaded, and why not.
fn bad_snapshots() -> [(Vec<u8>, &'static str); 2] {
    let good = snapshot("key", "value");
    let end = good.len() - 9;
    let with = |extra: &[u8]| [&good[..end], extra, &good[end..]].concat();
    let code = b"#!lua name=bad\nerror('no')";
    let library = [&[0xf5, code.len() as u8][..], code].concat();
    [
        (with(b"\x00\x03key\x05value"), "the key 'key' stands twice"),
        (with(&library), "a function library is refused: "),
    ]
}

#[test]
fn what_can_not_be_loaded_leaves_what_there_was() {
    let upstream = Upstream::new();
    let server = Server::start(SWAPPING);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET mine 1"), "OK");
    load_library(&mut client, "stale");
    replicate(&mut client, upstream.port());
    let send = |file: &[u8]| {
        let mut follower = upstream.accept_up_to(server.port(), "PSYNC ? -1");
        follower.say(format!("+FULLRESYNC {ID} 1000\r\n${}\r\n", file.len()).as_bytes());
        follower.say(file);
        follower
    };
    for (file, reason) in bad_snapshots() {
        let mut follower = send(&file);
        server.wait_for_log(&format!("The snapshot of the primary can't be loaded: {reason}"));
        assert!(follower.is_closed());
        assert_eq!(call(&mut client, "MGET mine key"), "[1, nil]");
        assert!(has_only_library(&mut client, "stale"));
        assert_eq!(info(&mut client, "async_loading"), "0");
    }
    let mut follower = send(&snapshot("key", "value"));
    follower.expect(&["REPLCONF ACK 1000"]);
    assert_eq!(call(&mut client, "MGET mine key"), "[nil, value]");
    assert_eq!(call(&mut client, "FUNCTION LIST"), "[]");
}
