//! Replicas and primaries that are broken, mean harm, or are treated badly.

use super::copy::{await_link, await_reply, following, replicate};
use super::replica::Replica;
use super::upstream::{Upstream, requests, snapshot};
use crate::saving::{call, info, wait_until};
use spinel_tests::{Client, Server};
use std::io::Write;
use std::net::TcpStream;

const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const ASKS_FOR_ALL: &str = "PSYNC ? -1";
const EOF: &str = "capa eof capa psync2";
/// Nothing is said between commands.
const QUIET: &[&str] = &["--repl-ping-replica-period", "3600"];
/// Keys of a server whose snapshot takes long.
const KEYS: u32 = 20_000;

/// A server with a snapshot that takes long: a millisecond for each of its keys.
fn slow() -> (Server, Client) {
    let settings = ["--enable-debug-command", "yes", "--busy-reply-threshold", "1"];
    let server = Server::start(&[&settings, QUIET].concat());
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, &format!("DEBUG POPULATE {KEYS}")), "OK");
    slow_down(&mut client, 1000);
    (server, client)
}

fn slow_down(client: &mut Client, microseconds: u32) {
    assert_eq!(call(client, &format!("CONFIG SET rdb-key-save-delay {microseconds}")), "OK");
}

/// A replica that is being sent a snapshot.
fn receiving(server: &Server, client: &mut Client) -> Replica {
    let mut replica = Replica::connect(server.port());
    replica.introduce(EOF);
    replica.send(ASKS_FOR_ALL);
    replica.full();
    wait_until("nothing is sent", || info(client, "slave0").contains("state=send_bulk"));
    replica
}

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[test]
fn any_words_in_any_order_are_no_harm() {
    const NUMBERS: [&str; 9] = [
        "0",
        "-1",
        "1",
        "14",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999",
        "x",
        "",
    ];
    const LINES: [&str; 14] = [
        "PING",
        "REPLCONF listening-port #",
        "REPLCONF ip-address #",
        "REPLCONF capa eof capa #",
        "REPLCONF rdb-only #",
        "REPLCONF rdb-filter-only functions",
        "REPLCONF ACK #",
        "REPLCONF ACK # FACK #",
        "REPLCONF GETACK *",
        "REPLCONF #",
        "PSYNC ? #",
        "PSYNC @ #",
        "SYNC",
        "SET key #",
    ];
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    call(&mut client, "SET key value");
    let mut random = Random(1);
    for _ in 0..300 {
        let id = if random.below(2) == 0 { info(&mut client, "master_replid") } else { ID.to_owned() };
        let mut bytes = Vec::new();
        for _ in 0..=random.below(12) {
            let line = LINES[random.below(LINES.len())].replace('@', &id);
            let words = line.split(' ').map(|word| match word {
                "#" => NUMBERS[random.below(NUMBERS.len())],
                word => word,
            });
            spinel_resp::encode_request(words, &mut bytes);
        }
        let mut socket = TcpStream::connect(("127.0.0.1", server.port())).expect("the server listens");
        // It may have closed the connection before it has read all.
        let _ = socket.write_all(&bytes);
    }
    wait_until("replicas that have gone are still there", || info(&mut client, "connected_slaves") == "0");
    assert_eq!(call(&mut client, "EXISTS key"), "1");
    // Who means it is served.
    let mut replica = Replica::connect(server.port());
    replica.introduce(EOF);
    replica.send(ASKS_FOR_ALL);
    replica.full();
    assert!(replica.snapshot().starts_with(b"REDIS00"));
}

#[test]
fn who_asks_for_what_is_not_there_gets_a_snapshot() {
    let server = Server::start(QUIET);
    let mut first = receiving_all(&server);
    let mut client = Client::connect(server.port());
    call(&mut client, "SET key value");
    assert_eq!([first.command(), first.command()], ["SELECT 0", "SET key value"]);
    let (id, end) = (info(&mut client, "master_replid"), info(&mut client, "master_repl_offset"));
    let end: u64 = end.parse().expect("an offset is a number");
    let beyond = [end + 2, end + 1000, i64::MAX as u64].map(|offset| format!("{id} {offset}"));
    let none = ["0", "-1", "-9223372036854775808"].map(|offset| format!("{id} {offset}"));
    let unknown = [ID, "?", "x", &id[1..], &id.to_uppercase()].map(|name| format!("{name} {}", end + 1));
    for asked in beyond.iter().chain(&none).chain(&unknown) {
        let mut replica = Replica::connect(server.port());
        replica.introduce(EOF);
        let answer = replica.ask(&format!("PSYNC {asked}"));
        assert!(answer.starts_with("+FULLRESYNC "), "{asked}: {answer}");
    }
    for (asked, refusal) in [
        (format!("{id} x"), "-ERR value is not an integer or out of range"),
        (format!("{id} 9223372036854775808"), "-ERR value is not an integer or out of range"),
    ] {
        assert_eq!(Replica::connect(server.port()).ask(&format!("PSYNC {asked}")), refusal);
    }
    let mut replica = Replica::connect(server.port());
    replica.introduce(EOF);
    assert_eq!(replica.ask(&format!("PSYNC {id} {}", end + 1)), format!("+CONTINUE {id}"));
}

