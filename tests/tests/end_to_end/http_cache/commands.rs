//! The commands that ask origins: they wait for them, and keep nobody else waiting.

use super::origin::Asked;
use super::{Scene, answer, ask};
use crate::saving::call;
use spinel_resp::Value;
use spinel_tests::{Client, Folder, Server};

/// What a reply tells by a name, as text.
pub(super) fn told(reply: &Value, name: &str) -> String {
    let Value::Array(parts) = reply else { panic!("{reply:?} is no array") };
    let at = parts.iter().position(|part| *part == Value::Bulk(name.into())).expect("it is told");
    crate::saving::shown(&parts[at + 1])
}

/// State, status and body of a reply.
fn outcome(reply: &Value) -> [String; 3] {
    ["state", "status", "body"].map(|name| told(reply, name))
}

/// A call of a command about a URL of the origin.
fn words(scene: &Scene, command: &str, key: &str, path: &str, options: &str) -> Vec<String> {
    let own = [command, key, &format!("{}{path}", scene.origin.url())].map(str::to_owned);
    own.into_iter().chain(options.split_whitespace().map(str::to_owned)).collect()
}

fn fetch(scene: &Scene, key: &str, path: &str, options: &str) -> Vec<String> {
    words(scene, "CACHE.FETCH", key, path, options)
}

fn resp(scene: &Scene) -> Client {
    Client::connect(scene.server.port())
}

#[test]
fn what_is_not_stored_is_fetched_and_stored() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    client.call(["SELECT", "3"]);
    client.send(fetch(&scene, "page", "/a/../b?c", "TTL 60 TAGS 2 one two HEADERS 1 X-Team red"));
    let asked = scene.origin.next();
    assert_eq!((asked.line(), asked.header("x-team")), ("GET /b?c HTTP/1.1", Some("red")));
    assert_eq!(asked.header("host"), Some(scene.origin.url().trim_start_matches("http://")));
    assert_eq!((asked.header("via"), asked.header("x-forwarded-for")), (None, None));
    asked.answer("200 OK", &["X-A: 1"], "body");
    drop(asked);
    assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    let reply = client.call(fetch(&scene, "page", "/b", ""));
    assert_eq!(outcome(&reply), ["hit", "200", "body"]);
    assert!(told(&reply, "headers").contains("x-a, 1"));
    assert_eq!(told(&client.call(["CACHE.GET", "page"]), "state"), "hit");
    // It is of its database, and has the tags that were given.
    assert_eq!(told(&resp(&scene).call(["CACHE.GET", "page"]), "state"), "miss");
    assert_eq!(client.text(["CACHE.PURGETAG", "two"]), "1");
    assert_eq!(client.text(["EXISTS", "page"]), "0");
    assert!(scene.origin.is_idle());
    assert_eq!((scene.count("cache_stored"), scene.count("cache_hits")), (1, 1));
}

#[test]
fn fields_of_the_request_choose_and_are_sent() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    for language in ["de", "en"] {
        client.send(fetch(&scene, "k", "/", &format!("TTL 60 VARY 1 Accept-Language {language}")));
        let asked = scene.origin.next();
        let sent = asked.header("accept-language").expect("it is sent").to_owned();
        asked.answer("200 OK", &[], &sent);
        drop(asked);
        assert_eq!(outcome(&client.reply()), ["miss", "200", language]);
    }
    for language in ["de", "en"] {
        let get = ["CACHE.GET", "k", "VARY", "1", "accept-language", language];
        assert_eq!(outcome(&client.call(get)), ["hit", "200", language]);
    }
}

#[test]
fn without_times_of_its_own_an_answer_is_kept_as_it_says() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    for (fields, stored) in [
        (&["Cache-Control: max-age=60"][..], "hit"),
        (&[], "miss"),
        (&["Cache-Control: no-store"], "miss"),
        (&["Cache-Control: max-age=60", "Set-Cookie: a=b"], "miss"),
    ] {
        client.call(["DEL", "k"]);
        client.send(fetch(&scene, "k", "/", ""));
        scene.origin.answer("200 OK", fields, "body");
        assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
        assert_eq!(told(&client.call(["CACHE.GET", "k"]), "state"), stored, "{fields:?}");
    }
    // Not even times that are given let that be stored which must not be.
    client.send(fetch(&scene, "k", "/", "TTL 60"));
    scene.origin.answer("200 OK", &["Cache-Control: private"], "body");
    assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    assert_eq!(client.text(["EXISTS", "k"]), "0");
}

