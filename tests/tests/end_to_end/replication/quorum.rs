//! Writes that are answered when enough replicas have them.

use super::primary::{EOF, encoded, online};
use super::replica::Replica;
use crate::saving::{call, info, shown, wait_until};
use spinel_tests::{Client, Server};

const NO_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";
const NO_QUORUM: &str =
    "NOQUORUM The write was made, but not acknowledged by enough replicas. It may be lost, or not.";

/// A replica that says what it has only when it is told to.
struct Follower {
    replica: Replica,
    offset: u64,
}

impl Follower {
    fn of(server: &Server) -> Follower {
        let (replica, start) = online(server, EOF);
        Follower { replica, offset: start.offset }
    }

    /// Reads until somebody asks how much it has; the commands until then, and the question.
    fn await_question(&mut self) -> (Vec<String>, String) {
        let mut commands = Vec::new();
        loop {
            let command = self.replica.command();
            if command.starts_with("REPLCONF GETACK") {
                return (commands, command);
            }
            self.offset += encoded(&command);
            commands.push(command);
        }
    }

    /// Answers a question, which must be this one.
    fn answer(&mut self, question: &str) {
        self.replica.send(&format!("REPLCONF ACK {}", self.offset));
        self.offset += encoded(question);
    }

    /// Reads until it is asked, and answers; the commands until then.
    fn acknowledge(&mut self) -> Vec<String> {
        let (commands, question) = self.await_question();
        self.answer(&question);
        commands
    }
}

fn send(client: &mut Client, command: &str) {
    client.send(command.split(' '));
}

/// Sends commands at once, so that they run at once.
fn send_all(client: &mut Client, commands: &[&str]) {
    let mut bytes = Vec::new();
    for command in commands {
        spinel_resp::encode_request(command.split(' '), &mut bytes);
    }
    client.send_bytes(&bytes);
}

fn reply(client: &mut Client) -> String {
    shown(&client.reply())
}

/// Waits until so many connections wait for replicas.
fn await_waiting(client: &mut Client, count: usize) {
    wait_until("nobody waits", || info(client, "write_quorum_waiting") == count.to_string());
}

