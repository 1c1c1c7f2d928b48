//! The server as a copy of a primary, seen byte by byte.

use super::upstream::{Follower, Upstream, requests, snapshot};
use crate::foreign_programs::variable;
use crate::saving::{await_info, call, digest, fill, info, shown};
use spinel_tests::{Client, Folder, Server, free_port};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(super) const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(super) const READ_ONLY: &str = "READONLY You can't write against a read only replica.";
const ASKS_FOR_ALL: &str = "PSYNC ? -1";

/// Waits until a command replies so.
pub(super) fn await_reply(client: &mut Client, command: &str, expected: &str) {
    let started = Instant::now();
    loop {
        let reply = call(client, command);
        if reply == expected {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{command}: {reply}");
    }
}

pub(super) fn await_link(client: &mut Client, expected: &str) {
    let started = Instant::now();
    while info(client, "master_link_status") != expected {
        assert!(started.elapsed() < Duration::from_secs(30), "the link is not {expected}");
    }
}

pub(super) fn replicate(client: &mut Client, port: u16) {
    assert_eq!(call(client, &format!("REPLICAOF 127.0.0.1 {port}")), "OK");
}

/// A server that copies a primary, whose stream is at offset 1000, and what it has is a key.
pub(super) fn following(upstream: &Upstream, settings: &[&str]) -> (Server, Client, Follower) {
    let server = Server::start(settings);
    let mut client = Client::connect(server.port());
    replicate(&mut client, upstream.port());
    let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
    let file = snapshot("key", "value");
    follower.say(format!("+FULLRESYNC {ID} 1000\r\n${}\r\n", file.len()).as_bytes());
    follower.say(&file);
    follower.expect(&["REPLCONF ACK 1000"]);
    await_link(&mut client, "up");
    (server, client, follower)
}

#[test]
fn a_copy_introduces_itself() {
    let upstream = Upstream::new();
    let address = format!("127.0.0.1 {}", upstream.port());
    let announced = ["--replica-announce-ip", "1.2.3.4", "--replica-announce-port", "77"];
    let secret = ["--masteruser", "joe", "--masterauth", "secret", "--replicaof", &address];
    let _server = Server::start(&[&announced[..], &secret[..]].concat());
    let mut follower = upstream.accept();
    follower.expect(&["PING"]);
    follower.say(b"-NOAUTH Authentication required.\r\n");
    follower.expect(&[
        "AUTH joe secret",
        "REPLCONF listening-port 77",
        "REPLCONF ip-address 1.2.3.4",
        "REPLCONF capa eof capa psync2",
    ]);
    follower.say(b"+OK\r\n+OK\r\n-ERR unknown\r\n+OK\r\n");
    follower.expect(&[ASKS_FOR_ALL]);
    follower.say(b"-NOMASTERLINK later\r\n");
    // It comes again by itself.
    upstream.accept().expect(&["PING"]);
}

#[test]
fn a_snapshot_takes_the_place_of_what_was_there() {
    for is_marked in [false, true] {
        let upstream = Upstream::new();
        let server = Server::start(&[]);
        let mut client = Client::connect(server.port());
        for command in ["SET mine 1", "SELECT 5", "SET mine 1", "SELECT 0"] {
            assert_eq!(call(&mut client, command), "OK");
        }
        replicate(&mut client, upstream.port());
        let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
        let file = snapshot("key", "value");
        let line = if is_marked { format!("$EOF:{OTHER}") } else { format!("${}", file.len()) };
        follower.say(format!("\n\n+FULLRESYNC {ID} 1000\r\n\n{line}\r\n").as_bytes());
        let (first, rest) = file.split_at(7);
        follower.say(first);
        assert_eq!(call(&mut client, "GET mine"), "1", "until it is whole the old data stays");
        follower.say(rest);
        if is_marked {
            follower.say(OTHER.as_bytes());
        }
        follower.expect(&["REPLCONF ACK 1000"]);
        assert_eq!(call(&mut client, "MGET mine key"), "[nil, value]");
        assert!(!call(&mut client, "INFO keyspace").contains("db5"));
        let files = std::fs::read_dir(server.folder()).expect("it is there").flatten();
        let left: Vec<_> = files.map(|file| file.file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("temp-")), "{left:?}");
    }
}

