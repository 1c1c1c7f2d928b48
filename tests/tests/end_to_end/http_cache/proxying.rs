//! `CACHE.PROXY`: where a key is fetched from, and for how long it is kept, is a policy's matter.

use super::Scene;
use super::commands::told;
use crate::saving::call;
use spinel_tests::Client;

/// State, status, body and about how many minutes it stays fresh.
fn outcome(client: &mut Client) -> [String; 4] {
    let reply = client.reply();
    let [state, status, body, ttl] = ["state", "status", "body", "ttl"].map(|name| told(&reply, name));
    let seconds: u64 = ttl.parse().expect("a number");
    [state, status, body, seconds.div_ceil(60).to_string()]
}

fn send(client: &mut Client, words: &str) {
    client.send(words.split(' '));
}

#[test]
fn a_policy_says_from_where_and_for_how_long() {
    let scene = Scene::start(&[]);
    let mut client = Client::connect(scene.server.port());
    let url = scene.origin.url();
    let policy = format!(
        "CACHE.POLICY SET item PATTERN item:* URL {url}/items/{{1}}?for={{hdr:X-Team}} TTL 600 STATUS-TTL 404 300 TAGS 1 item:{{1}} \
         MAX-BODY 6"
    );
    assert_eq!(call(&mut client, &policy), "OK");
    send(&mut client, "CACHE.PROXY item:a/b VARY 1 X-Team red");
    let asked = scene.origin.answer("200 OK", &["Cache-Control: max-age=5"], "body");
    assert_eq!((asked.line(), asked.header("x-team")), ("GET /items/a/b?for=red HTTP/1.1", Some("red")));
    drop(asked);
    assert_eq!(outcome(&mut client), ["miss", "200", "body", "10"]);
    // What its URL is made of chooses the variant.
    send(&mut client, "CACHE.PROXY item:a/b HEADERS 1 X-Team blue");
    scene.origin.answer("404 Not Found", &[], "none");
    assert_eq!(outcome(&mut client), ["miss", "404", "none", "5"]);
    send(&mut client, "CACHE.PROXY item:a/b VARY 1 X-Team red");
    assert_eq!(outcome(&mut client)[0], "hit");
    assert_eq!(call(&mut client, "CACHE.PURGETAG item:a/b"), "1");
    assert_eq!(call(&mut client, "EXISTS item:a/b"), "0");
    // Who asks counts more, and what is longer than the policy wants is not stored.
    send(&mut client, &format!("CACHE.PROXY item:7 {url}/other TTL 120"));
    let asked = scene.origin.answer("200 OK", &[], "body");
    assert_eq!(asked.line(), "GET /other HTTP/1.1");
    drop(asked);
    assert_eq!(outcome(&mut client), ["miss", "200", "body", "2"]);
    send(&mut client, "CACHE.PROXY item:8");
    scene.origin.answer("200 OK", &[], "a long one");
    assert_eq!(outcome(&mut client)[2], "a long one");
    assert_eq!(call(&mut client, "EXISTS item:7 item:8"), "1");
    assert!(scene.origin.is_idle());
}

#[test]
fn without_a_policy_a_key_may_be_the_url() {
    let scene = Scene::start(&[]);
    let mut client = Client::connect(scene.server.port());
    let key = format!("{}/page", scene.origin.url());
    send(&mut client, &format!("CACHE.PROXY {key} TTL 60"));
    let asked = scene.origin.answer("200 OK", &[], "body");
    assert_eq!(asked.line(), "GET /page HTTP/1.1");
    drop(asked);
    assert_eq!(outcome(&mut client), ["miss", "200", "body", "1"]);
    send(&mut client, &format!("CACHE.PROXY {key}"));
    assert_eq!(outcome(&mut client)[0], "hit");
    assert_eq!(call(&mut client, "CACHE.PROXY key"), "ERR no policy is for this key, and it is no URL");
    let policy = format!("CACHE.POLICY SET up PATTERN up:* URL {}/{{1}}", scene.origin.url());
    assert_eq!(call(&mut client, &policy), "OK");
    assert_eq!(call(&mut client, "CACHE.PROXY up:.."), "ERR the policy for this key makes no URL of it");
    assert!(scene.origin.is_idle());
}
