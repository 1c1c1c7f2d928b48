//! A primary that does what a test tells it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Where servers find it.
pub(super) struct Upstream {
    listener: TcpListener,
}

/// A connection to a server that copies it.
pub(super) struct Follower {
    stream: BufReader<TcpStream>,
}

/// The bytes of requests.
pub(super) fn requests(commands: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        spinel_resp::encode_request(command.split(' '), &mut bytes);
    }
    bytes
}

/// An RDB file with a key; none of the bytes of its checksum is set, so that it is not looked at.
pub(super) fn snapshot(key: &str, value: &str) -> Vec<u8> {
    let word = |word: &str| [&[word.len() as u8], word.as_bytes()].concat();
    [&b"REDIS0011\xfe\x00\x00"[..], &word(key), &word(value), b"\xff", &[0; 8]].concat()
}

impl Upstream {
    pub(super) fn new() -> Upstream {
        Upstream { listener: TcpListener::bind("127.0.0.1:0").expect("loopback has a free port") }
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().expect("it is bound").port()
    }

    /// Waits for a server that copies it.
    pub(super) fn accept(&self) -> Follower {
        let (stream, _) = self.listener.accept().expect("somebody comes");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time is given");
        Follower { stream: BufReader::new(stream) }
    }

    /// As above, and says what is to be said until the server that listens on `port` has asked for something, which it must
    /// do with these words.
    pub(super) fn accept_up_to(&self, port: u16, asks: &str) -> Follower {
        let mut follower = self.accept();
        follower.expect(&["PING"]);
        follower.say(b"+PONG\r\n");
        let port = format!("REPLCONF listening-port {port}");
        follower.expect(&[&port, "REPLCONF capa eof capa psync2"]);
        follower.say(b"+OK\r\n+OK\r\n");
        follower.expect(&[asks]);
        follower
    }
}

impl Follower {
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server reads");
    }

    pub(super) fn run(&mut self, commands: &[&str]) {
        self.say(&requests(commands));
    }

    /// Reads what must be these requests, byte for byte.
    pub(super) fn expect(&mut self, commands: &[&str]) {
        let expected = requests(commands);
        let mut bytes = vec![0; expected.len()];
        self.stream.read_exact(&mut bytes).expect("the server says something");
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected));
    }

    /// Reads until the server acknowledges an offset; until then it acknowledges others.
    pub(super) fn expect_ack(&mut self, offset: u64) {
        while self.ack() != offset {}
    }

    /// Reads until the server acknowledges an offset as on disk.
    pub(super) fn expect_durable(&mut self, offset: u64) {
        while self.acks() != (offset, Some(offset)) {}
    }

    /// Reads an acknowledgement: which offset.
    pub(super) fn ack(&mut self) -> u64 {
        self.acks().0
    }

    /// Reads an acknowledgement: which offset, and which one is on disk.
    fn acks(&mut self) -> (u64, Option<u64>) {
        let words = self.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let number = |word: &str| word.parse().expect("an offset is a number");
        match words[..] {
            ["REPLCONF", "ACK", offset] => (number(offset), None),
            ["REPLCONF", "ACK", offset, "FACK", durable] => (number(offset), Some(number(durable))),
            _ => panic!("no acknowledgement: {words:?}"),
        }
    }

    /// Reads until the server says one of these; until then it says others.
    pub(super) fn await_one_of(&mut self, expected: &[String]) {
        while !expected.contains(&self.words().join(" ")) {}
    }

    /// Reads the words of a request. Newlines before it are signs of life.
    fn words(&mut self) -> Vec<String> {
        let mut line = || loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the server says something");
            assert!(!line.is_empty(), "the server has closed the connection");
            if !line.trim_end().is_empty() {
                return line.trim_end().to_owned();
            }
        };
        let count = line().strip_prefix('*').and_then(|count| count.parse().ok()).expect("a request");
        let word = |_| {
            assert!(line().starts_with('$'));
            line()
        };
        (0..count).map(word).collect()
    }

    /// Whether the server closes the connection, whatever it says before.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => true,
            // It is so if not all was read that was said.
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}
