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
fn pages_of_other_sites_are_not_served() {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    for path in ["/healthz", "/metrics"] {
        for line in ["Origin: http://example.com", "Origin: http://localhost:1", "Sec-Fetch-Site: cross-site"]
        {
            let answer = http.ask("GET", path, &[line], b"");
            assert_eq!(answer.status, 403, "{path} {line}");
            assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
        }
        assert_eq!(http.ask("GET", path, &["Origin: http://localhost"], b"").status, 200, "{path}");
    }
    assert_eq!(http.ask("OPTIONS", "/metrics", &[], b"").status, 405);
    // The name of a site that has got this machine's address is no name of the server, unless somebody knows a password.
    let named =
        |more: &str| format!("GET /metrics HTTP/1.1\r\nHost: example.com:{port}\r\n{more}\r\n").into_bytes();
    assert_eq!(status(port, &named("")), Some(403));
    assert_eq!(status(port, &named(&format!("Origin: http://example.com:{port}\r\n"))), Some(403));
    let (server, port) = start(&[]);
    Client::connect(server.port()).call(["ACL", "SETUSER", "ann", "on", ">pw", "+@all"]);
    assert_eq!(status(port, &named("Authorization: Basic YW5uOnB3\r\n")), Some(200));
}

#[test]
fn the_other_port_still_drops_http() {
    let (server, _) = start(&[]);
    assert_eq!(status(server.port(), b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), None);
}

/// A server whose bodies have at most a kilobyte, and where.
fn small() -> (spinel_tests::Server, u16) {
    start(&["--http-max-body", "1024"])
}

#[test]
fn bodies_are_limited() {
    let (server, port) = small();
    let put = "PUT /v1/db/0/keys/k HTTP/1.1\r\nHost: localhost\r\n";
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    for (what, request, expected) in [
        ("announced too large", format!("{put}Content-Length: 1025\r\n\r\n"), Some(413)),
        ("announced beyond all numbers", format!("{put}Content-Length: {}\r\n\r\n", 1_u64 << 60), Some(413)),
        (
            "chunks without end",
            format!("{put}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(100)),
            Some(413),
        ),
        ("a chunk that is none", format!("{put}Transfer-Encoding: chunked\r\n\r\nx\r\n"), Some(400)),
        (
            "two ways to tell the end",
            format!("{put}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
            Some(204),
        ),
        (
            "an escape that is none",
            "GET /v1/db/0/keys/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            Some(400),
        ),
        ("half an escape", "GET /v1/db/0/keys/% HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), Some(400)),
        ("no UTF-8", "GET /v1/db/0/keys/%ff%fe%00 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), Some(404)),
    ] {
        assert_eq!(status(port, request.as_bytes()), expected, "{what}");
    }
    // A body that ends before its length is no body.
    let mut http = Http::connect(port);
    http.send(format!("{put}Content-Length: 10\r\n\r\nhalf").as_bytes());
    http.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    assert_ne!(http.answer(false).map(|answer| answer.status), Some(204));
    // Two requests in one piece are two requests.
    let mut http = Http::connect(port);
    http.send(format!("{put}Content-Length: 1\r\n\r\nxGET /v1/db/0/keys/k HTTP/1.1\r\n\r\n").as_bytes());
    assert_eq!(http.answer(false).map(|answer| answer.status), Some(204));
    assert_eq!(http.answer(false).map(|answer| answer.body), Some(b"x".to_vec()));
    assert_eq!(Client::connect(server.port()).text(["GET", "k"]), "x");
}

#[test]
fn who_is_slow_is_sent_away() {
    let (server, port) = start(&[]);
    let mut slow: Vec<_> = (0..3).map(|_| Http::connect(port)).collect();
    slow[1].send(b"GET /healthz HTTP/1.1\r\nA: ");
    slow[2].send(b"PUT /v1/db/0/keys/k HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(slow[2].answer(false).map(|answer| answer.status), Some(408));
    for http in &mut slow {
        while http.read() > 0 {}
    }
    assert_eq!(Client::connect(server.port()).text(["EXISTS", "k"]), "0");
}

#[test]
fn nothing_is_read_from_strangers() {
    let (_server, port) = start(&["--requirepass", "secret"]);
    let request = "PUT /v1/db/0/keys/k HTTP/1.1\r\nContent-Length: 60000000\r\n\r\n";
    assert_eq!(status(port, request.as_bytes()), Some(401));
    assert_eq!(status(port, b"GET /v1/openapi.json HTTP/1.1\r\n\r\n"), Some(401));
}

#[test]
fn deep_json_is_refused() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    let json = ["Content-Type: application/json"];
    for (path, body) in [
        ("/v1/command", "[".repeat(1_000_000)),
        ("/v1/pipeline", format!("{}{}", "[".repeat(100), "]".repeat(100))),
        ("/v1/db/0/keys/h/fields", "{\"a\":".repeat(100_000)),
    ] {
        let method = if path.ends_with("fields") { "PATCH" } else { "POST" };
        assert_eq!(http.ask(method, path, &json, body.as_bytes()).status, 400, "{path}");
    }
    // Replies may be as deep as they like.
    let script = "local t = {} for i = 1, 100 do t = {t} end return t";
    let body = format!(r#"["EVAL","{script}","0"]"#);
    let answer = http.ask("POST", "/v1/command", &json, body.as_bytes());
    assert_eq!((answer.status, answer.text().matches('[').count()), (200, 101));
    assert_eq!(Client::connect(server.port()).text(["PING"]), "PONG");
}