fn receiving_all(server: &Server) -> Replica {
    let mut replica = Replica::connect(server.port());
    replica.introduce(EOF);
    replica.send(ASKS_FOR_ALL);
    let start = replica.full();
    replica.snapshot();
    replica.send(&format!("REPLCONF ACK {}", start.offset));
    replica
}

#[test]
fn a_primary_may_start_again_within_its_snapshot() {
    let upstream = Upstream::new();
    let (server, mut client, follower) = following(&upstream, &[]);
    drop(follower);
    let asks = format!("PSYNC {ID} 1001");
    let file = snapshot("key", "new");
    for (asks, length) in [(&asks[..], 1), (ASKS_FOR_ALL, file.len() - 1), (ASKS_FOR_ALL, 0)] {
        let mut follower = upstream.accept_up_to(server.port(), asks);
        follower.say(format!("+FULLRESYNC {OTHER} 77\r\n${}\r\n", file.len()).as_bytes());
        follower.say(&file[..length]);
        wait_until("it does not copy", || info(&mut client, "master_sync_in_progress") == "1");
        assert_eq!(call(&mut client, "GET key"), "value", "half a snapshot is none");
    }
    let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
    follower.say(format!("+FULLRESYNC {ID} 5\r\n${}\r\n", file.len()).as_bytes());
    follower.say(&file);
    follower.expect(&["REPLCONF ACK 5"]);
    assert_eq!(call(&mut client, "GET key"), "new");
    assert_eq!(info(&mut client, "master_replid"), ID);
}

#[test]
fn servers_may_copy_themselves_and_each_other() {
    let servers = [(); 3].map(|()| Server::start(&["--enable-debug-command", "yes"]));
    let mut clients = servers.each_ref().map(|server| Client::connect(server.port()));
    let [first, second, third] = &mut clients;
    call(first, "SET key 1");
    replicate(first, servers[0].port());
    servers[0].wait_for_log("NOMASTERLINK");
    assert_eq!(call(first, "GET key"), "1");
    assert!(call(first, "SET key 2").starts_with("READONLY "));
    assert_eq!(call(first, "REPLICAOF NO ONE"), "OK");
    assert_eq!(call(first, "SET key 2"), "OK");

    // A ring of three has no end, until somebody leads.
    replicate(second, servers[0].port());
    await_link(second, "up");
    replicate(third, servers[1].port());
    await_link(third, "up");
    replicate(first, servers[2].port());
    for client in [&mut *first, &mut *second, &mut *third] {
        assert_eq!(call(client, "GET key"), "2", "what is there stays readable");
    }
    assert_eq!(call(second, "REPLICAOF NO ONE"), "OK");
    call(second, "SET key 3");
    for client in [&mut *third, &mut *first] {
        await_reply(client, "GET key", "3");
    }

    // The same with two.
    replicate(second, servers[2].port());
    assert_eq!(call(third, "REPLICAOF NO ONE"), "OK");
    call(third, "SET key 4");
    await_reply(second, "GET key", "4");
    await_reply(first, "GET key", "4");
    assert_eq!(call(first, "DEBUG DIGEST"), call(third, "DEBUG DIGEST"));
}

