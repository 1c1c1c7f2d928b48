//! HOTKEYS: the keys that are used most are known without asking every key, and what a collection sums up.

use crate::saving::call;
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Sends commands in pipelines of a thousand and reads all replies.
fn pipeline(client: &mut Client, commands: impl Iterator<Item = String>) {
    let commands: Vec<String> = commands.collect();
    for chunk in commands.chunks(1000) {
        for command in chunk {
            client.send(command.split(' '));
        }
        for _ in chunk {
            client.reply();
        }
    }
}

/// What HOTKEYS GET tells of the last seconds: databases, keys and rates, the hottest first.
fn hottest(client: &mut Client) -> Vec<(i64, String, i64)> {
    let Value::Array(entries) = client.call(["HOTKEYS", "GET"]) else { panic!("no list") };
    let entry = |entry: &Value| match entry {
        Value::Array(fields) => match &fields[..] {
            [_, Value::Bulk(key), _, Value::Integer(db), _, Value::Integer(rate)] => {
                (*db, String::from_utf8_lossy(key).into_owned(), *rate)
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    entries.iter().map(entry).collect()
}

fn field<'v>(reply: &'v Value, name: &str) -> &'v Value {
    let Value::Array(maps) = reply else { panic!("{reply:?}") };
    let [Value::Array(fields)] = &maps[..] else { panic!("{reply:?}") };
    let at = fields.iter().position(|field| matches!(field, Value::Bulk(text) if text == name.as_bytes()));
    &fields[at.unwrap_or_else(|| panic!("{name} is missing")) + 1]
}

fn number(reply: &Value, name: &str) -> i64 {
    match field(reply, name) {
        Value::Integer(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn sums(reply: &Value, name: &str) -> BTreeMap<String, i64> {
    let Value::Array(pairs) = field(reply, name) else { panic!("{reply:?}") };
    let pair = |pair: &[Value]| match pair {
        [Value::Bulk(key), Value::Integer(sum)] => (String::from_utf8_lossy(key).into_owned(), *sum),
        other => panic!("{other:?}"),
    };
    pairs.chunks(2).map(pair).collect()
}

#[test]
fn hot_keys_are_known_at_once() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut client = Client::connect(server.port());
    let mut other = Client::connect(server.port());
    call(&mut other, "SELECT 3");
    // A half is about one key and a fifth about another one, of which a quarter in another database.
    let key = |number: u32| match number % 10 {
        0..5 => "hot".to_owned(),
        5 | 6 => "warm".to_owned(),
        _ => format!("cold:{number}"),
    };
    // In turns, as what is told is of some seconds only.
    for round in 0..12 {
        let numbers = |count: u32| round * count..(round + 1) * count;
        pipeline(&mut client, numbers(10_000).map(|number| format!("GET {}", key(number))));
        pipeline(&mut other, numbers(2500).map(|number| format!("INCR {}", key(number))));
    }
    let told = hottest(&mut client);
    assert_eq!(told.len(), 16);
    let (first, rate) = ((told[0].0, &*told[0].1), told[0].2);
    assert_eq!(first, (0, "hot"));
    assert!(rate > 0);
    let others: Vec<(i64, &str)> = told[1..4].iter().map(|(db, key, _)| (*db, &**key)).collect();
    for wanted in [(0, "warm"), (3, "hot"), (3, "warm")] {
        assert!(others.contains(&wanted), "{told:?}");
    }
    let warm = told.iter().find(|(db, key, _)| (*db, &**key) == (0, "warm")).expect("it is there").2;
    assert!(warm * 3 / 2 < rate && rate < warm * 5, "{told:?}");

    call(&mut client, "CONFIG SET hotkey-top-k 1");
    pipeline(&mut client, (0..10_000).map(|number| format!("GET {}", key(number))));
    let told = hottest(&mut client);
    assert_eq!((told.len(), &*told[0].1), (1, "hot"));
    assert_eq!(call(&mut client, "HOTKEYS RESET"), "OK");
    assert_eq!(hottest(&mut client), []);
    call(&mut client, "CONFIG SET hotkey-top-k 0");
    pipeline(&mut client, (0..10_000).map(|number| format!("GET {}", key(number))));
    assert_eq!(call(&mut client, "HOTKEYS GET"), "nil");
    call(&mut client, "CONFIG SET hotkey-top-k 16");
    assert_eq!(hottest(&mut client), []);
}

#[test]
fn keys_of_all_kinds_of_calls_are_sampled() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    // Several keys, in a transaction, and from a script that names none.
    pipeline(&mut client, (0..12_000).map(|_| "MGET several:1 several:2 several:3".to_owned()));
    pipeline(
        &mut client,
        (0..2000)
            .flat_map(|_| ["MULTI", "GET queued", "GET queued", "GET queued", "EXEC"])
            .map(str::to_owned),
    );
    let script = "for number = 1, 6000 do redis.call('GET', 'scripted') end";
    client.call(["EVAL", script, "0"]);
    let told = hottest(&mut client);
    let keys: Vec<&str> = told.iter().map(|(_, key, _)| &**key).collect();
    for wanted in ["several:1", "several:2", "several:3", "queued", "scripted"] {
        assert!(keys.contains(&wanted), "{told:?}");
    }
    assert_eq!(keys.len(), 5, "{told:?}");
}

#[test]
fn a_collection_sums_up_time_and_bytes() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    let value = "x".repeat(10_000);
    assert_eq!(call(&mut client, "HOTKEYS START METRICS 2 CPU NET COUNT 2"), "OK");
    client.call(["SET", "large", &value]);
    let members: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    client.call(["SADD", "slow"].into_iter().chain(members.iter().map(String::as_str)).collect::<Vec<_>>());
    client.call(["SET", "small", "1"]);
    call(&mut client, "MULTI");
    client.call(["APPEND", "large", &value]);
    call(&mut client, "EXEC");
    client.call(["EVAL", "return #redis.call('GET', KEYS[1])", "1", "small"]);
    let reply = client.call(["HOTKEYS", "GET"]);
    assert_eq!(number(&reply, "tracking-active"), 1);
    let by_net = sums(&reply, "by-net-bytes");
    assert_eq!(by_net.keys().collect::<Vec<_>>(), ["large", "slow"]);
    assert!((20_000..20_200).contains(&by_net["large"]), "{by_net:?}");
    let by_cpu = sums(&reply, "by-cpu-time-us");
    let slow = by_cpu["slow"];
    assert!(by_cpu.len() <= 2 && by_cpu.values().all(|sum| *sum <= slow), "{by_cpu:?}");
    let (time, bytes) =
        (number(&reply, "all-commands-all-slots-us"), number(&reply, "net-bytes-all-commands-all-slots"));
    assert!(time >= slow, "{time}");
    // What is queued comes and goes again when it is a part of EXEC, whose bytes it is not counted with.
    assert!(bytes >= by_net["slow"] + 10_000, "{bytes}");

    assert_eq!(call(&mut client, "HOTKEYS STOP"), "OK");
    client.call(["SET", "late", &value]);
    let after = client.call(["HOTKEYS", "GET"]);
    assert_eq!(number(&after, "tracking-active"), 0);
    assert_eq!(sums(&after, "by-net-bytes"), by_net);
    assert_eq!(call(&mut client, "HOTKEYS RESET"), "OK");
    // Sessions go the short way again, and what is told is what is sampled.
    pipeline(&mut client, (0..5000).map(|_| "GET sampled".to_owned()));
    assert_eq!(hottest(&mut client)[0].1, "sampled");
}

#[test]
fn a_collection_ends_by_itself() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "HOTKEYS START METRICS 1 CPU SAMPLE 5 DURATION 1"), "OK");
    let deadline = Instant::now() + Duration::from_secs(60);
    let reply = loop {
        let reply = client.call(["HOTKEYS", "GET"]);
        if number(&reply, "tracking-active") == 0 {
            break reply;
        }
        assert!(Instant::now() < deadline, "it goes on");
    };
    assert_eq!((number(&reply, "collection-duration-ms"), number(&reply, "sample-ratio")), (1000, 5));
    assert_eq!(call(&mut client, "HOTKEYS START METRICS 1 CPU"), "OK");
    assert_eq!(call(&mut client, "HOTKEYS STOP"), "OK");
}