#[test]
fn what_is_not_to_be_had_is_remembered_for_a_moment() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    client.send(fetch(&scene, "k", "/", "TTL 1000"));
    scene.origin.answer("404 Not Found", &[], "none");
    assert_eq!(outcome(&client.reply()), ["miss", "404", "none"]);
    let reply = client.call(fetch(&scene, "k", "/", "TTL 1000"));
    assert_eq!(outcome(&reply), ["negative", "404", "none"]);
    assert!(told(&reply, "ttl").parse::<i64>().expect("a number") <= 10);
    assert!(scene.origin.is_idle());
    assert_eq!(client.text(["CONFIG", "SET", "cache-negative-ttl", "0"]), "OK");
    for _ in 0..2 {
        client.send(fetch(&scene, "l", "/", "TTL 1000"));
        scene.origin.answer("500 Oh", &[], "no");
        assert_eq!(outcome(&client.reply()), ["miss", "500", "no"]);
    }
}

#[test]
fn what_is_stale_is_refreshed_and_in_grace_it_is_what_is_left() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    let url = scene.origin.url();
    let set = |client: &mut Client, key: &str, windows: &str| {
        assert_eq!(call(client, &format!("CACHE.SET {key} old TTL 1000 {windows} ETAG 1")), "OK");
        assert_eq!(call(client, &format!("CACHE.SOFTPURGE {key}")), "1");
    };
    set(&mut client, "stale", "SWR 1000");
    let reply = client.call(fetch(&scene, "stale", "/stale", ""));
    assert_eq!(outcome(&reply), ["stale", "200", "old"]);
    let asked = scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "new");
    assert_eq!(asked.header("if-none-match"), Some("\"1\""));
    drop(asked);
    while told(&client.call(["CACHE.GET", "stale"]), "body") != "new" {}
    // In grace the origin is asked first.
    set(&mut client, "grace", "GRACE 1000");
    client.send(fetch(&scene, "grace", "/grace", ""));
    scene.origin.answer("503 Oh", &[], "no");
    assert_eq!(outcome(&client.reply()), ["grace", "200", "old"]);
    // And not again at once.
    let reply = client.call(["CACHE.FETCH", "grace", &format!("{url}/grace")]);
    assert_eq!(outcome(&reply), ["grace", "200", "old"]);
    assert!(scene.origin.is_idle());
    set(&mut client, "valid", "GRACE 1000");
    client.send(fetch(&scene, "valid", "/valid", "TTL 60"));
    scene.origin.answer("304 Not Modified", &[], "");
    assert_eq!(outcome(&client.reply()), ["revalidated", "200", "old"]);
    assert_eq!(told(&client.call(["CACHE.GET", "valid"]), "state"), "hit");
}

#[test]
fn who_passes_by_neither_reads_nor_stores() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    assert_eq!(call(&mut client, "CACHE.SET k stored"), "OK");
    client.send(words(&scene, "CACHE.BYPASS", "k", "/", ""));
    scene.origin.answer("200 OK", &["Cache-Control: max-age=60"], "fetched");
    assert_eq!(outcome(&client.reply()), ["bypass", "200", "fetched"]);
    assert_eq!(told(&client.call(["CACHE.GET", "k"]), "body"), "stored");
}

#[test]
fn both_doors_share_entries_and_flights() {
    let scene = Scene::start(&[]);
    let (mut client, mut http) = (resp(&scene), scene.client());
    ask(&mut http, "/a", &[]);
    let asked = scene.origin.next();
    client.send(fetch(&scene, "localhost/a", "/a", ""));
    while scene.count("cache_collapsed") < 1 {}
    asked.answer("200 OK", &["Cache-Control: max-age=60"], "body");
    drop(asked);
    assert_eq!(answer(&mut http).text(), "body");
    assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    assert!(scene.origin.is_idle());
    client.send(fetch(&scene, "localhost/b", "/b", "TTL 60"));
    scene.origin.answer("200 OK", &[], "other");
    assert_eq!(outcome(&client.reply()), ["miss", "200", "other"]);
    assert_eq!(scene.client().get("/b").text(), "other");
    assert!(scene.origin.is_idle());
}

#[test]
fn who_waits_keeps_his_order_and_nobody_else_waiting() {
    let scene = Scene::start(&["--io-threads", "1"]);
    let (mut client, mut other) = (resp(&scene), resp(&scene));
    client.send(["SET", "n", "1"]);
    client.send(fetch(&scene, "k", "/", ""));
    client.send(["INCR", "n"]);
    assert_eq!(client.reply(), Value::Simple("OK".into()));
    let asked = scene.origin.next();
    // What comes after it has not run.
    assert_eq!(other.text(["GET", "n"]), "1");
    asked.answer("200 OK", &[], "body");
    drop(asked);
    assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    assert_eq!(client.reply(), Value::Integer(2));
}

