//! Clients that wait for keys to which everything happens.

use super::assert_serves;
use spinel_resp::Value;
use spinel_tests::{Client, Server};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

fn await_blocked(control: &mut Client, count: usize) {
    let (start, line) = (Instant::now(), format!("blocked_clients:{count}\r\n"));
    while !control.text(["INFO", "clients"]).contains(&line) {
        assert!(start.elapsed() < Duration::from_secs(20), "{line} never comes");
    }
}

fn call(client: &mut Client, line: &str) -> Value {
    client.call(line.split(' '))
}

#[test]
fn a_wait_outlives_whatever_happens_to_its_keys() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = Client::connect(server.port());
    let mut waiter = Client::connect(server.port());
    let keys = (0..1000).map(|number| format!("k{number}"));
    // The same key many times is one key.
    let again = std::iter::repeat_n("k0".to_owned(), 1000);
    waiter.send(["BLPOP".to_owned()].into_iter().chain(keys).chain(again).chain(["0".to_owned()]));
    await_blocked(&mut control, 1);
    for line in [
        "SET k1 v PX 1",
        "SET k2 v",
        "RENAME k2 k3",
        "SADD k4 m",
        "RENAME k4 k5",
        "MOVE k5 1",
        "HSET k6 f v",
        "HPEXPIRE k6 1 FIELDS 1 f",
        "ZADD k7 1 m",
        "COPY k7 k8",
        "FLUSHDB",
        "XADD k9 * f v",
        "SWAPDB 0 1",
        "SWAPDB 0 1",
        "FLUSHALL ASYNC",
        "RPUSH other 1",
        "SORT other STORE elsewhere",
        "DEL other elsewhere",
    ] {
        let reply = call(&mut control, line);
        assert!(!matches!(reply, Value::Error(_)), "{line}: {reply:?}");
        await_blocked(&mut control, 1);
    }
    call(&mut control, "SADD set b a");
    assert_eq!(call(&mut control, "SORT set ALPHA STORE k999"), Value::Integer(2));
    assert_eq!(waiter.reply(), Value::Array(vec![Value::Bulk("k999".into()), Value::Bulk("a".into())]));
    assert!(control.text(["INFO", "clients"]).contains("total_blocking_keys:0\r\n"));
}

#[test]
fn a_list_that_expires_before_it_is_popped_serves_nobody() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = Client::connect(server.port());
    let mut waiter = Client::connect(server.port());
    waiter.send(["BLPOP", "k", "0"]);
    await_blocked(&mut control, 1);
    call(&mut control, "MULTI");
    call(&mut control, "RPUSH k gone");
    call(&mut control, "PEXPIREAT k 1");
    assert_eq!(call(&mut control, "EXEC"), Value::Array(vec![Value::Integer(1), Value::Integer(1)]));
    await_blocked(&mut control, 1);
    call(&mut control, "RPUSH k stays");
    assert_eq!(waiter.reply(), Value::Array(vec![Value::Bulk("k".into()), Value::Bulk("stays".into())]));
}

#[test]
fn who_waits_is_served_in_order_however_many_there_are() {
    const WAITERS: usize = 100;
    let server = Server::start(&["--io-threads", "4"]);
    let mut control = Client::connect(server.port());
    let mut waiters = Vec::new();
    for number in 1..=WAITERS {
        let mut waiter = Client::connect(server.port());
        let command = if number % 2 == 0 { "BLPOP" } else { "BRPOP" };
        waiter.send([command, "a", "k", "0"]);
        await_blocked(&mut control, number);
        waiters.push(waiter);
    }
    // Each takes the only element there is.
    for number in 0..WAITERS {
        call(&mut control, &format!("RPUSH k {number}"));
    }
    for (number, waiter) in waiters.iter_mut().enumerate() {
        let expected = Value::Array(vec![Value::Bulk("k".into()), Value::Bulk(number.to_string().into())]);
        assert_eq!(waiter.reply(), expected);
    }
}

#[test]
fn a_storm_of_waits_that_are_ended_loses_nothing() {
    const WAITERS: usize = 20;
    const ELEMENTS: usize = 3000;
    let server = Server::start(&["--io-threads", "4"]);
    let mut control = Client::connect(server.port());
    let mut waiters: Vec<(Client, String)> = (0..WAITERS)
        .map(|_| {
            let mut client = Client::connect(server.port());
            let id = client.integer(["CLIENT", "ID"]).to_string();
            (client, id)
        })
        .collect();
    let ids: Vec<String> = waiters.iter().map(|(_, id)| id.clone()).collect();
    let takers: Vec<_> = waiters
        .drain(..)
        .map(|(mut client, _)| {
            thread::spawn(move || {
                let mut taken = Vec::new();
                loop {
                    match client.call(["BLPOP", "a", "b", "c", "0"]) {
                        Value::Array(pair) if pair[1] == Value::Bulk("end".into()) => return taken,
                        Value::Array(mut pair) => taken.push(pair.remove(1)),
                        Value::Null | Value::Error(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
            })
        })
        .collect();
    for number in 0..ELEMENTS {
        let key = ["a", "b", "c"][number % 3];
        control.send(["RPUSH", key, &number.to_string()]);
        control.send(["CLIENT", "UNBLOCK", &ids[number % WAITERS], ["TIMEOUT", "ERROR"][number % 2]]);
        (0..2).for_each(|_| drop(control.reply()));
    }
    for _ in 0..WAITERS {
        call(&mut control, "RPUSH a end");
    }
    let taken: Vec<Value> =
        takers.into_iter().flat_map(|taker| taker.join().expect("no taker fails")).collect();
    let different: BTreeSet<String> = taken.iter().map(|value| format!("{value:?}")).collect();
    assert_eq!((taken.len(), different.len()), (ELEMENTS, ELEMENTS), "each element is taken once");
    assert!(control.text(["INFO", "clients"]).contains("total_blocking_keys:0\r\n"));
    assert_serves(&server);
}
