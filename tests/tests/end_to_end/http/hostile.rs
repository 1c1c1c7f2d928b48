//! Requests that mean harm or are broken: a clear answer or a closed connection, and nobody else disturbed.

use super::{Http, start};
use spinel_tests::Client;

/// The status of what is answered to these bytes; nothing if the connection is just closed.
fn status(port: u16, bytes: &[u8]) -> Option<u16> {
    let mut http = Http::connect(port);
    http.send(bytes);
    http.answer(false).map(|answer| answer.status)
}

#[test]
fn headers_are_limited() {
    let (server, port) = start(&[]);
    let long = "x".repeat(40_000);
    let many = "A: b\r\n".repeat(200);
    for (what, request, expected) in [
        ("a long header", format!("GET /healthz HTTP/1.1\r\nA: {long}\r\n\r\n"), Some(431)),
        ("a header without end", format!("GET /healthz HTTP/1.1\r\nA: {}", long.repeat(10)), Some(431)),
        ("many headers", format!("GET /healthz HTTP/1.1\r\n{many}\r\n"), Some(431)),
        ("a long path", format!("GET /{} HTTP/1.1\r\n\r\n", "k".repeat(100_000)), Some(431)),
        ("no HTTP", "*1\r\n$4\r\nPING\r\n".to_owned(), Some(400)),
        ("another version", "GET / HTTP/7.1\r\n\r\n".to_owned(), Some(400)),
        ("a length that is none", "GET /healthz HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_owned(), Some(400)),
        (
            "two lengths",
            "GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
            Some(400),
        ),
    ] {
        assert_eq!(status(port, request.as_bytes()), expected, "{what}");
    }
    assert_eq!(Client::connect(server.port()).text(["PING"]), "PONG");
}

#[test]
fn web_pages_are_not_served() {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    for path in ["/healthz", "/metrics"] {
        let answer = http.ask("GET", path, &["Origin: http://example.com"], b"");
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
    }
    assert_eq!(http.ask("OPTIONS", "/metrics", &[], b"").status, 405);
}

#[test]
fn the_other_port_still_drops_http() {
    let (server, _) = start(&[]);
    assert_eq!(status(server.port(), b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"), None);
}
