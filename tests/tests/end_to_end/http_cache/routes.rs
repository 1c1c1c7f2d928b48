//! Requests of the door that go where a policy says.

use super::origin::Origin;
use super::{Scene, answer, ask, start_at};
use crate::http::Http;
use crate::saving::{call, wait_until};
use spinel_tests::{Client, Folder};

/// A scene with a second origin, and the policies that the test sets for it.
struct Routed {
    scene: Scene,
    /// Where policies lead.
    other: Origin,
    client: Client,
}

impl Routed {
    fn start() -> Routed {
        let scene = Scene::start(&[]);
        let client = Client::connect(scene.server.port());
        Routed { scene, other: Origin::start(), client }
    }

    /// Sets a policy: its pattern, what follows the other origin's address in its URL, and more options.
    fn policy(&mut self, pattern: &str, path: &str, options: &str) {
        let url = format!("{}{path}", self.other.url());
        let command = format!("CACHE.POLICY SET p PATTERN {pattern} URL {url} {options}");
        assert_eq!(call(&mut self.client, command.trim_end()), "OK");
    }

    /// Asks for a path, has the other origin answer, and returns the first line of what it was asked.
    fn fetch(&self, path: &str, headers: &[&str], status: &str, fields: &[&str], body: &str) -> String {
        let mut http = self.scene.client();
        ask(&mut http, path, headers);
        let asked = self.other.answer(status, fields, body);
        let got = answer(&mut http);
        assert_eq!((got.text(), format!("{status} ").starts_with(&format!("{} ", got.status))), (body, true));
        asked.line().to_owned()
    }

    /// What is served of memory; nothing if an origin is asked.
    fn stored(&self, path: &str, headers: &[&str]) -> Option<String> {
        let mut http = self.scene.client();
        ask(&mut http, path, &[headers, &["Cache-Control: only-if-cached"]].concat());
        let got = answer(&mut http);
        (got.status != 504).then(|| got.text().to_owned())
    }
}

#[test]
fn a_request_goes_where_its_policy_says_and_the_rest_to_the_usual_origin() {
    let mut routed = Routed::start();
    routed.policy("localhost/api/*", "/v1/{1}?by=door", "TTL 60 TAGS 1 item:{1}");
    let line = routed.fetch("/api/a%20b/7;v=1?x=%2F&y", &[], "200 OK", &[], "one");
    assert_eq!(line, "GET /v1/a%20b/7;v=1?by=door&x=%2F&y HTTP/1.1");
    assert_eq!(routed.stored("/api/a%20b/7;v=1?x=%2F&y", &[]).as_deref(), Some("one"));
    assert_eq!(routed.stored("/api/a%20b/7;v=1", &[]), None);
    // What no policy is for goes where it went.
    routed.scene.store("/other", &["Cache-Control: max-age=60"], "usual");
    let told = call(&mut routed.client, "CACHE.INFO localhost/api/a%20b/7;v=1?x=%2F&y");
    assert!(told.contains("tags, [item:a%20b/7;v=1, policy:p], url, http://127.0.0.1:"), "{told}");
    for (purge, path) in [
        ("CACHE.PURGETAG item:a%20b/7;v=1", "/api/a%20b/7;v=1?x=%2F&y"),
        ("CACHE.PURGETAG policy:p", "/api/z"),
    ] {
        if path == "/api/z" {
            routed.fetch(path, &[], "200 OK", &[], "z");
        }
        assert!(routed.stored(path, &[]).is_some());
        assert_eq!(call(&mut routed.client, purge), "1");
        assert_eq!(routed.stored(path, &[]), None);
    }
    // Without the policy, so does everything.
    assert_eq!(call(&mut routed.client, "CACHE.POLICY DEL p"), "1");
    routed.scene.store("/api/7", &["Cache-Control: max-age=60"], "usual");
}

#[test]
fn other_methods_go_there_too_and_what_they_change_is_forgotten() {
    let mut routed = Routed::start();
    routed.policy("localhost/api/*", "/v1/{1}", "TTL 60");
    routed.fetch("/api/7", &[], "200 OK", &[], "old");
    let mut http = routed.scene.client();
    http.send(b"PUT /api/7 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nnew");
    let asked = routed.other.answer("204 No Content", &[], "");
    assert_eq!((asked.line(), &asked.body[..]), ("PUT /v1/7 HTTP/1.1", &b"new"[..]));
    assert_eq!(answer(&mut http).status, 204);
    assert_eq!(routed.stored("/api/7", &[]), None);
}

