//! Users: what becomes of connections when rights change, and where users are kept.

use crate::saving::{again, call, shown};
use spinel_tests::{Client, Folder, Received, Server};
use std::fs;

fn user(client: &mut Client, rules: &str) {
    assert_eq!(call(client, &format!("ACL SETUSER ann {rules}")), "OK");
}

/// A connection of the user ann, whose password is pw.
fn ann(server: &Server) -> Client {
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "AUTH ann pw"), "OK");
    client
}

/// A field of INFO.
fn info(client: &mut Client, field: &str) -> String {
    let text = call(client, "INFO");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {text}")).to_owned()
}

/// Waits until so many connections are held by a command that waits.
fn await_blocked(client: &mut Client, count: &str) {
    while info(client, "blocked_clients") != count {}
}

const NO_KEY: &str = "NOPERM No permissions to access a key";

#[test]
fn who_waits_is_asked_again_when_it_goes_on() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    user(&mut admin, "on >pw +@all allkeys");
    let mut waiting = ann(&server);
    for (command, push, loss, answer) in [
        ("BLPOP q 0", "RPUSH q 1", "-blpop", "NOPERM User ann has no permissions to run the 'blpop' command"),
        ("BLPOP q 0", "RPUSH q 1", "resetkeys", NO_KEY),
        ("BLMOVE q r LEFT LEFT 0", "RPUSH q 1", "resetkeys ~q", NO_KEY),
        ("BZPOPMIN q 0", "ZADD q 1 m", "resetkeys", NO_KEY),
        ("XREAD BLOCK 0 STREAMS q $", "XADD q * f v", "resetkeys", NO_KEY),
    ] {
        waiting.send(command.split(' '));
        await_blocked(&mut admin, "1");
        user(&mut admin, loss);
        assert!(!call(&mut admin, push).starts_with("ERR"));
        assert_eq!(shown(&waiting.reply()), answer, "{command}");
        // What was denied is there for others.
        assert_eq!(call(&mut admin, "EXISTS q"), "1", "{command}");
        assert_eq!(call(&mut admin, "DEL q"), "1");
        user(&mut admin, "+@all allkeys");
    }
    waiting.send(["BLPOP", "q", "0"]);
    await_blocked(&mut admin, "1");
    call(&mut admin, "RPUSH q 1");
    assert_eq!(shown(&waiting.reply()), "[q, 1]");
}

#[test]
fn connections_of_a_deleted_user_are_closed() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    user(&mut admin, "on >pw +@all allkeys");
    let (mut idle, mut waiting, mut other) = (ann(&server), ann(&server), Client::connect(server.port()));
    waiting.send(["BLPOP", "q", "0"]);
    await_blocked(&mut admin, "1");
    assert_eq!(call(&mut admin, "ACL DELUSER ann"), "1");
    assert!(idle.is_closed() && waiting.is_closed());
    assert_eq!(call(&mut other, "PING"), "PONG");
    assert_eq!(call(&mut admin, "RPUSH q 1"), "1");
    assert_eq!(call(&mut admin, "LLEN q"), "1");

    // Who removes himself hears so first.
    user(&mut admin, "on >pw +@all allkeys");
    let mut own = ann(&server);
    assert_eq!(call(&mut own, "ACL DELUSER ann"), "1");
    assert!(own.is_closed());
}

#[test]
fn subscriptions_end_with_the_right_to_them() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    for (subscription, kept, lost) in [
        ("SUBSCRIBE news", "resetchannels &n*", "resetchannels &other"),
        ("PSUBSCRIBE n*", "resetchannels &n*", "resetchannels &news"),
        ("SSUBSCRIBE news", "resetchannels (&news)", "clearselectors"),
    ] {
        user(&mut admin, "reset on >pw +@all allkeys allchannels");
        let (mut listener, mut quiet) = (ann(&server), ann(&server));
        listener.send(subscription.split(' '));
        listener.reply();
        user(&mut admin, kept);
        listener.send(["PING"]);
        assert!(matches!(listener.receive(), Received::Reply(..)), "{subscription}");
        user(&mut admin, lost);
        assert!(listener.is_closed(), "{subscription}");
        assert_eq!(call(&mut quiet, "PING"), "PONG");
        assert_eq!(call(&mut admin, "PUBLISH news 1"), "0");
    }
}