#[test]
fn a_reply_waits_for_a_replica_and_what_is_behind_it_waits_for_the_reply() {
    let server = Server::start(&["--write-quorum", "1"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    send_all(&mut client, &["SET a 1", "GET a", "INCR a"]);
    let (commands, question) = follower.await_question();
    assert_eq!(commands, ["SELECT 0", "SET a 1", "INCR a"]);
    assert_eq!(question, "REPLCONF GETACK *");
    await_waiting(&mut admin, 1);
    // Others see what was written, and what lies before it is no answer.
    assert_eq!(call(&mut admin, "GET a"), "2");
    follower.replica.send(&format!("REPLCONF ACK {}", follower.offset - 1));
    await_waiting(&mut admin, 1);
    follower.answer(&question);
    assert_eq!([(); 3].map(|()| reply(&mut client)), ["OK", "1", "2"]);
    assert_eq!(info(&mut admin, "write_quorum_waiting"), "0");
    // What changes nothing may rest on what replicas lack; here they lack nothing.
    assert_eq!(call(&mut client, "SET a 7 NX"), "nil");
    assert_eq!(call(&mut client, "GET a"), "2");
}

#[test]
fn who_comes_while_replicas_are_asked_is_asked_for_together() {
    let server = Server::start(&["--write-quorum", "1"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut first = Client::connect(server.port());
    send(&mut first, "INCR n");
    let (_, question) = follower.await_question();
    let mut others: Vec<Client> = (0..5).map(|_| Client::connect(server.port())).collect();
    for client in &mut others {
        send(client, "INCR n");
    }
    await_waiting(&mut admin, 6);
    follower.answer(&question);
    assert_eq!(reply(&mut first), "1");
    assert_eq!(follower.acknowledge(), ["INCR n"; 5]);
    let mut replies: Vec<String> = others.iter_mut().map(reply).collect();
    replies.sort();
    assert_eq!(replies, ["2", "3", "4", "5", "6"]);
}

#[test]
fn a_write_that_is_not_acknowledged_in_time_says_so() {
    let server = Server::start(&["--write-quorum", "1", "--write-quorum-timeout", "50"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    send_all(&mut client, &["SET a 1", "GET a", "LPUSH a 1", "INCR a", "PING"]);
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let told = [NO_QUORUM, "1", wrong, NO_QUORUM, "PONG"];
    assert_eq!([(); 5].map(|()| reply(&mut client)), told);
    assert_eq!(info(&mut admin, "write_quorum_failed"), "1");
    assert!(call(&mut admin, "INFO errorstats").contains("errorstat_NOQUORUM:count=2\r\n"));
    // It was made all the same, and the connection goes on.
    assert_eq!(call(&mut client, "GET a"), "2");
    follower.acknowledge();
    assert_eq!(call(&mut admin, "CONFIG SET write-quorum-timeout 0"), "OK");
    send(&mut client, "DEL a");
    assert_eq!(follower.acknowledge(), ["DEL a"]);
    assert_eq!(reply(&mut client), "1");
}

#[test]
fn without_enough_replicas_writes_are_refused() {
    let server = Server::start(&["--write-quorum", "2"]);
    let mut client = Client::connect(server.port());
    let follower = Follower::of(&server);
    assert_eq!(call(&mut client, "SET a 1"), NO_REPLICAS);
    assert_eq!(call(&mut client, "GET a"), "nil");
    let script = shown(&client.call(["EVAL", "return redis.call('SET', KEYS[1], 1)", "1", "a"]));
    assert!(script.starts_with(NO_REPLICAS), "{script}");
    let declared = "#!lua\nreturn redis.call('GET', KEYS[1])";
    assert_eq!(shown(&client.call(["EVAL", declared, "1", "a"])), NO_REPLICAS);
    assert_eq!(call(&mut client, "MULTI"), "OK");
    assert_eq!(call(&mut client, "SET a 1"), NO_REPLICAS);
    assert!(call(&mut client, "EXEC").starts_with("EXECABORT"));
    assert_eq!(info(&mut client, "write_quorum_good_replicas"), "1");
    assert_eq!(call(&mut client, "CONFIG SET write-quorum 0"), "OK");
    assert_eq!(call(&mut client, "SET a 1"), "OK");
    assert_eq!(call(&mut client, "CONFIG SET write-quorum 1"), "OK");
    drop(follower);
    wait_until("nobody notices that it has gone", || info(&mut client, "write_quorum_good_replicas") == "0");
    assert_eq!(call(&mut client, "SET a 2"), NO_REPLICAS);
    assert_eq!(call(&mut client, "GET a"), "1");
}

#[test]
fn a_connection_asks_for_more_and_never_for_less() {
    let server = Server::start(&[]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    let holds = |memory, disk| format!("[memory, {memory}, disk, {disk}]");
    assert_eq!(call(&mut client, "CLIENT QUORUM"), holds(0, 0));
    assert_eq!(call(&mut client, "CLIENT QUORUM 1"), "OK");
    assert_eq!(call(&mut client, "CLIENT QUORUM"), holds(1, 0));
    send(&mut client, "SET a 1");
    await_waiting(&mut admin, 1);
    assert_eq!(call(&mut admin, "SET b 1"), "OK", "nobody else waits");
    follower.acknowledge();
    assert_eq!(reply(&mut client), "OK");
    assert_eq!(call(&mut client, "CLIENT QUORUM 2 MEMORY"), "OK");
    assert_eq!(call(&mut client, "SET a 2"), NO_REPLICAS);
    assert_eq!(call(&mut admin, "SET b 2"), "OK");

    assert_eq!(call(&mut admin, "CONFIG SET write-quorum 1"), "OK");
    assert_eq!(call(&mut client, "CLIENT QUORUM 0"), "OK");
    assert_eq!(call(&mut client, "CLIENT QUORUM"), holds(1, 0));
    send(&mut client, "SET a 3");
    follower.acknowledge();
    assert_eq!(reply(&mut client), "OK");
    assert_eq!(call(&mut client, "CLIENT QUORUM 3 disk"), "OK");
    assert_eq!(call(&mut client, "CLIENT QUORUM"), holds(3, 3));
    assert_eq!(call(&mut client, "RESET"), "RESET");
    assert_eq!(call(&mut client, "CLIENT QUORUM"), holds(1, 0));
    // Who has gone asks for nothing.
    assert_eq!(call(&mut client, "CLIENT QUORUM 3"), "OK");
    drop(client);
    send(&mut admin, "SET b 3");
    follower.acknowledge();
    assert_eq!(reply(&mut admin), "OK");
    for words in ["CLIENT QUORUM x", "CLIENT QUORUM -1", "CLIENT QUORUM 1 2", "CLIENT QUORUM 1 DISK 2"] {
        assert!(call(&mut admin, words).starts_with("ERR "), "{words}");
    }
}

#[test]
fn databases_have_quorums_of_their_own() {
    let server = Server::start(&["--write-quorum", "1", "--db-write-quorum", "0", "0"]);
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "SET a 1"), "OK");
    assert_eq!(call(&mut client, "SET c 1"), "OK");
    for command in ["MOVE a 1", "COPY c d DB 1", "SWAPDB 0 1", "FLUSHALL"] {
        send(&mut client, command);
        follower.acknowledge();
        let reply = reply(&mut client);
        assert!(["OK", "1"].contains(&&*reply), "{command}: {reply}");
    }
    assert_eq!(call(&mut client, "SELECT 3"), "OK");
    send(&mut client, "SET a 1");
    follower.acknowledge();
    assert_eq!(reply(&mut client), "OK");
    let refused = client.text(["CONFIG", "SET", "db-write-quorum", "16 1"]);
    assert!(refused.contains("There is no database 16"), "{refused}");
    assert_eq!(client.text(["CONFIG", "SET", "db-write-quorum", "3 0 0 2"]), "OK");
    assert_eq!(call(&mut client, "CONFIG GET db-write-quorum"), "[db-write-quorum, 0 2 3 0]");
    assert_eq!(call(&mut client, "SET a 2"), "OK");
    assert_eq!(call(&mut client, "SELECT 0"), "OK");
    assert_eq!(call(&mut client, "SET a 2"), NO_REPLICAS);
}

#[test]
fn transactions_scripts_and_who_is_served_by_others_wait() {
    let server = Server::start(&["--write-quorum", "1"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    send_all(&mut client, &["MULTI", "INCR a", "GET a", "EXEC"]);
    await_waiting(&mut admin, 1);
    follower.acknowledge();
    assert_eq!([(); 4].map(|()| reply(&mut client)), ["OK", "QUEUED", "QUEUED", "[1, 1]"]);
    // What only reads doesn't wait.
    send_all(&mut client, &["MULTI", "GET a", "EXEC"]);
    assert_eq!([(); 3].map(|()| reply(&mut client)), ["OK", "QUEUED", "[1]"]);
    let read = "return redis.call('GET', KEYS[1])";
    assert_eq!(shown(&client.call(["EVAL", read, "1", "a"])), "1");

    client.send(["EVAL", "return redis.call('INCR', KEYS[1])", "1", "a"]);
    await_waiting(&mut admin, 1);
    follower.acknowledge();
    assert_eq!(reply(&mut client), "2");

    let mut blocked = Client::connect(server.port());
    send(&mut blocked, "BLPOP queue 0");
    wait_until("it does not wait", || info(&mut admin, "blocked_clients") == "1");
    send(&mut client, "RPUSH queue x y");
    await_waiting(&mut admin, 2);
    assert_eq!(call(&mut admin, "LLEN queue"), "1");
    // The two may have begun to wait before and after a question.
    wait_until("they still wait", || {
        if follower.replica.has_been_told() {
            follower.acknowledge();
        }
        info(&mut admin, "write_quorum_waiting") == "0"
    });
    assert_eq!((reply(&mut client), reply(&mut blocked)), ("2".to_owned(), "[queue, x]".to_owned()));
}

#[test]
fn copies_on_disk_are_asked_for_by_name() {
    let server = Server::start(&["--write-quorum", "1", "--write-quorum-durability", "disk"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    assert_eq!(call(&mut admin, "SET a 1"), NO_REPLICAS, "nobody is known to have a log");
    follower.replica.send(&format!("REPLCONF ACK {} FACK 0", follower.offset));
    wait_until("its log is not noticed", || info(&mut admin, "write_quorum_good_logs") == "1");
    let mut client = Client::connect(server.port());
    send(&mut client, "SET a 1");
    let (_, question) = follower.await_question();
    assert_eq!(question, "REPLCONF GETACK DISK");
    follower.replica.send(&format!("REPLCONF ACK {0} FACK {1}", follower.offset, follower.offset - 1));
    await_waiting(&mut admin, 1);
    follower.replica.send(&format!("REPLCONF ACK {0} FACK {0}", follower.offset));
    assert_eq!(reply(&mut client), "OK");
}

#[test]
fn who_becomes_a_replica_keeps_no_promises() {
    let server = Server::start(&["--write-quorum", "1", "--write-quorum-timeout", "0"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    send(&mut client, "SET a 1");
    follower.await_question();
    assert_eq!(call(&mut admin, &format!("REPLICAOF 127.0.0.1 {}", Server::another_port())), "OK");
    assert_eq!(reply(&mut client), NO_QUORUM);
}

#[test]
fn who_leaves_while_replicas_are_waited_for_is_forgotten() {
    let server = Server::start(&["--write-quorum", "1", "--write-quorum-timeout", "0"]);
    let mut admin = Client::connect(server.port());
    let mut follower = Follower::of(&server);
    let mut client = Client::connect(server.port());
    send(&mut client, "SET a 1");
    let (_, question) = follower.await_question();
    drop(client);
    wait_until("it is still there", || {
        call(&mut admin, "CLIENT LIST TYPE normal").matches("id=").count() == 1
    });
    follower.answer(&question);
    await_waiting(&mut admin, 0);
}

#[test]
fn real_replicas_acknowledge_what_pipelines_write() {
    let settings = ["--write-quorum", "2", "--appendonly", "yes", "--write-quorum-durability", "disk"];
    let primary = Server::start(&settings);
    let address = format!("127.0.0.1 {}", primary.port());
    let copy = [&settings[..], &["--replicaof", &address]].concat();
    let replicas = [Server::start(&copy), Server::start(&copy)];
    let mut client = Client::connect(primary.port());
    wait_until("they don't come", || info(&mut client, "write_quorum_good_logs") == "2");
    for round in 0..20_i64 {
        (0..100).for_each(|_| send(&mut client, "INCR counter"));
        send(&mut client, "GET counter");
        for number in 1..=100 {
            assert_eq!(client.reply(), spinel_resp::Value::Integer(round * 100 + number));
        }
        let all = ((round + 1) * 100).to_string();
        assert_eq!(reply(&mut client), all);
        for replica in &replicas {
            assert_eq!(call(&mut Client::connect(replica.port()), "GET counter"), all);
        }
    }
}
