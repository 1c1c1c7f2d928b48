//! MEMORY and what INFO tells of memory, expiry and threads: figures that agree with each other and with what was done.

use crate::saving::{await_info, call, info, number, shown};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

/// MEMORY STATS, as names and texts.
fn figures(client: &mut Client) -> Vec<(String, String)> {
    let Value::Array(items) = client.call(["MEMORY", "STATS"]) else { panic!("no figures") };
    items.chunks(2).map(|pair| (shown(&pair[0]), shown(&pair[1]))).collect()
}

/// The lines of INFO about memory, as names and texts.
fn lines(client: &mut Client) -> Vec<(String, String)> {
    let text = call(client, "INFO memory");
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn count(figures: &[(String, String)], name: &str) -> u64 {
    let found = figures.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or_else(|| panic!("{name}: {figures:?}"))
}

/// Bytes of the index of a database.
fn index_bytes(figures: &[(String, String)], number: u32) -> u64 {
    let (_, shown) = figures.iter().find(|(name, _)| *name == format!("db.{number}")).expect("it has keys");
    let bytes = shown.strip_prefix("[overhead.hashtable.main, ").and_then(|rest| rest.split(',').next());
    bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("{shown}"))
}

#[test]
fn figures_of_memory_add_up() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "DEBUG POPULATE 50000 key 100");
    call(&mut client, "SELECT 3");
    call(&mut client, "SET k v");
    let stats = figures(&mut client);
    let names = ["total.allocated", "dataset.bytes", "overhead.total", "clients.normal", "keys.count"];
    let [total, dataset, overhead, clients, keys] = names.map(|name| count(&stats, name));
    assert_eq!((total, keys), (dataset + overhead, 50_001));
    assert!(dataset > 50_000 * 100 && clients > 0);
    let index = index_bytes(&stats, 0) + index_bytes(&stats, 3);
    assert!(index_bytes(&stats, 0) > 50_000, "each key has a place of some bytes");
    assert_eq!(index + clients, overhead);
    let [allocated, active, resident] =
        ["allocated", "active", "resident"].map(|name| count(&stats, &format!("allocator.{name}")));
    assert!(total <= allocated && allocated <= active && resident > dataset, "{stats:?}");

    let memory = lines(&mut client);
    let used = count(&memory, "used_memory");
    assert_eq!(used, count(&memory, "used_memory_dataset") + count(&memory, "used_memory_overhead"));
    assert!(count(&memory, "used_memory_peak") >= used);
    assert!(call(&mut client, "MEMORY MALLOC-STATS").contains("pages"));
    assert_eq!(call(&mut client, "MEMORY PURGE"), "OK");
}

#[test]
fn the_doctor_sees_what_is_unusual() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    assert!(call(&mut client, "MEMORY DOCTOR").starts_with("Hi Sam, this instance is empty"));
    call(&mut client, "DEBUG POPULATE 300000 key 100");
    number(&mut client, "used_memory");
    for index in 0..1001 {
        client.text(["SCRIPT", "LOAD", &format!("return {index}")]);
    }
    let found = call(&mut client, "MEMORY DOCTOR");
    assert!(found.contains("* Many scripts") && !found.contains("* Peak memory"), "{found}");
    // The highest use so far is noted once a second, and where somebody asks.
    assert_eq!(call(&mut client, "SCRIPT FLUSH"), "OK");
    let script = "for number = 60000, 299999 do redis.call('DEL', 'key:' .. number) end";
    client.call(["EVAL", script, "0"]);
    let found = call(&mut client, "MEMORY DOCTOR");
    assert!(found.contains("* Peak memory") && !found.contains("* Many scripts"), "{found}");
}

#[test]
fn what_expires_is_counted_by_its_kind() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    for command in [
        "SET key v PX 1",
        "HSET some a 1 b 2 c 3",
        "HPEXPIRE some 1 FIELDS 2 a b",
        "HSET all a 1 b 2",
        "HPEXPIRE all 1 FIELDS 2 a b",
    ] {
        call(&mut client, command);
    }
    let large: Vec<String> = (0..1000).map(|index| index.to_string()).collect();
    let large: Vec<&str> = large.iter().map(String::as_str).collect();
    let fields: Vec<&str> = large.iter().flat_map(|field| [*field, "v"]).collect();
    client.call([&["HSET", "large"], &fields[..]].concat());
    client.call([&["HPEXPIRE", "large", "1", "FIELDS", "1000"], &large[..]].concat());
    await_info(&mut client, "expired_subkeys", "1004");
    await_info(&mut client, "expired_keys", "1");
    assert_eq!(call(&mut client, "KEYS *"), "[some]");
    assert_eq!(call(&mut client, "CONFIG RESETSTAT"), "OK");
    assert_eq!(number(&mut client, "expired_subkeys"), 0);
}

