//! Requests and origins that mean harm.

use super::{Scene, answer, ask, start_at};
use crate::http::Http;
use spinel_tests::Folder;

#[test]
fn origins_that_must_not_be_reached_are_not() {
    let origin = super::Origin::start();
    for (url, settings, reason) in [
        (origin.url(), &["--cache-origin-allow", "*"][..], "is loopback, and cache-allow-private is off"),
        (origin.url(), &["--cache-allow-private", "yes"], "matches nothing in cache-origin-allow"),
        ("http://169.254.169.254".to_owned(), &["--cache-origin-allow", "*"], "is link-local"),
        ("http://[::ffff:127.0.0.1]".to_owned(), &["--cache-origin-allow", "*"], "is IPv4 embedded in IPv6"),
        ("http://localhost".to_owned(), &["--cache-origin-allow", "local*"], "is loopback"),
    ] {
        let (server, port) = start_at(Folder::new(), &url, settings);
        let mut http = Http::connect(port);
        assert_eq!(http.get("/").status, 502, "{url}");
        server.wait_for_log(reason);
        assert_eq!(http.get("/").status, 502, "{url}");
        assert_eq!(server.log().matches(reason).count(), 1, "it is told once");
    }
    assert!(origin.is_idle());
}

#[test]
fn requests_that_are_ambiguous_are_refused() {
    let scene = Scene::start(&[]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ] {
        let mut http = scene.client();
        http.send(request.as_bytes());
        assert_eq!(http.answer(false).expect("it is answered").status, status, "{request:?}");
    }
    assert!(scene.origin.is_idle());
}

#[test]
fn heads_have_limits() {
    let scene = Scene::start(&[]);
    let long = "x".repeat(40 * 1024);
    let many = "X: y\r\n".repeat(101);
    let mut http = scene.client();
    http.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes());
    assert_eq!(http.answer(false).expect("it is answered").status, 431);
    let mut http = scene.client();
    http.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n").as_bytes());
    // With a part of the request unread, the system may drop the answer when the connection is closed.
    assert!(http.answer(false).is_none_or(|answer| answer.status == 431));
    assert!(scene.origin.is_idle());
    let mut http = scene.client();
    ask(&mut http, "/", &[]);
    scene.origin.answer("200 OK", &[&format!("X: {}", "y".repeat(200 * 1024))], "");
    assert_eq!(answer(&mut http).status, 502);
}

#[test]
fn answers_are_not_split() {
    let scene = Scene::start(&[]);
    for field in ["X: a\rY: b", "X: a\0"] {
        let mut http = scene.client();
        ask(&mut http, "/", &[]);
        let asked = scene.origin.next();
        asked.send(
            format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n{field}\r\nContent-Length: 0\r\n\r\n")
                .as_bytes(),
        );
        asked.close();
        assert_eq!(answer(&mut http).status, 502, "{field:?}");
    }
    // What comes behind an answer belongs to nobody's.
    let mut http = scene.client();
    ask(&mut http, "/", &[]);
    let asked = scene.origin.next();
    asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nCache-Control: no-store\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    assert_eq!(answer(&mut http).text(), "a");
    drop(asked);
    ask(&mut http, "/", &[]);
    scene.origin.answer("200 OK", &["Cache-Control: no-store"], "good");
    assert_eq!(answer(&mut http).text(), "good");
}

#[test]
fn fields_that_nobody_keys_do_not_reach_the_origin() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    let lines = [
        "X-Forwarded-Host: evil",
        "X-Original-URL: /admin",
        "X-HTTP-Method-Override: DELETE",
        "Forwarded: host=evil",
    ];
    ask(&mut http, "/", &lines);
    let asked = scene.origin.answer("200 OK", &[], "");
    assert!(
        lines.iter().all(|line| asked.header(line.split(':').next().unwrap_or("")).is_none()),
        "{}",
        asked.head
    );
    assert_eq!(answer(&mut http).status, 200);
    // The origin's origin is this door: the second time round, that is noticed.
    ask(&mut http, "/", &[&format!("Via: {}", asked.header("via").expect("the door says so"))]);
    assert_eq!(answer(&mut http).status, 508);
}
