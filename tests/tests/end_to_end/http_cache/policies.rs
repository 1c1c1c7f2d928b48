//! Policies of the HTTP cache: data of the whole server, which survives whatever keys do.

use crate::saving::{again, await_info, call, digest, shown, wait_until};
use spinel_tests::{Client, Server};

const DEBUGGED: &[&str] = &["--enable-debug-command", "yes"];
const LOGGED: &[&str] = &["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
const SPLDB: &[&str] = &["--rdb-format", "spldb", "--enable-debug-command", "yes"];

/// Sets some, removes one, and returns what is told of them.
fn set(client: &mut Client) -> String {
    for (command, expected) in [
        ("SET k v", "OK"),
        ("CACHE.POLICY SET gone PATTERN * URL http://o/", "OK"),
        (
            "CACHE POLICY SET shop PATTERN shop/* URL http://o:81/{1} TTL 60 STATUS-TTL 404 5 410 6 TAGS 2 shop {1}",
            "OK",
        ),
        (
            "CACHE.POLICY SET api PATTERN */api/* URL http://o/{2}?{hdr:X-Y} PRIORITY 9 RESPECT-ORIGIN COMPRESS DISK PREWARM VARY 1 Accept",
            "OK",
        ),
        ("CACHE.POLICY SET gone PATTERN * URL http://other/", "OK"),
        ("CACHE.POLICY DEL gone", "1"),
    ] {
        assert_eq!(call(client, command), expected, "{command}");
    }
    let told = told(client);
    assert!(told.starts_with("[[name, api, ") && told.contains("version, 2, total-version, 5]"), "{told}");
    assert!(told.contains("compress, 1, disk, 1, prewarm, 1"), "{told}");
    told
}

fn told(client: &mut Client) -> String {
    call(client, "CACHE.POLICY LIST")
}

fn started(settings: &[&str]) -> (Server, Client, String) {
    let server = Server::start(settings);
    let mut client = Client::connect(server.port());
    let told = set(&mut client);
    (server, client, told)
}

#[test]
fn they_are_in_the_log_and_in_its_base() {
    let (server, _, before) = started(LOGGED);
    let (server, mut client) = again(server.kill(), LOGGED);
    assert_eq!(told(&mut client), before);
    assert_eq!(call(&mut client, "FLUSHALL"), "OK");
    call(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_rewrite_in_progress", "0");
    await_info(&mut client, "aof_rewrite_scheduled", "0");
    assert_eq!(call(&mut client, "CACHE.POLICY SET late PATTERN x URL http://o/"), "OK");
    let before = told(&mut client);
    let (_server, mut client) = again(server.kill(), LOGGED);
    assert_eq!(told(&mut client), before);
    assert!(before.contains("version, 6, total-version, 6]"), "{before}");
}

#[test]
fn they_are_in_snapshots_of_both_formats() {
    for settings in [DEBUGGED, SPLDB] {
        let (server, mut client, before) = started(settings);
        let keys = digest(&mut client);
        assert_eq!(call(&mut client, "SAVE"), "OK");
        assert_eq!(call(&mut client, "CACHE.POLICY DEL shop"), "1");
        let (_server, mut client) = again(server.kill(), settings);
        assert_eq!((told(&mut client), digest(&mut client)), (before.clone(), keys));
        assert_eq!(call(&mut client, "DEBUG RELOAD"), "OK");
        assert_eq!(told(&mut client), before);
    }
}

#[test]
fn they_are_changed_with_data_or_not_at_all() {
    let (server, mut client, before) = started(LOGGED);
    for command in ["MULTI", "SET k w", "CACHE.POLICY DEL api", "CACHE.POLICY SET bad PATTERN * URL nowhere"]
    {
        call(&mut client, command);
    }
    let replies = call(&mut client, "EXEC");
    assert!(replies.starts_with("[OK, 1, ERR URL must be"), "{replies}");
    let script = "redis.call('CACHE.POLICY', 'DEL', 'shop') return redis.call('CACHE.POLICY', 'LIST')";
    assert_eq!(shown(&client.call(["EVAL", script, "0"])), "[]");
    let (_server, mut client) = again(server.kill(), LOGGED);
    assert_eq!((told(&mut client), call(&mut client, "GET k")), ("[]".to_owned(), "w".to_owned()));
    assert_ne!(before, "[]");
}

/// Waits until a copy tells the same of policies.
fn await_same(copy: &mut Client, expected: &str) {
    wait_until("the policies are not copied", || told(copy) == expected);
}

#[test]
fn copies_have_them_and_keep_them_when_they_take_over() {
    for settings in [DEBUGGED, &["--repl-diskless-load", "swapdb"]] {
        let (primary, mut original, before) = started(DEBUGGED);
        let copy = Server::start(settings);
        let mut client = Client::connect(copy.port());
        assert_eq!(call(&mut client, "CACHE.POLICY SET stale PATTERN * URL http://o/"), "OK");
        assert_eq!(call(&mut client, &format!("REPLICAOF 127.0.0.1 {}", primary.port())), "OK");
        await_same(&mut client, &before);
        let refused = call(&mut client, "CACHE.POLICY DEL shop");
        assert!(refused.starts_with("READONLY"), "{refused}");
        // What follows comes by the stream.
        assert_eq!(call(&mut original, "CACHE.POLICY DEL api"), "1");
        assert_eq!(call(&mut original, "CACHE.POLICY SET new PATTERN n* URL http://o/{1}"), "OK");
        let after = told(&mut original);
        await_same(&mut client, &after);
        let failover = format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 30000", copy.port());
        wait_until("the copy is not ready", || call(&mut original, &failover) == "OK");
        await_info(&mut client, "role", "master");
        assert_eq!(told(&mut client), after);
        assert_eq!(call(&mut client, "CACHE.POLICY DEL new"), "1");
        let last = told(&mut client);
        await_same(&mut original, &last);
    }
}

#[test]
fn rights_name_them_as_a_whole_or_one_by_one() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for rules in [
        "+@all -@dangerous",
        "-@all +cache|policy -cache|policy|set",
        "-@all +cache|policy|list +cache|policy|del",
    ] {
        assert_eq!(call(&mut client, &format!("ACL SETUSER joe reset on nopass ~* {rules}")), "OK");
        for (command, is_allowed) in [
            ("CACHE.POLICY LIST", true),
            ("CACHE.POLICY SET a PATTERN * URL http://o/", false),
            ("CACHE.POLICY DEL a", !rules.contains("dangerous")),
        ] {
            let reply = call(&mut client, &format!("ACL DRYRUN joe {command}"));
            assert_eq!(reply == "OK", is_allowed, "{rules}: {command}: {reply}");
        }
    }
    let told = call(&mut client, "COMMAND INFO cache|policy|set");
    assert!(told.contains("cache|policy|set"), "{told}");
    assert!(call(&mut client, "COMMAND DOCS cache").contains("cache|policy|test"));
}
