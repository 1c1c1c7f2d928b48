//! Commands that wait, with several connections.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

/// A server, and a connection to look at it with.
struct Stage {
    server: Server,
    control: Client,
}

impl Stage {
    fn new() -> Stage {
        let server = Server::start(&["--io-threads", "2"]);
        let control = Client::connect(server.port());
        Stage { server, control }
    }

    /// Another connection, which has sent a command and waits for it as the `number`-th that does so.
    fn waiter(&mut self, number: usize, command: &str) -> Client {
        let mut client = Client::connect(self.server.port());
        client.send(command.split(' '));
        self.await_blocked(number);
        client
    }

    fn await_blocked(&mut self, number: usize) {
        let (start, wanted) = (Instant::now(), format!("blocked_clients:{number}\r\n"));
        while !self.control.text(["INFO", "clients"]).contains(&wanted) {
            assert!(start.elapsed() < Duration::from_secs(20), "{wanted} never comes");
        }
    }

    fn call(&mut self, command: &str) -> Value {
        self.control.call(command.split(' '))
    }
}

fn texts(words: &[&str]) -> Value {
    Value::Array(words.iter().map(|word| text(word)).collect())
}

fn text(word: &str) -> Value {
    Value::Bulk(word.as_bytes().to_vec())
}

#[test]
fn who_came_first_is_served_first() {
    let mut stage = Stage::new();
    let mut first = stage.waiter(1, "BLPOP a b 0");
    let mut second = stage.waiter(2, "BRPOP b 0");
    let mut third = stage.waiter(3, "BLMPOP 0 2 a b LEFT COUNT 5");
    assert_eq!(stage.call("RPUSH b 1 2 3 4"), Value::Integer(4));
    assert_eq!(stage.call("EXISTS b"), Value::Integer(0), "all is handed out before the next command");
    assert_eq!(first.reply(), texts(&["b", "1"]));
    assert_eq!(second.reply(), texts(&["b", "4"]));
    assert_eq!(third.reply(), Value::Array(vec![text("b"), texts(&["2", "3"])]));
    stage.await_blocked(0);
}

#[test]
fn what_is_pushed_and_popped_at_once_goes_to_who_waits() {
    let mut stage = Stage::new();
    let mut waiter = stage.waiter(1, "BLPOP k 0");
    stage.control.send_bytes(b"RPUSH k v\r\nLPOP k\r\n");
    assert_eq!(stage.control.reply(), Value::Integer(1));
    assert_eq!(stage.control.reply(), Value::Null);
    assert_eq!(waiter.reply(), texts(&["k", "v"]));
}

#[test]
fn moved_elements_wake_others() {
    let mut stage = Stage::new();
    let mut last = stage.waiter(1, "BLPOP c 0");
    let mut second = stage.waiter(2, "BLMOVE b c LEFT RIGHT 0");
    let mut first = stage.waiter(3, "BRPOPLPUSH a b 0");
    assert_eq!(stage.call("RPUSH a x"), Value::Integer(1));
    assert_eq!(first.reply(), text("x"));
    assert_eq!(second.reply(), text("x"));
    assert_eq!(last.reply(), texts(&["c", "x"]));
    assert_eq!(stage.call("DBSIZE"), Value::Integer(0));
}

#[test]
fn every_kind_of_write_wakes() {
    let mut stage = Stage::new();
    let writes: &[&[&str]] = &[
        &["RPUSH t v", "RENAME t k"],
        &["RPUSH t v", "COPY t k"],
        &["RPUSH t v", "LMOVE t k LEFT LEFT"],
        &["SADD s v", "SORT s BY nosort STORE k"],
        &["SELECT 1", "RPUSH k v", "MOVE k 0", "SELECT 0"],
        &["SELECT 1", "RPUSH k v", "SWAPDB 0 1", "SELECT 0"],
        &["MULTI", "RPUSH k v", "SET other 1", "EXEC"],
        &["SET k v", "DEL k", "RPUSH k v"],
    ];
    for write in writes {
        stage.call("FLUSHALL");
        let mut waiter = stage.waiter(1, "BLPOP k 0");
        for command in *write {
            stage.call(command);
        }
        assert_eq!(waiter.reply(), texts(&["k", "v"]), "{write:?}");
    }
}

