//! FAILOVER, from both sides.

use super::copy::{ID, OTHER, READ_ONLY, await_link, await_reply, following, replicate};
use super::primary::{EOF, online};
use super::replica::Replica;
use super::upstream::Upstream;
use crate::saving::{await_info, call, digest, info, wait_until};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::thread;

const DEBUGGED: &[&str] = &["--enable-debug-command", "yes"];
const UNDER_WAY: &str = "ERR FAILOVER already in progress.";
const IS_PRIMARY: &str = "ERR PSYNC FAILOVER can't be sent to a master.";

/// Writes keys of its own until a write is refused, and returns how many were not.
fn write(port: u16, name: &str) -> u64 {
    let mut client = Client::connect(port);
    for number in 0.. {
        match client.call(["SET", &format!("{name}:{number}"), "1"]) {
            Value::Simple(_) => {}
            Value::Error(error) => {
                assert_eq!(String::from_utf8_lossy(&error), READ_ONLY);
                return number;
            }
            other => panic!("{other:?}"),
        }
    }
    unreachable!("numbers don't end")
}

#[test]
fn no_write_is_lost() {
    let servers = [(); 3].map(|()| Server::start(DEBUGGED));
    let mut clients = servers.each_ref().map(|server| Client::connect(server.port()));
    for client in &mut clients[1..] {
        replicate(client, servers[0].port());
        await_link(client, "up");
    }
    let [first, second, third] = &mut clients;
    wait_until("there are no replicas", || {
        call(first, "INFO replication").matches("state=online").count() == 2
    });
    let port = servers[0].port();
    let mut blocked = Client::connect(port);
    blocked.send(["BLPOP", "nothing", "0"]);
    await_info(first, "blocked_clients", "1");
    let written = thread::scope(|scope| {
        let writers = ["a", "b", "c"].map(|name| scope.spawn(move || write(port, name)));
        wait_until("nothing is written", || {
            call(first, "DBSIZE").parse::<u64>().is_ok_and(|keys| keys > 300)
        });
        assert_eq!(call(first, &format!("FAILOVER TO 127.0.0.1 {} TIMEOUT 30000", servers[1].port())), "OK");
        await_info(first, "master_failover_state", "no-failover");
        writers.map(|writer| writer.join().expect("it has not failed"))
    });
    assert_eq!((info(first, "role"), info(second, "role")), ("slave".to_owned(), "master".to_owned()));
    for (name, count) in ["a", "b", "c"].into_iter().zip(written) {
        // Where the processor is busy, one may come when all is over.
        let last = count.saturating_sub(1);
        assert_eq!(call(second, &format!("EXISTS {name}:{last}")), u64::from(count > 0).to_string());
        assert_eq!(call(second, &format!("EXISTS {name}:{count}")), "0");
    }
    assert_eq!(call(second, "DBSIZE"), written.iter().sum::<u64>().to_string());
    let unblocked =
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    assert_eq!(blocked.reply(), Value::Error(unblocked.into()));

    // All go on where they are, and follow the new primary.
    await_link(first, "up");
    assert_eq!(call(second, "SET after 1"), "OK");
    await_reply(first, "GET after", "1");
    await_reply(third, "GET after", "1");
    await_link(third, "up");
    assert_eq!(digest(first), digest(second));
    assert_eq!(digest(third), digest(second));
    assert_eq!(info(first, "master_replid"), info(second, "master_replid"));
    assert_eq!(info(second, "sync_full"), "0");
    // And back, to whoever has all.
    assert_eq!(call(second, "FAILOVER"), "OK");
    await_info(second, "role", "slave");
    await_link(second, "up");
    assert_eq!(info(first, "role"), "master");
    assert_eq!(call(first, "SET again 1"), "OK");
    await_reply(third, "GET again", "1");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "FAILOVER"), "ERR FAILOVER requires connected replicas.");
    assert_eq!(call(&mut client, "FAILOVER FORCE"), "ERR FAILOVER requires connected replicas.");
    let (_replica, _) = online(&server, EOF);
    let mut early = Replica::connect(server.port());
    early.introduce(&format!("listening-port 9 {EOF}"));
    early.send("PSYNC ? -1");
    early.full();
    let force = "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    let nobody = "ERR FAILOVER target HOST and PORT is not a replica.";
    let number = "ERR value is not an integer or out of range";
    let timeout = "ERR FAILOVER timeout must be greater than 0";
    for (words, reply) in [
        ("ABORT", "ERR No failover in progress."),
        ("TO", "ERR syntax error"),
        ("TO 127.0.0.1", "ERR syntax error"),
        ("TO 127.0.0.1 x", number),
        ("TO 127.0.0.1 x FORCE TIMEOUT y", number),
        ("TO 127.0.0.1 7778", nobody),
        ("TO 127.0.0.1 70000", nobody),
        ("TO 127.0.0.1 -5 TIMEOUT 10 FORCE", nobody),
        ("TO localhost 7777", nobody),
        ("TO 127.0.0.1 9", "ERR FAILOVER target replica is not online."),
        ("TO 127.0.0.1 7777 FORCE", force),
        ("FORCE TIMEOUT 5", force),
        ("TIMEOUT", "ERR syntax error"),
        ("TIMEOUT 0 foo", timeout),
        ("TIMEOUT -1", timeout),
        ("TIMEOUT x", number),
        ("TIMEOUT 5 TIMEOUT 6", "ERR syntax error"),
        ("TO 127.0.0.1 7777 TO 127.0.0.1 7777", "ERR syntax error"),
        ("FORCE FORCE", "ERR syntax error"),
        ("ABORT TIMEOUT 5", "ERR syntax error"),
        ("TIMEOUT 5 ABORT", "ERR syntax error"),
        ("foo", "ERR syntax error"),
    ] {
        assert_eq!(call(&mut client, &format!("FAILOVER {words}")), reply, "{words}");
    }
    assert_eq!(info(&mut client, "master_failover_state"), "no-failover");
    let mut other = Replica::connect(server.port());
    assert_eq!(other.ask(&format!("PSYNC {ID} 1 FAILOVER")), format!("-{IS_PRIMARY}"));

    let copy = Server::start(&["--replicaof", &format!("127.0.0.1 {}", server.port())]);
    let mut client = Client::connect(copy.port());
    for (words, reply) in [
        ("", "ERR FAILOVER is not valid when server is a replica."),
        ("TO 127.0.0.1 1", "ERR FAILOVER is not valid when server is a replica."),
        ("ABORT", "ERR No failover in progress."),
    ] {
        assert_eq!(call(&mut client, format!("FAILOVER {words}").trim()), reply, "{words}");
    }
}

