//! MEMORY and what INFO tells of memory, expiry and threads: figures that agree with each other and with what was done.

use crate::saving::{await_info, call, info, number, shown};
use spinel_resp::Value;
use spinel_tests::{Client, Server};

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