#[test]
fn a_value_of_another_type_wakes_nobody() {
    let mut stage = Stage::new();
    let mut waiter = stage.waiter(1, "BZPOPMIN k 0");
    stage.call("RPUSH k x");
    stage.await_blocked(1);
    stage.call("DEL k");
    assert_eq!(stage.call("ZADD k 2 two 1 one"), Value::Integer(2));
    assert_eq!(waiter.reply(), texts(&["k", "one", "1"]));
    let mut mover = stage.waiter(1, "BLMOVE from to LEFT LEFT 0");
    stage.call("SET to string");
    stage.call("RPUSH from x");
    assert!(matches!(mover.reply(), Value::Error(text) if text.starts_with(b"WRONGTYPE")));
    assert_eq!(stage.call("LLEN from"), Value::Integer(1));
}

#[test]
fn what_takes_the_place_of_another_type_wakes_nobody() {
    let mut stage = Stage::new();
    for (wait, writes) in [
        ("BLPOP k 0", ["SET k v", "RPUSH l a", "SORT l ALPHA STORE k"]),
        ("BZPOPMIN k 0", ["SET k v", "ZADD z 1 a", "ZUNIONSTORE k 1 z"]),
        ("BZPOPMIN k 0", ["RPUSH k v", "ZADD z 1 a", "ZRANGESTORE k z 0 -1"]),
    ] {
        stage.call("FLUSHALL");
        let mut waiter = stage.waiter(1, wait);
        for command in writes {
            stage.call(command);
        }
        assert_eq!(stage.call("EXISTS k"), Value::Integer(1), "{writes:?}");
        stage.call("RENAME k other");
        stage.call("RENAME other k");
        assert!(matches!(waiter.reply(), Value::Array(_)));
        assert_eq!(stage.call("EXISTS k"), Value::Integer(0), "{writes:?}");
    }
}

#[test]
fn what_brings_no_entry_makes_no_member() {
    let mut stage = Stage::new();
    for command in ["XADD s 1-1 f v", "XADD s 2-1 f v", "XGROUP CREATE s g $"] {
        stage.call(command);
    }
    let mut member = stage.waiter(1, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    stage.call("XGROUP DELCONSUMER s g c");
    for command in
        ["XTRIM s MAXLEN 1", "EXPIRE s 1000", "XSETID s 5-5", "XGROUP SETID s g 0", "XDEL s 1-1", "PERSIST s"]
    {
        stage.call(command);
        assert_eq!(stage.call("XINFO CONSUMERS s g"), Value::Array(Vec::new()), "{command}");
    }
    stage.call("XADD s 9-1 f v");
    let entry = |id| Value::Array(vec![text(id), texts(&["f", "v"])]);
    let expected = Value::Array(vec![text("s"), Value::Array(vec![entry("2-1"), entry("9-1")])]);
    assert_eq!(member.reply(), Value::Array(vec![expected]));
    assert!(matches!(stage.call("XINFO CONSUMERS s g"), Value::Array(members) if members.len() == 1));
}

#[test]
fn nothing_is_taken_for_who_was_killed() {
    let mut stage = Stage::new();
    for round in 0..200 {
        let mut waiter = Client::connect(stage.server.port());
        let id = waiter.integer(["CLIENT", "ID"]);
        // Whether he waits already when he is killed, chance says.
        waiter.send(["BLPOP", "k", "0"]);
        stage.control.send_bytes(format!("CLIENT KILL ID {id}\r\nRPUSH k v\r\nLPOP k\r\n").as_bytes());
        assert_eq!(stage.control.reply(), Value::Integer(1));
        assert_eq!(stage.control.reply(), Value::Integer(1));
        assert_eq!(stage.control.reply(), text("v"), "round {round}");
        assert!(waiter.is_closed());
    }
    stage.await_blocked(0);
}

#[test]
fn a_wait_ends_with_its_time() {
    let mut stage = Stage::new();
    let start = Instant::now();
    let mut client = Client::connect(stage.server.port());
    assert_eq!(client.call(["BLPOP", "k", "0.2"]), Value::Null);
    assert_eq!(client.call(["BLMOVE", "k", "l", "LEFT", "LEFT", "0.1"]), Value::Null);
    assert_eq!(client.call(["XREAD", "BLOCK", "100", "STREAMS", "s", "$"]), Value::Null);
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(stage.call("RPUSH k v"), Value::Integer(1), "nobody waits any more");
    assert_eq!(stage.call("LLEN k"), Value::Integer(1));
}

#[test]
fn nothing_is_lost_with_who_leaves() {
    let mut stage = Stage::new();
    let gone = stage.waiter(1, "BLPOP k 0");
    let mut stays = stage.waiter(2, "BLPOP k 0");
    drop(gone);
    stage.await_blocked(1);
    let killed = stage.waiter(2, "BLPOP other k 0");
    stage.call("CLIENT KILL TYPE NORMAL SKIPME YES");
    stage.await_blocked(0);
    assert!(stays.is_closed());
    drop(killed);
    assert_eq!(stage.call("RPUSH k v"), Value::Integer(1));
    assert_eq!(stage.call("LRANGE k 0 -1"), texts(&["v"]));
}

#[test]
fn others_can_end_a_wait() {
    let mut stage = Stage::new();
    for (how, expected) in [
        ("", Value::Null),
        (" TIMEOUT", Value::Null),
        (" ERROR", Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into())),
    ] {
        let mut client = Client::connect(stage.server.port());
        let id = client.integer(["CLIENT", "ID"]);
        client.send(["BLPOP", "k", "0"]);
        stage.await_blocked(1);
        assert_eq!(stage.call(&format!("CLIENT UNBLOCK {id}{how}")), Value::Integer(1));
        assert_eq!(client.reply(), expected);
        assert_eq!(stage.call(&format!("CLIENT UNBLOCK {id}")), Value::Integer(0));
    }
    assert!(stage.control.text(["INFO", "clients"]).contains("total_blocking_keys:0\r\n"));
}