#[test]
fn members_that_have_expired_are_hidden_and_stay_until_the_primary_removes_them() {
    let upstream = Upstream::new();
    let (_server, mut client, mut follower) = following(&upstream, &[]);
    follower.run(&["HSET h a 1 b 2", "HPEXPIREAT h 1000 FIELDS 1 a"]);
    follower.run(&["SADD s a b", "SPEXPIREAT s 1000 MEMBERS 1 a", "ZADD z 1 a 2 b"]);
    follower.run(&["ZPEXPIREAT z 1000 MEMBERS 1 a"]);
    await_reply(&mut client, "ZRANGE z 0 -1", "[b]");
    for (command, shown) in [
        ("HGETALL h", "[b, 2]"),
        ("HMGET h a b", "[nil, 2]"),
        ("HLEN h", "1"),
        ("SMEMBERS s", "[b]"),
        ("SISMEMBER s a", "0"),
        ("ZRANK z b", "0"),
    ] {
        assert_eq!(call(&mut client, command), shown, "{command}");
    }
    assert_eq!(client.integer(["EVAL_RO", "return #redis.call('SMEMBERS', 's')", "0"]), 1);
    // The primary found them there.
    follower.run(&["ZREM z b", "SREM s a", "HPERSIST h FIELDS 1 a"]);
    await_reply(&mut client, "HGET h a", "1");
    assert_eq!(call(&mut client, "HGETALL h"), "[b, 2, a, 1]");
    assert_eq!(call(&mut client, "ZCARD z"), "0");
    assert_eq!(call(&mut client, "EXISTS z"), "1", "the member that is left stays");
}

#[test]
fn the_stream_is_run_and_acknowledged() {
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    let stream = ["SELECT 3", "SET a 1", "PING", "MULTI", "INCR a", "INCR a", "EXEC"];
    follower.run(&stream);
    let offset = 1000 + requests(&stream).len() as u64;
    follower.run(&["REPLCONF GETACK *"]);
    follower.expect_ack(offset);
    assert_eq!(call(&mut client, "SELECT 3"), "OK");
    assert_eq!(call(&mut client, "GET a"), "3");
    let offset = offset + requests(&["REPLCONF GETACK *"]).len() as u64;
    follower.expect_ack(offset);
    assert_eq!(info(&mut client, "slave_repl_offset"), offset.to_string());
    assert_eq!(info(&mut client, "master_replid"), ID);

    // Half a transaction is nothing.
    follower.run(&["MULTI", "INCR a"]);
    follower.expect_ack(offset);
    assert_eq!(call(&mut client, "GET a"), "3");
    drop(follower);
    let mut follower = upstream.accept_up_to(server.port(), &format!("PSYNC {ID} {}", offset + 1));
    follower.say(format!("+CONTINUE {OTHER}\r\n").as_bytes());
    follower.expect_ack(offset);
    assert_eq!(info(&mut client, "master_replid"), OTHER);
    assert_eq!(info(&mut client, "master_replid2"), ID);
    follower.run(&["INCR a"]);
    follower.expect_ack(offset + requests(&["INCR a"]).len() as u64);
    assert_eq!(call(&mut client, "GET a"), "4", "the database that was selected stays so");
}

#[test]
fn what_is_no_command_about_keys_reaches_clients() {
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    let mut listener = Client::connect(server.port());
    call(&mut listener, "SUBSCRIBE news");
    follower.run(&["PUBLISH news hello"]);
    assert_eq!(shown(&listener.reply()), "[message, news, hello]");
    let library = "#!lua name=lib\nredis.register_function{function_name='f', callback=function() return 7 end, flags={'no-writes'}}";
    let mut load = Vec::new();
    spinel_resp::encode_request(["FUNCTION", "LOAD", library], &mut load);
    follower.say(&load);
    await_reply(&mut client, "FCALL f 0", "7");
    assert_eq!(call(&mut client, "CLIENT LIST TYPE master").matches(" flags=M ").count(), 1);
}

