//! CLIENT, limits on connections, and what INFO counts.

use crate::process::{Connection, Folder, Server, ok};
use spinel_resp::Value;
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn id(client: &mut Connection<TcpStream>) -> String {
    match client.call(&["CLIENT", "ID"]) {
        Value::Integer(id) => id.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A field of a line of CLIENT LIST.
fn field<'l>(line: &'l str, name: &str) -> &'l str {
    let mut fields = line.trim_end().split(' ').filter_map(|field| field.split_once('='));
    fields.find(|(found, _)| *found == name).unwrap_or_else(|| panic!("{name} in {line}")).1
}

#[test]
fn a_client_is_described() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut one, mut other) = (server.connect(), server.connect());
    assert_eq!(one.call(&["CLIENT", "SETNAME", "worker"]), ok());
    assert_eq!(one.call(&["CLIENT", "SETINFO", "LIB-NAME", "lib"]), ok());
    assert_eq!(one.call(&["CLIENT", "NO-TOUCH", "on"]), ok());
    assert_eq!(one.call(&["SELECT", "3"]), ok());
    assert_eq!(one.call(&["GET", "a"]), Value::Null);
    let line = other.text(&["CLIENT", "LIST", "ID", &id(&mut one)]);
    for (name, value) in [
        ("name", "worker"),
        ("db", "3"),
        ("flags", "T"),
        ("cmd", "client|id"),
        ("resp", "2"),
        ("lib-name", "lib"),
        ("user", "default"),
        ("tot-cmds", "6"),
        ("qbuf", "0"),
    ] {
        assert_eq!(field(&line, name), value, "{name}");
    }
    assert_eq!(field(&line, "laddr"), format!("127.0.0.1:{}", server.port));
    assert_eq!(other.text(&["CLIENT", "LIST"]).lines().count(), 2);
    assert_eq!(other.text(&["CLIENT", "LIST", "NOT-NAME", "worker", "DB", "0"]).lines().count(), 1);
    one.send_bytes(b"*2\r\n$3\r\nGET\r\n$100\r\nabc");
    let start = Instant::now();
    while field(&other.text(&["CLIENT", "LIST", "NAME", "worker"]), "qbuf") == "0" {
        assert!(start.elapsed() < Duration::from_secs(10), "a partial request is never shown");
    }
}

#[test]
fn a_client_is_known_by_what_it_called_last_even_if_that_was_refused() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut client, mut other) = (server.connect(), server.connect());
    let id = id(&mut client);
    for (words, command) in [
        (&["GET"][..], "get"),
        (&["NOSUCH"], "NULL"),
        (&["CLIENT"], "client"),
        (&["CLIENT", "NOSUCH"], "NULL"),
        (&["CLIENT", "KILL"], "client|kill"),
        (&["EXEC", "a"], "exec"),
        (&["MULTI"], "multi"),
        (&["SET", "k", "v"], "set"),
        (&["GET"], "get"),
        (&["DISCARD"], "discard"),
        (&["SUBSCRIBE", "c"], "subscribe"),
        (&["GET", "k"], "get"),
    ] {
        client.call(words);
        let line = other.text(&["CLIENT", "LIST", "ID", &id]);
        assert_eq!(field(&line, "cmd"), command, "{words:?}");
    }
}

#[test]
fn clients_kill_each_other_and_themselves() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut one, mut two, mut three) = (server.connect(), server.connect(), server.connect());
    let (first, second) = (id(&mut one), id(&mut two));
    assert_eq!(three.call(&["CLIENT", "KILL", "ID", &first, "ID", &second]), Value::Integer(1));
    assert_eq!(two.rest(), b"");
    assert_eq!(three.call(&["CLIENT", "KILL", "ID", &first, "TYPE", "normal"]), Value::Integer(1));
    assert_eq!(one.rest(), b"");
    assert_eq!(three.call(&["CLIENT", "KILL", "TYPE", "normal"]), Value::Integer(0));
    let mut four = server.connect();
    let address = field(&four.text(&["CLIENT", "INFO"]), "addr").to_owned();
    assert_eq!(three.call(&["CLIENT", "KILL", &address]), ok());
    assert_eq!(four.rest(), b"");
    assert_eq!(three.text(&["CLIENT", "KILL", &address]), "ERR No such client");
    assert_eq!(three.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]), Value::Integer(1));
    assert_eq!(three.rest(), b"");
}

#[test]
fn a_pause_holds_writes_and_their_successors_in_order() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--io-threads", "1"]);
    let (mut writer, mut other) = (server.connect(), server.connect());
    assert_eq!(other.call(&["CLIENT", "PAUSE", "100000", "WRITE"]), ok());
    writer.send_bytes(b"GET a\r\nSET a 1\r\nGET a\r\n*2\r\n$3\r\nGET\r\n$1\r\n");
    assert_eq!(writer.reply(), Value::Null, "what comes before the first write runs");
    let start = Instant::now();
    while !other.text(&["INFO", "clients"]).contains("blocked_clients:1\r\n") {
        assert!(start.elapsed() < Duration::from_secs(10), "the write is never held back");
    }
    assert_eq!(other.call(&["GET", "a"]), Value::Null, "the worker goes on serving others");
    assert!(other.text(&["INFO", "clients"]).contains("paused_actions:write\r\n"));
    assert_eq!(other.call(&["CLIENT", "UNPAUSE"]), ok());
    writer.send_bytes(b"a\r\n");
    assert_eq!(writer.reply(), ok());
    assert_eq!(writer.reply(), Value::Bulk(b"1".to_vec()));
    assert_eq!(writer.reply(), Value::Bulk(b"1".to_vec()));
}

