//! Keys and what they hold as resources.

use super::{Http, start};
use crate::saving::call;
use spinel_tests::Client;

const JSON: &str = "Content-Type: application/json";

#[test]
fn values_are_bytes() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    let path = "/v1/db/0/keys/a%00b%2Fc%ff";
    assert_eq!(http.get(path).status, 404);
    let value: Vec<u8> = (0..=255).collect();
    let put = http.ask("PUT", path, &[], &value);
    assert_eq!((put.status, put.body.len()), (204, 0));
    let answer = http.get(path);
    assert_eq!((answer.status, &answer.body), (200, &value));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("etag"), put.header("etag"));
    let head = http.ask("HEAD", path, &[], b"");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("256"), 0));
    let mut client = Client::connect(server.port());
    assert_eq!(client.text([&b"STRLEN"[..], b"a\0b/c\xff"]), "256");
    assert_eq!(http.ask("DELETE", path, &[], b"").status, 204);
    assert_eq!(http.ask("DELETE", path, &[], b"").status, 404);
    assert_eq!(call(&mut client, "DBSIZE"), "0");
    // An empty value is one; an integer stays as it was written.
    for value in ["", "0012", "12"] {
        http.ask(
            "PUT",
            "/v1/db/0/keys/k",
            &["Content-Length: 0"][..usize::from(value.is_empty())],
            value.as_bytes(),
        );
        assert_eq!(http.get("/v1/db/0/keys/k").text(), value);
        let head = http.ask("HEAD", "/v1/db/0/keys/k", &[], b"");
        assert_eq!(head.header("content-length"), Some(value.len().to_string().as_str()));
    }
}

#[test]
fn databases_are_kept_apart() {
    let (server, port) = start(&["--databases", "4"]);
    let mut http = Http::connect(port);
    for db in [3, 0, 3, 1] {
        assert_eq!(
            http.ask("PUT", &format!("/v1/db/{db}/keys/k"), &[], format!("in {db}").as_bytes()).status,
            204
        );
    }
    for db in [0, 1, 3] {
        assert_eq!(http.get(&format!("/v1/db/{db}/keys/k")).text(), format!("in {db}"));
    }
    assert_eq!(http.get("/v1/db/2/keys/k").status, 404);
    for db in ["4", "-1", "x", "", "99999999999"] {
        let answer = http.ask("PUT", &format!("/v1/db/{db}/keys/k"), &[], b"v");
        assert_eq!(answer.status, 404, "{db}");
    }
    // Who may not choose a database writes into none.
    let mut admin = Client::connect(server.port());
    call(&mut admin, "ACL SETUSER ann on >pw +@all -select allkeys");
    let ann = "Authorization: Basic YW5uOnB3";
    assert_eq!(http.ask("PUT", "/v1/db/0/keys/k", &[ann], b"ann").status, 204);
    assert_eq!(http.ask("PUT", "/v1/db/1/keys/k", &[ann], b"ann").status, 403);
    assert_eq!((http.get("/v1/db/0/keys/k").text(), http.get("/v1/db/1/keys/k").text()), ("ann", "in 1"));
}

#[test]
fn writes_may_ask_for_what_was_read() {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    let path = "/v1/db/0/keys/k";
    let mut put = |headers: &[&str], value: &str| http.ask("PUT", path, headers, value.as_bytes()).status;
    assert_eq!(put(&["If-Match: *"], "1"), 412);
    assert_eq!(put(&["If-None-Match: *"], "1"), 204);
    assert_eq!(put(&["If-None-Match: *"], "2"), 412);
    assert_eq!(put(&["If-Match: *"], "2"), 204);
    let tag = http.get(path).header("etag").expect("it has one").to_owned();
    let (matches, differs) = (format!("If-Match: {tag}"), format!("If-None-Match: {tag}"));
    let answer = http.ask("GET", path, &[&differs], b"");
    assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (304, 0, Some(&*tag)));
    assert_eq!(http.ask("PUT", path, &[&differs], b"3").status, 412);
    assert_eq!(http.ask("PUT", path, &[&matches], b"3").status, 204);
    assert_eq!(http.ask("PUT", path, &[&matches], b"4").status, 412);
    assert_eq!(http.ask("GET", path, &[&differs], b"").text(), "3");
    assert_eq!(http.ask("DELETE", path, &[&matches], b"").status, 412);
    for header in ["If-Match: W/\"0\"", "If-Match: x", "If-Match: \"a\", \"b\""] {
        assert_eq!(http.ask("PUT", path, &[header], b"4").status, 400, "{header}");
    }
    let tag = http.get(path).header("etag").expect("it has one").to_owned();
    assert_eq!(http.ask("DELETE", path, &[&format!("If-Match: {tag}")], b"").status, 204);
    assert_eq!(http.get(path).status, 404);
}

