//! Quotas: how many operations in a second users and databases may have, and how much memory databases.

use crate::saving::{again, call, number};
use spinel_resp::Value;
use spinel_tests::{Client, Folder, Server};
use std::fs;
use std::time::{Duration, Instant};

const USER_OPERATIONS: &str =
    "QUOTA command not allowed when operations per second > 'quota-operations' of the user.";
const DB_OPERATIONS: &str =
    "QUOTA command not allowed when operations per second of database 3 > 'db-quota-operations'.";
const DB_MEMORY: &str = "QUOTA command not allowed when memory of database 1 > 'db-quota-memory'.";
const USER_MEMORY: &str = "QUOTA command not allowed when memory of database 0 > 'quota-memory' of the user.";

fn ok(client: &mut Client, command: &str) {
    assert_eq!(call(client, command), "OK", "{command}");
}

/// A connection of this user, whose password is pw.
fn enter(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.port());
    ok(&mut client, &format!("AUTH {user} pw"));
    client
}

/// Sends a command often, at once; how often it was refused with this error, and nothing else went wrong.
fn refusals(client: &mut Client, command: &str, times: usize, error: &str) -> usize {
    (0..times).for_each(|_| client.send(command.split(' ')));
    let replies: Vec<Value> = (0..times).map(|_| client.reply()).collect();
    let errors = replies.iter().filter_map(|reply| match reply {
        Value::Error(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    });
    errors.inspect(|text| assert_eq!(text, error)).count()
}

fn await_ok(client: &mut Client, command: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while call(client, command).starts_with("QUOTA") {
        assert!(Instant::now() < deadline, "it is never allowed again");
    }
}

/// Adds keys of half a kilobyte until a quota refuses one; how many there are then.
fn fill(client: &mut Client, error: &str) -> i64 {
    let value = "x".repeat(500);
    for key in 0..100_000 {
        let reply = client.text(["SET", &format!("key:{key}"), &value]);
        if reply != "OK" {
            assert_eq!(reply, format!("-{error}"));
            return key;
        }
    }
    panic!("all of it was taken")
}

#[test]
fn a_user_has_so_many_operations_in_a_second() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL SETUSER ann on >pw +@all ~* &* quota-operations=1");
    let mut ann = enter(&server, "ann");
    // More than so few would be too slow a machine: one comes in a second.
    assert!((900..1000).contains(&refusals(&mut ann, "PING", 1000, USER_OPERATIONS)));
    await_ok(&mut ann, "SET k v");
    // All connections of a user share them; saying who one is takes none.
    let mut also_ann = enter(&server, "ann");
    assert!(refusals(&mut also_ann, "GET k", 200, USER_OPERATIONS) > 100);
    assert_eq!(refusals(&mut admin, "GET k", 1000, USER_OPERATIONS), 0);
    assert!(number(&mut admin, "quota_denied_user_operations") > 1000);
    assert!(call(&mut admin, "INFO errorstats").contains("errorstat_QUOTA:count="));

    ok(&mut admin, "ACL SETUSER ann quota-operations=0");
    assert_eq!(refusals(&mut ann, "GET k", 1000, USER_OPERATIONS), 0);
}

#[test]
fn what_is_queued_takes_operations_and_a_refusal_discards_all() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL SETUSER ann on >pw +@all ~* &* quota-operations=3");
    let mut ann = enter(&server, "ann");
    for (command, reply) in
        [("MULTI", "OK"), ("SET a 1", "QUEUED"), ("SET b 2", "QUEUED"), ("GET a", "QUEUED")]
    {
        assert_eq!(call(&mut ann, command), reply);
    }
    assert_eq!(call(&mut ann, "EXEC"), "[OK, OK, 1]");
    ok(&mut ann, "MULTI");
    assert!(refusals(&mut ann, "SET a 9", 500, USER_OPERATIONS) > 300);
    assert!(call(&mut ann, "EXEC").starts_with("EXECABORT"));
    assert_eq!(call(&mut admin, "GET a"), "1");
}

