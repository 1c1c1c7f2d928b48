//! Messages that are framed in odd ways, from clients and from origins.

use super::{Scene, answer, ask};
use crate::http::{Answer, Http};

/// What the door makes of an answer that an origin sends as these bytes, and whether it asked for it again.
fn passed(scene: &Scene, bytes: &str) -> Answer {
    let mut http = scene.client();
    ask(&mut http, "/", &[]);
    let asked = scene.origin.next();
    asked.send(bytes.as_bytes());
    let answer = answer(&mut http);
    asked.close();
    answer
}

fn sent(http: &mut Http, request: &str) -> Answer {
    http.send(request.as_bytes());
    answer(http)
}

#[test]
fn fields_are_mended_on_their_way() {
    let scene = Scene::start(&[]);
    let head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n";
    let folded = passed(&scene, &format!("{head}X-A: a\r\n   b\r\nContent-Length: 1\r\n\r\nx"));
    assert_eq!((folded.status, folded.header("x-a")), (200, Some("a b")));
    let spaced = passed(&scene, &format!("{head}X-A : a\r\nContent-Length: 1\r\n\r\nx"));
    assert_eq!((spaced.status, spaced.header("x-a")), (200, Some("a")));
    for lengths in ["Content-Length: 1, 1", "Content-Length: 1\r\nContent-Length: 1"] {
        let answer = passed(&scene, &format!("{head}{lengths}\r\n\r\nx"));
        assert_eq!((answer.header("content-length"), answer.text()), (Some("1"), "x"));
    }
    let mut http = scene.client();
    ask(&mut http, "/", &[]);
    scene.origin.answer("204 No Content", &["Content-Length: 3"], "");
    let bare = http.answer(true).expect("it is answered");
    assert_eq!((bare.status, bare.header("content-length")), (204, None));
}

#[test]
fn answers_that_cannot_be_passed_on_are_none() {
    let scene = Scene::start(&[]);
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ] {
        assert_eq!(passed(&scene, answer).status, 502, "{answer:?}");
    }
    assert_eq!(scene.count("cache_stored"), 0);
}

#[test]
fn bodies_that_are_none_are_the_clients_fault() {
    let scene = Scene::start(&[]);
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ";
    for (request, status) in [
        ("gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("chunked\r\n\r\nx\r\n", 400),
        ("chunked\r\n\r\n1\r\naX0\r\n\r\n", 400),
    ] {
        let mut http = scene.client();
        assert_eq!(sent(&mut http, &format!("{head}{request}")).status, status, "{request:?}");
        assert!(http.is_closed(), "nobody knows where the next request begins");
    }
    assert_eq!(scene.count("cache_origin_failures"), 0);
}

#[test]
fn clients_of_the_former_version_are_served() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    http.send(b"GET /a HTTP/1.0\r\n\r\n");
    let asked = scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "body");
    assert_eq!(asked.header("host"), scene.origin.url().strip_prefix("http://"));
    let first = answer(&mut http);
    assert!((first.status, first.text()) == (200, "body") && http.is_closed());
    drop(asked);
    assert_eq!(sent(&mut scene.client(), "GET /a HTTP/1.0\r\n\r\n").text(), "body");
    assert!(scene.origin.is_idle());
}

#[test]
fn who_asks_what_is_served_says_how_far_that_goes() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    http.send(b"OPTIONS /a HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
    let own = http.answer(true).expect("it is answered");
    assert!(own.status == 204 && own.header("allow").is_some_and(|methods| methods.contains("OPTIONS")));
    http.send(b"OPTIONS /a HTTP/1.1\r\nHost: h\r\nMax-Forwards: 7\r\n\r\n");
    let asked = scene.origin.answer("200 OK", &[], "");
    assert_eq!(asked.header("max-forwards"), Some("6"));
    assert_eq!(answer(&mut http).status, 200);
}