#[test]
fn threads_tell_whom_they_serve() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut client = Client::connect(server.port());
    let mut others: Vec<Client> = (0..3).map(|_| Client::connect(server.port())).collect();
    // What is written is counted by the time the next request is answered.
    for other in &mut others {
        assert_eq!(call(other, "PING"), "PONG");
        assert_eq!(call(other, "PING"), "PONG");
    }
    let text = call(&mut client, "INFO threads");
    let sum = |field: &str| -> u64 {
        let values = text.split(['\r', ',', ':']).filter_map(|part| part.trim().strip_prefix(field));
        values.map(|value| value.parse::<u64>().expect("a number")).sum()
    };
    assert_eq!((text.matches("io_thread_").count(), sum("clients=")), (2, 4), "{text}");
    assert!(sum("reads=") >= 7 && sum("writes=") >= 3, "{text}");
    let reads = number(&mut client, "total_reads_processed");
    assert_eq!(call(&mut client, "PING"), "PONG");
    assert!(number(&mut client, "total_reads_processed") >= reads + 2);
    assert_eq!(
        info(&mut client, "listener0").split(',').next_back(),
        Some(&*format!("port={}", server.port()))
    );
}

/// The lines of INFO keysizes.
fn key_sizes(client: &mut Client) -> Vec<String> {
    call(client, "INFO keysizes").lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn sizes_of_few_keys_are_told_as_they_are() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(key_sizes(&mut client), Vec::<String>::new());
    assert_eq!(call(&mut client, "MEMORY BIGKEYS"), "[]");
    for command in [
        "SET a 12",
        "SETRANGE b 100000 x",
        "SET n 1234",
        "SADD s 1 2 a",
        "RPUSH l 1",
        "HSET h a 1 b 2 c 3 d 4",
        "ZADD z 1 a 2 b",
        "XADD x * f v",
        "SELECT 3",
        "SET a 1",
    ] {
        call(&mut client, command);
    }
    let expected = [
        "db0_distrib_strings_sizes:2=1,4=1,64K=1",
        "db0_distrib_lists_items:1=1",
        "db0_distrib_sets_items:2=1",
        "db0_distrib_zsets_items:2=1",
        "db0_distrib_hashes_items:4=1",
        "db0_distrib_streams_items:1=1",
        "db3_distrib_strings_sizes:1=1",
    ];
    assert_eq!(key_sizes(&mut client), expected);
    assert!(!call(&mut client, "INFO").contains("distrib"), "it is not told unasked");
    assert!(call(&mut client, "INFO all").contains("db3_distrib"));
    let largest = call(&mut client, "MEMORY BIGKEYS COUNT 1");
    assert_eq!(largest, "[[key, b, db, 0, type, string, bytes, 100002, size, 100001]]");
    for (command, error) in [
        ("MEMORY BIGKEYS COUNT", "ERR syntax error"),
        ("MEMORY BIGKEYS COUNT 0", "ERR COUNT should be greater than 0"),
        ("MEMORY BIGKEYS COUNT x", "ERR value is not an integer or out of range"),
        ("MEMORY BIGKEYS FIRST 1", "ERR syntax error"),
    ] {
        assert_eq!(call(&mut client, command), error, "{command}");
    }
    call(&mut client, "FLUSHALL");
    assert_eq!(key_sizes(&mut client), Vec::<String>::new());
}

#[test]
fn many_keys_are_looked_at_by_and_by() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "DEBUG POPULATE 20000 key 100");
    call(&mut client, "SETRANGE large 100000 x");
    let expected = ["db0_distrib_strings_sizes:64=20000,64K=1"];
    let start = Instant::now();
    while key_sizes(&mut client) != expected {
        assert!(start.elapsed() < Duration::from_secs(30), "they are never looked at");
    }
    let largest = call(&mut client, "MEMORY BIGKEYS");
    assert!(largest.starts_with("[[key, large, db, 0, "), "{largest}");
}
