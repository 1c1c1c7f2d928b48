//! The console: a page that shows and changes the data set, and asks for all it shows as any client does.
//!
//! Its files are in the program, so that it is always of the server's version and needs nothing from elsewhere. They tell
//! nothing that isn't public; who looks at data has to log in. Their policy is as narrow as it can be: what a value holds can
//! neither run nor load anything, even if the page put it in the wrong place.

use super::answer::{self, Response};
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

const PLACE: &str = "/console/";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The files: path, type, content.
const FILES: &[(&str, &str, &str)] = &[
    (PLACE, HTML, include_str!("console/index.html")),
    ("/console/console.css", CSS, include_str!("console/console.css")),
    ("/console/icon.svg", PICTURE, include_str!("console/icon.svg")),
    ("/console/app.js", SCRIPT, include_str!("console/app.js")),
    ("/console/dom.js", SCRIPT, include_str!("console/dom.js")),
    ("/console/keys.js", SCRIPT, include_str!("console/keys.js")),
    ("/console/lists.js", SCRIPT, include_str!("console/lists.js")),
    ("/console/live.js", SCRIPT, include_str!("console/live.js")),
    ("/console/prompt.js", SCRIPT, include_str!("console/prompt.js")),
    ("/console/server.js", SCRIPT, include_str!("console/server.js")),
    ("/console/types.js", SCRIPT, include_str!("console/types.js")),
    ("/console/value.js", SCRIPT, include_str!("console/value.js")),
    ("/console/words.js", SCRIPT, include_str!("console/words.js")),
];

/// What is served at a path of the console.
#[derive(Clone, Copy)]
pub(super) enum Page {
    File {
        kind: &'static str,
        content: &'static str,
    },
    /// Tells who types less where the console is.
    Elsewhere,
}

/// All pages, and their paths.
pub(super) fn pages() -> impl Iterator<Item = (&'static str, Page)> {
    let files = FILES.iter().map(|&(path, kind, content)| (path, Page::File { kind, content }));
    files.chain(["/", "/console"].map(|path| (path, Page::Elsewhere)))
}

impl Page {
    pub(super) fn answer(self) -> Response {
        match self {
            Page::File { kind, content } => file(kind, content),
            Page::Elsewhere => {
                let mut response = answer::answer(StatusCode::TEMPORARY_REDIRECT, answer::TEXT, "");
                response.headers_mut().insert(LOCATION, HeaderValue::from_static(PLACE));
                response
            }
        }
    }
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let mut response = answer::answer(StatusCode::OK, kind, content);
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
