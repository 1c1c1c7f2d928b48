//! HTTP: a client of its own, which sends any bytes, and what the server makes of them.

mod commands;
mod console;
mod described;
mod health;
mod hostile;
mod keys;
mod metrics;
mod quorum;
mod websocket;

use spinel_tests::{Folder, Server, free_port};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that serves HTTP, too, and where.
fn start(settings: &[&str]) -> (Server, u16) {
    start_in(Folder::new(), settings)
}

fn start_in(folder: Folder, settings: &[&str]) -> (Server, u16) {
    let port = free_port();
    let text = port.to_string();
    let all = [&["--http-port", &text], settings].concat();
    (Server::start_in(folder, &all), port)
}

/// A connection that speaks HTTP.
pub(crate) struct Http {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer: its status, its header lines with names in small letters, its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Http {
    pub(crate) fn connect(port: u16) -> Http {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is a time");
        stream.set_nodelay(true).expect("it is a TCP connection");
        Http { stream, received: Vec::new() }
    }

    /// Sends bytes; a server that closes meanwhile shows in what is received.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        }
    }

    /// Sends a request, with header lines as they are, and waits for the answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for line in headers {
            head.extend([line, "\r\n"]);
        }
        if !body.is_empty() {
            head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        self.send(&[head.as_bytes(), b"\r\n", body].concat());
        self.answer(method == "HEAD").expect("the server answers")
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// The next answer; nothing if the connection is closed before.
    pub(crate) fn answer(&mut self, is_without_body: bool) -> Option<Answer> {
        let mut answer = self.head()?;
        if is_without_body {
            return Some(answer);
        }
        if answer.header("transfer-encoding").is_some() {
            while let Some(piece) = Some(self.chunk()).filter(|piece| !piece.is_empty()) {
                answer.body.extend(piece);
            }
        } else {
            let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            answer.body = self.bytes(length);
        }
        Some(answer)
    }

    /// The head of the next answer; nothing if the connection is closed before.
    pub(crate) fn head(&mut self) -> Option<Answer> {
        let head = String::from_utf8(self.until(b"\r\n\r\n")?).expect("it is text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Answer { status: status.expect("it is an answer"), headers, body: Vec::new() })
    }

    /// The next piece of a body that comes in such; an empty one is the last.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        let line = self.until(b"\r\n").expect("the answer goes on");
        let size =
            std::str::from_utf8(&line).ok().and_then(|line| usize::from_str_radix(line.trim(), 16).ok());
        let size = size.expect("it is a size");
        let mut piece = self.bytes(size + 2);
        piece.truncate(size);
        piece
    }

    /// What comes until a sign, which is included; nothing if the connection is closed before.
    fn until(&mut self, sign: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.received.windows(sign.len()).position(|window| window == sign) {
                let rest = self.received.split_off(end + sign.len());
                return Some(std::mem::replace(&mut self.received, rest));
            }
            if self.read() == 0 {
                return None;
            }
        }
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(self.read() > 0, "the connection ended in the middle of an answer");
        }
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }

    fn read(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(length) => {
                self.received.extend_from_slice(&piece[..length]);
                length
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("can't read: {error}"),
        }
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.read() == 0
    }
}
