//! The `redis` crate, as programs in Rust use it.

use redis::{
    Commands, Connection, ErrorKind, ExistenceCheck, RedisResult, ServerErrorKind, SetExpiry, SetOptions,
};
use spinel_tests::Server;
use std::collections::{HashMap, HashSet};

fn connect(server: &Server, parameters: &str) -> Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}/{parameters}", server.port()));
    client.expect("it is an address").get_connection().expect("the server listens")
}

#[test]
fn values_keep_their_types() {
    let server = Server::start(&[]);
    let mut connection = connect(&server, "");
    let _: () = connection.set("text", "caf\u{e9}").unwrap();
    let _: () = connection.set("bytes", &[0_u8, 255, 13, 10][..]).unwrap();
    let _: () = connection.set("number", -7).unwrap();
    let _: () = connection.set("float", 2.5).unwrap();
    assert_eq!(connection.get::<_, String>("text").unwrap(), "caf\u{e9}");
    assert_eq!(connection.get::<_, Vec<u8>>("bytes").unwrap(), [0, 255, 13, 10]);
    assert_eq!(connection.get::<_, i64>("number").unwrap(), -7);
    assert!((connection.get::<_, f64>("float").unwrap() - 2.5).abs() < f64::EPSILON);
    assert_eq!(connection.get::<_, Option<String>>("none").unwrap(), None);
    assert!(connection.get::<_, i64>("text").is_err());
}

#[test]
fn counters_and_several_keys() {
    let server = Server::start(&[]);
    let mut connection = connect(&server, "");
    assert_eq!(connection.incr::<_, _, i64>("n", 41).unwrap(), 41);
    assert_eq!(connection.incr::<_, _, i64>("n", 1).unwrap(), 42);
    assert_eq!(connection.decr::<_, _, i64>("n", 2).unwrap(), 40);
    let _: () = connection.mset(&[("a", 1), ("b", 2)]).unwrap();
    let values: Vec<Option<i64>> = connection.mget(&["a", "none", "b"]).unwrap();
    assert_eq!(values, [Some(1), None, Some(2)]);
    assert_eq!(connection.del::<_, usize>(&["a", "b", "none"]).unwrap(), 2);
    assert!(!connection.exists::<_, bool>("a").unwrap());
}

#[test]
fn options_of_set_and_times_to_live() {
    let server = Server::start(&[]);
    let mut connection = connect(&server, "");
    let only_new =
        || SetOptions::default().conditional_set(ExistenceCheck::NX).with_expiration(SetExpiry::EX(100));
    assert!(connection.set_options::<_, _, bool>("k", "first", only_new()).unwrap());
    assert!(!connection.set_options::<_, _, bool>("k", "second", only_new()).unwrap());
    let before: Option<String> =
        connection.set_options("k", "third", SetOptions::default().get(true)).unwrap();
    assert_eq!(before.as_deref(), Some("first"));
    assert_eq!(connection.ttl::<_, i64>("k").unwrap(), -1);
    assert!(connection.expire::<_, bool>("k", 50).unwrap());
    assert!((1..=50).contains(&connection.ttl::<_, i64>("k").unwrap()));
    assert!(connection.persist::<_, bool>("k").unwrap());
    let _: () = connection.rename("k", "l").unwrap();
    assert_eq!(connection.get_del::<_, String>("l").unwrap(), "third");
}

#[test]
fn pipelines_answer_in_order() {
    let server = Server::start(&[]);
    let mut connection = connect(&server, "");
    let (first, second): (i64, String) =
        redis::pipe().incr("n", 1).set("k", "v").ignore().get("k").query(&mut connection).unwrap();
    assert_eq!((first, second.as_str()), (1, "v"));

    let mut long = redis::pipe();
    for number in 0..10_000 {
        long.set(format!("key:{number}"), number).ignore();
    }
    let _: () = long.query(&mut connection).unwrap();
    assert_eq!(redis::cmd("DBSIZE").query::<usize>(&mut connection).unwrap(), 10_002);
}

#[test]
fn scanning_finds_every_key_once() {
    let server = Server::start(&[]);
    let mut connection = connect(&server, "");
    for number in 0..500 {
        let _: () = connection.set(format!("key:{number}"), number).unwrap();
    }
    let _: () = connection.set("other", "").unwrap();
    let found: RedisResult<Vec<String>> = connection.scan_match("key:*").unwrap().collect();
    let found = found.unwrap();
    assert_eq!(found.len(), 500);
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 500);
}

#[test]
fn errors_have_their_kind() {
    let server = Server::start(&["--requirepass", "secret"]);
    let refused = redis::Client::open(format!("redis://:wrong@127.0.0.1:{}/", server.port())).unwrap();
    assert_eq!(refused.get_connection().err().unwrap().kind(), ErrorKind::AuthenticationFailed);

    let client = redis::Client::open(format!("redis://:secret@127.0.0.1:{}/3", server.port())).unwrap();
    let mut connection = client.get_connection().unwrap();
    let _: () = connection.set("k", "text").unwrap();
    let error = connection.incr::<_, _, i64>("k", 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
    assert_eq!(error.detail(), Some("value is not an integer or out of range"));
    let info: HashMap<String, String> =
        redis::cmd("CONFIG").arg("GET").arg("port").query(&mut connection).unwrap();
    assert_eq!(info["port"], server.port().to_string());
    let keyspace: redis::InfoDict = redis::cmd("INFO").arg("keyspace").query(&mut connection).unwrap();
    assert!(keyspace.get::<String>("db3").is_some_and(|line| line.starts_with("keys=1,")));
}

#[test]
fn resp3_is_spoken_when_asked_for() {
    let server = Server::start(&[]);
    let mut connection = connect(&server, "?protocol=resp3");
    let _: () = connection.set("k", 1).unwrap();
    assert_eq!(connection.get::<_, i64>("k").unwrap(), 1);
    assert_eq!(connection.get::<_, Option<i64>>("none").unwrap(), None);
    let settings: HashMap<String, String> =
        redis::cmd("CONFIG").arg("GET").arg("maxclients").query(&mut connection).unwrap();
    assert_eq!(settings["maxclients"], "10000");
    let line: String = redis::cmd("CLIENT").arg("INFO").query(&mut connection).unwrap();
    assert!(line.contains(" resp=3 "), "{line}");
}
