//! Sessions: passwords, protocols, replies that are not wanted, and bytes that are no requests.

use crate::process::{Connection, Folder, Server, ok};
use spinel_resp::Value;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const NOAUTH: &str = "NOAUTH Authentication required.";
const WRONGPASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";

fn with_password(folder: &Folder) -> (Server, Connection<TcpStream>) {
    let server = Server::start(folder, &["--requirepass", "secret"]);
    let client = server.connect();
    (server, client)
}

fn inline(client: &mut Connection<TcpStream>, lines: &str) -> String {
    client.send_bytes(format!("{}\r\n", lines.replace('\n', "\r\n")).as_bytes());
    String::from_utf8(client.rest()).expect("text")
}

#[test]
fn nothing_runs_before_the_password() {
    let folder = Folder::new();
    let (_server, mut client) = with_password(&folder);
    assert_eq!(client.text(&["GET", "a"]), NOAUTH);
    assert_eq!(client.text(&["CLIENT", "LIST"]), NOAUTH);
    assert_eq!(client.text(&["AUTH", "wrong"]), WRONGPASS);
    assert_eq!(client.text(&["AUTH", "somebody", "secret"]), WRONGPASS);
    assert!(client.text(&["HELLO", "3"]).starts_with("NOAUTH HELLO must be called"));
    assert_eq!(client.text(&["HELLO", "4"]), "NOPROTO unsupported protocol version");
    assert_eq!(client.call(&["AUTH", "secret"]), ok());
    assert_eq!(client.call(&["GET", "a"]), Value::Null);
    assert_eq!(client.text(&["RESET"]), "RESET");
    assert_eq!(client.text(&["GET", "a"]), NOAUTH);
    let Value::Map(fields) = client.call(&["HELLO", "3", "AUTH", "default", "secret"]) else {
        panic!("a map in RESP3");
    };
    assert_eq!(fields.len(), 7);
    assert!(client.text(&["INFO", "stats"]).contains("acl_access_denied_auth:2\r\n"));
}

#[test]
fn before_the_password_requests_are_small() {
    let folder = Folder::new();
    let (server, mut client) = with_password(&folder);
    client.send_bytes(b"*11\r\n");
    assert_eq!(client.rest(), b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    let mut client = server.connect();
    client.send_bytes(b"*2\r\n$3\r\nGET\r\n$16385\r\n");
    assert_eq!(client.rest(), b"-ERR Protocol error: unauthenticated bulk length\r\n");
}

#[test]
fn a_password_counts_for_what_follows_in_the_same_piece() {
    let folder = Folder::new();
    let (_server, mut client) = with_password(&folder);
    let value = "x".repeat(20_000);
    let lines = format!("AUTH secret\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000\r\n{value}\r\nSTRLEN k\r\n");
    client.send_bytes(lines.as_bytes());
    assert_eq!((client.reply(), client.reply(), client.reply()), (ok(), ok(), Value::Integer(20_000)));
}

#[test]
fn guessing_passwords_slows_down_and_disturbs_nobody() {
    let folder = Folder::new();
    let (server, mut guesser) = with_password(&folder);
    let mut other = server.connect();
    assert_eq!(other.call(&["AUTH", "secret"]), ok());
    let start = Instant::now();
    guesser.send_bytes("AUTH wrong\r\n".repeat(10).as_bytes());
    while !other.text(&["CLIENT", "LIST", "FLAGS", "b"]).contains("cmd=auth") {
        assert!(start.elapsed() < Duration::from_secs(10), "the guesser is never held back");
    }
    for _ in 0..10 {
        assert_eq!(guesser.reply(), Value::Error(WRONGPASS.into()));
    }
    // The sixth to tenth failure wait 10, 20, 40, 80 and 160 ms.
    assert!(start.elapsed() >= Duration::from_millis(310), "{:?}", start.elapsed());
    assert_eq!(guesser.call(&["AUTH", "secret"]), ok());
}

#[test]
fn hello_takes_its_options_or_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut client = server.connect();
    for (words, expected) in [
        (&["HELLO", "x"][..], "ERR Protocol version is not an integer or out of range"),
        (&["HELLO", "3", "FOO"], "ERR Syntax error in HELLO option 'FOO'"),
        (&["HELLO", "3", "AUTH", "a"], "ERR Syntax error in HELLO option 'AUTH'"),
        (
            &["HELLO", "3", "SETNAME", "a\nb"],
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
    ] {
        assert_eq!(client.text(words), expected);
    }
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), Value::Null);
    let Value::Array(fields) = client.call(&["HELLO", "2", "SETNAME", "a", "SETNAME", "b"]) else {
        panic!("an array in RESP2");
    };
    assert_eq!(fields.len(), 14);
    assert_eq!(client.text(&["CLIENT", "GETNAME"]), "b");
}

#[test]
fn replies_can_be_turned_off() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let lines = "CLIENT REPLY OFF\nPING\nNOSUCH\nCLIENT REPLY SKIP\nCLIENT REPLY ON\nCLIENT REPLY SKIP\nPING\n\
                 ECHO a\nCLIENT REPLY SKIP\nCLIENT REPLY ON\nQUIT";
    assert_eq!(inline(&mut server.connect(), lines), "+OK\r\n$1\r\na\r\n+OK\r\n+OK\r\n");
}

#[test]
fn a_browser_that_was_sent_here_is_dropped() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &[]);
    let lines = "POST / HTTP/1.1\nHost: 127.0.0.1:6379\nSET a b";
    assert_eq!(inline(&mut server.connect(), lines), "");
    server.wait_for("Possible SECURITY ATTACK");
    let lines = "GET / HTTP/1.1\nHost: 127.0.0.1:6379\nSET a b";
    assert_eq!(inline(&mut server.connect(), lines).matches("\r\n").count(), 0, "dropped with its replies");
    assert_eq!(server.connect().call(&["EXISTS", "a"]), Value::Integer(0));
}

#[test]
fn other_protocols_are_refused() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    for (hello, expected) in [
        (&b"*2147483648\r\n"[..], "-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n%1\r\n", "-ERR Protocol error: expected '$', got '%'\r\n"),
        (b"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        (b"SET \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ] {
        let mut client = server.connect();
        client.send_bytes(hello);
        assert_eq!(String::from_utf8_lossy(&client.rest()), expected);
    }
    let mut client = server.connect();
    client.send_bytes(&vec![b'x'; 70_000]);
    assert_eq!(client.rest(), b"-ERR Protocol error: too big inline request\r\n");
}

#[test]
fn select_moves_between_databases() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--databases", "3"]);
    let mut client = server.connect();
    assert_eq!(client.call(&["SET", "a", "0"]), ok());
    assert_eq!(client.call(&["SELECT", "2"]), ok());
    assert_eq!(client.call(&["GET", "a"]), Value::Null);
    assert_eq!(client.text(&["SELECT", "3"]), "ERR DB index is out of range");
    assert_eq!(client.text(&["RESET"]), "RESET");
    assert_eq!(client.text(&["GET", "a"]), "0");
}