#[test]
fn nobody_gets_out_of_the_path_of_a_policy() {
    let mut routed = Routed::start();
    routed.policy("localhost/a*", "/public/{1}", "TTL 60");
    for path in ["/a../secret", "/a..", "/a..%2fsecret", "/a%2e%2E%5csecret", "/ab/%2e%2e%2f%2e%2e/secret"] {
        let mut http = routed.scene.client();
        ask(&mut http, path, &[]);
        assert_eq!(answer(&mut http).status, 400, "{path}");
    }
    assert!(routed.other.is_idle() && routed.scene.origin.is_idle());
    // A host that is made of what is asked for is one that may be asked, or none.
    assert_eq!(call(&mut routed.client, "CACHE.POLICY SET p PATTERN localhost/*/* URL http://{1}/{2}"), "OK");
    for (path, status) in [("/evil.example/x", 502), ("/evil%40127.0.0.1/x", 400), ("/127.0.0.1:1/x", 400)] {
        let mut http = routed.scene.client();
        ask(&mut http, path, &[]);
        assert_eq!(answer(&mut http).status, status, "{path}");
    }
}

#[test]
fn what_a_field_brings_is_for_those_with_that_field() {
    let mut routed = Routed::start();
    routed.policy("localhost/*", "/{hdr:X-Team}/{1}", "TTL 60 VARY 1 X-Shoe");
    for (team, shoe) in [("red", "1"), ("blue", "1"), ("red", "2")] {
        let headers = [format!("X-Team: {team}"), format!("X-Shoe: {shoe}")];
        let headers = headers.each_ref().map(String::as_str);
        assert_eq!(routed.stored("/a", &headers), None);
        let line = routed.fetch("/a", &headers, "200 OK", &[], &format!("{team}{shoe}"));
        assert_eq!(line, format!("GET /{team}/a HTTP/1.1"));
        assert_eq!(routed.stored("/a", &headers), Some(format!("{team}{shoe}")));
    }
    assert_eq!(routed.stored("/a", &["X-Team: red", "X-Shoe: 1"]).as_deref(), Some("red1"));
    assert_eq!(routed.stored("/a", &[]), None);
}

#[test]
fn a_policy_says_for_how_long_and_how_much() {
    let mut routed = Routed::start();
    routed.policy("localhost/*", "/{1}", "TTL 60 NEGATIVE-TTL 60 STATUS-TTL 410 0 MAX-BODY 4");
    for (path, status, fields, body, is_stored) in [
        ("/short", "200 OK", &["Cache-Control: max-age=0, must-revalidate"][..], "four", true),
        ("/long", "200 OK", &[], "fives", false),
        ("/gone", "410 Gone", &["Cache-Control: max-age=60"], "gone", false),
        ("/none", "404 Not Found", &[], "none", true),
        ("/mine", "200 OK", &["Cache-Control: private"], "mine", false),
        ("/cookie", "200 OK", &["Set-Cookie: a=b"], "mine", false),
    ] {
        routed.fetch(path, &[], status, fields, body);
        assert_eq!(routed.stored(path, &[]).is_some(), is_stored, "{path}");
    }
    routed.policy("localhost/*", "/{1}", "TTL 60 RESPECT-ORIGIN");
    for (path, fields, is_stored) in
        [("/brief", &["Cache-Control: max-age=0"][..], false), ("/quiet", &[], true)]
    {
        routed.fetch(path, &[], "200 OK", fields, "body");
        assert_eq!(routed.stored(path, &[]).is_some(), is_stored, "{path}");
    }
}

