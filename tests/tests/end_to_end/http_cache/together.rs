//! Many who want the same, and an origin that is slow or fails.

use super::commands::told;
use super::{Scene, answer, ask};
use crate::http::Http;
use crate::saving::call;
use spinel_tests::Client;

const STALE: [&str; 2] = ["Cache-Control: max-age=1, stale-while-revalidate=1000", "Age: 1"];

#[test]
fn a_hundred_misses_reach_the_origin_once() {
    let scene = Scene::start(&[]);
    let mut clients: Vec<Http> = (0..100).map(|_| scene.client()).collect();
    for http in &mut clients {
        ask(http, "/a", &[]);
    }
    let asked = scene.origin.next();
    while scene.count("cache_collapsed") < 99 {}
    asked.begin("200 OK", &["Cache-Control: max-age=60", "Transfer-Encoding: chunked"]);
    asked.send(b"3\r\nabc\r\n");
    // All have what has come before the rest comes.
    for http in &mut clients {
        assert_eq!(http.head().expect("it is answered").status, 200);
        assert_eq!(http.chunk(), b"abc");
    }
    asked.send(b"3\r\ndef\r\n0\r\n\r\n");
    for http in &mut clients {
        assert_eq!((http.chunk(), http.chunk()), (b"def".to_vec(), Vec::new()));
    }
    assert_eq!(scene.client().get("/a").text(), "abcdef");
    assert!(scene.origin.is_idle());
    assert_eq!((scene.count("cache_origin_requests"), scene.count("cache_stored")), (1, 1));
}

#[test]
fn who_came_first_may_go() {
    let scene = Scene::start(&[]);
    let (mut first, mut second) = (scene.client(), scene.client());
    ask(&mut first, "/a", &[]);
    let asked = scene.origin.next();
    ask(&mut second, "/a", &[]);
    while scene.count("cache_collapsed") < 1 {}
    drop(first);
    asked.begin("200 OK", &["Cache-Control: max-age=60", "Content-Length: 4"]);
    asked.send(b"bo");
    assert_eq!(second.head().expect("it is answered").status, 200);
    asked.send(b"dy");
    drop(asked);
    assert_eq!(second.bytes(4), b"body");
    assert_eq!(scene.client().get("/a").text(), "body");
    assert!(scene.origin.is_idle());
}

#[test]
fn what_is_for_one_client_only_keeps_nobody_waiting() {
    let scene = Scene::start(&[]);
    let mut clients: Vec<Http> = (0..3).map(|_| scene.client()).collect();
    for http in &mut clients {
        ask(http, "/a", &[]);
    }
    let first = scene.origin.next();
    while scene.count("cache_collapsed") < 2 {}
    first.answer("200 OK", &["Cache-Control: private"], "mine");
    // Its connection serves others.
    drop(first);
    // The others ask side by side, and so does who comes then.
    let others = [scene.origin.next(), scene.origin.next()];
    let mut late = scene.client();
    ask(&mut late, "/a", &[]);
    let last = scene.origin.next();
    last.answer("200 OK", &["Cache-Control: private"], "mine");
    drop(last);
    assert_eq!(answer(&mut late).text(), "mine");
    for other in &others {
        other.answer("200 OK", &["Cache-Control: private"], "mine");
    }
    assert!(clients.iter_mut().all(|http| answer(http).text() == "mine"));
}

#[test]
fn requests_that_differ_in_what_answers_vary_with_get_their_own() {
    let scene = Scene::start(&[]);
    let mut clients: Vec<Http> = (0..4).map(|_| scene.client()).collect();
    for (http, language) in clients.iter_mut().zip(["de", "en", "de", "en"]) {
        ask(http, "/a", &[&format!("Accept-Language: {language}")]);
    }
    let first = scene.origin.next();
    while scene.count("cache_collapsed") < 3 {}
    let vary = |asked: &super::origin::Asked| {
        let language = asked.header("accept-language").expect("it was sent");
        asked.answer("200 OK", &["Cache-Control: max-age=60", "Vary: Accept-Language"], language);
    };
    vary(&first);
    drop(first);
    vary(&scene.origin.next());
    for (http, language) in clients.iter_mut().zip(["de", "en", "de", "en"]) {
        assert_eq!(answer(http).text(), language);
    }
    assert_eq!(scene.count("cache_origin_requests"), 2);
}