#[test]
fn clients_may_read_and_not_write() {
    let upstream = Upstream::new();
    let (_server, mut client, _follower) = following(&upstream, &[]);
    for command in ["SET key x", "DEL key", "FLUSHALL", "BLPOP list 1", "FUNCTION FLUSH", "MSET a 1 b 2"] {
        assert_eq!(call(&mut client, command), READ_ONLY, "{command}");
    }
    // Also in the middle of a pipeline, and after a command of the same kind that could run.
    client.send(["GET", "key"]);
    client.send(["SET", "key", "x"]);
    client.send(["SET", "key", "y"]);
    client.send(["GET", "key"]);
    let replies: Vec<_> = (0..4).map(|_| shown(&client.reply())).collect();
    assert_eq!(replies, ["value", READ_ONLY, READ_ONLY, "value"]);
    let script = |client: &mut Client, text: &str| shown(&client.call(["EVAL", text, "0"]));
    assert!(script(&mut client, "return redis.call('SET', 'key', 'x')").starts_with(READ_ONLY));
    assert_eq!(script(&mut client, "return redis.call('GET', 'key')"), "value");
    assert_eq!(script(&mut client, "#!lua\nreturn 1"), READ_ONLY);
    assert_eq!(script(&mut client, "#!lua flags=no-writes\nreturn 1"), "1");
    for (command, reply) in [
        ("MULTI", "OK"),
        ("SET key x", READ_ONLY),
        ("GET key", "QUEUED"),
        ("EXEC", "EXECABORT Transaction discarded because of previous errors."),
    ] {
        assert_eq!(call(&mut client, command), reply);
    }
    assert!(call(&mut client, "WAIT 0 1").starts_with("ERR WAIT cannot be used with replica instances."));
    assert!(call(&mut client, "WAITAOF 0 0 1").starts_with("ERR WAITAOF cannot be used with replica"));
    assert_eq!(call(&mut client, "CONFIG SET replica-read-only no"), "OK");
    assert_eq!(call(&mut client, "SET own 1"), "OK");
}

#[test]
fn expired_keys_are_not_seen_and_stay() {
    let upstream = Upstream::new();
    let (_server, mut client, mut follower) = following(&upstream, &[]);
    let stream = ["SELECT 0", "SET gone 1 PXAT 1000", "SET n 1 PXAT 1000", "INCR n", "PERSIST n"];
    follower.run(&stream);
    follower.expect_ack(1000 + requests(&stream).len() as u64);
    assert_eq!(call(&mut client, "MGET gone n"), "[nil, 2]", "only the primary knows when it is time");
    assert_eq!(call(&mut client, "DBSIZE"), "3");
    assert_eq!(call(&mut client, "EXISTS gone"), "0");
    follower.run(&["DEL gone"]);
    await_reply(&mut client, "DBSIZE", "2");
}

#[test]
fn roles_change_by_command() {
    let upstream = Upstream::new();
    let (server, mut client, follower) = following(&upstream, &[]);
    let (port, own) = (upstream.port(), server.port());
    let already = "OK Already connected to specified master";
    assert_eq!(call(&mut client, &format!("SLAVEOF 127.0.0.1 {port}")), already);
    assert_eq!(call(&mut client, "REPLICAOF 127.0.0.1 x"), "ERR Invalid master port");
    assert_eq!(call(&mut client, "CONFIG GET replicaof"), format!("[replicaof, 127.0.0.1 {port}]"));
    assert_eq!(call(&mut client, "ROLE"), format!("[slave, 127.0.0.1, {port}, connected, 1000]"));
    assert_eq!(info(&mut client, "role"), "slave");

    assert_eq!(call(&mut client, "REPLICAOF NO ONE"), "OK");
    assert_eq!(call(&mut client, "SET key mine"), "OK", "from the reply on it may be written to");
    assert_eq!(call(&mut client, "CONFIG GET replicaof"), "[replicaof, ]");
    assert_eq!(info(&mut client, "role"), "master");
    assert_eq!(
        (info(&mut client, "master_replid2"), info(&mut client, "second_repl_offset")),
        (ID.into(), "1001".into())
    );
    drop(follower);

    // Who waits for a write is told that none will come of clients.
    let mut waiting = Client::connect(own);
    waiting.send(["BLPOP", "list", "0"]);
    await_info(&mut client, "blocked_clients", "1");
    let id = info(&mut client, "master_replid");
    let offset = info(&mut client, "master_repl_offset").parse::<u64>().unwrap();
    replicate(&mut client, port);
    assert_eq!(
        shown(&waiting.reply()),
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
    );
    // What it has it offers to go on with.
    upstream.accept_up_to(own, &format!("PSYNC {id} {}", offset + 1));
}