#[test]
fn a_wait_ends_when_somebody_ends_it() {
    let scene = Scene::start(&[]);
    let (mut client, mut other) = (resp(&scene), resp(&scene));
    let id = client.text(["CLIENT", "ID"]);
    let start = |client: &mut Client, key: &str| -> Asked {
        client.send(fetch(&scene, key, "/", "TTL 60"));
        scene.origin.next()
    };
    let first = start(&mut client, "first");
    assert_eq!(other.text(["CLIENT", "UNBLOCK", &id]), "1");
    assert_eq!(client.reply(), Value::Null);
    first.answer("200 OK", &[], "");
    drop(first);
    let second = start(&mut client, "second");
    assert_eq!(other.text(["CLIENT", "UNBLOCK", &id, "ERROR"]), "1");
    assert!(matches!(client.reply(), Value::Error(text) if text.starts_with(b"UNBLOCKED")));
    // Who leaves costs others nothing: it is stored all the same.
    let mut passenger = resp(&scene);
    passenger.send(fetch(&scene, "second", "/", "TTL 60"));
    while scene.count("cache_collapsed") < 1 {}
    assert_eq!(other.text(["CLIENT", "KILL", "ID", &id]), "1");
    assert!(client.is_closed());
    second.answer("200 OK", &[], "body");
    drop(second);
    assert_eq!(outcome(&passenger.reply()), ["miss", "200", "body"]);
    assert_eq!(told(&other.call(["CACHE.GET", "second"]), "body"), "body");
}

#[test]
fn transactions_scripts_and_users_without_rights_are_refused() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    client.call(["MULTI"]);
    assert_eq!(client.text(fetch(&scene, "k", "/", "")), "-ERR Command not allowed inside a transaction");
    client.call(["DISCARD"]);
    let script = "return redis.pcall('CACHE.FETCH', 'k', 'http://127.0.0.1/').err";
    assert!(client.text(["EVAL", script, "0"]).contains("not allowed from script"));
    for (rights, expected) in [
        ("~other* +cache|fetch", "-NOPERM No permissions to access a key"),
        ("~k +@read", "-NOPERM User reader has no permissions to run the 'cache|fetch' command"),
        ("%R~k +cache|fetch", "-NOPERM No permissions to access a key"),
    ] {
        let rules = format!("ACL SETUSER reader reset on nopass {rights}");
        assert_eq!(call(&mut client, &rules), "OK");
        let mut reader = resp(&scene);
        assert_eq!(reader.text(["AUTH", "reader", ""]), "OK");
        assert_eq!(reader.text(fetch(&scene, "k", "/", "")), expected);
    }
    assert_eq!(call(&mut client, "SET s v"), "OK");
    assert!(client.text(fetch(&scene, "s", "/", "")).starts_with("-WRONGTYPE"));
    assert!(scene.origin.is_idle());
}

#[test]
fn only_origins_on_the_list_are_asked() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    let refused = "-ERR the origin may not be asked: see cache-origin-allow and cache-allow-private";
    assert_eq!(client.text(["CACHE.FETCH", "k", "http://localhost:1/"]), refused);
    assert_eq!(client.text(["CACHE.BYPASS", "k", "http://[::1]:1/"]), refused);
    for url in [
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "http://me@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://a b/",
        "file:///etc",
    ] {
        let expected = "-ERR the URL must be one of http or https, without a user";
        assert_eq!(client.text(["CACHE.FETCH", "k", url]), expected, "{url}");
    }
    assert_eq!(client.text(["CONFIG", "SET", "cache-allow-private", "no"]), "OK");
    assert_eq!(client.text(fetch(&scene, "k", "/", "")), refused);
    assert_eq!(client.text(["CONFIG", "SET", "cache-allow-private", "yes"]), "OK");
    client.send(fetch(&scene, "k", "/", ""));
    // Where an answer leads is not followed.
    scene.origin.answer("302 Found", &["Location: http://169.254.169.254/"], "");
    let reply = client.reply();
    assert_eq!(outcome(&reply), ["miss", "302", ""]);
    assert!(told(&reply, "headers").contains("169.254"));
    assert!(scene.origin.is_idle());
}

