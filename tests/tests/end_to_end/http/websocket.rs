//! Sessions over a WebSocket, through a client of its own that can break every rule.

use super::{Answer, Http, start};
use crate::saving::call;
use spinel_tests::{Client, Server};

/// The key of RFC 6455's example, and what a server makes of it.
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const UPGRADE: [&str; 4] = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY];

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A WebSocket.
struct Socket {
    http: Http,
}

/// Asks for a WebSocket.
fn ask(port: u16, path: &str, more: &[&str]) -> (Http, Answer) {
    let mut http = Http::connect(port);
    let answer = http.ask("GET", path, &[&UPGRADE, more].concat(), b"");
    (http, answer)
}

impl Socket {
    fn open(port: u16, path: &str, more: &[&str]) -> Socket {
        let (http, answer) = ask(port, path, more);
        assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some(ACCEPT)), "{answer:?}");
        Socket { http }
    }

    /// Sends a frame that is a whole message.
    fn send(&mut self, kind: u8, content: &[u8]) {
        self.http.send(&frame(kind, content));
    }

    /// The next frame: its kind and its content; nothing if the connection ends.
    fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.take(2)?;
        assert_eq!((head[0] & 0xf0, head[1] & 0x80), (0x80, 0), "frames are whole, and not masked");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.take(2)?.try_into().expect("they are two"))),
            127 => u64::from_be_bytes(self.take(8)?.try_into().expect("they are eight")),
            length => u64::from(length),
        };
        Some((head[0] & 0xf, self.take(length as usize)?))
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.http.received.len() < length {
            if self.http.read() == 0 {
                return None;
            }
        }
        let rest = self.http.received.split_off(length);
        Some(std::mem::replace(&mut self.http.received, rest))
    }

    /// The next text.
    fn text(&mut self) -> String {
        let (kind, content) = self.receive().expect("the server says something");
        assert_eq!(kind, TEXT, "{content:?}");
        String::from_utf8(content).expect("it is text")
    }

    /// Sends a command, and waits for the next text.
    fn ask(&mut self, command: &str) -> String {
        self.send(TEXT, command.as_bytes());
        self.text()
    }

    /// The code with which the server closes, once it does.
    fn end(&mut self) -> u16 {
        loop {
            match self.receive() {
                Some((CLOSE, content)) => {
                    return u16::from_be_bytes(content[..2].try_into().expect("they are two"));
                }
                Some(_) => {}
                None => panic!("the connection ended without a word"),
            }
        }
    }
}