#[test]
fn without_a_link_stale_data_may_be_kept_back() {
    let upstream = Upstream::new();
    let (_server, mut client, follower) = following(&upstream, &["--replica-serve-stale-data", "no"]);
    assert_eq!(call(&mut client, "GET key"), "value");
    drop(follower);
    let down = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    await_reply(&mut client, "GET key", down);
    assert_eq!(call(&mut client, "SET key x"), READ_ONLY);
    assert_eq!(call(&mut client, "CONFIG SET replica-serve-stale-data yes"), "OK");
    assert_eq!(call(&mut client, "GET key"), "value");
    assert_eq!(call(&mut client, "PSYNC ? -1"), "NOMASTERLINK Can't SYNC while not connected with my master");
}

#[test]
fn hostile_primaries_do_no_harm() {
    let upstream = Upstream::new();
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET mine 1"), "OK");
    replicate(&mut client, upstream.port());
    for line in ["+CONTINUE", &format!("+FULLRESYNC {ID} -1"), &"x".repeat(5000)] {
        let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
        follower.say(format!("{line}\r\n").as_bytes());
        assert!(follower.is_closed(), "{line}");
    }
    assert_eq!(call(&mut client, "GET mine"), "1");
    let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
    follower.say(format!("+FULLRESYNC {ID} 10\r\n$9\r\nno RDB at").as_bytes());
    assert!(follower.is_closed());
    // A stream that is none makes the data doubtful: all is asked for again.
    let mut follower = upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
    let file = snapshot("key", "value");
    follower.say(&[format!("+FULLRESYNC {ID} 10\r\n${}\r\n", file.len()).as_bytes(), &file].concat());
    follower.expect(&["REPLCONF ACK 10"]);
    follower.say(b"SET key x\r\n");
    assert!(follower.is_closed());
    upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
    assert_eq!(call(&mut client, "GET key"), "value");
}

/// Waits until two servers have the same.
fn await_same(one: &mut Client, other: &mut Client) {
    let started = Instant::now();
    while digest(one) != digest(other) {
        assert!(started.elapsed() < Duration::from_secs(30), "they differ");
    }
}

const DEBUGGED: &[&str] = &["--enable-debug-command", "yes"];

