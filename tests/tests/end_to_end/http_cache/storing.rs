//! What is stored, and what answers later requests.

use super::{Scene, answer, ask, get};
use crate::saving::call;
use spinel_tests::Client;

#[test]
fn what_is_fresh_is_served_with_its_age() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    scene.origin.answer("200 OK", &["Cache-Control: max-age=1000", "Age: 7", "X-A: b"], "body");
    let miss = answer(&mut http);
    assert_eq!((miss.status, miss.text(), miss.header("x-a")), (200, "body", Some("b")));
    let status = miss.header("cache-status").expect("it is told").to_owned();
    assert!(status.contains("; fwd=uri-miss; fwd-status=200; stored; ttl=99"), "{status}");
    assert!(status.ends_with("key=\"localhost/a\""), "{status}");
    // By another connection, which another worker may serve, by other ways of writing it.
    for path in ["/a", "/./a", "/%61", "/b/../a"] {
        let hit = scene.client().get(path);
        assert_eq!((hit.status, hit.text(), hit.header("x-a")), (200, "body", Some("b")), "{path}");
        let age: u64 = hit.header("age").expect("it has one").parse().expect("a number");
        assert!((7..60).contains(&age), "{age}");
        assert!(hit.header("cache-status").is_some_and(|status| status.contains("; hit; ttl=")));
        assert!(hit.header("date").is_some() && hit.header("via").is_some());
    }
    assert!(scene.origin.is_idle());
    let head = {
        http.send(b"HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
        http.answer(true).expect("it is answered")
    };
    assert_eq!((head.status, head.header("content-length")), (200, Some("4")));
    assert_eq!((scene.count("cache_hits"), scene.count("cache_stored")), (5, 1));
    assert_eq!((scene.count("cache_misses"), scene.count("cache_origin_requests")), (1, 1));
    let mut client = Client::connect(scene.server.port());
    assert_eq!(call(&mut client, "TYPE localhost/a"), "httpcache");
    call(&mut client, "DEL localhost/a");
    ask(&mut http, "/a", &[]);
    scene.origin.answer("200 OK", &[], "new");
    assert_eq!(answer(&mut http).text(), "new");
}

#[test]
fn clients_that_have_it_are_told_so() {
    let scene = Scene::start(&[]);
    let modified = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
    scene.store("/a", &["Cache-Control: max-age=60", "ETag: \"1\"", modified], "body");
    let mut http = scene.client();
    for (line, status) in [
        ("If-None-Match: W/\"1\"", 304),
        ("If-None-Match: \"0\", \"1\"", 304),
        ("If-None-Match: \"2\"", 200),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200),
    ] {
        ask(&mut http, "/a", &[line]);
        let answer = answer(&mut http);
        assert_eq!((answer.status, answer.header("etag")), (status, Some("\"1\"")), "{line}");
        assert_eq!(answer.text(), if status == 200 { "body" } else { "" });
    }
    assert!(scene.origin.is_idle());
}

#[test]
fn what_is_stale_is_asked_for_and_renewed() {
    let scene = Scene::start(&[]);
    let stale = ["Cache-Control: max-age=1", "Age: 1", "ETag: \"1\"", "X-A: old"];
    scene.store("/a", &stale, "body");
    let mut http = scene.client();
    ask(&mut http, "/a", &["If-None-Match: \"mine\""]);
    let fresh = ["Cache-Control: max-age=100", "ETag: \"1\"", "X-A: new"];
    let asked = scene.origin.answer("304 Not Modified", &fresh, "");
    assert_eq!(asked.header("if-none-match"), Some("\"1\""));
    let renewed = answer(&mut http);
    assert_eq!((renewed.status, renewed.text(), renewed.header("x-a")), (200, "body", Some("new")));
    assert!(
        renewed.header("cache-status").is_some_and(|status| status.contains("fwd=stale; fwd-status=304"))
    );
    drop(asked);
    assert_eq!((http.get("/a").text(), scene.count("cache_revalidated")), ("body", 1));
    // One that has become another is stored in its place.
    scene.store("/b", &stale, "old");
    ask(&mut http, "/b", &["If-None-Match: \"2\""]);
    drop(scene.origin.answer("200 OK", &["Cache-Control: max-age=100", "ETag: \"2\""], "new"));
    assert_eq!(answer(&mut http).status, 304, "the client has the new one");
    assert_eq!(http.get("/b").text(), "new");
    assert!(scene.origin.is_idle());
}