/// A frame as a client sends it.
fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut bytes = vec![0x80 | kind];
    match content.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length @ ..0x1_0000 => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(content.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[test]
fn commands_are_answered_in_their_order_and_the_session_stays() {
    let (server, port) = start(&[]);
    let mut socket = Socket::open(port, "/v1/websocket?db=2", &[]);
    for (command, expected) in [
        (r#"["SET","k",{"base64":"/w=="}]"#, r#"{"result":"OK"}"#),
        (r#"["GET","k"]"#, r#"{"result":{"base64":"/w=="}}"#),
        (r#"["GET"]"#, r#"{"error":{"code":"ERR","message":"wrong number of arguments for 'get' command"}}"#),
        (r#"["CLIENT","SETNAME","me"]"#, r#"{"result":"OK"}"#),
        (r#"["CLIENT","GETNAME"]"#, r#"{"result":"me"}"#),
        (r#"["MULTI"]"#, r#"{"result":"OK"}"#),
        (r#"["INCR","n"]"#, r#"{"result":"QUEUED"}"#),
        (r#"["EXEC"]"#, r#"{"result":[1]}"#),
    ] {
        assert_eq!(socket.ask(command), expected, "{command}");
    }
    // Many at once, each in several pieces.
    let all: Vec<u8> = (2..2000).flat_map(|_| frame(TEXT, br#"["INCR","n"]"#)).collect();
    for piece in all.chunks(7919) {
        socket.http.send(piece);
    }
    for number in 2..2000 {
        assert_eq!(socket.text(), format!("{{\"result\":{number}}}"));
    }
    socket.send(PING, b"there?");
    assert_eq!(socket.receive(), Some((PONG, b"there?".to_vec())));
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "CLIENT LIST").lines().count(), 2, "a session is one client");
    socket.send(CLOSE, &1000_u16.to_be_bytes());
    assert_eq!(socket.end(), 1000);
    assert!(socket.http.is_closed());
    while call(&mut client, "CLIENT LIST").lines().count() > 1 {}
    let mut socket = Socket::open(port, "/v1/websocket?db=2&encoding=base64", &[]);
    assert_eq!(socket.ask(r#"["GET","k"]"#), r#"{"result":"/w=="}"#);
}

#[test]
fn messages_come_between_replies() {
    let (server, port) = start(&[]);
    let mut socket = Socket::open(port, "/v1/websocket", &[]);
    assert_eq!(socket.ask(r#"["SUBSCRIBE","news","more"]"#), r#"{"push":["subscribe","news",1]}"#);
    assert_eq!(socket.text(), r#"{"push":["subscribe","more",2]}"#);
    assert_eq!(socket.ask(r#"["PSUBSCRIBE","n*"]"#), r#"{"push":["psubscribe","n*",3]}"#);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "PUBLISH news hello"), "2");
    assert_eq!(socket.text(), r#"{"push":["message","news","hello"]}"#);
    assert_eq!(socket.text(), r#"{"push":["pmessage","n*","news","hello"]}"#);
    assert_eq!(socket.ask(r#"["SET","k","v"]"#), r#"{"result":"OK"}"#, "commands run beside a subscription");
    assert_eq!(socket.ask(r#"["CLIENT","TRACKING","ON","BCAST"]"#), r#"{"result":"OK"}"#);
    call(&mut client, "SET k w");
    assert_eq!(socket.text(), r#"{"push":["invalidate",["k"]]}"#);
    // Who leaves without a word is subscribed no more.
    drop(socket);
    while !call(&mut client, "PUBSUB NUMSUB news").contains("news, 0") {}
}

#[test]
fn a_broken_rule_ends_the_session() {
    let (server, port) = start(&["--http-max-body", "1024"]);
    let large = format!(r#"["SET","k","{}"]"#, "x".repeat(1024));
    let mut unmasked = frame(TEXT, br#"["SET","k","v"]"#);
    unmasked[1] &= 0x7f;
    let announced = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    for (what, bytes, expected) in [
        ("no JSON", frame(TEXT, b"SET k v"), 1007),
        ("no words", frame(TEXT, b"[]"), 1007),
        ("an error longer than a frame of control", frame(TEXT, &b"\xc3\xa9".repeat(200)), 1007),
        ("no text", frame(BINARY, br#"["SET","k","v"]"#), 1003),
        ("no UTF-8", frame(TEXT, b"[\"SET\",\"k\",\"\xff\"]"), 1008),
        ("too large", frame(TEXT, large.as_bytes()), 1008),
        ("announced beyond all numbers", announced, 1008),
        ("no mask", unmasked, 1008),
        ("no kind", frame(7, b"x"), 1008),
    ] {
        let mut socket = Socket::open(port, "/v1/websocket", &[]);
        socket.http.send(&bytes);
        assert_eq!(socket.end(), expected, "{what}");
    }
    assert_eq!(Client::connect(server.port()).text(["EXISTS", "k"]), "0");
    for headers in [&UPGRADE[..3], &UPGRADE[1..], &["Connection: Upgrade", "Upgrade: websocket", KEY]] {
        assert_eq!(Http::connect(port).ask("GET", "/v1/websocket", headers, b"").status, 400, "{headers:?}");
    }
}

#[test]
fn nobody_is_in_without_credentials_or_from_another_site() {
    let (server, port) = start(&[]);
    for (origin, expected) in
        [("Origin: http://example.com", 403), ("Origin: null", 403), ("Origin: http://localhost", 101)]
    {
        assert_eq!(ask(port, "/v1/websocket", &[origin]).1.status, expected, "{origin}");
    }
    let mut client = Client::connect(server.port());
    call(&mut client, "ACL SETUSER ann on >pw +@all -flushall allkeys &b");
    call(&mut client, "CONFIG SET requirepass secret");
    assert_eq!(ask(port, "/v1/websocket", &[]).1.status, 401);
    assert_eq!(ask(port, "/v1/websocket", &["Authorization: Basic YW5uOng="]).1.status, 401);
    let mut socket = Socket::open(port, "/v1/websocket", &["Authorization: Basic YW5uOnB3"]);
    assert_eq!(socket.ask(r#"["ACL","WHOAMI"]"#), r#"{"result":"ann"}"#);
    assert!(socket.ask(r#"["SUBSCRIBE","a"]"#).starts_with(r#"{"error":{"code":"NOPERM""#));
    assert!(socket.ask(r#"["FLUSHALL"]"#).starts_with(r#"{"error":{"code":"NOPERM""#));
    // Who is thrown out is told.
    call(&mut client, "ACL DELUSER ann");
    assert_eq!(socket.end(), 1001);
    assert!(socket.http.is_closed());
}

#[test]
fn who_reads_nothing_is_cut_by_the_output_limit() {
    let (server, port) = start(&["--client-output-buffer-limit", "pubsub 1mb 0 0"]);
    let mut socket = Socket::open(port, "/v1/websocket", &[]);
    socket.ask(r#"["SUBSCRIBE","c"]"#);
    let mut client = Client::connect(server.port());
    let message = "x".repeat(64 * 1024);
    let mut sent = 0;
    while client.text(["PUBLISH", "c", &message]) == "1" {
        sent += 1;
        assert!(sent < 1000, "64 MB wait for somebody who reads nothing");
    }
    assert!(call(&mut client, "INFO stats").contains("client_output_buffer_limit_disconnections:1\r\n"));
    assert_eq!(socket.end(), 1001, "what was on its way comes, and then the end");
}

#[test]
fn replies_that_nobody_takes_do_not_pile_up() {
    const COMMANDS: usize = 50_000;
    let (server, port): (Server, u16) = start(&[]);
    let mut client = Client::connect(server.port());
    client.text(["SET", "k", &"x".repeat(1000)]);
    let mut socket = Socket::open(port, "/v1/websocket", &[]);
    let mut writer = socket.http.stream.try_clone().expect("a descriptor is there");
    let sender = std::thread::spawn(move || {
        let commands = frame(TEXT, br#"["GET","k"]"#).repeat(COMMANDS);
        std::io::Write::write_all(&mut writer, &commands)
    });
    let unsent_bytes = |client: &mut Client| -> usize {
        let list = call(client, "CLIENT LIST");
        let line = list.lines().find(|line| line.contains(" cmd=get ")).unwrap_or_default();
        let held = line.split(' ').find_map(|field| field.strip_prefix("omem=")?.parse().ok());
        held.unwrap_or(0)
    };
    // Meanwhile its session could run all of the commands; what it holds is little at any time.
    for _ in 0..2000 {
        let held = unsent_bytes(&mut client);
        assert!(held < 8 << 20, "{held} bytes are held for somebody who reads nothing");
    }
    for _ in 0..COMMANDS {
        assert_eq!(socket.text().len(), r#"{"result":""}"#.len() + 1000);
    }
    sender.join().expect("it ends").expect("all are taken");
}
