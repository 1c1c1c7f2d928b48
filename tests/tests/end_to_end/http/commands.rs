//! Any command, messages, and the description of the interface.

use super::{Http, start};
use crate::saving::call;
use spinel_tests::Client;
use std::collections::BTreeSet;

const JSON: &str = "Content-Type: application/json";

fn post(http: &mut Http, path: &str, body: &str) -> (u16, String) {
    let answer = http.ask("POST", path, &[JSON], body.as_bytes());
    (answer.status, answer.text().trim_end().to_owned())
}

#[test]
fn commands_are_arrays_of_words() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    for (body, status, expected) in [
        (r#"["SET","k","v"]"#, 200, r#"{"result":"OK"}"#),
        (r#"["GET","k"]"#, 200, r#"{"result":"v"}"#),
        (r#"["GET","none"]"#, 200, r#"{"result":null}"#),
        (r#"["INCRBY","n",7]"#, 200, r#"{"result":7}"#),
        (r#"["SET",{"base64":"/w=="},{"base64":"AA=="}]"#, 200, r#"{"result":"OK"}"#),
        (r#"["GET",{"base64":"/w=="}]"#, 200, r#"{"result":"\u0000"}"#),
        (r#"["HSET","h","f",1.5]"#, 200, r#"{"result":1}"#),
        (r#"["HGETALL","h"]"#, 200, r#"{"result":{"f":"1.5"}}"#),
        (r#"["LPUSH","k","v"]"#, 409, WRONG_TYPE),
        (r#"["ECHO","x"]"#, 200, r#"{"result":"x"}"#),
        (r#"["CLIENT","SETNAME","me"]"#, 200, r#"{"result":"OK"}"#),
        // What a command did to its session is gone with it.
        (r#"["CLIENT","GETNAME"]"#, 200, r#"{"result":null}"#),
        (r#"["SELECT","1"]"#, 200, r#"{"result":"OK"}"#),
        (r#"["GET","k"]"#, 200, r#"{"result":"v"}"#),
    ] {
        assert_eq!(post(&mut http, "/v1/command", body), (status, expected.to_owned()), "{body}");
    }
    for body in [
        r#"["SUBSCRIBE","c"]"#,
        r#"["unsubscribe"]"#,
        r#"["MONITOR"]"#,
        r#"["CLIENT","REPLY","OFF"]"#,
        r#"["NOTHING"]"#,
        r#"["GET"]"#,
        "[]",
        "{}",
        "",
        "[[\"GET\"]]",
    ] {
        let (status, text) = post(&mut http, "/v1/command", body);
        assert!(status == 400 && text.starts_with("{\"error\":"), "{body} {status} {text}");
    }
    assert_eq!(post(&mut http, "/v1/command?db=1", r#"["DBSIZE"]"#).1, r#"{"result":0}"#);
    // A page can send a text without asking, but not say that it is JSON.
    let answer = http.ask("POST", "/v1/command", &["Content-Type: text/plain"], br#"["FLUSHALL"]"#);
    assert_eq!(answer.status, 415);
    assert_eq!(call(&mut Client::connect(server.port()), "EXISTS k"), "1");
}

#[test]
fn pipelines_run_one_after_another_or_as_one() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    let commands = r#"[["SET","a","1"],["LPUSH","a","x"],["INCR","a"]]"#;
    let results = format!(r#"[{{"result":"OK"}},{WRONG_TYPE},{{"result":2}}]"#);
    for path in ["/v1/pipeline", "/v1/pipeline?atomic=true"] {
        assert_eq!(post(&mut http, path, commands), (200, results.clone()), "{path}");
    }
    assert_eq!(post(&mut http, "/v1/pipeline", "[]"), (200, "[]".to_owned()));
    // A command that can't be called keeps all of a transaction from running.
    let (status, text) = post(&mut http, "/v1/pipeline?atomic=true", r#"[["DEL","a"],["GET"]]"#);
    assert!(status == 400 && text.contains("wrong number of arguments"), "{status} {text}");
    let (status, _) = post(&mut http, "/v1/pipeline?atomic=true", r#"[["MULTI"]]"#);
    assert_eq!(status, 400);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "GET a"), "2");
    // A transaction may also be written out.
    let written = r#"[["MULTI"],["DEL","a"],["EXEC"]]"#;
    let expected = r#"[{"result":"OK"},{"result":"QUEUED"},{"result":[1]}]"#;
    assert_eq!(post(&mut http, "/v1/pipeline", written), (200, expected.to_owned()));
    // One that is not ended ends with its request.
    assert_eq!(post(&mut http, "/v1/pipeline", r#"[["MULTI"]]"#).0, 200);
    assert_eq!(post(&mut http, "/v1/command", r#"["DBSIZE"]"#), (200, r#"{"result":0}"#.to_owned()));
}

#[test]
fn commands_wait_and_are_seen_as_all_are() {
    let (server, port) = start(&[]);
    let mut admin = Client::connect(server.port());
    let mut monitor = Client::connect(server.port());
    assert_eq!(call(&mut monitor, "MONITOR"), "OK");
    let mut http = Http::connect(port);
    let request = |body: &str| {
        let length = body.len();
        format!("POST /v1/command HTTP/1.1\r\n{JSON}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    http.send(&request(r#"["BLPOP","q","0"]"#));
    while !call(&mut admin, "INFO clients").contains("blocked_clients:1\r\n") {}
    call(&mut admin, "RPUSH q x");
    let answer = http.answer(false).expect("it is served");
    assert_eq!(answer.text(), "{\"result\":[\"q\",\"x\"]}\n");
    // Who leaves while waiting waits no more.
    http.send(&request(r#"["BLPOP","q","0"]"#));
    while !call(&mut admin, "INFO clients").contains("blocked_clients:1\r\n") {}
    drop(http);
    while !call(&mut admin, "INFO clients").contains("blocked_clients:0\r\n") {}
    let mut seen = String::new();
    while !seen.contains("\"BLPOP\" \"q\" \"0\"") {
        seen = crate::saving::shown(&monitor.reply());
    }
}

#[test]
fn messages_are_events() {
    let (server, port) = start(&[]);
    let mut http = Http::connect(port);
    assert_eq!(http.get("/v1/subscribe").status, 400);
    http.send(b"GET /v1/subscribe?channel=a&channel=b&pattern=p* HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = http.answer(true).expect("it is served");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let mut client = Client::connect(server.port());
    for (channel, message, expected) in [
        ("a", "1", "event: message\ndata: {\"channel\":\"a\",\"data\":\"1\"}\n\n"),
        ("b", "line\nline", "event: message\ndata: {\"channel\":\"b\",\"data\":\"line\\nline\"}\n\n"),
        ("px", "2", "event: message\ndata: {\"pattern\":\"p*\",\"channel\":\"px\",\"data\":\"2\"}\n\n"),
    ] {
        assert_eq!(client.text(["PUBLISH", channel, message]), "1");
        while !String::from_utf8_lossy(&http.received).contains(expected) {
            assert!(http.read() > 0, "the connection ended");
        }
    }
    assert_eq!(call(&mut client, "CLIENT LIST").lines().count(), 2, "a subscription is one client");
    drop(http);
    while !call(&mut client, "PUBSUB NUMSUB a").contains("a, 0") {}

    call(&mut client, "ACL SETUSER ann on >pw +@all allkeys &b");
    let ann = "Authorization: Basic YW5uOnB3";
    assert_eq!(Http::connect(port).ask("GET", "/v1/subscribe?channel=a", &[ann], b"").status, 403);
}

#[test]
fn the_description_is_of_what_is_served() {
    let (_server, port) = start(&[]);
    let mut http = Http::connect(port);
    let answer = http.get("/v1/openapi.json");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let text = answer.text();
    assert!(text.contains("\"openapi\":\"3.1.0\""));
    let paths = text.match_indices("\":{\"").filter_map(|(end, _)| {
        let start = text[..end].rfind('"')? + 1;
        Some(&text[start..end]).filter(|name| name.starts_with('/'))
    });
    let paths: BTreeSet<&str> = paths.collect();
    assert!(paths.contains("/v1/db/{db}/keys/{key}/fields/{field}") && paths.len() > 18, "{paths:?}");
    for path in paths {
        // No path has this method: that it is there, but not with it, only a route can tell.
        let filled = path.replace("{db}", "0").replace(['{', '}'], "");
        let answer = http.ask("OPTIONS", &filled, &[], b"");
        assert_eq!(answer.status, 405, "{filled}");
        let allowed = answer.header("allow").expect("a route tells").to_ascii_lowercase();
        let start = text.find(&format!("\"{path}\":{{")).expect("it was found there");
        for method in allowed.split(',').filter(|method| *method != "head") {
            let described = format!("\"{method}\":{{");
            assert!(text[start..].contains(&described), "{method} {path}");
        }
    }
}

const WRONG_TYPE: &str =
    r#"{"error":{"code":"WRONGTYPE","message":"Operation against a key holding the wrong kind of value"}}"#;