#[test]
fn who_wants_a_key_from_elsewhere_gets_what_is_there() {
    let scene = Scene::start(&[]);
    let url = scene.origin.url();
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(scene.server.port())).collect();
    let mut http = scene.client();
    for (client, path) in clients.iter_mut().zip(["one", "two", "one", "two"]) {
        client.send(["CACHE.FETCH", "localhost/a", &format!("{url}/{path}")]);
    }
    ask(&mut http, "/a", &[]);
    let asked: Vec<_> = (0..3).map(|_| scene.origin.next()).collect();
    while scene.count("cache_collapsed") < 2 {}
    assert!(scene.origin.is_idle());
    for one in asked {
        let path = one.line().split(' ').nth(1).expect("it has a path").to_owned();
        one.answer("200 OK", &["Cache-Control: max-age=60"], &path);
    }
    for (client, path) in clients.iter_mut().zip(["/one", "/two", "/one", "/two"]) {
        let reply = client.reply();
        assert_eq!((&*told(&reply, "state"), &*told(&reply, "body")), ("miss", path));
    }
    assert_eq!(answer(&mut http).text(), "/a");
    // What ended first is stored, and who asked for the rest was no less served.
    assert_eq!(scene.count("cache_stored"), 1);
}

#[test]
fn what_one_url_lacks_another_is_asked_for() {
    let scene = Scene::start(&[]);
    let url = scene.origin.url();
    let mut client = Client::connect(scene.server.port());
    assert_eq!(call(&mut client, "CACHE.SET k old TTL 0 GRACE 1000"), "OK");
    let mut fetch = |path: &str| client.send(["CACHE.FETCH", "k", &format!("{url}/{path}")]);
    fetch("broken");
    scene.origin.next().send(b"nonsense\r\n\r\n");
    // It is left alone for a while, and others are not.
    fetch("broken");
    fetch("sound");
    assert_eq!(
        scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "new").line(),
        "GET /sound HTTP/1.1"
    );
    let bodies = [(); 3].map(|()| told(&client.reply(), "body"));
    assert_eq!(bodies, ["old", "old", "new"]);
    assert!(scene.origin.is_idle());
}

#[test]
fn nobody_is_asked_whether_what_came_from_elsewhere_is_valid() {
    let scene = Scene::start(&[]);
    let url = scene.origin.url();
    let mut client = Client::connect(scene.server.port());
    let mut fetched = |path: &str, tag: &str, asked_with: Option<&str>| {
        client.send(["CACHE.FETCH", "k", &format!("{url}/{path}"), "TTL", "0", "GRACE", "1000"]);
        let asked = scene.origin.next();
        assert_eq!(asked.header("if-none-match"), asked_with, "{path}");
        asked.answer("200 OK", &[tag], path);
        told(&client.reply(), "body")
    };
    assert_eq!(fetched("one", "ETag: \"1\"", None), "one");
    assert_eq!(fetched("two", "ETag: \"2\"", None), "two");
    assert_eq!(fetched("two", "ETag: \"3\"", Some("\"2\"")), "two");
}

#[test]
fn what_is_stale_is_served_while_it_is_fetched_once() {
    let scene = Scene::start(&[]);
    scene.store("/a", &STALE, "old");
    let mut http = scene.client();
    for _ in 0..3 {
        assert_eq!(http.get("/a").text(), "old");
    }
    // Nobody waits for this.
    let asked = scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "new");
    assert_eq!(asked.line(), "GET /a HTTP/1.1");
    while http.get("/a").text() != "new" {}
    assert!(scene.origin.is_idle());
    assert!(scene.count("cache_stale_hits") >= 3);
}