#[test]
fn a_script_goes_on_and_others_wait_for_what_it_took() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL SETUSER ann on >pw +@all ~* &* quota-operations=100");
    let mut ann = enter(&server, "ann");
    let script = "for number = 1, 5000 do redis.call('INCR', KEYS[1]) end return 'done'";
    assert_eq!(ann.text(["EVAL", script, "1", "counter"]), "done");
    assert_eq!(call(&mut admin, "GET counter"), "5000");
    // It has taken what comes in ten seconds.
    assert!(refusals(&mut ann, "PING", 100, USER_OPERATIONS) > 0);
    ok(&mut admin, "ACL SETUSER ann quota-operations=1000000000");
    await_ok(&mut ann, "PING");
}

#[test]
fn a_database_has_so_many_operations_in_a_second() {
    let server = Server::start(&["--db-quota-operations", "3", "1"]);
    let mut client = Client::connect(server.port());
    ok(&mut client, "SELECT 3");
    assert!((900..1000).contains(&refusals(&mut client, "GET k", 1000, DB_OPERATIONS)));
    // What uses no database, and others.
    assert_eq!(refusals(&mut client, "PING", 200, DB_OPERATIONS), 0);
    ok(&mut client, "SELECT 0");
    assert_eq!(refusals(&mut client, "GET k", 200, DB_OPERATIONS), 0);
    // A transaction that goes there.
    ok(&mut client, "MULTI");
    assert_eq!(call(&mut client, "SELECT 3"), "QUEUED");
    assert!(refusals(&mut client, "GET k", 200, DB_OPERATIONS) > 100);
    assert!(call(&mut client, "EXEC").starts_with("EXECABORT"));
    assert!(number(&mut client, "quota_denied_db_operations") > 1000);

    ok(&mut client, "SELECT 3");
    assert_eq!(client.text(["CONFIG", "SET", "db-quota-operations", ""]), "OK");
    assert_eq!(refusals(&mut client, "GET k", 1000, DB_OPERATIONS), 0);
    let refused = client.text(["CONFIG", "SET", "db-quota-operations", "16 5"]);
    assert!(refused.contains("There is no database 16"), "{refused}");
    assert_eq!(call(&mut client, "CONFIG GET db-quota-operations"), "[db-quota-operations, ]");
}

#[test]
fn a_database_takes_so_much_memory_and_can_be_read_and_emptied() {
    let server = Server::start(&["--db-quota-memory", "1", "1mb"]);
    let mut client = Client::connect(server.port());
    ok(&mut client, "SET elsewhere value");
    ok(&mut client, "SELECT 1");
    let keys = fill(&mut client, DB_MEMORY);
    assert!((1000..2100).contains(&keys), "{keys} keys of half a kilobyte in a megabyte");
    // What can't add to it runs.
    assert_eq!(call(&mut client, "STRLEN key:1"), "500");
    for command in
        ["LPUSH list a", "INCR number", "COPY key:1 key:x", "EVAL return(redis.call('SET','a','b')) 0"]
    {
        let reply = call(&mut client, command);
        assert!(reply.contains(DB_MEMORY), "{command}: {reply}");
    }
    ok(&mut client, "MULTI");
    assert_eq!(call(&mut client, "SET a b"), DB_MEMORY);
    assert!(call(&mut client, "EXEC").starts_with("EXECABORT"));
    // Nor can it be filled from elsewhere.
    ok(&mut client, "SELECT 0");
    for command in ["MOVE elsewhere 1", "COPY elsewhere elsewhere DB 1"] {
        assert_eq!(call(&mut client, command), DB_MEMORY, "{command}");
    }
    ok(&mut client, "MULTI");
    assert_eq!(call(&mut client, "SELECT 1"), "QUEUED");
    assert_eq!(call(&mut client, "SET a b"), DB_MEMORY);
    assert!(call(&mut client, "EXEC").starts_with("EXECABORT"));
    // Others have their own room.
    ok(&mut client, "SET elsewhere other");
    assert!(number(&mut client, "quota_denied_db_memory") >= 8);

    ok(&mut client, "SELECT 1");
    for key in 0..keys / 2 {
        assert_eq!(client.integer(["DEL", &format!("key:{key}")]), 1);
    }
    ok(&mut client, "SET a b");
    ok(&mut client, "FLUSHDB");
    let again = fill(&mut client, DB_MEMORY);
    assert!(again.abs_diff(keys) < 100, "{again} and {keys} keys");
    assert_eq!(client.text(["CONFIG", "SET", "db-quota-memory", "1 2mb 0 1gb"]), "OK");
    assert_eq!(call(&mut client, "CONFIG GET db-quota-memory"), "[db-quota-memory, 0 1073741824 1 2097152]");
    ok(&mut client, "SET a b");
}

