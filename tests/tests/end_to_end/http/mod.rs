//! HTTP: a client of its own, which sends any bytes, and what the server makes of them.

mod commands;
mod health;
mod hostile;
mod keys;
mod metrics;

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
struct Http {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer: its status, its header lines with names in small letters, its body.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Http {
    fn connect(port: u16) -> Http {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is a time");
        stream.set_nodelay(true).expect("it is a TCP connection");
        Http { stream, received: Vec::new() }
    }

    /// Sends bytes; a server that closes meanwhile shows in what is received.
    fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        }
    }

    /// Sends a request, with header lines as they are, and waits for the answer.
    fn ask(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
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

    fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// The next answer; nothing if the connection is closed before.
    fn answer(&mut self, is_without_body: bool) -> Option<Answer> {
        let head = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.received.split_off(end + 4);
                break String::from_utf8(std::mem::replace(&mut self.received, rest)).expect("it is text");
            }
            if self.read() == 0 {
                return None;
            }
        };
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status: status.expect("it is an answer"), headers, body: Vec::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if !is_without_body {
            while self.received.len() < length {
                assert!(self.read() > 0, "the connection ended in the middle of an answer");
            }
            let rest = self.received.split_off(length);
            answer.body = std::mem::replace(&mut self.received, rest);
        }
        Some(answer)
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
    fn is_closed(&mut self) -> bool {
        self.read() == 0
    }
}