#[test]
fn writes_wait_for_a_replica_and_go_on_without_it() {
    let server = Server::start(DEBUGGED);
    let mut client = Client::connect(server.port());
    let (_replica, _) = online(&server, EOF);
    for command in ["DEBUG SET-ACTIVE-EXPIRE 0", "SET text 1", "SET brief 1 PX 1"] {
        assert_eq!(call(&mut client, command), "OK");
    }
    for end in ["ABORT", "TIMEOUT"] {
        let (timeout, reason) = match end {
            "ABORT" => ("", "Failover manually aborted"),
            _ => (" TIMEOUT 1500", "Replica never caught up before timeout"),
        };
        assert_eq!(call(&mut client, &format!("FAILOVER TO 127.0.0.1 7777{timeout}")), "OK");
        let mut writer = Client::connect(server.port());
        writer.send(["INCR", "n"]);
        await_info(&mut client, "blocked_clients", "1");
        if end == "ABORT" {
            assert_eq!(info(&mut client, "master_failover_state"), "waiting-for-sync");
            assert_eq!(info(&mut client, "paused_reason"), "failover_in_progress");
            assert_eq!(info(&mut client, "paused_actions"), "write");
            assert_eq!(call(&mut client, "FAILOVER"), UNDER_WAY);
            assert_eq!(
                call(&mut client, "REPLICAOF NO ONE"),
                "ERR REPLICAOF not allowed while failing over."
            );
            assert_eq!(call(&mut client, "CLIENT UNPAUSE"), "OK");
            let mut other = Replica::connect(server.port());
            assert_eq!(other.ask("PSYNC ? -1"), "-NOMASTERLINK Can't SYNC while failing over");
            // What has expired is hidden, and stays.
            await_reply(&mut client, "GET brief", "nil");
            assert_eq!(call(&mut client, "DBSIZE"), "2");
            assert_eq!(call(&mut client, "GET text"), "1");
            assert_eq!(info(&mut client, "blocked_clients"), "1");
            assert_eq!(call(&mut client, "FAILOVER ABORT"), "OK");
        }
        let expected = if end == "ABORT" { 1 } else { 2 };
        assert_eq!(writer.reply(), Value::Integer(expected));
        server.wait_for_log(&format!("FAILOVER to 127.0.0.1:7777 aborted: {reason}"));
        assert_eq!(info(&mut client, "master_failover_state"), "no-failover");
        assert_eq!(call(&mut client, "MGET brief n"), format!("[nil, {expected}]"));
        assert_eq!(call(&mut client, "DBSIZE"), "2", "what has expired goes again when somebody looks at it");
    }
    assert_eq!((info(&mut client, "role"), call(&mut client, "SET a 1")), ("master".into(), "OK".into()));
}

/// A primary that is forced to hand over to a server of the test's, and waits to be heard; and a client whose write waits.
fn forced(upstream: &Upstream) -> (Server, Client, Client, Replica) {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let port = upstream.port();
    let (replica, _) = online(&server, &format!("listening-port {port} {EOF}"));
    assert_eq!(call(&mut client, "SET a 1"), "OK");
    assert_eq!(call(&mut client, &format!("FAILOVER TO 127.0.0.1 {port} FORCE TIMEOUT 1")), "OK");
    let mut writer = Client::connect(server.port());
    writer.send(["INCR", "a"]);
    (server, client, writer, replica)
}