#[test]
fn options_are_checked() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    let own = "ERR conditions, ranges, and headers about a connection, a host or a length can't be chosen";
    for (options, expected) in [
        ("NOSUCH", "ERR syntax error"),
        ("TTL", "ERR syntax error"),
        ("TTL x", "ERR value is not an integer or out of range"),
        ("HEADERS 1 a", "ERR syntax error"),
        ("HEADERS 1 a: b", "ERR a header name must be a token"),
        ("HEADERS 1 a \u{1}", "ERR a header value must not contain control characters"),
        ("HEADERS 1 Host b", own),
        ("VARY 1 If-None-Match b", own),
        ("HEADERS 1 Transfer-Encoding b", own),
    ] {
        assert_eq!(client.text(fetch(&scene, "k", "/", options)), format!("-{expected}"), "{options}");
    }
    let split = ["CACHE.FETCH", "k", &format!("{}/", scene.origin.url()), "HEADERS", "1", "a", "b\r\nc: d"];
    assert_eq!(client.text(split), "-ERR a header value must not contain control characters");
    assert!(scene.origin.is_idle());
}

#[test]
fn an_origin_that_fails_is_an_outcome_and_is_left_alone_in_the_end() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    // Nobody listens there.
    let port = spinel_tests::free_port();
    let call = ["CACHE.FETCH".to_owned(), "k".to_owned(), format!("http://127.0.0.1:{port}/")];
    let statuses: Vec<_> = (0..7).map(|_| outcome(&client.call(&call))).collect();
    assert_eq!(statuses[0], ["miss", "502", "nil"]);
    assert_eq!(statuses[6], ["miss", "503", "nil"], "it is not asked any more");
    // A body that breaks off is none.
    client.send(fetch(&scene, "k", "/", "TTL 60"));
    let asked = scene.origin.next();
    asked.begin("200 OK", &["Content-Length: 4"]);
    asked.send(b"bo");
    asked.close();
    assert_eq!(outcome(&client.reply()), ["miss", "502", "nil"]);
    assert_eq!(client.text(["EXISTS", "k"]), "0");
    assert_eq!(client.text(["CONFIG", "SET", "cache-body-max", "3"]), "OK");
    for fields in [&["Content-Length: 4"][..], &["Transfer-Encoding: chunked"]] {
        client.send(fetch(&scene, "k", "/", "TTL 60"));
        let asked = scene.origin.next();
        asked.begin("200 OK", fields);
        asked.send(if fields[0].starts_with('C') { b"body" } else { b"4\r\nbody\r\n0\r\n\r\n" });
        drop(asked);
        let expected = "-ERR the body is longer than cache-body-max";
        let reply = client.reply();
        assert_eq!(format!("-{}", crate::saving::shown(&reply)), expected);
    }
}

#[test]
fn what_was_fetched_is_there_after_a_restart() {
    let log = ["--appendonly", "yes", "--appendfsync", "always"];
    let scene = Scene::start(&log);
    let mut client = resp(&scene);
    client.send(fetch(&scene, "k", "/", "TTL 600 SWR 60 GRACE 60 TAGS 1 t"));
    scene.origin.answer("200 OK", &["ETag: \"1\""], "body");
    assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    let before = crate::saving::shown(&client.call(["DUMP", "k"]));
    let server = Server::start_in(scene.server.kill(), &log);
    let mut client = Client::connect(server.port());
    assert_eq!(told(&client.call(["CACHE.GET", "k"]), "body"), "body");
    assert_eq!(crate::saving::shown(&client.call(["DUMP", "k"])), before);
}

#[test]
fn a_replica_gets_what_is_fetched_and_asks_nobody() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    let port = scene.server.port().to_string();
    let replica = Server::start_in(Folder::new(), &["--replicaof", &format!("127.0.0.1 {port}")]);
    let mut copy = Client::connect(replica.port());
    client.send(fetch(&scene, "k", "/", "TTL 600"));
    scene.origin.answer("200 OK", &[], "body");
    assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    while told(&copy.call(["CACHE.GET", "k"]), "state") != "hit" {}
    let words = fetch(&scene, "k", "/", "");
    assert!(copy.text(words).starts_with("-READONLY"));
}