#[test]
fn functions_run_with_the_rights_of_who_calls_them() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    let library = "#!lua name=l\nredis.register_function('read', function(keys, args) return redis.call('GET', args[1]) end)";
    admin.text(["FUNCTION", "LOAD", library]);
    call(&mut admin, "SET secret 1");
    user(&mut admin, "on >pw +fcall +get ~open");
    let mut client = ann(&server);
    let denied = call(&mut client, "FCALL read 0 secret");
    assert!(denied.starts_with("ERR ACL failure in script: No permissions to access a key"), "{denied}");
    assert_eq!(call(&mut client, "FCALL read 0 open"), "nil");
    assert_eq!(call(&mut client, "FCALL read 1 secret open"), NO_KEY);
}

#[test]
fn conditions_of_a_transaction_read_only_what_their_user_may() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    call(&mut admin, "SET secret 1");
    user(&mut admin, "on >pw +@all ~open %W~secret");
    let mut client = ann(&server);
    for condition in ["IFEQ secret 1", "IFNE secret 1", "NX secret", "XX open XX secret"] {
        call(&mut client, "MULTI");
        call(&mut client, "SET open 1");
        assert_eq!(call(&mut client, &format!("EXEC {condition}")), NO_KEY, "{condition}");
        assert_eq!(call(&mut client, "EXEC"), "ERR EXEC without MULTI");
    }
    assert_eq!(call(&mut client, "SET secret 2 IFEQ 1"), NO_KEY);
    assert_eq!(call(&mut client, "SET secret 2"), "OK");
    assert_eq!(info(&mut admin, "acl_access_denied_key"), "5");
}

#[test]
fn a_window_of_requests_is_checked_one_by_one() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    user(&mut admin, "on >pw +set +get ~a*");
    let mut client = Client::connect(server.port());
    client.send_bytes(b"AUTH ann pw\r\nSET a 1\r\nSET b 1\r\nGET a\r\nGET b\r\nDEL a\r\n");
    let replies: Vec<String> = (0..6).map(|_| shown(&client.reply())).collect();
    let no_command = "NOPERM User ann has no permissions to run the 'del' command";
    assert_eq!(replies, ["OK", "OK", NO_KEY, "1", NO_KEY, no_command]);
    assert_eq!(call(&mut admin, "EXISTS b"), "0");
}

#[test]
fn users_are_kept_in_a_file_of_their_own() {
    const FILE: &[&str] = &["--aclfile", "users.acl"];
    let folder = Folder::new();
    fs::write(folder.path().join("users.acl"), "user ann on >pw +@all ~* &*\n").expect("it can be written");
    let server = Server::start_in(folder, FILE);
    let file = server.folder().join("users.acl");
    let mut admin = Client::connect(server.port());
    call(&mut admin, "ACL SETUSER bob on >pw +get ~b");
    assert_eq!(call(&mut admin, "ACL SAVE"), "OK");
    let saved = fs::read_to_string(&file).expect("it was saved");
    assert!(saved.contains("\nuser bob on ") && saved.contains("user default "), "{saved}");
    let (server, mut admin) = again(server.kill(), FILE);
    assert_eq!(call(&mut admin, "ACL USERS"), "[ann, bob, default]");

    // Who is not in the file any more is sent away; the others have their new rights.
    let mut bob = Client::connect(server.port());
    assert_eq!(call(&mut bob, "AUTH bob pw"), "OK");
    let mut client = ann(&server);
    fs::write(server.folder().join("users.acl"), "user ann on >pw +@all ~a &*\n").expect("it can be written");
    assert_eq!(call(&mut admin, "ACL LOAD"), "OK");
    assert!(bob.is_closed());
    assert_eq!(call(&mut client, "GET z"), NO_KEY);

    // A file with a mistake changes nothing.
    fs::write(server.folder().join("users.acl"), "user ann nonsense\n").expect("it can be written");
    let refusal = call(&mut admin, "ACL LOAD");
    assert!(refusal.contains("users.acl:1: Syntax error.") && refusal.contains("no change"), "{refusal}");
    assert_eq!(call(&mut client, "GET a"), "nil");
    let printed = Server::fail_in(server.kill(), FILE);
    assert!(printed.contains("Aborting startup because of ACL errors"), "{printed}");
}

