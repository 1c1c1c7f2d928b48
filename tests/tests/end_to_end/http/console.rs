//! The console: what is served of it, and, where there is a browser, what people do with it.

use super::{Http, start};
use crate::foreign_programs::{node, output, variable};
use crate::saving::call;
use spinel_tests::{Client, programs};
use std::collections::BTreeSet;

/// The parts of a page or script that name others: between a word and the quote that ends it.
fn named<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn all_of_it_is_served_without_a_password_and_bound_to_this_server() {
    let (_server, port) = start(&["--requirepass", "secret"]);
    let mut http = Http::connect(port);
    for path in ["/", "/console"] {
        let answer = http.get(path);
        assert_eq!((answer.status, answer.header("location")), (307, Some("/console/")), "{path}");
    }
    let mut waiting = vec![String::new()];
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        let answer = http.get(&format!("/console/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        let policy = answer.header("content-security-policy").expect("it has a policy");
        for part in
            ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "trusted-types 'none'"]
        {
            assert!(policy.contains(part), "{part}");
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let kind = answer.header("content-type").expect("it has a type");
        let expected = match name.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("svg") => "image/svg+xml",
            _ => "text/html",
        };
        assert!(kind.starts_with(expected), "{name} is {kind}");
        let text = answer.text();
        let is_elsewhere = |url: &&str| !url.starts_with("www.w3.org/");
        assert_eq!(named(text, "://").into_iter().find(is_elsewhere), None, "{name}");
        for others in [named(text, "from \"./"), named(text, "src=\""), named(text, "href=\"")] {
            waiting.extend(others.into_iter().map(str::to_owned).filter(|other| seen.insert(other.clone())));
        }
    }
    assert!(seen.len() > 10, "{seen:?}");
    assert_eq!(http.get("/console/none.js").status, 404);
    assert_eq!(http.ask("POST", "/console/", &[], b"").status, 405);
}

#[test]
fn a_setting_turns_it_off_and_nothing_else() {
    let (server, port) = start(&["--http-console", "no"]);
    let mut http = Http::connect(port);
    for path in ["/", "/console", "/console/", "/console/app.js"] {
        let answer = http.get(path);
        assert_eq!((answer.status, answer.header("location")), (404, None), "{path}");
    }
    assert_eq!(http.get("/healthz").status, 200);
    assert_eq!(http.ask("PUT", "/v1/db/0/keys/a", &[], b"1").status, 204);
    let mut client = Client::connect(server.port());
    assert_eq!(call(&mut client, "CONFIG GET http-console"), "[http-console, no]");
    assert_eq!(
        call(&mut client, "CONFIG SET http-console yes"),
        "ERR CONFIG SET failed (possibly related to argument 'http-console') - can't set immutable config"
    );
}

#[test]
#[ignore = "needs Chromium and playwright-core: set SPINEL_TEST_BROWSER and SPINEL_TEST_NODE_MODULES"]
fn people_use_it_in_a_browser() {
    let (server, port) = start(&["--requirepass", "secret"]);
    let mut client = Client::connect(server.port());
    call(&mut client, "AUTH secret");
    client.call(["ACL", "SETUSER", "ada", "on", ">pass word \u{fc}", "+@all", "allkeys", "allchannels"]);
    let mut script = node();
    script.arg(programs::workspace().join("tests/clients/console.js"));
    let printed = output(script.arg(port.to_string()).arg(variable("SPINEL_TEST_BROWSER")));
    assert!(printed.ends_with("all passed\n"), "{printed}");
}