#[test]
fn a_script_that_does_not_end_keeps_no_replica_away_for_good() {
    let (server, mut client) = slow();
    let mut replica = receiving(&server, &mut client);
    let endless = "while true do end";
    let mut caller = Client::connect(server.port());
    caller.send(["EVAL", endless, "0"]);
    wait_until("the script does not run", || call(&mut client, "GET key:0").starts_with("BUSY "));
    // Who comes now is sent away.
    let refusal = Replica::connect(server.port()).ask("PING");
    assert!(refusal.starts_with("-BUSY "), "{refusal}");
    let refusal = Replica::connect(server.port()).ask(ASKS_FOR_ALL);
    assert!(refusal.starts_with("-BUSY "), "{refusal}");
    let copy = Server::start(&[]);
    let mut copied = Client::connect(copy.port());
    replicate(&mut copied, server.port());
    copy.wait_for_log("BUSY ");
    assert_eq!(call(&mut client, "SCRIPT KILL"), "OK");
    assert!(crate::saving::shown(&caller.reply()).contains("Script killed by user"));
    // Who was there already gets the rest, and who was sent away comes again.
    slow_down(&mut client, 0);
    assert!(replica.snapshot().starts_with(b"REDIS00"));
    await_link(&mut copied, "up");
    assert_eq!(call(&mut copied, "DBSIZE"), KEYS.to_string());
}

#[test]
fn replicas_can_be_killed_at_any_time() {
    let (server, mut client) = slow();
    // Within a snapshot, which nobody wants then.
    let mut replica = receiving(&server, &mut client);
    let id = call(&mut client, "CLIENT LIST TYPE replica");
    let id = id.split_whitespace().find_map(|word| word.strip_prefix("id=")).expect("it is a client");
    for reason in ["", " TIMEOUT", " ERROR"] {
        assert_eq!(call(&mut client, &format!("CLIENT UNBLOCK {id}{reason}")), "0", "it waits for nothing");
    }
    assert_eq!(call(&mut client, &format!("CLIENT KILL ID {id}")), "1");
    assert!(replica.is_closed());
    wait_until("it is still there", || info(&mut client, "connected_slaves") == "0");
    slow_down(&mut client, 0);
    let mut replica = receiving_all(&server);
    wait_until("it is not online", || info(&mut client, "slave0").contains("state=online"));

    // A pause of writes is none for replicas.
    assert_eq!(call(&mut client, "CLIENT PAUSE 600000 WRITE"), "OK");
    let mut writer = Client::connect(server.port());
    writer.send(["SET", "key", "value"]);
    let mut second = receiving_all(&server);
    wait_until("the second is not online", || info(&mut client, "slave1").contains("state=online"));
    assert_eq!(call(&mut client, "CLIENT UNPAUSE"), "OK");
    assert_eq!(crate::saving::shown(&writer.reply()), "OK");
    for replica in [&mut replica, &mut second] {
        assert_eq!([replica.command(), replica.command()], ["SELECT 0", "SET key value"]);
    }
    assert_eq!(call(&mut client, "CLIENT KILL TYPE replica"), "2");
    assert!(replica.is_closed() && second.is_closed());
    wait_until("they are still there", || info(&mut client, "connected_slaves") == "0");
    assert_eq!(call(&mut client, "SET key other"), "OK");
}

#[test]
fn the_link_to_a_primary_can_be_killed_at_any_time() {
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    follower.run(&["SET key 1"]);
    let offset = 1000 + requests(&["SET key 1"]).len() as u64;
    follower.expect_ack(offset);
    let primary = call(&mut client, "CLIENT LIST TYPE master");
    let id = primary.split_whitespace().find_map(|word| word.strip_prefix("id=")).expect("it is a client");
    assert_eq!(call(&mut client, &format!("CLIENT UNBLOCK {id}")), "0");
    assert_eq!(call(&mut client, "CLIENT KILL TYPE master"), "1");
    assert!(follower.is_closed());
    let mut follower = upstream.accept_up_to(server.port(), &format!("PSYNC {ID} {}", offset + 1));

    // Within a snapshot.
    let file = snapshot("key", "new");
    follower.say(format!("+FULLRESYNC {OTHER} 77\r\n${}\r\n", file.len()).as_bytes());
    follower.say(&file[..20]);
    wait_until("it does not copy", || info(&mut client, "master_sync_in_progress") == "1");
    assert_eq!(call(&mut client, "CLIENT KILL TYPE master"), "1");
    assert!(follower.is_closed());
    assert_eq!(call(&mut client, "GET key"), "1");
    let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
    follower.say(format!("+FULLRESYNC {OTHER} 77\r\n${}\r\n", file.len()).as_bytes());
    follower.say(&file);
    follower.expect(&["REPLCONF ACK 77"]);
    assert_eq!(call(&mut client, "GET key"), "new");
}