#[test]
fn a_transaction_that_was_queued_in_time_is_refused_as_a_whole() {
    let server = Server::start(&["--db-quota-memory", "1", "1mb"]);
    let (mut client, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    ok(&mut client, "SELECT 1");
    ok(&mut other, "SELECT 1");
    ok(&mut other, "MULTI");
    assert_eq!(call(&mut other, "SET late value"), "QUEUED");
    fill(&mut client, DB_MEMORY);
    let reply = call(&mut other, "EXEC");
    assert_eq!(reply, format!("EXECABORT Transaction discarded because of: {DB_MEMORY}"));
    assert_eq!(call(&mut client, "EXISTS late"), "0");
}

#[test]
fn a_user_fills_a_database_only_so_far() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    ok(&mut admin, "ACL SETUSER batch on >pw +@all ~* &* quota-memory=1mb");
    let mut batch = enter(&server, "batch");
    let keys = fill(&mut batch, USER_MEMORY);
    assert!((1000..2100).contains(&keys), "{keys} keys of half a kilobyte in a megabyte");
    assert!(call(&mut batch, "EVAL return(redis.call('SET','a','b')) 0").starts_with(USER_MEMORY));
    assert_eq!(call(&mut batch, "STRLEN key:1"), "500");
    ok(&mut admin, "SET for:others value");
    ok(&mut batch, "SELECT 2");
    ok(&mut batch, "SET room value");
    ok(&mut batch, "SELECT 0");
    ok(&mut batch, "FLUSHDB");
    ok(&mut batch, "SET a b");
    assert!(number(&mut admin, "quota_denied_user_memory") >= 2);
}

#[test]
fn quotas_are_rules_that_are_shown_and_kept() {
    const FILE: &[&str] = &["--aclfile", "users.acl"];
    let folder = Folder::new();
    fs::write(folder.path().join("users.acl"), "user ann on >pw +@all ~*\n").expect("it is a folder");
    let server = Server::start_in(folder, FILE);
    let mut admin = Client::connect(server.port());
    assert!(!call(&mut admin, "ACL LIST").contains("quota"));
    ok(&mut admin, "ACL SETUSER ann QUOTA-OPERATIONS=1 quota-memory=2mb");
    ok(&mut admin, "ACL SAVE");
    let (server, mut admin) = again(server.kill(), FILE);
    assert!(call(&mut admin, "ACL LIST").contains(" +@all quota-operations=1 quota-memory=2097152"));
    let shown = call(&mut admin, "ACL GETUSER ann");
    assert!(shown.ends_with("quota-operations, 1, quota-memory, 2097152]"), "{shown}");
    let mut ann = enter(&server, "ann");
    assert!(refusals(&mut ann, "PING", 200, USER_OPERATIONS) > 100);
    ok(&mut admin, "ACL SETUSER ann reset");
    assert!(!call(&mut admin, "ACL GETUSER ann").contains("quota"));
    for rule in [
        "quota-operations=x",
        "quota-operations=-1",
        "quota-operations=1000000001",
        "quota-memory=",
        "quota-memory=1xb",
    ] {
        let reply = call(&mut admin, &format!("ACL SETUSER ann {rule}"));
        assert!(reply.contains("A quota is a number of operations in a second"), "{rule}: {reply}");
    }
    for rule in ["quota-what=1", "quota-operations", "(quota-operations=1)"] {
        let reply = call(&mut admin, &format!("ACL SETUSER ann {rule}"));
        assert!(reply.ends_with("Syntax error"), "{rule}: {reply}");
    }
}