#[test]
fn what_follows_a_waiting_command_runs_after_it() {
    let mut stage = Stage::new();
    let mut client = Client::connect(stage.server.port());
    client.send_bytes(b"SET a 1\r\nBLPOP k 0\r\nGET a\r\nBLPOP k 0\r\nGET a\r\n");
    assert_eq!(client.reply(), Value::Simple("OK".into()));
    stage.await_blocked(1);
    stage.call("SET a 2");
    stage.call("RPUSH k one");
    assert_eq!(client.reply(), texts(&["k", "one"]));
    assert_eq!(client.reply(), text("2"));
    stage.await_blocked(1);
    stage.call("RPUSH k two");
    assert_eq!(client.reply(), texts(&["k", "two"]));
    assert_eq!(client.reply(), text("2"));
}

#[test]
fn readers_of_streams_wait_for_entries() {
    let mut stage = Stage::new();
    stage.call("XADD s 1-1 f old");
    stage.call("XGROUP CREATE s g $");
    let mut after = stage.waiter(1, "XREAD BLOCK 0 STREAMS s $");
    let mut member = stage.waiter(2, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    let mut second = stage.waiter(3, "XREADGROUP GROUP g d BLOCK 0 STREAMS s >");
    stage.call("XADD s 2-1 f v");
    let entry = Value::Array(vec![Value::Array(vec![text("2-1"), texts(&["f", "v"])])]);
    let expected = Value::Array(vec![Value::Array(vec![text("s"), entry])]);
    assert_eq!(after.reply(), expected);
    assert_eq!(member.reply(), expected);
    stage.await_blocked(1);
    stage.call("DEL s");
    assert!(matches!(second.reply(), Value::Error(text) if text.starts_with(b"NOGROUP")));
    let mut other = stage.waiter(1, "XREAD BLOCK 0 STREAMS new 0");
    stage.call("XADD new 1-1 f v");
    assert!(matches!(other.reply(), Value::Array(_)));
}

#[test]
fn a_member_hears_that_the_stream_has_expired() {
    let mut stage = Stage::new();
    stage.call("XGROUP CREATE s g $ MKSTREAM");
    stage.call("PEXPIRE s 100");
    let mut member = stage.waiter(1, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    assert!(matches!(member.reply(), Value::Error(text) if text.starts_with(b"NOGROUP")));
}

#[test]
fn a_delayed_entry_wakes_who_waits_when_it_is_due() {
    let mut stage = Stage::new();
    stage.call("XGROUP CREATE s g $ MKSTREAM");
    let mut reader = stage.waiter(1, "XREAD BLOCK 0 STREAMS s $");
    let mut member = stage.waiter(2, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    let start = Instant::now();
    let Value::Bulk(id) = stage.call("XADD s DELAY 200 * f v") else { panic!("an id") };
    let id = String::from_utf8(id).expect("an id is text");
    assert_eq!(stage.call("XLEN s"), Value::Integer(0));
    assert_eq!(stage.call("EXPIRE s 1000"), Value::Integer(1));
    let entry = Value::Array(vec![Value::Array(vec![text(&id), texts(&["f", "v"])])]);
    let expected = Value::Array(vec![Value::Array(vec![text("s"), entry])]);
    assert_eq!(reader.reply(), expected);
    assert_eq!(member.reply(), expected);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(199), "{waited:?}");
    assert_eq!(stage.call("XLEN s"), Value::Integer(1));
    assert_eq!(stage.call(&format!("XACK s g {id}")), Value::Integer(1));
}

#[test]
fn a_delayed_entry_that_is_taken_back_wakes_nobody() {
    let mut stage = Stage::new();
    let mut reader = stage.waiter(1, "XREAD BLOCK 300 STREAMS s $");
    let Value::Bulk(id) = stage.call("XADD s DELAY 50 * f v") else { panic!("an id") };
    let id = String::from_utf8(id).expect("an id is text");
    assert_eq!(stage.call(&format!("XDEL s {id}")), Value::Integer(1));
    assert_eq!(reader.reply(), Value::Null);
}

#[test]
fn delayed_entries_go_through_dump_and_restore() {
    let mut stage = Stage::new();
    stage.call("XADD s AT 32503680000000 * f v");
    stage.call("XADD s 1-1 f now");
    let Value::Bulk(payload) = stage.call("DUMP s") else { panic!("a payload") };
    assert_eq!(stage.control.call([b"RESTORE", &b"t"[..], b"0", &payload]), Value::Simple("OK".into()));
    assert_eq!(stage.call("XLEN t"), Value::Integer(1));
    let Value::Array(delayed) = stage.call("XDELAYED t - +") else { panic!("an array") };
    assert_eq!(delayed, [Value::Array(vec![text("32503680000000-0"), texts(&["f", "v"])])]);
}

#[test]
fn who_waits_for_the_newest_entry_gets_only_that() {
    let mut stage = Stage::new();
    let mut reader = stage.waiter(1, "XREAD BLOCK 0 STREAMS s +");
    for command in ["MULTI", "XADD s 1-1 f old", "XADD s 2-1 f new", "EXEC"] {
        stage.call(command);
    }
    let entry = Value::Array(vec![Value::Array(vec![text("2-1"), texts(&["f", "new"])])]);
    assert_eq!(reader.reply(), Value::Array(vec![Value::Array(vec![text("s"), entry])]));
}

#[test]
fn editing_what_is_there_wakes_nobody() {
    let mut stage = Stage::new();
    let mut waiter = stage.waiter(1, "BZPOPMIN z 0");
    // What takes the place of another type wakes nobody, so that the waiter stays with a sorted set at hand.
    for command in ["SET z text", "ZADD y 1 a", "ZUNIONSTORE z 1 y", "ZADD z 0 b", "ZINCRBY z 1 a"] {
        stage.call(command);
    }
    stage.await_blocked(1);
    assert_eq!(stage.call("ZCARD z"), Value::Integer(2));
    stage.call("DEL z");
    stage.call("ZADD z 5 c");
    assert_eq!(waiter.reply(), texts(&["z", "c", "5"]));
}

#[test]
fn who_was_killed_in_a_transaction_is_gone_for_its_next_command() {
    let mut stage = Stage::new();
    let mut waiter = Client::connect(stage.server.port());
    let id = waiter.integer(["CLIENT", "ID"]);
    waiter.send(["BLPOP", "l", "0"]);
    stage.await_blocked(1);
    for command in ["MULTI", &format!("CLIENT KILL ID {id}"), &format!("CLIENT UNBLOCK {id}")] {
        stage.call(command);
    }
    assert_eq!(stage.call("EXEC"), Value::Array(vec![Value::Integer(1), Value::Integer(0)]));
    assert!(waiter.is_closed());
}