#[test]
fn keys_expire_when_they_are_told_to() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    let mut client = Client::connect(server.port());
    let mut ttl = || call(&mut client, "TTL k").parse::<i64>().expect("it is a number");
    let path = "/v1/db/0/keys/k";
    assert_eq!(http.ask("PUT", "/v1/db/0/keys/k?ttl=100", &[], b"v").status, 204);
    assert!((90..=100).contains(&ttl()));
    assert_eq!(http.ask("PUT", path, &["Spinel-TTL: 1000"], b"v").status, 204);
    assert!((990..=1000).contains(&ttl()));
    assert_eq!(http.ask("PUT", "/v1/db/0/keys/k?ttl=keep", &[], b"w").status, 204);
    assert!(ttl() > 900);
    assert_eq!(http.ask("PUT", "/v1/db/0/keys/k/ttl?ttl_ms=50000", &[], b"").status, 204);
    assert!((40..=50).contains(&ttl()));
    let meta = http.get("/v1/db/0/keys/k/meta");
    assert!(meta.text().starts_with("{\"type\":\"string\",\"ttl_ms\":"), "{}", meta.text());
    assert_eq!(http.ask("DELETE", "/v1/db/0/keys/k/ttl", &[], b"").status, 204);
    assert_eq!(http.get("/v1/db/0/keys/k/meta").text(), "{\"type\":\"string\",\"ttl_ms\":null}\n");
    for wrong in ["ttl=x", "ttl=0", "ttl=1&ttl_ms=1", "ttl=%"] {
        assert_eq!(http.ask("PUT", &format!("{path}?{wrong}"), &[], b"v").status, 400, "{wrong}");
    }
    assert_eq!(http.get("/v1/db/0/keys/nothing/meta").status, 404);
}

/// What is asked with which body, and the status and body of the answer.
type Step = (&'static str, &'static str, &'static str, u16, &'static str);

/// Sends requests about one key, JSON if the body looks like it, and compares the answers.
fn check(steps: &[Step]) {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    for (method, path, body, status, expected) in steps {
        let is_json = body.starts_with(['[', '{']);
        let path = format!("/v1/db/0/keys/k{path}");
        let answer = http.ask(method, &path, &[JSON][..usize::from(is_json)], body.as_bytes());
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, text.trim_end()), (*status, *expected), "{method} {path} {body}");
    }
}