#[test]
fn a_door_needs_no_origin_but_those_of_policies() {
    let origin = Origin::start();
    let trust = ["--cache-origin-allow", "127.0.0.1", "--cache-allow-private", "yes"];
    let (server, port) = start_at(Folder::new(), "", &trust);
    let mut client = Client::connect(server.port());
    let command =
        format!("CACHE.POLICY SET p PATTERN localhost/a/* URL {}/{{1}} TTL 60 SWR 60", origin.url());
    assert_eq!(call(&mut client, &command), "OK");
    let mut http = Http::connect(port);
    ask(&mut http, "/a/b", &[]);
    assert_eq!(origin.answer("200 OK", &[], "body").line(), "GET /b HTTP/1.1");
    assert_eq!(answer(&mut http).text(), "body");
    ask(&mut http, "/c", &[]);
    assert_eq!(answer(&mut http).status, 502);
    // What is stale is fetched again from there, while it is served.
    assert_eq!(call(&mut client, "CACHE.SOFTPURGE localhost/a/*"), "1");
    ask(&mut http, "/a/b", &[]);
    assert_eq!(answer(&mut http).text(), "body");
    assert_eq!(origin.answer("200 OK", &[], "new").line(), "GET /b HTTP/1.1");
    while call(&mut client, "CACHE.EXPLAIN localhost/a/b Host localhost").contains("serve-and-refresh") {}
    assert_eq!(http.get("/a/b").text(), "new");
}

#[test]
fn what_is_locked_is_neither_refreshed_nor_overwritten() {
    let mut routed = Routed::start();
    routed.policy("localhost/*", "/{1}", "TTL 60 SWR 60");
    routed.fetch("/a", &[], "200 OK", &[], "old");
    let client = &mut routed.client;
    assert_eq!(call(client, "CACHE.LOCK localhost/a 60000 TOKEN t"), "t");
    assert_eq!(call(client, "CACHE.LOCK localhost/b 60000 TOKEN t"), "t");
    assert_eq!(call(client, "CACHE.SOFTPURGETAG policy:p"), "1");
    let mut http = routed.scene.client();
    ask(&mut http, "/a", &[]);
    assert_eq!(answer(&mut http).text(), "old");
    routed.fetch("/b", &[], "200 OK", &[], "passed on");
    assert_eq!(routed.stored("/b", &[]), None);
    assert!(routed.other.is_idle());
    let mut another = Client::connect(routed.scene.server.port());
    assert!(call(&mut another, "CACHE.SET localhost/a mine").starts_with("LOCKED"));
    assert_eq!(call(&mut routed.client, "CACHE.SET localhost/a new TTL 60"), "OK");
    assert_eq!(call(&mut another, "CACHE.SET localhost/a newer TTL 60 TOKEN t"), "OK");
    assert_eq!(call(&mut another, "CACHE.UNLOCK localhost/a t"), "1");
    assert_eq!(routed.stored("/a", &[]).as_deref(), Some("newer"));
}

#[test]
fn what_happens_is_counted_for_each_policy() {
    let mut routed = Routed::start();
    routed.policy("localhost/*", "/{1}", "TTL 60 SWR 60");
    assert!(call(&mut routed.client, "CACHE.STATS p").contains("hits, 0, stale, 0, "));
    routed.fetch("/a", &[], "200 OK", &[], "four");
    for _ in 0..3 {
        assert!(routed.stored("/a", &[]).is_some());
    }
    assert_eq!(call(&mut routed.client, "CACHE.SET localhost/b other TTL 60"), "OK");
    assert!(routed.stored("/b", &[]).is_some(), "it is nobody's");
    let counted = "hits, 3, stale, 0, revalidated, 0, misses, 1, collapsed, 0, bytes-saved, 12, origin-requests, 1, origin-failures, 0,";
    let told = call(&mut routed.client, "CACHE.STATS p");
    assert!(told.contains(counted), "{told}");
    let all = call(&mut routed.client, "CACHE STATS");
    assert!(
        all.contains("hits, 4, stale, 0, revalidated, 0, misses, 1, collapsed, 0, bytes-saved, 17, "),
        "{all}"
    );
    let line =
        "cache_policy_p:hits=3,stale=0,revalidated=0,misses=1,collapsed=0,bytes_saved=12,origin_requests=1,";
    let told = call(&mut routed.client, "INFO cache");
    assert!(
        told.contains(line) && told.contains("cache_policies:1\r\ncache_policies_version:1\r\n"),
        "{told}"
    );
    // There is nothing of policies that are gone, and those that come back go on.
    assert_eq!(call(&mut routed.client, "CACHE.POLICY DEL p"), "1");
    assert_eq!(call(&mut routed.client, "CACHE.STATS p"), "ERR there is no such policy");
    assert!(!call(&mut routed.client, "INFO cache").contains("cache_policy_p"));
    routed.policy("localhost/*", "/{1}", "TTL 60");
    assert_eq!(call(&mut routed.client, "CONFIG RESETSTAT"), "OK");
    assert!(call(&mut routed.client, "CACHE.STATS p").contains("hits, 0, stale, 0, "));
}