#[test]
fn answers_are_chosen_by_what_they_vary_with() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    let fields = ["Cache-Control: max-age=60", "Vary: Accept-Language"];
    for language in ["de", "en"] {
        let line = format!("Accept-Language: {language}");
        ask(&mut http, "/a", &[&line]);
        scene.origin.answer("200 OK", &fields, language);
        assert_eq!(answer(&mut http).text(), language);
    }
    for language in ["en", "de", "EN;q=1.0"] {
        ask(&mut http, "/a", &[&format!("Accept-Language: {language}")]);
        assert_eq!(answer(&mut http).text(), language[..2].to_lowercase());
    }
    ask(&mut http, "/a", &[]);
    scene.origin.answer("200 OK", &fields, "none");
    let other = answer(&mut http);
    assert!(other.header("cache-status").is_some_and(|status| status.contains("fwd=vary-miss")));
    assert!(scene.origin.is_idle());
}

#[test]
fn parts_are_cut_from_what_is_stored() {
    let scene = Scene::start(&[]);
    scene.store("/a", &["Cache-Control: max-age=60", "ETag: \"1\""], "0123456789");
    let mut http = scene.client();
    for (lines, status, range, body) in [
        (&["Range: bytes=2-4"][..], 206, Some("bytes 2-4/10"), "234"),
        (&["Range: bytes=-3"], 206, Some("bytes 7-9/10"), "789"),
        (&["Range: bytes=20-"], 416, Some("bytes */10"), ""),
        (&["Range: bytes=2-4", "If-Range: \"1\""], 206, Some("bytes 2-4/10"), "234"),
        (&["Range: bytes=2-4", "If-Range: \"2\""], 200, None, "0123456789"),
    ] {
        ask(&mut http, "/a", lines);
        let answer = answer(&mut http);
        assert_eq!((answer.status, answer.header("content-range"), answer.text()), (status, range, body));
    }
    ask(&mut http, "/a", &["Range: bytes=0-1,8-9"]);
    let answer = answer(&mut http);
    let kind = answer.header("content-type").expect("it has one").to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect("it has several parts");
    let parts: Vec<&str> = answer.text().split(&format!("--{boundary}")).collect();
    assert!(parts.len() == 4 && parts[1].ends_with("\r\n\r\n01\r\n") && parts[2].ends_with("\r\n\r\n89\r\n"));
    assert!(scene.origin.is_idle());
}

#[test]
fn what_must_not_be_stored_is_not() {
    let scene = Scene::start(&["--cache-body-max", "8"]);
    let mut http = scene.client();
    for (request, fields, body) in [
        (&[][..], &["Cache-Control: no-store"][..], "body"),
        (&[], &["Cache-Control: private, max-age=60"], "body"),
        (&[], &["Cache-Control: max-age=60", "Set-Cookie: a=b"], "body"),
        (&["Authorization: Basic x"], &["Cache-Control: max-age=60"], "body"),
        (&[], &["Cache-Control: max-age=60", "Vary: *"], "body"),
        (&["Range: bytes=0-1"], &["Cache-Control: max-age=60"], "bo"),
        (&[], &["Cache-Control: max-age=60"], "too large to be stored"),
    ] {
        for _ in 0..2 {
            ask(&mut http, "/a", request);
            let status = if request.contains(&"Range: bytes=0-1") { "206 Partial Content" } else { "200 OK" };
            drop(scene.origin.answer(status, fields, body));
            assert_eq!(answer(&mut http).text(), body, "{fields:?}");
        }
    }
    assert_eq!((scene.count("cache_stored"), scene.count("cache_hits")), (0, 0));
}

#[test]
fn bodies_that_break_off_are_not_stored() {
    let scene = Scene::start(&[]);
    for fields in [&["Content-Length: 10"][..], &["Transfer-Encoding: chunked"]] {
        let mut http = scene.client();
        ask(&mut http, "/a", &[]);
        let asked = scene.origin.next();
        asked.begin("200 OK", &[&["Cache-Control: max-age=60"], fields].concat());
        asked.send(b"4\r\nbo");
        assert_eq!(http.head().expect("it is answered").status, 200);
        asked.close();
        // The client sees that it is not whole: the connection ends before the body does.
        while !http.is_closed() {}
    }
    assert_eq!(scene.count("cache_stored"), 0);
    // What has no length and is too large is passed on to its end.
    let scene = Scene::start(&["--cache-body-max", "5"]);
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    let asked = scene.origin.next();
    asked.begin("200 OK", &["Cache-Control: max-age=60", "Transfer-Encoding: chunked"]);
    asked.send(b"4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n");
    assert_eq!(answer(&mut http).text(), "abcdefgh");
    assert_eq!(scene.count("cache_stored"), 0);
}

