//! A replica that does what a test tells it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long the server may take to say something.
const PATIENCE_MS: u64 = 30_000;

/// A connection that speaks as a replica.
pub(super) struct Replica {
    stream: BufReader<TcpStream>,
}

/// What a primary answers to PSYNC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Start {
    pub(super) id: String,
    pub(super) offset: u64,
}

impl Replica {
    pub(super) fn connect(port: u16) -> Replica {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_millis(PATIENCE_MS))).expect("a time is given");
        Replica { stream: BufReader::new(stream) }
    }

    pub(super) fn send(&mut self, words: &str) {
        let mut bytes = Vec::new();
        spinel_resp::encode_request(words.split_whitespace(), &mut bytes);
        self.stream.get_mut().write_all(&bytes).expect("the server reads");
    }

    /// Whether there is something to be read, or comes soon.
    pub(super) fn has_been_told(&mut self) -> bool {
        let patience = |time| Some(Duration::from_millis(time));
        self.stream.get_ref().set_read_timeout(patience(50)).expect("a time is given");
        let has_been_told = self.stream.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.stream.get_ref().set_read_timeout(patience(PATIENCE_MS)).expect("a time is given");
        has_been_told
    }

    /// Reads a line; empty ones are signs of life.
    pub(super) fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the server answers");
            assert!(line.ends_with('\n'), "the server has closed the connection after {line:?}");
            if !line.trim_end().is_empty() {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(super) fn ask(&mut self, words: &str) -> String {
        self.send(words);
        self.line()
    }

    /// Says what is to be said before PSYNC.
    pub(super) fn introduce(&mut self, options: &str) {
        assert_eq!(self.ask("PING"), "+PONG");
        assert_eq!(self.ask(&format!("REPLCONF listening-port 7777 {options}")), "+OK");
    }

    /// Reads the answer that announces a snapshot.
    pub(super) fn full(&mut self) -> Start {
        let line = self.line();
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "+FULLRESYNC", "{line}");
        assert_eq!(words[1].len(), 40, "{line}");
        Start { id: words[1].to_owned(), offset: words[2].parse().expect("an offset is a number") }
    }

    /// Reads a snapshot, whose length is told before or whose end is marked.
    pub(super) fn snapshot(&mut self) -> Vec<u8> {
        let line = self.line();
        let Some(marker) = line.strip_prefix("$EOF:") else {
            let length = line.strip_prefix('$').and_then(|length| length.parse().ok()).expect("a length");
            return self.bytes(length);
        };
        assert_eq!(marker.len(), 40);
        let mut bytes = Vec::new();
        while !bytes.ends_with(marker.as_bytes()) {
            bytes.extend(self.bytes(1));
        }
        bytes.truncate(bytes.len() - marker.len());
        bytes
    }

    /// Reads a snapshot whose end is marked in pieces of `piece` bytes or less, and tells after each how much it has. Nothing may
    /// follow it. Returns its length.
    pub(super) fn snapshot_in_pieces(&mut self, piece: usize, mut meanwhile: impl FnMut(u64)) -> u64 {
        let line = self.line();
        let marker = line.strip_prefix("$EOF:").expect("the end is marked").as_bytes().to_vec();
        let (mut tail, mut bytes, mut read) = (Vec::new(), vec![0; piece], 0);
        while !tail.ends_with(&marker) {
            let count = self.stream.read(&mut bytes).expect("the server sends");
            assert!(count > 0, "the snapshot breaks off after {read} bytes");
            tail.extend_from_slice(&bytes[..count]);
            tail.drain(..tail.len().saturating_sub(marker.len()));
            read += count as u64;
            meanwhile(read);
        }
        read - marker.len() as u64
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("the server sends");
        bytes
    }

    /// Reads a command of the stream, in words; none if the connection is closed.
    pub(super) fn next_command(&mut self) -> Option<String> {
        let is_closed = self.stream.fill_buf().map_or(true, <[u8]>::is_empty);
        (!is_closed).then(|| self.command())
    }

    /// Reads a command of the stream, in words.
    pub(super) fn command(&mut self) -> String {
        let words: usize = self.line()[1..].parse().expect("a count of words");
        let mut word = || {
            let length: usize = self.line()[1..].parse().expect("a length");
            let bytes = self.bytes(length + 2);
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        (0..words).map(|_| word()).collect::<Vec<_>>().join(" ")
    }

    /// Whether the server closes the connection, whatever comes before.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).is_ok()
    }
}
