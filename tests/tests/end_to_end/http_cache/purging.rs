//! `PURGE` through the door, for who has the token.

use super::{Scene, answer, ask};
use crate::http::Http;

const FRESH: &str = "Cache-Control: max-age=60, stale-while-revalidate=600";

/// The status and text of the answer to a request that purges.
fn purge(http: &mut Http, path: &str, fields: &[&str]) -> (u16, String) {
    let lines: String = fields.iter().flat_map(|line| [line, "\r\n"]).collect();
    http.send(format!("PURGE {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes());
    let answer = answer(http);
    (answer.status, answer.text().to_owned())
}

/// Whether what is asked for comes from memory.
fn is_stored(scene: &Scene, path: &str) -> bool {
    let mut http = scene.client();
    ask(&mut http, path, &["Cache-Control: only-if-cached"]);
    answer(&mut http).status == 200
}

#[test]
fn who_has_the_token_purges_what_is_asked_for_or_what_has_a_tag() {
    let scene = Scene::start(&["--cache-purge-token", "secret"]);
    let token = "Authorization: Bearer secret";
    let mut http = scene.client();
    let fill = |scene: &Scene| {
        for (path, tags) in [("/a?b=*", "one two"), ("/b", "two"), ("/c", "three")] {
            if !is_stored(scene, path) {
                scene.store(path, &[FRESH, &format!("Surrogate-Key: {tags}")], "body");
            }
        }
    };
    let stored = |scene: &Scene| ["/a?b=*", "/b", "/c"].map(|path| is_stored(scene, path));
    fill(&scene);
    for (path, fields, expected, left) in [
        ("/a?b=*", &[token][..], 1, [false, true, true]),
        ("/a?b=", &[token], 0, [true, true, true]),
        ("/", &[token, "Surrogate-Key: two x"], 2, [false, false, true]),
        ("/", &[token, "xkey: three"], 1, [true, true, false]),
        ("/", &[token, "Cache-Tag: one, three"], 2, [false, true, false]),
    ] {
        let expected = (200, format!("{{\"purged\":{expected}}}\n"));
        assert_eq!(purge(&mut http, path, fields), expected, "{path} {fields:?}");
        assert_eq!(stored(&scene), left, "{path} {fields:?}");
        fill(&scene);
    }
    assert_eq!(scene.count("cache_purges"), 5);
    assert!(scene.origin.is_idle());
}

#[test]
fn what_is_purged_softly_is_stale() {
    let scene = Scene::start(&["--cache-purge-token", "secret"]);
    let token = "Authorization: Bearer secret";
    let mut http = scene.client();
    for (path, fields) in [
        ("/a?b", &[token, "X-Purge-Soft: 1"][..]),
        ("/b", &[token, "Fastly-Soft-Purge: 1", "Surrogate-Key: tag"]),
    ] {
        scene.store(path, &[FRESH, "Surrogate-Key: tag"], "old");
        assert_eq!(purge(&mut http, path, fields).0, 200);
        assert_eq!(scene.client().get(path).text(), "old");
        let asked = scene.origin.answer("200 OK", &[FRESH], "new");
        assert_eq!(asked.line(), format!("GET {path} HTTP/1.1"));
        drop(asked);
        while scene.client().get(path).text() != "new" {}
    }
}

#[test]
fn without_the_token_nothing_is_purged() {
    let scene = Scene::start(&["--cache-purge-token", "secret"]);
    scene.store("/a", &[FRESH], "body");
    let mut http = scene.client();
    for fields in [
        &[][..],
        &["Authorization: Bearer secre"],
        &["Authorization: Bearer secrets"],
        &["Authorization: Bearer "],
        &["Authorization: Basic secret"],
        &["Authorization: Bearer secret", "Authorization: Bearer other"],
    ] {
        assert_eq!(purge(&mut http, "/a", fields).0, 403, "{fields:?}");
    }
    assert!(is_stored(&scene, "/a"));
    assert_eq!(scene.count("cache_purges"), 0);
    let scene = Scene::start(&[]);
    let mut http = scene.client();
    for fields in [&[][..], &["Authorization: Bearer "]] {
        assert_eq!(purge(&mut http, "/a", fields).0, 403, "there is none");
    }
    assert!(scene.origin.is_idle());
}
