//! LATENCY: what took long is noted under the names that Redis gives it, and histograms count every call.

use crate::saving::{await_info, call};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

/// The longest time of an event, in milliseconds.
fn worst_ms(client: &mut Client, event: &str) -> Option<i64> {
    let Value::Array(events) = client.call(["LATENCY", "LATEST"]) else { panic!("no events") };
    events.iter().find_map(|entry| match entry {
        Value::Array(fields) => match &fields[..] {
            [Value::Bulk(name), _, _, Value::Integer(worst)] if name == event.as_bytes() => Some(*worst),
            _ => None,
        },
        other => panic!("not as Redis has it: {other:?}"),
    })
}

/// Waits until an event is there that others cause.
fn await_event(client: &mut Client, event: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while worst_ms(client, event).is_none() {
        assert!(Instant::now() < deadline, "{event} was not noted");
    }
}

#[test]
fn slow_commands_are_events() {
    let server = Server::start(&["--enable-debug-command", "yes", "--latency-monitor-threshold", "20"]);
    let mut client = Client::connect(server.port());
    for command in ["SET k v", "GET k", "MULTI", "GET k", "DEBUG SLEEP 0.05", "EXEC"] {
        call(&mut client, command);
    }
    assert!(worst_ms(&mut client, "command").is_some_and(|worst| (50..10_000).contains(&worst)));
    assert_eq!(worst_ms(&mut client, "fast-command"), None);
    let members: Vec<String> = (0..300_000).map(|number| number.to_string()).collect();
    let words = ["SADD", "members"].into_iter().chain(members.iter().map(String::as_str));
    client.call(words.collect::<Vec<_>>());
    assert!(worst_ms(&mut client, "fast-command").is_some_and(|worst| (20..60_000).contains(&worst)));
    let report = call(&mut client, "LATENCY DOCTOR");
    for line in ["\n1. command: 1 latency spikes (average ", "\n2. fast-command: ", "\n- Check your Slow Log"]
    {
        assert!(report.contains(line), "{report}");
    }
    assert!(call(&mut client, "LATENCY GRAPH fast-command").starts_with("fast-command - high "));
    assert_eq!(call(&mut client, "LATENCY RESET"), "2");
    // Waiting for others is no work.
    call(&mut client, "BLPOP nothing 0.05");
    assert_eq!(call(&mut client, "LATENCY LATEST"), "[]");
}

#[test]
fn work_of_other_threads_is_an_event() {
    let server = Server::start(&[
        "--enable-debug-command",
        "yes",
        "--appendonly",
        "yes",
        "--maxmemory-policy",
        "allkeys-random",
        "--maxmemory-eviction-tenacity",
        "100",
    ]);
    let mut client = Client::connect(server.port());
    // Nothing is noted before somebody asks for it.
    client.text(["SET", "large", &"x".repeat(60_000_000)]);
    assert_eq!(call(&mut client, "WAITAOF 1 0 0"), "[1, 0]");
    assert_eq!(call(&mut client, "LATENCY LATEST"), "[]");
    assert_eq!(call(&mut client, "CONFIG SET latency-monitor-threshold 1"), "OK");

    await_info(&mut client, "aof_rewrite_in_progress", "0");
    client.text(["SET", "large", &"x".repeat(60_000_000)]);
    await_event(&mut client, "aof-write");
    await_event(&mut client, "aof-write-alone");

    call(&mut client, "DEBUG POPULATE 200000");
    let script = "for number = 0, 99999 do redis.call('PEXPIRE', 'key:' .. number, 1) end";
    client.call(["EVAL", script, "0"]);
    await_event(&mut client, "expire-cycle");
    call(&mut client, "CONFIG SET maxmemory 5mb");
    await_event(&mut client, "eviction-cycle");
}

#[test]
fn histograms_count_every_call() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    client.send_bytes(&b"SET k v\r\nGET k\r\nGET k\r\n".repeat(500));
    (0..1500).for_each(|_| drop(client.reply()));
    let Value::Array(reply) = client.call(["LATENCY", "HISTOGRAM", "get"]) else { panic!("no histogram") };
    let [Value::Bulk(name), Value::Array(fields)] = &reply[..] else { panic!("{reply:?}") };
    let [_, Value::Integer(calls), _, Value::Array(powers)] = &fields[..] else { panic!("{fields:?}") };
    assert_eq!((&name[..], *calls), (&b"get"[..], 1000));
    let numbers: Vec<i64> = powers
        .iter()
        .map(|number| if let Value::Integer(number) = number { *number } else { panic!("{number:?}") })
        .collect();
    let pairs: Vec<(i64, i64)> = numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    assert!(pairs.is_sorted_by(|one, other| one.0 < other.0 && one.1 < other.1), "{pairs:?}");
    assert_eq!(pairs.last().map(|(_, seen)| *seen), Some(1000));
}