#[test]
fn a_thousand_over_both_doors_reach_the_origin_once_though_the_first_goes() {
    let scene = Scene::start(&[]);
    let mut first = resp(&scene);
    first.send(fetch(&scene, "localhost/a", "/a", ""));
    let asked = scene.origin.next();
    let mut guests: Vec<_> = (0..500).map(|_| scene.client()).collect();
    let mut clients: Vec<_> = (0..499).map(|_| resp(&scene)).collect();
    for http in &mut guests {
        ask(http, "/a", &[]);
    }
    for client in &mut clients {
        client.send(fetch(&scene, "localhost/a", "/a", ""));
    }
    while scene.count("cache_collapsed") < 999 {}
    // All others go on meanwhile.
    let mut other = resp(&scene);
    for number in 0..1_000 {
        assert_eq!(other.text(["SET", "n", &number.to_string()]), "OK");
        assert_eq!(other.text(["GET", "n"]), number.to_string());
    }
    asked.begin("200 OK", &["Cache-Control: max-age=60", "Content-Length: 4"]);
    asked.send(b"bo");
    drop(first);
    for http in &mut guests {
        assert_eq!(http.head().expect("it is answered").status, 200);
    }
    asked.send(b"dy");
    drop(asked);
    for http in &mut guests {
        assert_eq!(http.bytes(4), b"body");
    }
    for client in &mut clients {
        assert_eq!(outcome(&client.reply()), ["miss", "200", "body"]);
    }
    assert!(scene.origin.is_idle());
    assert_eq!((scene.count("cache_origin_requests"), scene.count("cache_stored")), (1, 1));
}

#[test]
fn what_is_read_and_not_fresh_is_fetched_again_from_where_it_came() {
    let scene = Scene::start(&[]);
    let mut client = resp(&scene);
    let url = scene.origin.url();
    let set = |client: &mut Client, key: &str, windows: &str| {
        let words =
            format!("CACHE.SET {key} old {windows} VARY 1 Accept-Language de REVALIDATE-URL {url}/{key}");
        assert_eq!(call(client, &words), "OK");
    };
    let get = |key: &str, options: &str| format!("CACHE.GET {key} VARY 1 accept-language de {options}");
    let read = |client: &mut Client, words: &str| {
        let reply = client.call(words.split_whitespace());
        ["state", "body"].map(|name| told(&reply, name))
    };
    for (key, windows, options, state) in [
        ("stale", "TTL 1000 SWR 1000", "", "stale"),
        ("grace", "TTL 1000 GRACE 1000", "", "grace"),
        ("forced", "TTL 1000", "FORCE-REVALIDATE", "hit"),
    ] {
        set(&mut client, key, windows);
        if options.is_empty() {
            assert_eq!(call(&mut client, &format!("CACHE.SOFTPURGE {key}")), "1");
        }
        assert_eq!(read(&mut client, &get(key, options)), [state, "old"]);
        let asked = scene.origin.next();
        assert_eq!(asked.line(), format!("GET /{key} HTTP/1.1"));
        assert_eq!(asked.header("accept-language"), Some("de"));
        // Meanwhile it is read as before, and asked for once.
        assert_eq!(read(&mut client, &get(key, "")), [state, "old"]);
        // What was given for it holds again.
        asked.answer("200 OK", &["Cache-Control: max-age=1"], "new");
        drop(asked);
        while read(&mut client, &get(key, "")) != ["hit", "new"] {}
        let ttl = told(&client.call(get(key, "").split_whitespace()), "ttl");
        assert!(ttl.parse::<i64>().expect("a number") > 900);
    }
    set(&mut client, "elsewhere", "TTL 1000 SWR 1000");
    assert_eq!(call(&mut client, "CACHE.SOFTPURGE elsewhere"), "1");
    read(&mut client, &get("elsewhere", &format!("REVALIDATE-URL {url}/other")));
    let asked = scene.origin.answer("500 Oh", &[], "no");
    assert_eq!(asked.line(), "GET /other HTTP/1.1");
    drop(asked);
    // What is left is as good as before, and the origin is left alone about it.
    while scene.count("cache_origin_requests") < 4 {}
    let again = get("elsewhere", &format!("REVALIDATE-URL {url}/other"));
    assert_eq!(read(&mut client, &again), ["stale", "old"]);
    assert!(scene.origin.is_idle());
}

#[test]
fn settings_say_when_an_origin_is_left_alone() {
    let scene = Scene::start(&["--cache-origin-failures-max", "2", "--cache-origin-rest", "1000000"]);
    let mut client = resp(&scene);
    let nowhere = format!("http://127.0.0.1:{}/", spinel_tests::free_port());
    let mut status = || told(&client.call(["CACHE.FETCH", "k", &nowhere, "TTL", "60"]), "status");
    assert_eq!([status(), status(), status()], ["502", "502", "503"]);
    assert_eq!(resp(&scene).text(["CONFIG", "SET", "cache-origin-failures-max", "1000"]), "OK");
    assert_eq!(status(), "502");
}
