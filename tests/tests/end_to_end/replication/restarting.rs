//! Servers that are started again and go on in the stream where their data stands.

use super::copy::{Foreign, await_link, await_reply, following, replicate};
use super::replica::Replica;
use super::upstream::{Upstream, requests};
use crate::saving::{call, info, number, wait_until};
use spinel_tests::{Client, Folder, Server};

const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const ASKS_FOR_ALL: &str = "PSYNC ? -1";
/// Nothing is said between commands.
const QUIET: &[&str] = &["--repl-ping-replica-period", "3600"];
const LOGGED: &[&str] = &["--appendonly", "yes"];
/// What a server is told to end with, for each way in which it keeps its data.
const WAYS: [(&[&str], &str); 2] = [(&[], "SHUTDOWN SAVE"), (LOGGED, "SHUTDOWN NOSAVE")];

/// Ends a server, which answers nothing.
fn end(mut server: Server, client: &mut Client, command: &str) -> Folder {
    client.send(command.split(' '));
    assert!(server.wait().success(), "{}", server.log());
    server.leave()
}

/// Waits until the log, if there is one, is that of the copy.
fn await_log(client: &mut Client) {
    let is_over = |client: &mut Client, field| info(client, field) == "0";
    wait_until("the log is still written anew", || {
        is_over(client, "aof_rewrite_scheduled") && is_over(client, "aof_rewrite_in_progress")
    });
}

/// Starts a server that copies `port`.
fn copy_again(folder: Folder, port: u16, settings: &[&str]) -> Server {
    let primary = format!("127.0.0.1 {port}");
    Server::start_in(folder, &[settings, &["--replicaof", &primary]].concat())
}

/// Starts a server that copies nobody, with a replica that has all there is of it.
fn copied(settings: &[&str]) -> (Server, Client, Replica, String) {
    let server = Server::start(&[settings, QUIET].concat());
    let mut client = Client::connect(server.port());
    call(&mut client, "SET before 1");
    let mut replica = Replica::connect(server.port());
    replica.introduce("capa eof capa psync2");
    replica.send("PSYNC ? -1");
    let start = replica.full();
    replica.snapshot();
    replica.send(&format!("REPLCONF ACK {}", start.offset));
    call(&mut client, "SET after 1");
    assert_eq!([replica.command(), replica.command()], ["SELECT 0", "SET after 1"]);
    (server, client, replica, start.id)
}

/// Says that it has all that there is, as long as the server asks; and where that is.
fn acknowledge(mut replica: Replica, offset: u64) -> u64 {
    replica.send(&format!("REPLCONF ACK {offset}"));
    let mut offset = offset;
    while let Some(command) = replica.next_command() {
        assert_eq!(command, "REPLCONF GETACK *");
        // As Redis does: the question itself counts from the next time on.
        replica.send(&format!("REPLCONF ACK {offset}"));
        offset += requests(&[&command]).len() as u64;
        replica.send(&format!("REPLCONF ACK {offset}"));
    }
    offset
}

#[test]
fn a_copy_goes_on_where_it_ended() {
    for (settings, command) in WAYS {
        let upstream = Upstream::new();
        let (server, mut client, mut follower) = following(&upstream, settings);
        let stream = ["SELECT 3", "SET a 1", "PING", "INCR a"];
        follower.run(&stream);
        let offset = 1000 + requests(&stream).len() as u64;
        follower.expect_ack(offset);
        await_log(&mut client);
        let folder = end(server, &mut client, command);
        drop(follower);

        let server = copy_again(folder, upstream.port(), settings);
        let mut follower = upstream.accept_up_to(server.port(), &format!("PSYNC {ID} {}", offset + 1));
        follower.say(b"+CONTINUE\r\n");
        follower.run(&["INCR a"]);
        let mut client = Client::connect(server.port());
        call(&mut client, "SELECT 3");
        await_reply(&mut client, "GET a", "3");
        assert_eq!(info(&mut client, "master_replid"), ID);
        assert_eq!(number(&mut client, "slave_repl_offset"), offset + requests(&["INCR a"]).len() as u64);
    }
}