#[test]
fn what_is_stale_remains_if_the_origin_fails() {
    let scene = Scene::start(&[]);
    let fields = ["Cache-Control: max-age=1, stale-if-error=1000", "Age: 1"];
    scene.store("/a", &fields, "old");
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    scene.origin.answer("503 Oh", &[], "no");
    let stale = answer(&mut http);
    assert_eq!((stale.status, stale.text()), (200, "old"));
    assert!(stale.header("cache-status").is_some_and(|status| status.contains("fwd=stale; fwd-status=503")));
    // It is not asked again at once.
    assert_eq!(http.get("/a").text(), "old");
    assert!(scene.origin.is_idle());
    scene.store("/b", &fields, "old");
    ask(&mut http, "/b", &[]);
    scene.origin.next().send(b"nonsense\r\n\r\n");
    assert_eq!(answer(&mut http).text(), "old");
    // What must not be stale is not.
    scene.store("/c", &["Cache-Control: max-age=1, must-revalidate", "Age: 1", "ETag: \"1\""], "old");
    ask(&mut http, "/c", &[]);
    scene.origin.next().send(b"nonsense\r\n\r\n");
    assert_eq!(answer(&mut http).status, 504);
}

#[test]
fn a_slow_origin_delays_nobody_else() {
    let scene = Scene::start(&["--io-threads", "1"]);
    scene.store("/fast", &["Cache-Control: max-age=60"], "fast");
    let mut waiting = scene.client();
    ask(&mut waiting, "/slow", &[]);
    let asked = scene.origin.next();
    let mut client = Client::connect(scene.server.port());
    assert_eq!(call(&mut client, "SET k v"), "OK");
    assert_eq!(call(&mut client, "GET k"), "v");
    assert_eq!(scene.client().get("/fast").text(), "fast");
    // Also in the middle of a body.
    asked.begin("200 OK", &["Cache-Control: max-age=60", "Content-Length: 4"]);
    asked.send(b"bo");
    assert_eq!(waiting.head().expect("it is answered").status, 200);
    assert_eq!(call(&mut client, "GET k"), "v");
    assert_eq!(scene.client().get("/fast").text(), "fast");
}

#[test]
fn what_is_under_way_when_it_is_changed_is_not_stored() {
    let scene = Scene::start(&[]);
    let (mut reader, mut writer) = (scene.client(), scene.client());
    ask(&mut reader, "/a", &[]);
    let asked = scene.origin.next();
    writer.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    scene.origin.answer("200 OK", &[], "");
    assert_eq!(answer(&mut writer).status, 200);
    asked.answer("200 OK", &["Cache-Control: max-age=60"], "old");
    drop(asked);
    assert_eq!(answer(&mut reader).text(), "old");
    ask(&mut reader, "/a", &[]);
    scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "new");
    assert_eq!(answer(&mut reader).text(), "new");
}

#[test]
fn what_is_under_way_when_it_is_purged_is_not_stored() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    let asked = scene.origin.next();
    assert_eq!(call(&mut Client::connect(scene.server.port()), "CACHE.PURGETAG news"), "1");
    asked.answer("200 OK", &["Cache-Control: max-age=60", "Cache-Tag: news"], "old");
    drop(asked);
    assert_eq!(answer(&mut http).text(), "old");
    ask(&mut http, "/a", &[]);
    scene.origin.answer("200 OK", &["Cache-Control: max-age=60", "Cache-Tag: news"], "new");
    assert_eq!(answer(&mut http).text(), "new");
    assert_eq!(scene.client().get("/a").text(), "new");
    assert!(scene.origin.is_idle());
}

#[test]
fn who_asks_after_a_purge_gets_nothing_that_was_asked_for_before() {
    let scene = Scene::start(&[]);
    let (mut before, mut after) = (scene.client(), scene.client());
    let fields = ["Cache-Control: max-age=60", "Cache-Tag: news"];
    ask(&mut before, "/a", &[]);
    let first = scene.origin.next();
    let mut client = Client::connect(scene.server.port());
    // What is about another database is no reason.
    assert_eq!(call(&mut client, "SELECT 1"), "OK");
    assert_eq!(call(&mut client, "CACHE.PURGETAG news"), "1");
    let mut with = scene.client();
    ask(&mut with, "/a", &[]);
    while scene.count("cache_collapsed") < 1 {}
    assert_eq!(call(&mut client, "SELECT 0"), "OK");
    assert_eq!(call(&mut client, "CACHE.PURGETAG news"), "1");
    ask(&mut after, "/a", &[]);
    let second = scene.origin.next();
    first.answer("200 OK", &fields, "old");
    drop(first);
    assert_eq!((answer(&mut before).text(), answer(&mut with).text()), ("old", "old"));
    second.answer("200 OK", &fields, "new");
    drop(second);
    assert_eq!(answer(&mut after).text(), "new");
    assert_eq!(scene.client().get("/a").text(), "new");
    assert!(scene.origin.is_idle());
}

