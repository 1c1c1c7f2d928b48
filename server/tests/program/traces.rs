//! Traces, as a collector gets them: spans of requests with the context of their callers, and of commands.

use crate::process::{Folder, Server, free_port, ok};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a test waits for what must come soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// A collector: sends each request's first line and body to whoever listens.
fn collect() -> (u16, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("it comes from here"));
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).expect("a request is text");
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a request is text");
                let line = line.trim_end().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(count) = line.strip_prefix("content-length: ") {
                    length = count.parse().expect("a number");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("as long as it says");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            reader.into_inner().write_all(answer).expect("the server reads");
            if sender.send((first, body)).is_err() {
                return;
            }
        }
    });
    (port, received)
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// Everything that is exported until all these parts have come.
fn exported(received: &Receiver<(String, Vec<u8>)>, parts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    while !parts.iter().all(|part| contains(&all, part)) {
        let (first, body) = received.recv_timeout(PATIENCE).expect("spans are exported");
        assert_eq!(first, "POST /v1/traces HTTP/1.1\r\n");
        all.extend(body);
    }
    all
}

fn start(folder: &Folder, collector: u16, http: u16) -> Server {
    let (port, http) = (free_port(), http.to_string());
    let words = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--http-port", &http];
    let endpoint = format!("http://127.0.0.1:{collector}");
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    Server::start_in_environment(folder, &words, port, &environment)
}

#[test]
fn a_request_is_a_span_of_its_callers_trace() {
    let (folder, http, (collector, received)) = (Folder::new(), free_port(), collect());
    let _server = start(&folder, collector, http);
    let mut stream = TcpStream::connect(("127.0.0.1", http)).expect("it listens");
    let request = "GET /v1/db/0/keys/absent HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it closes");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");

    let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    let parent = 0xb7ad_6b71_6920_3331_u64.to_be_bytes();
    let name = b"GET /v1/db/{db}/keys/{key}";
    let body = exported(&received, &[&trace, &parent]);
    let shown = String::from_utf8_lossy(&body).into_owned();
    assert!(contains(&body, name), "{shown}");
    assert!(contains(&body, b"spineldb") && contains(&body, b"http.response.status_code"), "{shown}");
    assert!(!contains(&body, b"absent"), "keys are nobody's business: {shown}");
}

#[test]
fn commands_that_administer_or_are_slow_are_spans_without_their_words() {
    let (folder, http, (collector, received)) = (Folder::new(), free_port(), collect());
    let mut server = start(&folder, collector, http);
    let mut client = server.connect();
    assert_eq!(client.call(&["config", "set", "requirepass", "hush-hush"]), ok());
    assert_eq!(client.call(&["config", "set", "slowlog-log-slower-than", "0"]), ok());
    assert_eq!(client.call(&["set", "private", "hush-hush"]), ok());
    server.signal("TERM");
    assert!(server.wait().success());
    let body = exported(&received, &[b"CONFIG|SET", b"slow", b"admin"]);
    let shown = String::from_utf8_lossy(&body);
    assert!(contains(&body, b"SET"), "{shown}");
    assert!(!contains(&body, b"hush-hush") && !contains(&body, b"private"), "{shown}");
}

#[test]
fn a_collector_that_is_gone_keeps_nobody_waiting() {
    let (folder, http, collector) = (Folder::new(), free_port(), free_port());
    let mut server = start(&folder, collector, http);
    assert_eq!(server.connect().call(&["config", "set", "timeout", "100"]), ok());
    server.signal("TERM");
    assert!(server.wait().success());
}
