//! Primaries that are not to be followed.

use super::copy::{ID, OTHER, READ_ONLY, await_link, await_reply, following, replicate};
use super::upstream::{Upstream, snapshot};
use crate::saving::{call, digest, fill, info, wait_until};
use spinel_tests::{Client, Folder, Server};
use std::fs;

const DEBUGGED: &[&str] = &["--enable-debug-command", "yes"];

/// Waits until a copy says as what its primary is poisoned.
fn await_poison(client: &mut Client, name: &str) {
    let line = format!("master_poisoned:{name}");
    wait_until("the primary is not refused", || {
        call(client, "INFO replication").lines().any(|told| told == line)
    });
}

#[test]
fn names_are_added_listed_and_taken_away() {
    let server = Server::start(&["--poisoned-primaries", ID]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, &format!("FAILOVER POISON ADD host:1 {OTHER} {ID} HOST:1")), "2");
    assert_eq!(call(&mut client, "failover poison list"), format!("[{ID}, host:1, {OTHER}]"));
    assert_eq!(call(&mut client, &format!("FAILOVER POISON DEL {ID} host:2")), "1");
    assert_eq!(
        call(&mut client, "CONFIG GET poisoned-primaries"),
        format!("[poisoned-primaries, host:1 {OTHER}]")
    );
    let unknown = "ERR A replication ID or host:port is expected, not 'host'";
    assert_eq!(call(&mut client, "FAILOVER POISON ADD other:1 host"), unknown);
    for words in
        ["POISON", "POISON ADD", "POISON DEL", "POISON LIST all", "POISON CLEAR", "POISON ADD a:1 TO b 1"]
    {
        let reply = call(&mut client, &format!("FAILOVER {words}"));
        assert!(
            reply == "ERR syntax error" || words.ends_with("TO b 1") && reply.contains("not 'TO'"),
            "{words}: {reply}"
        );
    }
    let most: Vec<String> = (0..1001).map(|number| format!("FAILOVER POISON ADD many:{number}")).collect();
    let replies: Vec<String> = most.iter().map(|command| call(&mut client, command)).collect();
    assert_eq!(replies.iter().filter(|reply| *reply == "1").count(), 998);
    assert_eq!(replies.last().map(String::as_str), Some("ERR Too many primaries are poisoned."));
    assert_eq!(
        call(&mut client, "REPLICAOF many 7"),
        "POISONED many:7 is not to be followed: see FAILOVER POISON LIST"
    );
    assert_eq!(info(&mut client, "role"), "master");
}

