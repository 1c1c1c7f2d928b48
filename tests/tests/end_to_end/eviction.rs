//! `maxmemory` with the real server: which keys make room for others, and who hears of it.

use crate::saving::{again, call, number};
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::time::{Duration, Instant};

/// Lets so much more memory be used than is now.
fn allow(client: &mut Client, more: u64) -> u64 {
    let limit = number(client, "used_memory") + more;
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", &limit.to_string()]), "OK");
    limit
}

fn fill(client: &mut Client, prefix: &str, keys: u32) {
    for number in 0..keys {
        let reply = client.text(["SET", &format!("{prefix}:{number}"), &"x".repeat(500)]);
        assert_eq!(reply, "OK", "{prefix}:{number}");
    }
}

fn are_there(client: &mut Client, prefix: &str, keys: u32) -> i64 {
    (0..keys).map(|number| client.integer(["EXISTS", &format!("{prefix}:{number}")])).sum()
}

#[test]
fn room_is_made_under_every_policy_that_finds_keys() {
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-lrm",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-lrm",
        "volatile-random",
        "volatile-ttl",
    ] {
        let server = Server::start(&["--maxmemory-policy", policy]);
        let mut client = Client::connect(server.port());
        fill(&mut client, "kept", 200);
        let limit = allow(&mut client, 1 << 20);
        for number in 0..10_000 {
            let key = format!("new:{number}");
            assert_eq!(client.text(["SET", &key, &"x".repeat(500), "EX", "10000"]), "OK", "{policy}");
        }
        let (used, evicted) = (number(&mut client, "used_memory"), number(&mut client, "evicted_keys"));
        // One write may be above it until the next command.
        assert!(used <= limit + (64 << 10), "{policy}: {used} of {limit}");
        assert!((7000..10_200).contains(&evicted), "{policy}: {evicted}");
        if policy.starts_with("volatile") {
            assert_eq!(are_there(&mut client, "kept", 200), 200, "{policy}");
        }
        assert_eq!(number(&mut client, "current_eviction_exceeded_time"), 0, "{policy}");
    }
}

#[test]
fn what_is_used_stays() {
    for policy in ["allkeys-lfu", "volatile-ttl"] {
        let server = Server::start(&["--maxmemory-policy", policy, "--lfu-log-factor", "0"]);
        let mut client = Client::connect(server.port());
        for number in 0..100 {
            let key = format!("used:{number}");
            assert_eq!(client.text(["SET", &key, &"x".repeat(500), "EX", "90000"]), "OK");
            for _ in 0..20 {
                client.text(["GET", &key]);
            }
        }
        allow(&mut client, 1 << 20);
        for number in 0..5000 {
            assert_eq!(client.text(["SET", &format!("new:{number}"), &"x".repeat(500), "EX", "100"]), "OK");
        }
        assert!(number(&mut client, "evicted_keys") > 2000, "{policy}");
        assert_eq!(are_there(&mut client, "used", 100), 100, "{policy}");
    }
}

#[test]
fn a_lower_limit_takes_effect_though_nobody_writes() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-random"]);
    let mut client = Client::connect(server.port());
    fill(&mut client, "k", 4000);
    let limit = number(&mut client, "used_memory") / 2;
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", &limit.to_string()]), "OK");
    let started = Instant::now();
    while number(&mut client, "used_memory") > limit {
        assert!(started.elapsed() < Duration::from_secs(20), "nothing goes");
    }
    assert!(number(&mut client, "evicted_keys") > 1500);
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "0"]), "OK");
    fill(&mut client, "again", 1000);
    assert_eq!(are_there(&mut client, "again", 1000), 1000);
}

#[test]
fn the_time_without_room_ends_when_there_is_room() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port());
    assert_eq!(client.text(["SET", "k", &"x".repeat(100_000)]), "OK");
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let started = Instant::now();
    while number(&mut client, "current_eviction_exceeded_time") == 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "nobody notices");
    }
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "0"]), "OK");
    assert_eq!(number(&mut client, "current_eviction_exceeded_time"), 0);
    assert!(number(&mut client, "total_eviction_exceeded_time") > 0);
}

#[test]
fn who_listens_watches_or_has_cached_a_key_hears_that_it_went() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-random", "--notify-keyspace-events", "Ee"]);
    let mut client = Client::connect(server.port());
    let mut listener = Client::connect(server.port());
    listener.call(["SUBSCRIBE", "__keyevent@0__:evicted"]);
    let mut caching = Client::connect_resp3(server.port());
    assert_eq!(caching.text(["CLIENT", "TRACKING", "ON"]), "OK");
    let mut watching = Client::connect(server.port());
    assert_eq!(client.text(["SET", "only", &"x".repeat(100_000)]), "OK");
    caching.call(["GET", "only"]);
    assert_eq!(watching.text(["WATCH", "only"]), "OK");
    // Room for nothing: what is there has to go.
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "1"]), "OK");

    let told = listener.reply();
    assert!(matches!(&told, Value::Array(words) if words[2] == Value::Bulk(b"only".into())), "{told:?}");
    let told = caching.reply();
    assert!(
        matches!(&told, Value::Push(words) if words[1] == Value::Array(vec![Value::Bulk(b"only".into())])),
        "{told:?}"
    );
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "0"]), "OK");
    assert_eq!(watching.text(["MULTI"]), "OK");
    assert_eq!(watching.text(["PING"]), "QUEUED");
    assert_eq!(watching.call(["EXEC"]), Value::Null);
}

#[test]
fn the_log_forgets_what_went() {
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-random"];
    let server = Server::start(&options);
    let mut client = Client::connect(server.port());
    fill(&mut client, "k", 1000);
    let limit = number(&mut client, "used_memory") / 2;
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", &limit.to_string()]), "OK");
    fill(&mut client, "l", 10);
    // From here on nothing goes.
    assert_eq!(client.text(["CONFIG", "SET", "maxmemory", "0"]), "OK");
    let keys = client.integer(["DBSIZE"]);
    assert!((300..800).contains(&keys), "{keys}");
    assert_eq!(client.text(["SET", "last", "1"]), "OK");
    let (_server, mut client) = again(server.kill(), &options);
    assert_eq!(client.integer(["DBSIZE"]), keys + 1);
}

/// What a line of `/proc/meminfo` says, in bytes.
fn installed_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("Linux tells");
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).expect("it has this line");
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number");
    kilobytes * 1024
}

#[test]
fn a_limit_may_be_a_share_of_what_the_server_may_have() {
    let server = Server::start(&["--maxmemory", "50%"]);
    let mut client = Client::connect(server.port());
    let half = number(&mut client, "maxmemory");
    assert!(half > 0 && half <= installed_bytes() / 2, "{half}");
    assert_eq!(call(&mut client, "CONFIG GET maxmemory"), format!("[maxmemory, {half}]"));
    assert_eq!(call(&mut client, "CONFIG SET maxmemory 25%"), "OK");
    let quarter = number(&mut client, "maxmemory");
    assert!(quarter.abs_diff(half / 2) <= 1, "{quarter} of {half}");
    for wrong in ["101%", "0%", "-1%", "%", "1.5%"] {
        assert!(call(&mut client, &format!("CONFIG SET maxmemory {wrong}")).starts_with("ERR"), "{wrong}");
    }
}
