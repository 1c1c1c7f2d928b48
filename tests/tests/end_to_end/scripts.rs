//! Scripts that run for too long, with several connections.

use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

const ENDLESS: &str = "while true do end";
const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

/// A server on which scripts may run for a tenth of a second before others notice.
fn server(threads: &str) -> Server {
    Server::start(&["--busy-reply-threshold", "100", "--io-threads", threads])
}

fn call(client: &mut Client, command: &str) -> Value {
    client.call(command.split(' '))
}

fn is_error(reply: &Value, start: &str) -> bool {
    matches!(reply, Value::Error(text) if text.starts_with(start.as_bytes()))
}

/// Asks until a script is busy.
fn await_busy(client: &mut Client) {
    let start = Instant::now();
    while !is_error(&call(client, "GET k"), BUSY) {
        assert!(start.elapsed() < Duration::from_secs(20), "no script is ever busy");
    }
}

#[test]
fn an_endless_script_can_be_killed() {
    for threads in ["1", "4"] {
        let server = server(threads);
        let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
        for script in [ENDLESS, "while true do pcall(function() while true do end end) end"] {
            one.send(["EVAL", script, "0"]);
            await_busy(&mut other);
            assert!(is_error(&call(&mut other, "MULTI"), "BUSY"));
            assert!(is_error(&call(&mut other, "FUNCTION KILL"), "BUSY"));
            assert!(matches!(call(&mut other, "FUNCTION STATS"), Value::Array(_)));
            assert_eq!(call(&mut other, "SCRIPT KILL"), Value::Simple(b"OK".to_vec()));
            assert!(is_error(&one.reply(), "ERR"));
            assert_eq!(call(&mut one, "PING"), Value::Simple(b"PONG".to_vec()));
            assert_eq!(call(&mut other, "SET k v"), Value::Simple(b"OK".to_vec()));
            assert!(is_error(&call(&mut other, "SCRIPT KILL"), "NOTBUSY"));
        }
    }
}

#[test]
fn a_long_script_ends_with_its_reply() {
    let server = server("1");
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    let script = "redis.call('SET', 'k', 'before')
        local i = 0
        while i < 3000000 do i = i + 1 redis.call('GET', 'k') end
        redis.call('SET', 'k', 'after')
        return i";
    one.send(["EVAL", script, "0"]);
    one.send(["GET", "k"]);
    await_busy(&mut other);
    assert!(is_error(&call(&mut other, "SCRIPT KILL"), "UNKILLABLE"));
    assert_eq!(one.reply(), Value::Integer(3_000_000));
    assert_eq!(one.reply(), Value::Bulk(b"after".to_vec()));
    assert_eq!(call(&mut other, "GET k"), Value::Bulk(b"after".to_vec()));
}

#[test]
fn an_endless_function_can_be_killed() {
    let server = server("2");
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    let code = "#!lua name=lib\nredis.register_function('endless', function() while true do end end)";
    one.call(["FUNCTION", "LOAD", code]);
    one.send(["FCALL", "endless", "0"]);
    let start = Instant::now();
    while !is_error(&call(&mut other, "GET k"), "BUSY") {
        assert!(start.elapsed() < Duration::from_secs(20), "no function is ever busy");
    }
    assert!(is_error(&call(&mut other, "SCRIPT KILL"), "BUSY"));
    assert_eq!(call(&mut other, "FUNCTION KILL"), Value::Simple(b"OK".to_vec()));
    assert!(is_error(&one.reply(), "ERR"));
}

#[test]
fn who_waits_is_served_by_a_script() {
    let server = server("2");
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    one.send(["BLPOP", "l", "0"]);
    while !other.text(["INFO", "clients"]).contains("blocked_clients:1") {}
    let script = "redis.call('RPUSH', 'l', 'a', 'b') return redis.call('LLEN', 'l')";
    assert_eq!(other.call(["EVAL", script, "0"]), Value::Integer(2), "the script sees what it pushed");
    assert_eq!(one.reply(), Value::Array(vec![Value::Bulk(b"l".to_vec()), Value::Bulk(b"a".to_vec())]));
    assert_eq!(call(&mut other, "LLEN l"), Value::Integer(1));
}

#[test]
fn the_server_stops_while_a_script_runs() {
    let mut server = server("2");
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    one.send(["EVAL", ENDLESS, "0"]);
    await_busy(&mut other);
    other.send(["SHUTDOWN", "NOSAVE"]);
    server.wait();
}

#[test]
fn time_stands_still_in_scripts_and_transactions() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    let script = "local before = redis.call('TIME') for _ = 1, 1e6 do end local after = redis.call('TIME')
        return before[1] == after[1] and before[2] == after[2]";
    assert_eq!(client.call(["EVAL", script, "0"]), Value::Integer(1));
    for command in
        [&["MULTI"][..], &["TIME"], &["EVAL", "for _ = 1, 1e6 do end return redis.call('TIME')", "0"]]
    {
        client.call(command);
    }
    let Value::Array(inside) = client.call(["EXEC"]) else { panic!("no array") };
    assert_eq!(inside[0], inside[1]);
    assert_ne!(client.call(["TIME"]), inside[1], "and goes on behind them");
    assert_ne!(client.call(["EVAL", "return redis.call('TIME')", "0"]), inside[1]);
}

#[test]
fn what_others_wait_for_a_script_is_counted() {
    let server = Server::start(&["--io-threads", "2"]);
    let (mut one, mut other) = (Client::connect(server.port()), Client::connect(server.port()));
    let field = |client: &mut Client, name: &str| {
        let info = client.text(["INFO", "stats"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        line.parse::<u64>().expect("it is a number")
    };
    assert_eq!(field(&mut other, "total_exclusive_waits:"), 0);
    let script = "for _ = 1, 3e6 do end";
    // Whether the script has begun when the other comes, chance says; some time it has.
    let mut rounds = 0;
    while field(&mut other, "total_exclusive_wait_usec:") < 10_000 {
        one.send(["EVAL", script, "0"]);
        other.call(["GET", "k"]);
        assert_eq!(one.reply(), Value::Null);
        rounds += 1;
        assert!(rounds < 200, "nobody ever waits");
    }
    assert!(field(&mut other, "total_exclusive_waits:") > 0);
    assert_eq!(call(&mut other, "CONFIG RESETSTAT"), Value::Simple(b"OK".to_vec()));
    assert_eq!(field(&mut other, "total_exclusive_wait_usec:"), 0);
}

#[test]
fn the_time_of_a_script_is_counted_from_its_start() {
    let server = server("1");
    let mut client = Client::connect(server.port());
    // Three million rounds take milliseconds; what the script calls at its end takes none.
    client.call(["EVAL", "for i = 1, 3e6 do end return redis.call('KEYS', 'nothing')", "0"]);
    let info = client.text(["INFO", "commandstats"]);
    let usec = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("it was called");
        let digits = line.split_once(",usec=").and_then(|(_, rest)| rest.split(',').next());
        digits.and_then(|digits| digits.parse::<u64>().ok()).expect("it has a time")
    };
    assert!(usec("cmdstat_eval:") > 1000 && usec("cmdstat_keys:") < 1000, "{info}");
}