#[test]
fn what_is_changed_is_forgotten() {
    let scene = Scene::start(&[]);
    for path in ["/a", "/b", "/c"] {
        scene.store(path, &["Cache-Control: max-age=60"], "old");
    }
    let mut http = scene.client();
    http.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    scene.origin.answer("500 Oh", &[], "");
    assert_eq!(answer(&mut http).status, 500);
    assert_eq!(http.get("/a").text(), "old", "an error changes nothing");
    http.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    scene.origin.answer("200 OK", &["Location: /x/../%62", "Content-Location: http://other/c"], "");
    assert_eq!(answer(&mut http).status, 200);
    for path in ["/a", "/b"] {
        scene.store(path, &["Cache-Control: max-age=60"], "new");
    }
    assert_eq!(http.get("/c").text(), "old", "what is another origin's says nothing");
    assert!(scene.origin.is_idle());
    // A key with a value of another type is somebody else's.
    let mut client = Client::connect(scene.server.port());
    call(&mut client, "SET localhost/d mine");
    http.send(b"DELETE /d HTTP/1.1\r\nHost: localhost\r\n\r\n");
    scene.origin.answer("200 OK", &[], "");
    assert_eq!(answer(&mut http).status, 200);
    scene.store("/d", &["Cache-Control: max-age=60"], "not stored");
    assert_eq!(call(&mut client, "GET localhost/d"), "mine");
}

#[test]
fn what_must_not_be_stale_is_not_served_when_the_origin_is_gone() {
    let scene = Scene::start(&["--io-threads", "1"]);
    for (control, status) in [
        ("max-age=1, must-revalidate", 504),
        ("max-age=9, s-maxage=1", 504),
        ("max-age=1, proxy-revalidate", 504),
        ("no-cache", 504),
        ("max-age=1", 200),
    ] {
        let path = format!("/{}", control.len());
        scene.store(&path, &[&format!("Cache-Control: {control}"), "Age: 1", "ETag: \"1\""], "body");
        let mut http = scene.client();
        ask(&mut http, &path, &[]);
        // The first connection has waited, so that it may have been closed for that: the origin is asked on another one.
        scene.origin.next().close();
        scene.origin.next().close();
        let answer = answer(&mut http);
        assert_eq!((answer.status, answer.text() == "body"), (status, status == 200), "{control}");
    }
}

#[test]
fn clients_may_want_only_what_is_stored() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    ask(&mut http, "/a", &["Cache-Control: only-if-cached"]);
    assert_eq!(answer(&mut http).status, 504);
    let mut client = Client::connect(scene.server.port());
    assert_eq!(call(&mut client, "CACHE.SET localhost/a stored TTL 60"), "OK");
    ask(&mut http, "/a", &["Cache-Control: only-if-cached"]);
    assert_eq!(answer(&mut http).text(), "stored");
    // In another database, nothing is the door's.
    call(&mut client, "SELECT 1");
    call(&mut client, "CACHE.SET localhost/b stored TTL 60");
    ask(&mut http, "/b", &["Cache-Control: only-if-cached"]);
    assert_eq!(answer(&mut http).status, 504);
    assert!(scene.origin.is_idle());
}

#[test]
fn what_is_stored_survives_a_restart() {
    let scene = Scene::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    scene.store("/a", &["Cache-Control: max-age=1000", "ETag: \"1\"", "X-A: b"], "body");
    call(&mut Client::connect(scene.server.port()), "SET k v");
    let scene = Scene::start_in(scene.server.kill(), &["--appendonly", "yes"]);
    let mut http = scene.client();
    http.send(&get("/a", &[]));
    let hit = answer(&mut http);
    assert_eq!((hit.text(), hit.header("etag"), hit.header("x-a")), ("body", Some("\"1\""), Some("b")));
    assert!(scene.origin.is_idle());
}

#[test]
fn freshness_is_guessed_only_if_that_is_chosen() {
    let modified = ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"];
    let scene = Scene::start(&[]);
    scene.store("/a", &modified, "body");
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    let asked = scene.origin.answer("304 Not Modified", &[], "");
    assert_eq!(asked.header("if-modified-since"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    drop(asked);
    assert_eq!(answer(&mut http).text(), "body");

    let mut client = Client::connect(scene.server.port());
    for (name, value) in [("percent", "1"), ("max", "500")] {
        assert_eq!(call(&mut client, &format!("CONFIG SET cache-heuristic-{name} {value}")), "OK");
    }
    scene.store("/b", &modified, "body");
    let ttl = call(&mut client, "CACHE.GET localhost/b");
    let ttl = ttl.split("ttl, ").nth(1).and_then(|rest| rest.split(',').next()).map(str::parse::<u32>);
    assert!(matches!(ttl, Some(Ok(400..=500))), "{ttl:?}");
    assert_eq!(scene.client().get("/b").text(), "body");
    assert!(scene.origin.is_idle());
}