#[test]
fn what_is_under_way_when_the_database_is_emptied_is_not_stored() {
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    ask(&mut http, "/a", &[]);
    let asked = scene.origin.next();
    assert_eq!(call(&mut Client::connect(scene.server.port()), "FLUSHALL"), "OK");
    asked.answer("200 OK", &["Cache-Control: max-age=60"], "old");
    drop(asked);
    assert_eq!(answer(&mut http).text(), "old");
    scene.store("/a", &["Cache-Control: max-age=60"], "new");
}

#[test]
fn who_changes_an_entry_meanwhile_knows_more_than_the_answer() {
    let scene = Scene::start(&[]);
    let mut client = Client::connect(scene.server.port());
    let key = |path: &str| format!("localhost{path}");
    for (path, change, stored) in [
        ("/set", "CACHE.SET localhost/set mine TTL 60", "mine"),
        ("/deleted", "DEL localhost/deleted", "gone"),
        ("/renamed", "RENAME localhost/renamed other", "gone"),
        ("/string", "SET localhost/string v", "string"),
        ("/left", "EXISTS localhost/left", "new"),
    ] {
        scene.store(path, &["Cache-Control: max-age=1", "Age: 1", "ETag: \"1\""], "old");
        let mut http = scene.client();
        ask(&mut http, path, &[]);
        let asked = scene.origin.next();
        call(&mut client, change);
        asked.answer("200 OK", &["Cache-Control: max-age=60"], "new");
        drop(asked);
        assert_eq!(answer(&mut http).text(), "new", "{path}");
        match stored {
            "gone" => assert_eq!(call(&mut client, &format!("TYPE {}", key(path))), "none"),
            "string" => assert_eq!(call(&mut client, &format!("GET {}", key(path))), "v"),
            body => assert_eq!(scene.client().get(path).text(), body),
        }
    }
    // Also what was not there.
    let mut http = scene.client();
    ask(&mut http, "/made", &[]);
    let asked = scene.origin.next();
    assert_eq!(call(&mut client, "CACHE.SET localhost/made mine TTL 60"), "OK");
    asked.answer("200 OK", &["Cache-Control: max-age=60"], "new");
    drop(asked);
    assert_eq!(answer(&mut http).text(), "new");
    assert_eq!(scene.client().get("/made").text(), "mine");
}

#[test]
fn what_is_under_way_is_stored_if_a_purge_is_about_something_else() {
    let scene = Scene::start(&[]);
    let mut client = Client::connect(scene.server.port());
    for (path, purge, is_stored) in [
        ("/1", "CACHE.PURGETAG other", true),
        ("/2", "CACHE.PURGETAG news", false),
        ("/3", "CACHE.PURGE localhost/1", true),
        ("/4", "CACHE.PURGE localhost/4", false),
        ("/5", "CACHE.SOFTPURGETAG news", false),
        ("/6", "CACHE.PURGEPREFIX local", false),
    ] {
        let mut http = scene.client();
        ask(&mut http, path, &[]);
        let asked = scene.origin.next();
        assert_eq!(call(&mut client, purge), "1");
        asked.answer("200 OK", &["Cache-Control: max-age=60", "Cache-Tag: news"], "body");
        drop(asked);
        assert_eq!(answer(&mut http).text(), "body");
        assert_eq!(
            call(&mut client, &format!("EXISTS localhost{path}")),
            u8::from(is_stored).to_string(),
            "{purge}"
        );
    }
}