#[test]
fn a_copy_that_was_killed_claims_no_more_than_it_has() {
    // What a snapshot has is known, whatever happened behind it.
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    let saved = ["SELECT 3", "INCR a"];
    follower.run(&saved);
    let offset = 1000 + requests(&saved).len() as u64;
    follower.expect_ack(offset);
    assert_eq!(call(&mut client, "SAVE"), "OK");
    follower.run(&["INCR a"]);
    follower.expect_ack(offset + requests(&["INCR a"]).len() as u64);
    let server = copy_again(server.kill(), upstream.port(), &[]);
    let mut follower = upstream.accept_up_to(server.port(), &format!("PSYNC {ID} {}", offset + 1));
    follower.say(b"+CONTINUE\r\n");
    follower.run(&["INCR a"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "SELECT 3");
    await_reply(&mut client, "GET a", "2");

    // A log says where it ends only if it was closed: what was written last may lack anything.
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, LOGGED);
    await_log(&mut client);
    follower.run(&saved);
    follower.expect_ack(offset);
    drop(follower);
    let folder = end(server, &mut client, "SHUTDOWN NOSAVE");
    let server = copy_again(folder, upstream.port(), LOGGED);
    let mut follower = upstream.accept_up_to(server.port(), &format!("PSYNC {ID} {}", offset + 1));
    follower.say(b"+CONTINUE\r\n");
    follower.run(&["INCR a"]);
    follower.expect_ack(offset + requests(&["INCR a"]).len() as u64);
    let mut client = Client::connect(server.port());
    wait_until("the log is behind", || number(&mut client, "aof_pending_bio_fsync") == 0);
    drop(follower);
    let server = copy_again(server.kill(), upstream.port(), LOGGED);
    upstream.accept_up_to(server.port(), ASKS_FOR_ALL);
}

#[test]
fn the_replicas_of_a_primary_go_on_when_it_is_back() {
    for (settings, command) in WAYS {
        let (server, mut client, replica, id) = copied(settings);
        call(&mut client, "SET brief 1 PX 1");
        let offset = number(&mut client, "master_repl_offset");
        let mut replica = replica;
        assert!(replica.command().starts_with("SET brief 1 PXAT "));
        let asks = std::thread::spawn(move || acknowledge(replica, offset));
        let folder = end(server, &mut client, command);
        let offset = asks.join().expect("it reads what comes");

        let server = Server::start_in(folder, settings);
        let mut client = Client::connect(server.port());
        assert_eq!(info(&mut client, "master_replid2"), id);
        assert_eq!(number(&mut client, "second_repl_offset"), offset + 1);
        let mut replica = Replica::connect(server.port());
        replica.introduce("capa eof capa psync2");
        let name = info(&mut client, "master_replid");
        assert_ne!(name, id, "what follows is another stream");
        assert_eq!(replica.ask(&format!("PSYNC {id} {}", offset + 1)), format!("+CONTINUE {name}"));
        // It has the key whose time has come, and is told that it goes.
        let told = [replica.command(), replica.command()];
        assert_eq!(told, ["SELECT 0", "DEL brief"]);
        // Who has more than was saved, or less than what is there of the stream, begins anew.
        for offset in [offset, offset + 2] {
            let mut other = Replica::connect(server.port());
            other.introduce("capa eof capa psync2");
            assert!(other.ask(&format!("PSYNC {id} {offset}")).starts_with("+FULLRESYNC "));
        }
    }
}