#[test]
fn what_is_used_and_soon_stale_is_fetched_before_it_is_missed() {
    let mut routed = Routed::start();
    routed.policy("localhost/*", "/{1}", "TTL 60");
    for path in ["/used", "/unused"] {
        routed.fetch(path, &[], "200 OK", &[], "old");
    }
    assert!(routed.stored("/used", &[]).is_some());
    assert_eq!(call(&mut routed.client, "CACHE.PREWARM WITHIN 10"), "0");
    assert_eq!(call(&mut routed.client, "CACHE.PREWARM WITHIN 100"), "1");
    let asked = routed.other.answer("200 OK", &[], "new");
    assert_eq!(asked.line(), "GET /used HTTP/1.1");
    while routed.stored("/used", &[]).as_deref() != Some("new") {}
    assert!(routed.other.is_idle());
}

#[test]
fn what_is_used_of_a_policy_is_fetched_again_by_itself() {
    let mut routed = Routed::start();
    routed.policy("localhost/*", "/{1}", "TTL 5 SWR 60 PREWARM TAGS 1 item:{1}");
    routed.fetch("/a?b=1", &[], "200 OK", &[], "one");
    assert_eq!(routed.stored("/a?b=1", &[]).as_deref(), Some("one"));
    // Nobody asks for it.
    assert_eq!(routed.other.answer("200 OK", &[], "two").line(), "GET /a?b=1 HTTP/1.1");
    wait_until("it is not stored", || routed.stored("/a?b=1", &[]).as_deref() == Some("two"));
    // What came instead belongs to the same request as before.
    assert_eq!(call(&mut routed.client, "CACHE.PURGETAG item:a"), "1");
    assert_eq!(routed.stored("/a?b=1", &[]), None);
}

#[test]
fn it_is_told_which_keys_miss_most() {
    let mut routed = Routed::start();
    routed.policy("localhost/api/*", "/{1}", "TTL 60");
    for path in ["/api/a", "/api/b"] {
        routed.fetch(path, &[], "200 OK", &[], "stored");
        assert!(routed.stored(path, &[]).is_some(), "hits are no misses");
    }
    for _ in 0..3 {
        routed.fetch("/api/never", &[], "200 OK", &["Cache-Control: no-store"], "own");
    }
    call(&mut routed.client, "SELECT 2");
    let url = routed.other.url();
    routed.client.send(["CACHE.FETCH", "k", &url, "TTL", "60"]);
    routed.other.answer("200 OK", &[], "k");
    routed.client.reply();
    let told =
        |key: &str, db: usize, count: usize| format!("[key, {key}, db, {db}, misses-per-minute, {count}]");
    let most = told("localhost/api/never", 0, 3);
    let rest = [told("k", 2, 1), told("localhost/api/a", 0, 1), told("localhost/api/b", 0, 1)];
    let all = call(&mut routed.client, "CACHE.MISSES COUNT 100");
    assert!(all.starts_with(&format!("[{most}, ")) && rest.iter().all(|one| all.contains(one)), "{all}");
    assert_eq!(call(&mut routed.client, "CACHE MISSES COUNT 1"), format!("[{most}]"));
    for wrong in ["COUNT 0", "COUNT 101", "COUNT x"] {
        let refused = call(&mut routed.client, &format!("CACHE.MISSES {wrong}"));
        assert_eq!(refused, "ERR COUNT must be between 1 and 100");
    }
    assert_eq!(call(&mut routed.client, "CONFIG RESETSTAT"), "OK");
    assert_eq!(call(&mut routed.client, "CACHE.MISSES"), "[]");
}

#[test]
fn cookies_are_stored_only_if_a_policy_says_so() {
    let mut routed = Routed::start();
    for (options, expected) in [("TTL 60", None), ("TTL 60 STORE-COOKIES", Some("body"))] {
        routed.policy("localhost/*", "/{1}", options);
        routed.fetch("/a", &[], "200 OK", &["Set-Cookie: lb=7"], "body");
        assert_eq!(routed.stored("/a", &[]).as_deref(), expected, "{options}");
    }
    let mut http = routed.scene.client();
    assert_eq!(http.get("/a").header("set-cookie"), Some("lb=7"));
}