/// What the server says to its heir.
fn asks(client: &mut Client, how: &str) -> String {
    await_info(client, "master_failover_state", "failover-in-progress");
    let wanted = info(client, "master_repl_offset").parse::<u64>().expect("a number") + 1;
    format!("PSYNC {} {wanted}{how}", info(client, "master_replid"))
}

#[test]
fn an_heir_that_refuses_is_none() {
    let upstream = Upstream::new();
    let (server, mut client, mut writer, _replica) = forced(&upstream);
    let asked = asks(&mut client, " FAILOVER");
    let id = info(&mut client, "master_replid");
    let mut heir = upstream.accept_up_to(server.port(), &asked);
    assert_eq!(info(&mut client, "role"), "slave");
    assert_eq!(call(&mut client, "FAILOVER"), UNDER_WAY);
    heir.say(b"-ERR PSYNC FAILOVER replid must match my replid.\r\n");
    assert_eq!(writer.reply(), Value::Integer(2), "no write is refused");
    assert_eq!((info(&mut client, "role"), info(&mut client, "master_replid2")), ("master".into(), id));
    server.wait_for_log("aborted: The target of the failover rejected the PSYNC request");

    // So is one that can't be reached before it has been asked.
    let upstream = Upstream::new();
    let (server, mut client, mut writer, _replica) = forced(&upstream);
    drop(upstream.accept());
    drop(upstream);
    assert_eq!(writer.reply(), Value::Integer(2));
    server.wait_for_log("FAILOVER to 127.0.0.1:");
    assert_eq!(info(&mut client, "role"), "master");
    assert_eq!(call(&mut client, "CONFIG GET replicaof"), "[replicaof, ]");

    // And one of which an operator has had enough.
    let upstream = Upstream::new();
    let (_server, mut client, mut writer, _replica) = forced(&upstream);
    await_info(&mut client, "master_failover_state", "failover-in-progress");
    assert_eq!(call(&mut client, "FAILOVER ABORT"), "OK");
    assert_eq!(writer.reply(), Value::Integer(2));
    assert_eq!(info(&mut client, "role"), "master");
}

#[test]
fn an_heir_whose_answer_is_lost_is_asked_again() {
    let upstream = Upstream::new();
    let (server, mut client, mut writer, _replica) = forced(&upstream);
    let asked = asks(&mut client, " FAILOVER");
    drop(upstream.accept_up_to(server.port(), &asked));
    let mut heir = upstream.accept_up_to(server.port(), &asked);
    assert_eq!(info(&mut client, "master_failover_state"), "failover-in-progress");
    heir.say(format!("-{IS_PRIMARY}\r\n").as_bytes());
    heir.expect(&[asked.trim_end_matches(" FAILOVER")]);
    heir.say(format!("+CONTINUE {OTHER}\r\n").as_bytes());
    assert_eq!(writer.reply(), Value::Error(READ_ONLY.into()));
    await_link(&mut client, "up");
    assert_eq!(info(&mut client, "master_failover_state"), "no-failover");
    assert_eq!(info(&mut client, "master_replid"), OTHER);
}

#[test]
fn a_copy_takes_over_when_its_primary_says_so() {
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    follower.run(&["SET last 1"]);
    let mut primary = Replica::connect(server.port());
    primary.introduce(EOF);
    let other = format!("PSYNC {OTHER} 1001 FAILOVER");
    assert_eq!(primary.ask(&other), "-ERR PSYNC FAILOVER replid must match my replid.");
    await_reply(&mut client, "GET last", "1");
    let offset = info(&mut client, "slave_repl_offset").parse::<u64>().expect("a number");
    let answer = primary.ask(&format!("PSYNC {ID} {} FAILOVER", offset + 1));
    let id = answer.strip_prefix("+CONTINUE ").expect("it has what it asks for");
    assert_eq!((info(&mut client, "role"), info(&mut client, "master_replid")), ("master".into(), id.into()));
    assert_eq!(info(&mut client, "second_repl_offset"), (offset + 1).to_string());
    assert_eq!(call(&mut client, "SET mine 1"), "OK");
    assert_eq!([primary.command(), primary.command()], ["SELECT 0", "SET mine 1"]);
    assert!(follower.is_closed());

    // Who has more than it gets a snapshot.
    let upstream = Upstream::new();
    let (server, mut client, _follower) = following(&upstream, &[]);
    let mut primary = Replica::connect(server.port());
    primary.introduce(EOF);
    primary.send(&format!("PSYNC {ID} 5000 FAILOVER"));
    assert_eq!(primary.full().id, info(&mut client, "master_replid"));
    assert!(primary.snapshot().starts_with(b"REDIS00"));
}