#[test]
fn hashes_have_fields() {
    check(&[
        ("GET", "/fields", "", 200, "{}"),
        ("PATCH", "/fields", r#"{"a":"1","b":2,"c":{"base64":"/w=="}}"#, 200, r#"{"added":3}"#),
        ("GET", "/fields/a", "", 200, "1"),
        ("PUT", "/fields/a", "x y", 204, ""),
        ("DELETE", "/fields/b", "", 204, ""),
        ("DELETE", "/fields/b", "", 404, NO_NAME),
        ("GET", "/fields/b", "", 404, NO_NAME),
        ("GET", "/fields", "", 200, r#"{"a":"x y","c":{"base64":"/w=="}}"#),
        ("GET", "/fields?encoding=base64", "", 200, r#"{"YQ==":"eCB5","Yw==":"/w=="}"#),
        ("GET", "/members", "", 409, WRONG_TYPE),
        ("GET", "", "", 409, WRONG_TYPE),
    ]);
}

#[test]
fn lists_have_items() {
    check(&[
        ("POST", "/items", r#"["a","b","c"]"#, 200, r#"{"length":3}"#),
        ("POST", "/items?end=left", r#"["z"]"#, 200, r#"{"length":4}"#),
        ("GET", "/items", "", 200, r#"["z","a","b","c"]"#),
        ("GET", "/items?start=1&stop=2", "", 200, r#"["a","b"]"#),
        ("GET", "/items/-1", "", 200, "c"),
        ("PUT", "/items/0", "y", 204, ""),
        ("DELETE", "/items", "", 200, r#"["y"]"#),
        ("DELETE", "/items?end=right&count=2", "", 200, r#"["c","b"]"#),
        ("GET", "/items/5", "", 404, NO_NAME),
        (
            "POST",
            "/items?end=middle",
            r#"["z"]"#,
            400,
            r#"{"error":{"code":"QUERY","message":"end is right or left."}}"#,
        ),
    ]);
}

#[test]
fn sets_have_members() {
    check(&[
        ("POST", "/members", r#"["1","2"]"#, 200, r#"{"added":2}"#),
        ("PUT", "/members/3", "", 204, ""),
        ("GET", "/members/3", "", 204, ""),
        ("DELETE", "/members/1", "", 204, ""),
        ("GET", "/members/1", "", 404, NO_NAME),
        ("GET", "/members", "", 200, r#"["2","3"]"#),
    ]);
}

#[test]
fn sorted_sets_have_scores() {
    check(&[
        ("PATCH", "/scores", r#"{"a":1,"b":2.5}"#, 200, r#"{"added":2}"#),
        ("PUT", "/scores/c", "-inf", 204, ""),
        (
            "PUT",
            "/scores/d",
            "much",
            400,
            r#"{"error":{"code":"ERR","message":"value is not a valid float"}}"#,
        ),
        ("GET", "/scores/b", "", 200, "2.5"),
        ("GET", "/scores/d", "", 404, NO_NAME),
        ("GET", "/scores", "", 200, r#"[["c","-inf"],["a",1.0],["b",2.5]]"#),
        ("GET", "/scores?order=desc&stop=0", "", 200, r#"[["b",2.5]]"#),
        ("DELETE", "/scores/b", "", 204, ""),
    ]);
}

#[test]
fn streams_have_entries() {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    let path = "/v1/db/0/keys/s/entries";
    let added = http.ask("POST", path, &[JSON], br#"{"f":"v"}"#);
    let id = added.text().trim_end().strip_prefix("{\"id\":\"").and_then(|rest| rest.strip_suffix("\"}"));
    let id = id.expect("an id is told");
    assert_eq!(http.get(path).text(), format!("[[\"{id}\",[\"f\",\"v\"]]]\n"));
    assert_eq!(http.get(&format!("{path}?start={id}&end=+&count=1")).text(), http.get(path).text());
    assert_eq!(http.ask("DELETE", &format!("{path}/{id}"), &[], b"").status, 204);
    assert_eq!(http.get(path).text(), "[]\n");
}

#[test]
fn keys_are_listed_in_parts() {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    for number in 0..200 {
        http.ask("PUT", &format!("/v1/db/0/keys/key:{number}"), &[], b"v");
    }
    let (mut cursor, mut found) = ("0".to_owned(), 0);
    loop {
        let answer = http.get(&format!("/v1/db/0/keys?cursor={cursor}&match=key:*&count=50"));
        let (next, keys) = answer.text().split_once("\",\"keys\":").expect("it is a part");
        next.strip_prefix("{\"cursor\":\"").expect("a cursor comes first").clone_into(&mut cursor);
        found += keys.matches("\"key:").count();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found, 200);
}

const NO_NAME: &str = r#"{"error":{"code":"NOKEY","message":"There is nothing by this name."}}"#;
const WRONG_TYPE: &str =
    r#"{"error":{"code":"WRONGTYPE","message":"Operation against a key holding the wrong kind of value"}}"#;