#[test]
fn a_shutdown_waits_for_replicas_and_can_be_taken_back() {
    let (server, mut client, mut replica, _) = copied(&["--shutdown-timeout", "600"]);
    let mut asker = Client::connect(server.port());
    assert_eq!(call(&mut client, "SHUTDOWN ABORT"), "ERR No shutdown in progress.");
    asker.send(["SHUTDOWN"]);
    assert_eq!(replica.command(), "REPLCONF GETACK *");
    let mut writer = Client::connect(server.port());
    writer.send(["SET", "late", "1"]);
    assert_eq!(call(&mut client, "GET after"), "1");
    assert_eq!(call(&mut client, "EXISTS late"), "0");
    assert_eq!(call(&mut client, "SHUTDOWN ABORT"), "OK");
    assert_eq!(crate::saving::shown(&asker.reply()), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(crate::saving::shown(&writer.reply()), "OK");
    assert_eq!(replica.command(), "SET late 1");

    let mut server = server;
    asker.send(["SHUTDOWN"]);
    assert_eq!(replica.command(), "REPLCONF GETACK *");
    server.wait_for_log("Waiting for replicas before shutting down.");
    let offset = number(&mut client, "master_repl_offset");
    replica.send(&format!("REPLCONF ACK {offset}"));
    assert!(server.wait().success());
    server.wait_for_log("1 of 1 replicas are in sync when shutting down.");

    // Who is in a hurry waits for nobody.
    let (mut server, mut client, mut replica, _) = copied(&["--shutdown-timeout", "600"]);
    client.send(["SHUTDOWN"]);
    assert_eq!(replica.command(), "REPLCONF GETACK *");
    Client::connect(server.port()).send(["SHUTDOWN", "NOW"]);
    assert!(server.wait().success());
}

#[test]
fn a_chain_knows_the_database_of_its_stream() {
    let upstream = Upstream::new();
    let (server, mut client, mut follower) = following(&upstream, &[]);
    let stream = ["SELECT 3", "INCR a"];
    follower.run(&stream);
    follower.expect_ack(1000 + requests(&stream).len() as u64);
    let second = copy_again(Folder::new(), server.port(), &[]);
    let mut last = Client::connect(second.port());
    await_link(&mut last, "up");
    follower.run(&["INCR a"]);
    for client in [&mut client, &mut last] {
        call(client, "SELECT 3");
        await_reply(client, "GET a", "2");
        call(client, "SELECT 0");
        assert_eq!(call(client, "EXISTS a"), "0");
    }
}

#[test]
#[ignore = "needs servers of others: set SPINEL_TEST_TOOLS"]
fn copies_of_servers_of_others_go_on_and_they_as_copies() {
    for program in Foreign::programs() {
        for (settings, command) in WAYS {
            let foreign = Foreign::start(&program);
            let mut original = Client::connect(foreign.port);
            call(&mut original, "SELECT 3");
            let server = copy_again(Folder::new(), foreign.port, settings);
            let mut copy = Client::connect(server.port());
            await_link(&mut copy, "up");
            await_log(&mut copy);
            assert_eq!(call(&mut original, "INCR n"), "1");
            call(&mut copy, "SELECT 3");
            await_reply(&mut copy, "GET n", "1");
            let folder = end(server, &mut copy, command);
            assert_eq!(call(&mut original, "INCR n"), "2");
            let server = copy_again(folder, foreign.port, settings);
            let mut copy = Client::connect(server.port());
            call(&mut copy, "SELECT 3");
            await_reply(&mut copy, "GET n", "2");
            let place = program.display();
            assert_eq!(
                (info(&mut original, "sync_full"), info(&mut original, "sync_partial_ok")),
                ("1".into(), "1".into()),
                "{place}"
            );
        }
        // The other way round: we are the primary that is started again, where it was.
        let server = Server::start(&[]);
        let mut original = Client::connect(server.port());
        let foreign = Foreign::start(&program);
        let mut copy = Client::connect(foreign.port);
        call(&mut original, "SET n 1 PX 100000000");
        replicate(&mut copy, server.port());
        await_link(&mut copy, "up");
        call(&mut original, "INCR n");
        let folder = end(server, &mut original, "SHUTDOWN SAVE");
        let server = Server::start_in(folder, &[]);
        let mut original = Client::connect(server.port());
        replicate(&mut copy, server.port());
        call(&mut original, "INCR n");
        await_reply(&mut copy, "GET n", "3");
        assert_eq!(
            (info(&mut original, "sync_full"), info(&mut original, "sync_partial_ok")),
            ("0".into(), "1".into())
        );
    }
}