#[test]
fn copies_of_copies_are_the_same_and_may_take_over() {
    let servers = [(); 3].map(|()| Server::start(DEBUGGED));
    let [mut first, mut second, mut third] =
        [0, 1, 2].map(|place: usize| Client::connect(servers[place].port()));
    fill(&mut first);
    replicate(&mut second, servers[0].port());
    await_link(&mut second, "up");
    replicate(&mut third, servers[1].port());
    await_link(&mut third, "up");
    call(&mut first, "SELECT 0");
    for number in 0..200 {
        first.call(["INCRBY", "n", &number.to_string()]);
        first.call(["SPOP", "many members"]);
        first.call(["RPUSH", "long list", "x"]);
    }
    assert_eq!(call(&mut first, "WAIT 1 30000"), "1");
    await_same(&mut first, &mut second);
    await_same(&mut first, &mut third);
    assert_eq!(info(&mut third, "master_replid"), info(&mut first, "master_replid"));

    // The second takes over, and the third goes on with it.
    assert_eq!(call(&mut second, "REPLICAOF NO ONE"), "OK");
    call(&mut second, "SET new 1");
    await_reply(&mut third, "GET new", "1");
    await_same(&mut second, &mut third);
    servers[2].wait_for_log("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
    // The first comes back as a copy, and loses what it alone has.
    call(&mut first, "SET lost 1");
    replicate(&mut first, servers[1].port());
    await_link(&mut first, "up");
    await_same(&mut first, &mut second);
    assert_eq!(call(&mut first, "EXISTS lost new"), "1");
}

#[test]
fn the_log_of_a_copy_is_the_copys() {
    let primary = Server::start(DEBUGGED);
    let mut original = Client::connect(primary.port());
    fill(&mut original);
    let logged = ["--enable-debug-command", "yes", "--appendonly", "yes", "--appendfsync", "always"];
    let server = Server::start(&logged);
    let mut copy = Client::connect(server.port());
    call(&mut copy, "SET mine 1");
    replicate(&mut copy, primary.port());
    await_link(&mut copy, "up");
    call(&mut original, "SELECT 0");
    call(&mut original, "INCR n");
    await_reply(&mut copy, "GET n", "1");
    // The log of what was there before is not gone on with: it is written anew.
    await_info(&mut copy, "aof_rewrites", "2");
    call(&mut original, "INCR n");
    await_reply(&mut copy, "GET n", "2");
    let before = digest(&mut original);
    let folder = server.kill();
    let server = Server::start_in(folder, &logged);
    assert_eq!(digest(&mut Client::connect(server.port())), before);
}

/// What Redis 7.0 knows, too.
const FOREIGN_DATA: &[&str] = &[
    "SET text hello",
    "SET number 12345",
    "RPUSH list a b c 1 2 3",
    "HSET hash field value other 7",
    "SADD members a b c",
    "SADD integers 1 2 3 70000",
    "ZADD scores 1 a 2.5 b -inf c",
    "XADD stream 1-1 field value",
    "PFADD sketch a b c d",
];

/// A server of somebody else, which ends when it is dropped.
pub(super) struct Foreign {
    process: Child,
    pub(super) port: u16,
    _folder: Folder,
}

impl Foreign {
    /// Returns the programs to start: `redis-server`, `redis7-server`, `valkey9-server`, … in the folder of tools.
    pub(super) fn programs() -> Vec<PathBuf> {
        let folder = PathBuf::from(variable("SPINEL_TEST_TOOLS"));
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut programs: Vec<_> = entries.map(|entry| entry.expect("it is listed").path()).collect();
        programs.retain(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
            (name.starts_with("redis") || name.starts_with("valkey")) && name.ends_with("-server")
        });
        assert!(!programs.is_empty(), "no servers in {}", folder.display());
        programs
    }

    pub(super) fn start(program: &Path) -> Foreign {
        let (folder, port) = (Folder::new(), free_port());
        let mut command = Command::new(program);
        command.args(["--save", "", "--repl-diskless-sync-delay", "0", "--port", &port.to_string()]);
        command.arg("--dir").arg(folder.path()).stdout(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(30), "{} does not listen", program.display());
        }
        Foreign { process, port, _folder: folder }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "needs servers of others: set SPINEL_TEST_TOOLS"]
fn servers_of_others_are_copied_and_copy() {
    for program in Foreign::programs() {
        let foreign = Foreign::start(&program);
        let mut original = Client::connect(foreign.port);
        for command in FOREIGN_DATA {
            call(&mut original, command);
        }
        let server = Server::start(&[]);
        let mut copy = Client::connect(server.port());
        replicate(&mut copy, foreign.port);
        await_link(&mut copy, "up");
        call(&mut original, "SELECT 0");
        for command in [
            "SPOP members",
            "INCR number",
            "EXPIRE text 1000",
            "XADD stream * a b",
            "MULTI",
            "INCR n",
            "DEL list",
            "EXEC",
        ] {
            call(&mut original, command);
        }
        assert_eq!(call(&mut original, "CLIENT KILL TYPE replica"), "1");
        call(&mut original, "INCR n");
        await_reply(&mut copy, "GET n", "2");
        for command in [
            "DBSIZE",
            "SMEMBERS members",
            "MGET text number",
            "EXISTS list",
            "XRANGE stream - +",
            "HGETALL hash",
            "ZRANGE scores 0 -1 WITHSCORES",
            "PFCOUNT sketch",
            "SCARD integers",
            "EXPIRETIME text",
        ] {
            assert_eq!(
                call(&mut copy, command),
                call(&mut original, command),
                "{command} of {}",
                program.display()
            );
        }
        // The other way round, what was copied goes back.
        assert_eq!(call(&mut copy, "REPLICAOF NO ONE"), "OK");
        call(&mut copy, "SET back 1");
        replicate(&mut original, server.port());
        await_reply(&mut original, "GET back", "1");
    }
}
