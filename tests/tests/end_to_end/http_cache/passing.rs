//! What passes through the door.

use super::{Scene, answer, ask};

#[test]
fn every_method_passes_with_its_body() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    for method in ["PUT", "POST", "PATCH", "DELETE", "PROPFIND"] {
        let head =
            format!("{method} /a?b HTTP/1.1\r\nHost: Localhost:80\r\nContent-Length: 4\r\nX-A: b\r\n\r\n");
        http.send(&[head.as_bytes(), b"body"].concat());
        let asked = scene.origin.answer("201 Created", &["X-C: d", "Connection: X-E", "X-E: f"], "made");
        assert_eq!(asked.line(), format!("{method} /a?b HTTP/1.1"));
        assert_eq!((asked.header("host"), asked.header("x-a")), (Some("localhost"), Some("b")));
        assert_eq!(asked.header("x-forwarded-for"), Some("127.0.0.1"));
        assert!(asked.header("via").is_some_and(|via| via.starts_with("1.1 spineldb-")));
        assert_eq!(asked.body, b"body");
        drop(asked);
        let answer = answer(&mut http);
        assert_eq!((answer.status, answer.text()), (201, "made"), "{method}");
        assert_eq!((answer.header("x-c"), answer.header("x-e")), (Some("d"), None));
    }
    http.send(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(
        scene.origin.answer("204 No Content", &["Allow: GET", "Content-Length: 0"], "").line(),
        "OPTIONS * HTTP/1.1"
    );
    assert_eq!(http.answer(true).expect("it is answered").header("allow"), Some("GET"));
    assert_eq!(scene.count("cache_passes"), 6);
}

#[test]
fn origins_are_told_how_clients_reach_the_door() {
    for (settings, scheme) in [(&[][..], "http"), (&["--cache-http-scheme", "https"], "https")] {
        let scene = Scene::start(settings);
        let mut http = scene.client();
        http.send(b"GET /a HTTP/1.1\r\nHost: a:443\r\nX-Forwarded-Proto: other\r\n\r\n");
        let asked = scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "body");
        let host = if scheme == "https" { "a" } else { "a:443" };
        assert_eq!((asked.header("x-forwarded-proto"), asked.header("host")), (Some(scheme), Some(host)));
        assert_eq!(answer(&mut http).text(), "body");
        drop(asked);
        // What an answer names by a URL of this scheme is the door's.
        http.send(b"POST /b HTTP/1.1\r\nHost: a:443\r\nContent-Length: 0\r\n\r\n");
        scene.origin.answer("201 Created", &[&format!("Location: {scheme}://a:443/a")], "");
        assert_eq!(answer(&mut http).status, 201);
        http.send(b"GET /a HTTP/1.1\r\nHost: a:443\r\n\r\n");
        scene.origin.answer("200 OK", &[], "new");
        assert_eq!(answer(&mut http).text(), "new");
    }
}

#[test]
fn bodies_are_passed_on_while_they_come() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    http.send(
        b"PUT /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    );
    // The client is told to go on, and goes on.
    let go_on = http.answer(true).expect("the door wants the body");
    assert_eq!(go_on.status, 100);
    http.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let asked = scene.origin.next();
    assert_eq!((&asked.body[..], asked.header("expect")), (&b"abcde"[..], None));
    asked.begin("200 OK", &["Transfer-Encoding: chunked", "Cache-Control: no-store"]);
    asked.send(b"3\r\nfgh\r\n");
    // The first piece is there before the last one is sent.
    let head = http.head().expect("it is answered");
    assert_eq!((head.status, http.chunk()), (200, b"fgh".to_vec()));
    asked.send(b"1\r\ni\r\n0\r\n\r\n");
    assert_eq!((http.chunk(), http.chunk()), (b"i".to_vec(), Vec::new()));
}

#[test]
fn connections_to_the_origin_are_used_again_and_may_be_stale() {
    let scene = Scene::start(&["--io-threads", "1"]);
    let mut http = scene.client();
    ask(&mut http, "/1", &[]);
    scene.origin.answer("200 OK", &["Cache-Control: no-store"], "1");
    assert_eq!(answer(&mut http).text(), "1");
    ask(&mut http, "/2", &[]);
    let asked = scene.origin.next();
    // The origin closes the connection instead: what is idempotent is asked again, on another one.
    asked.close();
    assert_eq!(scene.origin.answer("200 OK", &["Cache-Control: no-store"], "2").line(), "GET /2 HTTP/1.1");
    assert_eq!(answer(&mut http).text(), "2");
    http.send(b"POST /3 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    scene.origin.next().close();
    assert_eq!(answer(&mut http).status, 502);
    assert!(scene.origin.is_idle(), "what is not idempotent is not asked twice");
}

#[test]
fn an_origin_that_is_dead_or_silent_is_told() {
    let scene = Scene::start(&["--cache-origin-first-byte-timeout", "50"]);
    let mut http = scene.client();
    ask(&mut http, "/silent", &[]);
    let asked = scene.origin.next();
    assert_eq!(answer(&mut http).status, 504);
    drop(asked);
    let port = spinel_tests::free_port();
    let settings = ["--cache-origin-allow", "127.*", "--cache-allow-private", "yes"];
    let url = format!("http://127.0.0.1:{port}");
    let (_server, port) = super::start_at(spinel_tests::Folder::new(), &url, &settings);
    let mut http = crate::http::Http::connect(port);
    assert_eq!(http.get("/dead").status, 502);
}

#[test]
fn what_origins_say_before_they_answer_is_passed_on() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    for (method, line) in [("GET", "GET /a HTTP/1.1"), ("PUT", "PUT /a HTTP/1.1")] {
        http.send(format!("{method} /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").as_bytes());
        let asked = scene.origin.next();
        assert_eq!(asked.line(), line);
        asked.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
        asked.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-A\r\nX-A: b\r\n\r\n");
        // They come before there is an answer.
        let processing = http.head().expect("it is passed on");
        assert_eq!((processing.status, processing.header("via").is_some()), (102, true));
        let hint = http.head().expect("it is passed on");
        assert_eq!((hint.status, hint.header("link"), hint.header("x-a")), (103, Some("</a>"), None));
        asked.answer("200 OK", &["Cache-Control: max-age=60"], "body");
        let answer = answer(&mut http);
        assert_eq!((answer.status, answer.text(), answer.header("link")), (200, "body", None));
    }
    // Who would take it for the answer gets none.
    let mut http = scene.client();
    http.send(b"GET /b HTTP/1.0\r\n\r\n");
    let asked = scene.origin.next();
    asked.send(b"HTTP/1.1 103 Early Hints\r\n\r\n");
    asked.answer("200 OK", &[], "old");
    assert_eq!(answer(&mut http).status, 200);
}