#[test]
fn mistakes_in_declared_users_end_the_start() {
    for (settings, reason) in [
        (&["--user", "ann", "+nope"][..], "Error loading ACL rule '+nope' for the user named 'ann'"),
        (&["--user", "ann", "on", "--user", "ann", "off"], "Duplicate user found"),
        (&["--user", "ann", "on", "--aclfile", "x"], "either the one or the other"),
        (&["--aclfile", "missing.acl"], "No such file or directory"),
    ] {
        let printed = Server::fail_in(Folder::new(), settings);
        assert!(printed.contains(reason), "{settings:?}: {printed}");
    }
}

#[test]
fn the_default_user_may_be_declared_and_bounds_who_says_nothing() {
    let server = Server::start(&["--user", "default", "on", "nopass", "+get", "~open"]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "GET open"), "nil");
    assert_eq!(call(&mut client, "GET z"), NO_KEY);
    assert!(call(&mut client, "SET open 1").starts_with("NOPERM"));
}

#[test]
fn the_log_of_commands_is_replayed_whatever_the_default_user_may_do() {
    const LOGGED: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
    let server = Server::start(LOGGED);
    let mut client = Client::connect(server.port());
    call(&mut client, "MULTI");
    call(&mut client, "SET a 1");
    call(&mut client, "SET b 1");
    call(&mut client, "EXEC");
    client.text(["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)"]);
    let restricted = [LOGGED, &["--user", "default", "on", "nopass", "+get", "~b", "+fcall"]].concat();
    let (_server, mut client) = again(server.kill(), &restricted);
    assert_eq!(call(&mut client, "GET b"), "1");
    assert_eq!(call(&mut client, "FCALL f 0"), "1");
    assert_eq!(call(&mut client, "GET a"), NO_KEY);
}

#[test]
fn databases_are_told_of_only_where_they_are_bounded() {
    let server = Server::start(&["--user", "ann", "on", ">pw", "+@all", "~*", "db=0,2", "(db=1 +get ~x)"]);
    let mut admin = Client::connect(server.port());
    let described = call(&mut admin, "ACL GETUSER ann");
    assert!(described.contains("databases, db=0,2, selectors, [[commands, -@all +get"), "{described}");
    assert!(described.ends_with("databases, db=1]]]"), "{described}");
    assert!(!call(&mut admin, "ACL GETUSER default").contains("databases"));
    let lines = call(&mut admin, "ACL LIST");
    assert!(lines.contains(" ~* resetchannels db=0,2 +@all (~x resetchannels db=1 -@all +get)"), "{lines}");

    let mut client = ann(&server);
    call(&mut client, "SELECT 2");
    client.send(["BLPOP", "q", "0"]);
    await_blocked(&mut admin, "1");
    user(&mut admin, "clearselectors db=0");
    call(&mut admin, "SELECT 2");
    assert_eq!(call(&mut admin, "RPUSH q 1"), "1");
    assert_eq!(shown(&client.reply()), "NOPERM No permissions to access database");
    assert_eq!(info(&mut admin, "acl_access_denied_db"), "1");
    user(&mut admin, "alldbs");
    assert_eq!(call(&mut client, "LPOP q"), "1");
}