#[test]
fn a_poisoned_stream_is_not_taken_for_the_data() {
    let upstream = Upstream::new();
    let server = Server::start(&["--poisoned-primaries", OTHER]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET mine 1"), "OK");
    replicate(&mut client, upstream.port());
    let mut follower = upstream.accept_up_to(server.port(), "PSYNC ? -1");
    follower.say(format!("+FULLRESYNC {OTHER} 1000\r\n$9999\r\n").as_bytes());
    assert!(follower.is_closed());
    server.wait_for_log(&format!("The primary is poisoned as {OTHER}, so it is not followed"));
    await_poison(&mut client, OTHER);
    assert_eq!(
        (info(&mut client, "master_link_status"), call(&mut client, "GET mine")),
        ("down".into(), "1".into())
    );
    // Once it is no more, it is followed.
    assert_eq!(call(&mut client, &format!("FAILOVER POISON DEL {OTHER}")), "1");
    let mut follower = upstream.accept_up_to(server.port(), "PSYNC ? -1");
    let file = snapshot("key", "value");
    follower.say(format!("+FULLRESYNC {OTHER} 1000\r\n${}\r\n", file.len()).as_bytes());
    follower.say(&file);
    await_reply(&mut client, "GET key", "value");
    assert!(!call(&mut client, "INFO replication").contains("master_poisoned"));
}

#[test]
fn a_link_ends_when_its_stream_is_poisoned() {
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    assert_eq!(call(&mut client, &format!("FAILOVER POISON ADD {ID}")), "1");
    assert!(follower.is_closed());
    let asks = format!("PSYNC {ID} 1001");
    // Also who goes on without a word of its name is known.
    for answer in ["+CONTINUE".to_owned(), format!("+CONTINUE {ID}")] {
        let mut follower = upstream.accept_up_to(server.port(), &asks);
        follower.say(format!("{answer}\r\n").as_bytes());
        assert!(follower.is_closed());
    }
    assert_eq!(call(&mut client, "GET key"), "value");
    // The same data under a new name, as who has taken over has it, is gone on with.
    let mut follower = upstream.accept_up_to(server.port(), &asks);
    follower.say(format!("+CONTINUE {OTHER}\r\n").as_bytes());
    follower.expect(&["REPLCONF ACK 1000"]);
    await_link(&mut client, "up");
    assert_eq!(info(&mut client, "master_replid"), OTHER);
}

#[test]
fn an_old_primary_that_returns_is_followed_by_nobody() {
    let servers = [(); 3].map(|()| Server::start(DEBUGGED));
    let [first, second, third] = &servers;
    let mut old = Client::connect(first.port());
    fill(&mut old);
    let (mut new, mut other) = (Client::connect(second.port()), Client::connect(third.port()));
    for client in [&mut new, &mut other] {
        replicate(client, first.port());
        await_link(client, "up");
    }
    // It is not heard of any more, and the others get another one.
    let (id, port) = (info(&mut old, "master_replid"), first.port());
    assert_eq!(call(&mut new, "REPLICAOF NO ONE"), "OK");
    for client in [&mut new, &mut other] {
        assert_eq!(call(client, &format!("FAILOVER POISON ADD {id} 127.0.0.1:{port}")), "2");
    }
    await_poison(&mut other, &format!("127.0.0.1:{port}"));
    replicate(&mut other, second.port());
    await_link(&mut other, "up");
    assert_eq!(call(&mut old, "SET stale 1"), "OK");
    assert_eq!(call(&mut new, "SET fresh 1"), "OK");
    await_reply(&mut other, "GET fresh", "1");
    assert_eq!(info(&mut new, "sync_full"), "0");
    assert!(call(&mut other, &format!("REPLICAOF 127.0.0.1 {port}")).starts_with("POISONED "));
    // Under another name it tells what it is.
    replicate(&mut other, 1);
    assert_eq!(call(&mut other, &format!("REPLICAOF localhost {port}")), "OK");
    await_poison(&mut other, &id);
    assert_eq!(call(&mut other, "EXISTS stale fresh"), "1");
    // As its copy it is welcome.
    replicate(&mut old, second.port());
    await_link(&mut old, "up");
    assert_eq!(digest(&mut old), digest(&mut new));
}

#[test]
fn a_server_starts_as_a_copy_of_nobody_whom_it_is_not_to_follow() {
    let upstream = Upstream::new();
    let (name, primary) =
        (format!("127.0.0.1:{}", upstream.port()), format!("127.0.0.1 {}", upstream.port()));
    let server = Server::start(&["--poisoned-primaries", &name, "--replicaof", &primary]);
    let mut client = Client::connect(server.port());
    await_poison(&mut client, &name);
    assert_eq!(call(&mut client, "SET a 1"), READ_ONLY);
    assert_eq!(call(&mut client, "FAILOVER POISON DEL 127.0.0.1:1"), "0");
    assert_eq!(call(&mut client, &format!("FAILOVER POISON DEL {name}")), "1");
    upstream.accept().expect(&["PING"]);
}

#[test]
fn names_that_were_written_to_the_settings_hold_after_a_restart() {
    const FILE: &str = "server.conf";
    let upstream = Upstream::new();
    let name = format!("127.0.0.1:{}", upstream.port());
    let folder = Folder::new();
    fs::write(folder.path().join(FILE), "# Mine.\n").expect("the folder can be written");
    let server = Server::start_configured(folder, FILE);
    let mut client = Client::connect(server.port());
    replicate(&mut client, upstream.port());
    let mut follower = upstream.accept();
    follower.expect(&["PING"]);
    assert_eq!(call(&mut client, &format!("FAILOVER POISON ADD {name} {ID}")), "2");
    assert!(follower.is_closed());
    assert_eq!(call(&mut client, "CONFIG REWRITE"), "OK");
    let written = fs::read_to_string(server.folder().join(FILE)).expect("it is there");
    assert!(written.starts_with("# Mine.\n"), "{written}");

    let server = Server::start_configured(server.kill(), FILE);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "FAILOVER POISON LIST"), format!("[{name}, {ID}]"));
    assert_eq!(info(&mut client, "master_port"), upstream.port().to_string());
    // It stays a copy, and goes to nobody.
    await_poison(&mut client, &name);
    assert_eq!(call(&mut client, "SET a 1"), READ_ONLY);
    let refused = call(&mut client, &format!("REPLICAOF 127.0.0.1 {}", upstream.port()));
    assert!(refused.starts_with("POISONED "), "{refused}");
    // By another address it is found out by the name of its stream.
    assert_eq!(call(&mut client, &format!("REPLICAOF localhost {}", upstream.port())), "OK");
    let mut follower = upstream.accept_up_to(server.port(), "PSYNC ? -1");
    follower.say(format!("+FULLRESYNC {ID} 1000\r\n$9999\r\n").as_bytes());
    assert!(follower.is_closed());
    await_poison(&mut client, ID);
}