#[test]
fn a_pause_of_everything_ends_by_itself() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut one, mut other) = (server.connect(), server.connect());
    let start = Instant::now();
    assert_eq!(one.call(&["CLIENT", "PAUSE", "200"]), ok());
    assert_eq!(other.text(&["PING"]), "PONG");
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_client_held_back_can_be_killed() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (mut writer, mut other) = (server.connect(), server.connect());
    let number = id(&mut writer);
    assert_eq!(other.call(&["CLIENT", "PAUSE", "100000", "WRITE"]), ok());
    writer.send(&["SET", "a", "1"]);
    let start = Instant::now();
    while !other.text(&["CLIENT", "LIST", "ID", &number]).contains("flags=b") {
        assert!(start.elapsed() < Duration::from_secs(10), "the write is never held back");
    }
    assert_eq!(other.call(&["CLIENT", "KILL", "ID", &number]), Value::Integer(1));
    assert_eq!(writer.rest(), b"");
    assert_eq!(other.call(&["CLIENT", "UNPAUSE"]), ok());
    assert_eq!(other.call(&["EXISTS", "a"]), Value::Integer(0));
}

#[test]
fn who_does_not_read_replies_is_closed() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--client-output-buffer-limit", "normal 1mb 0 0"]);
    let (mut deaf, mut other) = (server.connect(), server.connect());
    assert_eq!(other.call(&["SETRANGE", "a", "999999", "x"]), Value::Integer(1_000_000));
    deaf.send_bytes("GET a\r\n".repeat(100).as_bytes());
    let start = Instant::now();
    while !other.text(&["INFO", "stats"]).contains("client_output_buffer_limit_disconnections:1\r\n") {
        assert!(start.elapsed() < Duration::from_secs(10), "it is never closed");
    }
    while !other.text(&["INFO", "clients"]).contains("connected_clients:1\r\n") {
        assert!(start.elapsed() < Duration::from_secs(10), "it is closed, but still counted");
    }
}

#[test]
fn requests_that_grow_too_large_are_closed() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &["--client-query-buffer-limit", "1mb"]);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("the server listens");
    let piece = vec![b'x'; 65_536];
    let mut sent = std::io::Write::write_all(&mut stream, b"*2\r\n$3\r\nGET\r\n$10000000\r\n");
    while sent.is_ok() {
        sent = std::io::Write::write_all(&mut stream, &piece);
    }
    server.wait_for("reached max query buffer length");
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).unwrap_or(0), 0, "no reply");
}

#[test]
fn idle_clients_are_closed() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--timeout", "1"]);
    let mut idle = server.connect();
    let start = Instant::now();
    assert_eq!(idle.rest(), b"");
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn the_mean_time_to_live_is_told() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut one = server.connect();
    assert_eq!(one.call(&["MSET", "a", "1", "b", "2", "c", "3"]), ok());
    assert!(one.text(&["INFO", "keyspace"]).contains("db0:keys=3,expires=0,avg_ttl=0,"));
    assert_eq!(one.call(&["EXPIRE", "a", "1000"]), Value::Integer(1));
    assert_eq!(one.call(&["EXPIRE", "b", "3000"]), Value::Integer(1));
    let info = one.text(&["INFO", "keyspace"]);
    let (_, rest) = info.split_once("db0:keys=3,expires=2,avg_ttl=").expect("two of three expire");
    let mean_ms: i64 = rest.split(',').next().unwrap().parse().unwrap();
    assert!((1_900_000..=2_000_000).contains(&mean_ms), "{mean_ms}");
}

#[test]
fn commands_and_errors_are_counted() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--io-threads", "2"]);
    let (mut one, mut other) = (server.connect(), server.connect());
    for client in [&mut one, &mut other] {
        assert_eq!(client.call(&["SET", "a", "text"]), ok());
        assert!(matches!(client.call(&["INCR", "a"]), Value::Error(_)));
        assert!(matches!(client.call(&["GET"]), Value::Error(_)));
        assert!(matches!(client.call(&["NOSUCH"]), Value::Error(_)));
    }
    let info = one.text(&["INFO", "commandstats", "errorstats", "latencystats", "keyspace"]);
    for expected in [
        "cmdstat_set:calls=2,",
        "cmdstat_incr:calls=2,",
        "rejected_calls=0,failed_calls=2\r\n",
        "cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=2,failed_calls=0\r\n",
        "errorstat_ERR:count=6\r\n",
        "latency_percentiles_usec_set:p50=",
        "db0:keys=1,expires=0,",
    ] {
        assert!(info.contains(expected), "{expected} in {info}");
    }
    assert_eq!(one.call(&["CONFIG", "RESETSTAT"]), ok());
    let info = one.text(&["INFO", "commandstats", "errorstats"]);
    assert!(!info.contains("cmdstat_set") && !info.contains("errorstat_"), "{info}");
}
